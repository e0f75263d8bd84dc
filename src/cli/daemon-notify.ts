/** Tells systemd how far we are (sd_notify(3)): `Type=notify` starts tailscaled when our socket is there. */
import { unixDatagrams } from "../log/unix-datagram.ts";

/** Nothing happens where no service manager asked for it. */
export function notifyServiceManager(state: "READY=1" | "STOPPING=1"): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path) return;
  const sender = unixDatagrams(path);
  sender?.send(new TextEncoder().encode(state));
  sender?.close();
}

/** UDP for BFD (RFC 5881 §4, §5; RFC 5883 §5): receiving by port, one sending socket a session. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { descriptor } from "../../transport/connection.ts";
import { bindDatagram, closeSocket, errorText, libc, markPriority, openDatagram } from "../../transport/sockopt.ts";
import type { SessionInit } from "./engine.ts";

export interface Sender {
  send(octets: Uint8Array): void;
  close(): void;
}

export interface From {
  readonly address: string;
  /** Of a link-local address. */
  readonly iface: string | undefined;
  readonly multihop: boolean;
}

interface Receiver {
  socket: Socket | undefined;
  users: number;
  retry: NodeJS.Timeout | undefined;
}

/** Receiving sockets, shared: one for each port, family and, with strict bind, address. */
export class Receivers {
  readonly #deliver: (octets: Uint8Array, from: From) => void;
  readonly #trouble: (text: string) => void;
  readonly #sockets = new Map<string, Receiver>();

  constructor(deliver: (octets: Uint8Array, from: From) => void, trouble: (text: string) => void) {
    this.#deliver = deliver;
    this.#trouble = trouble;
  }

  need(init: SessionInit): void {
    const key = keyOf(init);
    const receiver = this.#sockets.get(key);
    if (receiver) {
      receiver.users++;
      return;
    }
    const fresh: Receiver = { socket: undefined, users: 1, retry: undefined };
    this.#sockets.set(key, fresh);
    this.#open(fresh, init, "");
  }

  release(init: SessionInit): void {
    const key = keyOf(init);
    const receiver = this.#sockets.get(key);
    if (!receiver || --receiver.users > 0) return;
    this.#sockets.delete(key);
    clearTimeout(receiver.retry);
    receiver.socket?.close();
  }

  close(): void {
    for (const receiver of this.#sockets.values()) {
      clearTimeout(receiver.retry);
      receiver.socket?.close();
    }
    this.#sockets.clear();
  }

  #open(receiver: Receiver, init: SessionInit, told: string): void {
    const six = isIPv6(init.remote);
    const port = init.multihop ? MULTIHOP_PORT : PORT;
    const address = init.strictBind && init.local !== undefined ? init.local : six ? "::" : "0.0.0.0";
    const failed = (text: string): void => {
      receiver.socket = undefined;
      if (text !== told) this.#trouble(`Cannot open BFD socket on port ${port}: ${text}`);
      receiver.retry = setTimeout(() => this.#open(receiver, init, text), RETRY_MS);
    };
    // A single hop is proven by the TTL, which the kernel must check: UDP has no IP_MINTTL
    const fd = openDatagram(six ? 6 : 4, init.multihop ? undefined : 255, init.device);
    if (typeof fd === "string") return failed(fd);
    const errno = bindDatagram(fd, six ? 6 : 4, address, port, scoped(init) ? (init.iface ?? "") : "");
    if (errno !== 0) {
      closeSocket(fd);
      return failed(errorText(errno));
    }
    const socket = createSocket({ type: six ? "udp6" : "udp4" });
    receiver.socket = socket;
    socket.on("error", (error) => this.#trouble(`BFD socket: ${error.message}`));
    socket.on("message", (octets, { address: source }) => {
      const [ip, iface] = source.split("%");
      this.#deliver(octets, { address: ip!, iface, multihop: init.multihop });
    });
    socket.bind({ fd });
  }
}

/** A socket for one session: its source port stays the same and is nobody else's (RFC 5881 §4). */
export function openSender(init: SessionInit, trouble: (text: string) => void): Sender {
  const six = isIPv6(init.remote);
  const port = init.multihop ? MULTIHOP_PORT : PORT;
  const target = scoped(init) ? `${init.remote}%${init.iface}` : init.remote;
  let socket: Socket | undefined;
  let closed = false;
  let told = "";
  const tell = (text: string): void => {
    if (text !== told) trouble(text);
    told = text;
  };
  const open = (attempts: number): void => {
    const candidate = createSocket({ type: six ? "udp6" : "udp4" });
    candidate.once("error", (error: NodeJS.ErrnoException) => {
      candidate.close();
      if (closed) return;
      if (error.code === "EADDRINUSE" && attempts > 0) return open(attempts - 1);
      tell(errorText(error.code ?? error.message));
      setTimeout(() => !closed && open(ATTEMPTS), RETRY_MS);
    });
    candidate.bind(
      {
        port: FIRST_PORT + Math.floor(Math.random() * PORTS),
        ...(init.local !== undefined && { address: local(init) }),
      },
      () => {
        if (closed) return candidate.close();
        candidate.removeAllListeners("error");
        candidate.on("error", (error) => tell(error.message));
        candidate.setTTL(255);
        const fd = descriptor(candidate);
        if (fd !== undefined && libc()) markPriority(fd, six ? 6 : 4, init.device);
        socket = candidate;
      },
    );
  };
  open(ATTEMPTS);
  return {
    send: (octets) =>
      socket?.send(octets, port, target, (error) => {
        if (error) tell(errorText((error as NodeJS.ErrnoException).code ?? error.message));
        else told = "";
      }),
    close: () => {
      closed = true;
      const last = socket;
      socket = undefined;
      if (last) setTimeout(() => last.close(), LAST_WORD_MS);
    },
  };
}

function keyOf(init: SessionInit): string {
  const address = init.strictBind ? init.local : "";
  return `${isIPv6(init.remote) ? 6 : 4} ${init.multihop} ${address} ${init.device ?? ""}`;
}

function local(init: SessionInit): string {
  return scoped(init) && init.local?.startsWith("fe80:") ? `${init.local}%${init.iface}` : (init.local ?? "");
}

function scoped(init: SessionInit): boolean {
  return init.iface !== undefined && init.remote.startsWith("fe80:");
}

const PORT = 3784;
const MULTIHOP_PORT = 4784;
const FIRST_PORT = 49152;
const PORTS = 16384;
const ATTEMPTS = 20;
const RETRY_MS = 1000;
/** The AdminDown packet leaves before its socket is closed. */
const LAST_WORD_MS = 50;

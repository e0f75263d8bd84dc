/**
 * Datagrams to and from the kernel: the cut between what is tested without it and what is not. The real one
 * is the `netlink` package's socket, tamed by native.ts; the fake twin is in fake-transport.ts.
 */
import { createRequire } from "node:module";
import type { RawNetlinkSocket } from "netlink";
import { NETLINK_ROUTE } from "./constants.ts";
import { tame } from "./native.ts";

export interface DatagramSocket {
  /** Our address, which the kernel puts into what it sends because of us. */
  readonly port: number;
  /** Whether overflow is counted rather than fatal: only then a busy multicast group may be joined. */
  readonly safe: boolean;
  /** The octets may be used again when it returns. */
  send(datagram: Uint8Array): void;
  /** The same for much work at once, beside what goes on here; the octets must stay as they are until the answer. */
  sendBulk(datagram: Uint8Array): void;
  join(group: number): void;
  leave(group: number): void;
  /** Datagrams lost for lack of room so far. */
  drops(): number;
  /** No more echoes of what that port asked for, where the kernel can leave them out. */
  ignorePort(port: number): void;
  close(): void;
}

export interface DatagramHandlers {
  /** The octets are the receiver's to keep. */
  receive(datagram: Uint8Array): void;
  /** The socket is of no more use. */
  fail(error: Error): void;
}

export interface Transport {
  open(handlers: DatagramHandlers): DatagramSocket;
}

/**
 * @param receiveBuffer octets; beyond net.core.rmem_max with CAP_NET_ADMIN only
 * @throws if the package has no build for this machine, or the kernel gives no socket
 */
export function netlinkTransport(receiveBuffer: number = RECEIVE_BUFFER): Transport {
  const { RawNetlinkSocket: Socket } = loadPackage();
  return { open: (handlers) => openSocket(new Socket(NETLINK_ROUTE), receiveBuffer, handlers) };
}

/** The one file that is needed: the package's index loads every family it knows, which takes 20 ms. */
function loadPackage(): { readonly RawNetlinkSocket: typeof RawNetlinkSocket } {
  try {
    return createRequire(import.meta.url)("netlink/dist/raw.js");
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    throw new Error(`the netlink package cannot be loaded: ${reason}`, { cause: error });
  }
}

function openSocket(socket: RawNetlinkSocket, receiveBuffer: number, handlers: DatagramHandlers): DatagramSocket {
  const port = socket.address().port;
  const tamed = tame(port, receiveBuffer);
  let open = true;
  let aside = 0;
  // Threads that were there before the rights were reduced (`-u`) have none left at all.
  const bulk = process.geteuid?.() === 0 ? tamed : undefined;
  const send = (datagram: Uint8Array): void => {
    if (open) socket.send(Buffer.from(datagram), {}, (error) => error && guarded(() => handlers.fail(error)));
  };
  if (!tamed) socket.setRecvBufferSize(receiveBuffer); // up to rmem_max: the next best
  socket.on("message", (datagram, sender) => {
    // Any process may write to a netlink socket; only port 0 is the kernel.
    if (open && sender.port === 0) guarded(() => handlers.receive(datagram));
  });
  socket.on("error", (error) => guarded(() => handlers.fail(error)));
  return {
    port,
    safe: tamed !== undefined,
    send,
    sendBulk: (datagram) => {
      if (!bulk || !open) return send(datagram);
      aside++;
      bulk.sendAside(datagram, (sent) => {
        if (--aside === 0 && !open) socket.close();
        else if (!sent) send(datagram); // and it says why not
      });
    },
    join: (group) => socket.addMembership(group),
    leave: (group) => {
      if (open) socket.dropMembership(group);
    },
    drops: () => (open && tamed ? tamed.drops() : 0),
    ignorePort: (other) => {
      tamed?.ignorePort(other);
    },
    close: () => {
      if (!open) return;
      open = false;
      if (aside === 0) socket.close(); // a descriptor in use must not become somebody else's
    },
  };
}

/** An exception must not unwind through the package's native frames: it is thrown on a turn of its own. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

const RECEIVE_BUFFER = 64 << 20;

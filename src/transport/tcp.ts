/** TCP for BGP on node:net, with the options that only the C library can set (see sockopt.ts). */
import { Socket } from "node:net";
import { formatAddress, isLinkLocal, isLoopback } from "../../protocol/wire/address.ts";
import { NodeConnection } from "./connection.ts";
import { Listeners, WRITE_QUEUE } from "./listeners.ts";
import { closeSocket, openSocket, setKey } from "./sockopt.ts";
import type { CloseReason, Connection, ConnectionHandler, DialOptions, Transport } from "./transport.ts";

export type {
  CloseReason,
  Connection,
  ConnectionHandler,
  DialOptions,
  Endpoint,
  Listener,
  ListenOptions,
  SocketOptions,
  Transport,
} from "./transport.ts";

export function nodeTransport(): Transport {
  const listeners = new Listeners();
  return {
    listen: (options, onConnection) => listeners.claim(options, onConnection),
    dial,
  };
}

function dial(options: DialOptions): Connection {
  const { remote, port, local, iface, md5 } = options;
  let fd: number | undefined;
  try {
    fd = openSocket(remote.family, options, isLoopback(remote));
    if (fd !== undefined && md5 !== undefined) setKey(fd, remote, undefined, md5);
  } catch (error) {
    if (fd !== undefined) closeSocket(fd);
    return new FailedConnection(options, { kind: "setup", text: (error as Error).message });
  }
  const common = { allowHalfOpen: true, writableHighWaterMark: WRITE_QUEUE };
  const socket = new Socket(fd === undefined ? common : { ...common, fd, readable: true, writable: true });
  const scope = iface === undefined ? "" : `%${iface}`;
  const scoped = (ip: typeof remote): string => formatAddress(ip) + (ip.family === 6 && isLinkLocal(ip) ? scope : "");
  const connection = new NodeConnection(socket, { ip: remote, port });
  socket.connect({ host: scoped(remote), port, ...(local && { localAddress: scoped(local) }) });
  return connection;
}

/** A dial that could not even begin: says why in the next turn. */
class FailedConnection implements Connection {
  readonly remote: Connection["remote"];
  readonly local = undefined;
  readonly queued = 0;
  #handler: ConnectionHandler | undefined;

  constructor(options: DialOptions, reason: CloseReason) {
    this.remote = { ip: options.remote, port: options.port };
    setImmediate(() => this.#handler?.close(reason));
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(): boolean {
    return false;
  }

  pause(): void {}

  resume(): void {}

  setKey(): void {}

  end(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  close(): void {
    this.#handler = undefined;
  }
}

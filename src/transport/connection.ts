/** A TCP connection on node:net: back-pressure, the words of its end, and a close that delivers. */
import type { Socket } from "node:net";
import { type IpAddress, parseAddress } from "../../protocol/wire/address.ts";
import { applyOptions, errorText, libc, setKey } from "./sockopt.ts";
import type { CloseReason, Connection, ConnectionHandler, Endpoint, SocketOptions } from "./transport.ts";

export class NodeConnection implements Connection {
  readonly remote: Endpoint;
  readonly #socket: Socket;
  #local: Endpoint | undefined;
  #handler: ConnectionHandler | undefined;
  #failure: NodeJS.ErrnoException | undefined;
  #done = false;
  #ending: (() => void) | undefined;
  #drained = 0;

  constructor(socket: Socket, remote: Endpoint) {
    this.#socket = socket;
    this.remote = remote;
    socket.setNoDelay(true); // a withdrawal must not wait for an ACK
    socket.on("connect", () => this.#opened());
    socket.on("data", (octets: Buffer) => this.#data(octets));
    socket.on("drain", () => this.#handler?.drain());
    socket.on("end", () => this.#closed({ kind: "eof", text: errorText("ECONNRESET") })); // BIRD's words for a FIN too
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#failure = error;
    });
    socket.on("close", () => this.#closed(reasonOf(this.#failure)));
  }

  get local(): Endpoint | undefined {
    const { localAddress, localPort } = this.#socket;
    if (!this.#local && localAddress !== undefined && localPort !== undefined) {
      const ip = parseScoped(localAddress);
      if (ip) this.#local = { ip, port: localPort };
    }
    return this.#local;
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** Options that an accepted socket can still be given. */
  apply(options: SocketOptions): void {
    const fd = descriptor(this.#socket);
    if (fd !== undefined && libc()) applyOptions(fd, this.remote.ip.family, options);
  }

  write(octets: Uint8Array): boolean {
    return this.#done || this.#ending !== undefined || this.#socket.write(octets);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  setKey(md5: string | undefined): void {
    const fd = descriptor(this.#socket);
    if (fd !== undefined) setKey(fd, this.remote.ip, undefined, md5);
  }

  end(): Promise<void> {
    this.#handler = undefined;
    if (this.#done) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
      this.#ending = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#socket.resume();
      this.#socket.end(); // what is queued first, then a FIN
    });
  }

  close(): void {
    this.#handler = undefined;
    this.#socket.destroy();
  }

  #opened(): void {
    this.#handler?.open();
  }

  #data(octets: Buffer): void {
    if (this.#ending) {
      this.#drained += octets.length;
      if (this.#drained > LINGER_OCTETS) this.#socket.destroy();
      return;
    }
    this.#handler?.data(octets);
  }

  #closed(reason: CloseReason): void {
    if (this.#done) return;
    this.#done = true;
    this.#ending?.();
    const handler = this.#handler;
    this.#handler = undefined;
    this.#socket.destroy();
    handler?.close(reason);
  }
}

/** The one place that reads the undocumented descriptor. */
export function descriptor(socket: object): number | undefined {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/** Node's text form of an address: may carry a scope or an IPv4-mapped prefix. */
export function parseScoped(text: string): IpAddress | undefined {
  const percent = text.indexOf("%");
  const plain = percent < 0 ? text : text.slice(0, percent);
  return parseAddress(plain.startsWith("::ffff:") && plain.includes(".") ? plain.slice(7) : plain);
}

export function reasonOf(error: NodeJS.ErrnoException | undefined): CloseReason {
  const code = error?.code ?? "ECONNRESET";
  return { kind: KINDS.get(code) ?? "error", text: errorText(code) };
}

const KINDS: ReadonlyMap<string, CloseReason["kind"]> = new Map([
  ["ECONNRESET", "reset"],
  ["EPIPE", "reset"],
  ["ECONNREFUSED", "refused"],
  ["EHOSTUNREACH", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["EHOSTDOWN", "unreachable"],
  ["ETIMEDOUT", "timeout"],
  ["EACCES", "setup"],
  ["EPERM", "setup"],
  ["EADDRNOTAVAIL", "setup"],
  ["EADDRINUSE", "setup"],
]);
/** How long and how much a closing connection may still drain. */
const LINGER_MS = 1000;
const LINGER_OCTETS = 65_536;

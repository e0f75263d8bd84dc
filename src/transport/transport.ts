/**
 * What BGP needs of TCP: dialling, listening for known peers, writing with back-pressure. Node's form is
 * in tcp.ts; the simulator and the tests bring their own.
 */
import type { IpAddress, Prefix } from "../../protocol/wire/address.ts";
import type { Log } from "../host.ts";

/** Options that need the descriptor before connect or listen. */
export interface SocketOptions {
  /** TTL or hop limit to send with; left out: the system's. */
  readonly ttl?: number;
  /** GTSM (RFC 5082): packets that arrive with less are dropped. */
  readonly minTtl?: number;
  /** TCP MD5 key (RFC 2385). */
  readonly md5?: string;
  /** Bind to this device or VRF. */
  readonly device?: string;
  /** The local address need not exist yet. */
  readonly freeBind?: boolean;
}

export interface DialOptions extends SocketOptions {
  readonly remote: IpAddress;
  readonly port: number;
  readonly local?: IpAddress;
  /** Scope of a link-local address. */
  readonly iface?: string;
}

/** A claim on connections from some address: sockets are shared, claims are not. */
export interface ListenOptions extends SocketOptions {
  /** Addresses that may connect: one (`/32`, `/128`) or a range. The longest match wins. */
  readonly from: Prefix;
  readonly port: number;
  /** Only connections to this local address. */
  readonly local?: IpAddress;
  /** A socket of its own on `local` (BIRD's `strict bind`) instead of the wildcard. */
  readonly strict?: boolean;
  /** Scope of link-local peers. */
  readonly iface?: string;
  readonly log: Log;
  /** Told once for each new reason why the socket cannot be opened, and with undefined once it is. */
  readonly onTrouble?: (text: string | undefined) => void;
}

export interface Listener {
  /** Takes a new MD5 key at once; there is no moment without one. */
  setKey(md5: string | undefined): void;
  close(): void;
}

export interface Endpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

export interface CloseReason {
  readonly kind: "eof" | "reset" | "refused" | "unreachable" | "timeout" | "setup" | "error";
  /** In the C library's words, as BIRD prints them. */
  readonly text: string;
}

export interface ConnectionHandler {
  /** Dialled connections only. */
  open(): void;
  /** The octets are the handler's to keep until it returns; copy what is kept longer. */
  data(octets: Uint8Array): void;
  /** What `write` refused to hide may go on: the queue is empty. */
  drain(): void;
  /** Once, unless we closed it ourselves. */
  close(reason: CloseReason): void;
}

export interface Connection {
  readonly remote: Endpoint;
  /** Known once open. */
  readonly local: Endpoint | undefined;
  /** Octets taken by `write` that the kernel has not taken yet. */
  readonly queued: number;
  attach(handler: ConnectionHandler): void;
  /** @returns false: wait for `drain`; the octets are taken all the same */
  write(octets: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Changes the MD5 key of the live connection. */
  setKey(md5: string | undefined): void;
  /**
   * Delivers what was written, shuts down, drops what still comes in for a bounded time, then closes;
   * a close with unread input would be a RST, which can destroy a NOTIFICATION on its way.
   */
  end(): Promise<void>;
  /** At once. No callback follows. */
  close(): void;
}

export interface Transport {
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Listener;
  dial(options: DialOptions): Connection;
}

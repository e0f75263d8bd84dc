/**
 * Listening sockets: one per port and address, shared by all claims on it. A connection goes to the
 * claim with the longest match of its source; a stranger's is closed before anything is read.
 */
import { createServer, type Server, type Socket } from "node:net";
import {
  type Family,
  formatAddress,
  type IpAddress,
  isInside,
  isLinkLocal,
  isLoopback,
  sameAddress,
  width,
} from "../../protocol/wire/address.ts";
import { descriptor, NodeConnection, parseScoped } from "./connection.ts";
import {
  bindSocket,
  closeSocket,
  errorText,
  openSocket,
  prepareListener,
  SocketOptionError,
  saveSynOf,
  scopeOf,
  setKey,
  synTtl,
} from "./sockopt.ts";
import type { Connection, Listener, ListenOptions } from "./transport.ts";

interface Claim {
  readonly options: ListenOptions;
  readonly onConnection: (connection: Connection) => void;
  md5: string | undefined;
  trouble: string | undefined;
}

/** All listening sockets of a process. */
export class Listeners {
  readonly #sockets = new Map<string, ListenSocket>();

  claim(options: ListenOptions, onConnection: (connection: Connection) => void): Listener {
    const key = socketKey(options);
    let socket = this.#sockets.get(key);
    if (!socket) {
      socket = new ListenSocket(options);
      this.#sockets.set(key, socket);
    }
    const owner = socket;
    const claim: Claim = { options, onConnection, md5: options.md5, trouble: undefined };
    owner.add(claim);
    return {
      setKey: (md5) => owner.rekey(claim, md5),
      close: () => {
        owner.remove(claim);
        if (owner.empty && this.#sockets.get(key) === owner) {
          this.#sockets.delete(key);
          owner.close();
        }
      },
    };
  }
}

function socketKey(options: ListenOptions): string {
  const address = options.strict && options.local ? formatAddress(options.local) : `any${options.from.family}`;
  return `${address} ${options.port} ${options.device ?? ""} ${options.strict ? (options.iface ?? "") : ""}`;
}

class ListenSocket {
  readonly #first: ListenOptions;
  readonly #claims = new Set<Claim>();
  #server: Server | undefined;
  #fd: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #strangers = 0;
  #strangersSince = 0;

  constructor(options: ListenOptions) {
    this.#first = options;
  }

  get empty(): boolean {
    return this.#claims.size === 0;
  }

  add(claim: Claim): void {
    this.#claims.add(claim);
    if (!this.#server) return this.#open();
    try {
      this.#protect(claim);
    } catch (error) {
      this.#tell(claim, (error as Error).message);
    }
  }

  remove(claim: Claim): void {
    this.#claims.delete(claim);
    if (claim.md5 !== undefined && this.#fd !== undefined)
      setKey(this.#fd, claim.options.from, keyLength(claim), undefined);
  }

  rekey(claim: Claim, md5: string | undefined): void {
    claim.md5 = md5;
    if (this.#fd !== undefined) setKey(this.#fd, claim.options.from, keyLength(claim), md5);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#server?.close();
    this.#server = undefined;
    this.#fd = undefined;
  }

  #open(): void {
    clearTimeout(this.#retry);
    try {
      this.#listen();
    } catch (error) {
      this.#failed((error as Error).message);
    }
  }

  #listen(): void {
    const { strict, local, port, iface } = this.#first;
    const { family } = this.#first.from;
    const options = {
      ttl: 255, // a SYN-ACK must pass the neighbor's TTL check; accepted sockets get their own
      ...(this.#first.device !== undefined && { device: this.#first.device }),
      ...(this.#first.freeBind && { freeBind: true }),
    };
    const secured = [...this.#claims].some((claim) => claim.md5 !== undefined || claim.options.minTtl !== undefined);
    const fd = openSocket(family, options, !secured && local !== undefined && isLoopback(local));
    if (secured && fd === undefined) throw new SocketOptionError("koffi is missing: cannot set socket options");
    const server = createServer({ allowHalfOpen: true, highWaterMark: WRITE_QUEUE });
    server.on("connection", (socket) => this.#accept(socket));
    server.on("error", (error: NodeJS.ErrnoException) => this.#serverError(server, error));
    server.on("listening", () => this.#listening(server));
    const any = family === 4 ? "0.0.0.0" : "::";
    if (fd === undefined) {
      this.#server = server;
      const host = strict && local ? formatAddress(local) : any;
      server.listen({ port, host, ipv6Only: family === 6, backlog: BACKLOG });
      return;
    }
    try {
      prepareListener(
        fd,
        family,
        [...this.#claims].some((claim) => claim.options.minTtl !== undefined),
      );
      for (const claim of this.#claims)
        if (claim.md5 !== undefined) setKey(fd, claim.options.from, keyLength(claim), claim.md5);
      const address: IpAddress = strict && local ? local : { family, w0: 0, w1: 0, w2: 0, w3: 0 };
      const errno = bindSocket(
        fd,
        address,
        port,
        isLinkLocal(address) && address.family === 6 ? scopeOf(iface ?? "") : 0,
      );
      if (errno !== 0) throw new SocketOptionError(errorText(errno));
    } catch (error) {
      closeSocket(fd);
      throw error;
    }
    this.#server = server;
    this.#fd = fd;
    server.listen({ fd, backlog: BACKLOG });
  }

  #listening(server: Server): void {
    this.#fd ??= descriptor(server);
    for (const claim of this.#claims) this.#tell(claim, undefined);
  }

  /** What a claim that came later needs of a socket that is open. */
  #protect(claim: Claim): void {
    const { md5, options } = claim;
    if (md5 === undefined && options.minTtl === undefined) return;
    if (this.#fd === undefined) throw new SocketOptionError("koffi is missing: cannot set socket options");
    if (md5 !== undefined) setKey(this.#fd, options.from, keyLength(claim), md5);
    if (options.minTtl !== undefined) saveSynOf(this.#fd);
  }

  #serverError(server: Server, error: NodeJS.ErrnoException): void {
    // Out of descriptors: libuv has shed the connection; those that live go on
    if (server.listening)
      return this.#first.log("error", `BGP: Cannot accept a connection: ${errorText(error.code ?? "")}`);
    if (this.#server === server) {
      this.#server = undefined;
      this.#fd = undefined;
    }
    this.#failed(errorText(error.code ?? error.message));
  }

  #failed(text: string): void {
    for (const claim of this.#claims) this.#tell(claim, text);
    if (!this.#closed) this.#retry = setTimeout(() => this.#open(), REOPEN_MS);
  }

  #tell(claim: Claim, text: string | undefined): void {
    if (claim.trouble === text) return;
    claim.trouble = text;
    claim.options.onTrouble?.(text);
  }

  #accept(socket: Socket): void {
    const ip = parseScoped(socket.remoteAddress ?? "");
    const local = parseScoped(socket.localAddress ?? "");
    const port = socket.remotePort ?? 0;
    const iface = (socket.remoteAddress ?? "").split("%")[1];
    const claim = ip && local ? this.#match(ip, local, iface) : undefined;
    if (!ip || !claim) {
      socket.on("error", ignore);
      socket.destroy();
      if (ip) this.#stranger(ip, port);
      return;
    }
    if (!this.#nearEnough(claim, socket)) {
      socket.on("error", ignore);
      socket.destroy();
      return;
    }
    const connection = new NodeConnection(socket, { ip, port });
    const { ttl, minTtl } = claim.options;
    try {
      connection.apply({ ...(ttl !== undefined && { ttl }), ...(minTtl !== undefined && { minTtl }) });
    } catch (error) {
      this.#tell(claim, (error as Error).message);
      return connection.close();
    }
    claim.onConnection(connection);
  }

  /** GTSM judges the SYN too: IP_MINTTL on a shared socket would shut out the other peers. */
  #nearEnough(claim: Claim, socket: Socket): boolean {
    const { minTtl } = claim.options;
    if (minTtl === undefined) return true;
    const fd = descriptor(socket);
    const ttl = fd === undefined ? undefined : synTtl(fd);
    return ttl !== undefined && ttl >= minTtl;
  }

  #match(ip: IpAddress, local: IpAddress, iface: string | undefined): Claim | undefined {
    let best: Claim | undefined;
    for (const claim of this.#claims) {
      const { options } = claim;
      if (!isInside(ip, options.from)) continue;
      if (options.local && !sameAddress(options.local, local)) continue;
      if (
        isLinkLocal(ip) &&
        ip.family === 6 &&
        options.iface !== undefined &&
        iface !== undefined &&
        options.iface !== iface
      )
        continue;
      if (!best || options.from.length > best.options.from.length) best = claim;
    }
    return best;
  }

  /** BIRD's line for each, a burst at most in each window. */
  #stranger(ip: IpAddress, port: number): void {
    const now = performance.now();
    if (now - this.#strangersSince > STRANGER_WINDOW_MS) {
      const silent = this.#strangers - STRANGER_BURST;
      if (silent > 0) this.#first.log("warning", `BGP: ${silent} more unexpected connects`);
      this.#strangers = 0;
      this.#strangersSince = now;
    }
    if (++this.#strangers > STRANGER_BURST) return;
    this.#first.log("warning", `BGP: Unexpected connect from unknown address ${formatAddress(ip)} (port ${port})`);
  }
}

/** undefined for one address; its key needs no prefix. */
function keyLength(claim: Claim): number | undefined {
  const { from } = claim.options;
  return from.length === width(from.family as Family) ? undefined : from.length;
}

/** A connection that we are destroying anyway may fail as it likes. */
function ignore(): void {}

const BACKLOG = 128;
const REOPEN_MS = 5000;
const STRANGER_BURST = 10;
const STRANGER_WINDOW_MS = 10_000;
/** Octets that a connection queues before `write` says wait. */
export const WRITE_QUEUE: number = 256 * 1024;

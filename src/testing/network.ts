/**
 * A virtual network: hosts with addresses, links with latency that can be cut, and TCP as BGP sees it.
 * Within a connection octets stay in order; between connections nothing is promised. A cut link holds
 * what is under way; a host that lost its power answers the next octets with a reset once it is back.
 */
import { formatAddress, type IpAddress, isInside, sameAddress } from "../../protocol/wire/address.ts";
import type { Random } from "../host.ts";
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  DialOptions,
  Endpoint,
  Listener,
  ListenOptions,
  Transport,
} from "../transport/transport.ts";
import { between } from "./random.ts";
import type { VirtualTime } from "./time.ts";

export class VirtualNetwork {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly #hosts = new Map<string, VirtualHost>();
  readonly #cut = new Set<string>();
  /** One way, in milliseconds: from, to. */
  latency: readonly [number, number] = [1, 20];

  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.random = random;
  }

  addHost(name: string, address: IpAddress): VirtualHost {
    const host = new VirtualHost(this, name, address);
    this.#hosts.set(formatAddress(address), host);
    return host;
  }

  host(address: IpAddress): VirtualHost | undefined {
    return this.#hosts.get(formatAddress(address));
  }

  hosts(): Iterable<VirtualHost> {
    return this.#hosts.values();
  }

  cut(a: VirtualHost, b: VirtualHost): void {
    this.#cut.add(pair(a, b));
  }

  /** What was held goes on its way. */
  heal(a: VirtualHost, b: VirtualHost): void {
    if (!this.#cut.delete(pair(a, b))) return;
    a.kick();
    b.kick();
  }

  healAll(): void {
    this.#cut.clear();
    for (const host of this.#hosts.values()) host.kick();
  }

  reaches(a: VirtualHost, b: VirtualHost): boolean {
    return a.on && b.on && !this.#cut.has(pair(a, b));
  }

  delay(): number {
    return between(this.random, this.latency[0] * 1000, this.latency[1] * 1000) / 1000;
  }
}

/** One machine: its transport survives the speakers that run on it. */
export class VirtualHost {
  readonly name: string;
  readonly address: IpAddress;
  readonly network: VirtualNetwork;
  readonly transport: Transport;
  readonly #claims = new Set<{ options: ListenOptions; onConnection: (connection: Connection) => void }>();
  readonly #ends = new Set<End>();
  #nextPort = 32768;
  #on = true;

  constructor(network: VirtualNetwork, name: string, address: IpAddress) {
    this.network = network;
    this.name = name;
    this.address = address;
    this.transport = {
      listen: (options, onConnection) => this.#listen(options, onConnection),
      dial: (options) => this.#dial(options),
    };
  }

  /** Powered: one that is not answers nothing. */
  get on(): boolean {
    return this.#on;
  }

  /** The power is back; what others still send to connections of before is answered with resets. */
  boot(): void {
    this.#on = true;
    for (const host of this.network.hosts()) host.kick();
  }

  /** The process is gone: the kernel closes its sockets (`fin`), or the power went with it (`silent`). */
  crash(how: "fin" | "silent"): void {
    if (how === "silent") this.#on = false;
    this.#claims.clear();
    for (const end of [...this.#ends]) end.die(how);
    this.#ends.clear();
  }

  /** Connections that are open now. */
  get connections(): readonly Connection[] {
    return [...this.#ends];
  }

  /** Every connection of this host breaks with a reset. */
  resetConnections(): void {
    for (const end of [...this.#ends]) end.reset();
  }

  kick(): void {
    for (const end of this.#ends) end.kick();
  }

  forget(end: End): void {
    this.#ends.delete(end);
  }

  /** A SYN arrives. */
  arrive(from: End): End | undefined {
    let best: { options: ListenOptions; onConnection: (connection: Connection) => void } | undefined;
    for (const claim of this.#claims) {
      const { options } = claim;
      if (options.port !== from.remote.port || !isInside(from.host.address, options.from)) continue;
      if (options.local && !sameAddress(options.local, this.address)) continue;
      if (!best || options.from.length > best.options.from.length) best = claim;
    }
    if (!best || best.options.md5 !== from.md5) return undefined;
    const end = new End(this, { ip: from.host.address, port: from.local.port }, from.remote.port, from.md5);
    this.#ends.add(end);
    end.join(from);
    best.onConnection(end);
    return end;
  }

  hears(port: number): boolean {
    return [...this.#claims].some(({ options }) => options.port === port);
  }

  #listen(options: ListenOptions, onConnection: (connection: Connection) => void): Listener {
    const claim = { options, onConnection };
    this.#claims.add(claim);
    return {
      setKey: (md5) => {
        this.#claims.delete(claim);
        const { md5: _, ...rest } = claim.options;
        claim.options = md5 === undefined ? rest : { ...rest, md5 };
        this.#claims.add(claim);
      },
      close: () => this.#claims.delete(claim),
    };
  }

  #dial(options: DialOptions): Connection {
    const end = new End(this, { ip: options.remote, port: options.port }, this.#nextPort++, options.md5);
    this.#ends.add(end);
    end.connect();
    return end;
  }
}

type Segment = { readonly octets: Uint8Array } | "fin";

/** One end of a connection. */
class End implements Connection {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly host: VirtualHost;
  readonly md5: string | undefined;
  #handler: ConnectionHandler | undefined;
  #peer: End | undefined;
  /** Sent, not yet delivered to the peer. */
  readonly #flight: Segment[] = [];
  #queued = 0;
  #delivering = false;
  #paused = false;
  #closed = false;
  /** Dialled: answered. What is sent to us before waits. */
  #up = false;
  #full = false;
  #ending: (() => void) | undefined;

  constructor(host: VirtualHost, remote: Endpoint, port: number, md5: string | undefined) {
    this.host = host;
    this.remote = remote;
    this.local = { ip: host.address, port };
    this.md5 = md5;
  }

  get queued(): number {
    return Math.max(0, this.#queued - WINDOW);
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** Two ends find each other. */
  join(peer: End): void {
    this.#peer = peer;
    peer.#peer = this;
    this.#up = true;
  }

  /** SYN: answered, refused, or lost while the way is cut, and then sent again. */
  connect(wait = 1000): void {
    const { network } = this.host;
    network.time.after(network.delay(), () => {
      if (this.#closed) return;
      const target = network.host(this.remote.ip);
      if (!target || !network.reaches(this.host, target)) {
        network.time.after(wait, () => {
          if (!this.#closed) this.connect(wait * 2);
        });
        return;
      }
      if (!target.hears(this.remote.port)) return this.#fail({ kind: "refused", text: "Connection refused" });
      const other = target.arrive(this);
      if (!other) return this.#fail({ kind: "reset", text: "Connection reset by peer" });
      network.time.after(network.delay(), () => {
        if (this.#closed) return;
        this.#up = true;
        this.#handler?.open();
        this.kick();
        other.kick();
      });
    });
  }

  write(octets: Uint8Array): boolean {
    if (this.#closed || this.#ending) return true;
    this.#queued += octets.length;
    this.#flight.push({ octets: octets.slice() });
    this.kick();
    this.#full = this.#queued > WINDOW;
    return !this.#full;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#peer?.kick();
  }

  setKey(): void {}

  end(): Promise<void> {
    this.#handler = undefined;
    if (this.#closed) return Promise.resolve();
    this.#flight.push("fin");
    this.kick();
    this.host.network.time.after(1000, () => this.#finish());
    return new Promise((resolve) => {
      this.#ending = resolve;
    });
  }

  close(): void {
    this.#handler = undefined;
    if (this.#closed) return;
    if (this.#peer) {
      this.#flight.push("fin"); // the kernel delivers what was written
      this.kick();
    }
    this.#finish();
  }

  die(how: "fin" | "silent"): void {
    this.#handler = undefined;
    if (how === "fin") return this.close();
    this.#flight.length = 0;
    this.#finish();
  }

  reset(): void {
    this.#flight.length = 0;
    const peer = this.#peer;
    this.#fail({ kind: "reset", text: "Connection reset by peer" });
    if (peer)
      this.host.network.time.after(this.host.network.delay(), () =>
        peer.#fail({ kind: "reset", text: "Connection reset by peer" }),
      );
  }

  /** Starts the next delivery, if the way is free. */
  kick(): void {
    const { network } = this.host;
    const peer = this.#peer;
    if (this.#delivering || !peer || this.#flight.length === 0 || peer.#paused || !peer.#up) return;
    if (!network.reaches(this.host, peer.host)) return; // held until the link is back
    this.#delivering = true;
    network.time.after(network.delay(), () => {
      this.#delivering = false;
      if (peer.#paused || !network.reaches(this.host, peer.host)) return this.kick();
      const batch = this.#flight.splice(0, network.random() < 0.5 ? 1 : this.#flight.length);
      for (const segment of batch) this.#deliver(peer, segment);
      this.kick();
    });
  }

  #deliver(peer: End, segment: Segment): void {
    if (segment === "fin") return peer.#fail({ kind: "eof", text: "Connection reset by peer" });
    this.#queued -= segment.octets.length;
    if (peer.#closed && !peer.#ending) {
      // Nobody is there any more: the other side's kernel answers with a reset
      if (!this.#closed) this.#fail({ kind: "reset", text: "Connection reset by peer" });
      return;
    }
    peer.#handler?.data(segment.octets);
    if (this.#full && this.#queued <= WINDOW / 2) {
      this.#full = false;
      this.#handler?.drain();
    }
  }

  #fail(reason: CloseReason): void {
    if (this.#closed) return this.#finish();
    const handler = this.#handler;
    this.#handler = undefined;
    this.#finish();
    handler?.close(reason);
  }

  #finish(): void {
    this.#closed = true;
    this.host.forget(this);
    this.#ending?.();
  }
}

function pair(a: VirtualHost, b: VirtualHost): string {
  return [a.name, b.name].sort().join(" ");
}

/** Octets that may be under way before `write` says wait. */
const WINDOW = 65_536;

/**
 * Protocol rpki: ROAs from a cache over TCP (RFC 8210) into roa tables. The session itself is
 * protocol/rtr-client.ts; here are the connection, the three timers and the channels.
 */
import type { Channel } from "../../protocol/rib/channel.ts";
import type { RoaNet } from "../../protocol/rib/route.ts";
import type { Roa } from "../../protocol/rtr.ts";
import { RtrClient, type RtrOutput } from "../../protocol/rtr-client.ts";
import { type IpAddress, parseAddress } from "../../protocol/wire/address.ts";
import type { DebugFlag, RpkiConfig } from "../config/schema.ts";
import type { Job, Millis, Timer } from "../host.ts";
import type { Connection } from "../transport/transport.ts";
import { channelFor, reconfigureChannel } from "./channels.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

type CacheState =
  | "Connecting"
  | "Sync-Start"
  | "Sync-Running"
  | "Established"
  | "Transport-Error"
  | "Error-Fatal"
  | "Down";

export class RpkiProtocol implements Protocol {
  readonly proto = "RPKI";
  readonly table = "---";
  readonly name: string;
  readonly channels: readonly Channel[];
  #config: RpkiConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  #client = new RtrClient();
  #connection: Connection | undefined;
  #cache: CacheState = "Down";
  /** Seconds: configured, or proposed by the cache where the file lets it. */
  #timers: { refresh: number; retry: number; expire: number };
  #next: { readonly kind: "refresh" | "retry"; readonly at: Millis; readonly timer: Timer } | undefined;
  #expiry: { readonly at: Millis; readonly timer: Timer } | undefined;
  #lastUpdate: Millis | undefined;
  /** Counts connections, so that a late name look-up of an old one does nothing. */
  #attempt = 0;
  readonly #changes: { readonly announce: boolean; readonly roa: Roa }[] = [];
  readonly #job: Job = { step: () => this.#applySlice() };

  constructor(config: RpkiConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.#timers = { refresh: config.refresh, retry: config.retry, expire: config.expire };
    this.channels = config.channels.map((channel) => channelFor(context, config, channel));
  }

  get config(): RpkiConfig {
    return this.#config;
  }

  get state(): ProtocolState {
    return this.#life.state;
  }

  get since(): Millis {
    return this.#life.since;
  }

  get debug(): ReadonlySet<DebugFlag> {
    return this.#life.debug;
  }

  set debug(flags: ReadonlySet<DebugFlag>) {
    this.#life.debug = flags;
  }

  get info(): string {
    return this.state === "down" ? "" : this.#cache;
  }

  start(): void {
    if (this.state !== "down") return;
    this.#life.set(this, "start");
    this.#connect();
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#disconnect();
    this.#expiry?.timer.cancel();
    this.#expiry = undefined;
    this.#context.scheduler.cancel(this.#job);
    this.#changes.length = 0;
    this.#client = new RtrClient();
    this.#lastUpdate = undefined;
    for (const channel of this.channels) channel.close();
    this.#cache = "Down";
    this.#life.set(this, "down");
  }

  reconfigure(config: RpkiConfig, soft: boolean): void {
    this.#config = config;
    this.#timers = { refresh: config.refresh, retry: config.retry, expire: config.expire };
    for (const [i, channel] of this.channels.entries()) reconfigureChannel(channel, config.channels[i], soft);
    if (this.#cache === "Established") this.#arm("refresh");
  }

  reload(): boolean {
    if (!this.#connection || this.#cache !== "Established") return false;
    this.#connection.write(this.#client.query());
    return true;
  }

  status(): ProtocolStatus {
    return { kind: "rpki", remote: this.#config.remote, state: this.#cache, lines: this.#lines() };
  }

  #connect(): void {
    this.#disconnect();
    this.#set("Connecting");
    const attempt = ++this.#attempt;
    const address = parseAddress(this.#config.remote);
    if (address) return this.#dial(address);
    resolve(this.#config.remote).then(
      (found) => {
        if (attempt === this.#attempt) this.#dial(found);
      },
      (error: unknown) => {
        if (attempt === this.#attempt)
          this.#failed(`Cannot resolve ${this.#config.remote}: ${(error as Error).message}`);
      },
    );
  }

  #dial(remote: IpAddress): void {
    const { port, localAddress } = this.#config;
    const connection = this.#context.transport.dial({ remote, port, ...(localAddress ? { local: localAddress } : {}) });
    this.#connection = connection;
    connection.attach({
      open: () => {
        this.#set("Sync-Start");
        connection.write(this.#client.connected());
      },
      data: (octets) => this.#receive(this.#client.receive(octets)),
      drain: () => undefined,
      close: (reason) => {
        this.#connection = undefined;
        this.#failed(reason.text);
      },
    });
  }

  #receive(output: RtrOutput): void {
    for (const octets of output.send) this.#connection?.write(octets);
    for (const roa of output.withdraw) this.#changes.push({ announce: false, roa });
    for (const roa of output.announce) this.#changes.push({ announce: true, roa });
    if (output.synced) this.#synced(output.synced.timers);
    if (this.#changes.length > 0) this.#context.scheduler.run(this.#job);
    if (output.close === undefined) return;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.end().catch((error: unknown) => {
      this.#context.log("warning", `${this.name}: ${(error as Error).message}`, { protocol: this.name });
    });
    if (output.reconnect) this.#connect();
    else this.#failed(output.close);
  }

  #synced(proposed: { refresh: number; retry: number; expire: number } | undefined): void {
    if (proposed) this.#takeTimers(proposed);
    this.#lastUpdate = this.#context.clock.now();
    if (this.state === "start") {
      for (const channel of this.channels) channel.open();
      this.#life.set(this, "up");
    }
    this.#set("Established");
    this.#arm("refresh");
    this.#armExpiry();
  }

  /** RFC 8210 §6 gives the bounds; what is out of them is not taken. */
  #takeTimers(proposed: { refresh: number; retry: number; expire: number }): void {
    const { refreshKeep, retryKeep, expireKeep } = this.#config;
    if (!refreshKeep && proposed.refresh >= 1 && proposed.refresh <= 86_400) this.#timers.refresh = proposed.refresh;
    if (!retryKeep && proposed.retry >= 1 && proposed.retry <= 7_200) this.#timers.retry = proposed.retry;
    if (!expireKeep && proposed.expire >= 600 && proposed.expire <= 172_800) this.#timers.expire = proposed.expire;
  }

  #failed(text: string): void {
    const { log } = this.#context;
    if (this.#cache !== "Transport-Error") log("warning", `${this.name}: ${text}`, { protocol: this.name });
    this.#set("Transport-Error");
    this.#arm("retry");
  }

  /** One timer: refresh while the session is up, retry while it is not. */
  #arm(kind: "refresh" | "retry"): void {
    this.#next?.timer.cancel();
    const { clock } = this.#context;
    const at = clock.now() + this.#timers[kind] * 1000;
    const timer = clock.at(at, () => {
      this.#next = undefined;
      if (kind === "retry" || !this.#connection) return this.#connect();
      this.#connection.write(this.#client.query());
      this.#arm("retry"); // an answer arms the refresh again; silence reconnects
    });
    this.#next = { kind, at, timer };
  }

  #armExpiry(): void {
    this.#expiry?.timer.cancel();
    const { clock, log } = this.#context;
    const at = clock.now() + this.#timers.expire * 1000;
    const timer = clock.at(at, () => {
      this.#expiry = undefined;
      log("warning", `${this.name}: ROAs expired, no contact with the cache`, { protocol: this.name });
      for (const roa of this.#client.expire()) this.#changes.push({ announce: false, roa });
      this.#context.scheduler.run(this.#job);
    });
    this.#expiry = { at, timer };
  }

  #applySlice(): boolean {
    for (const { announce, roa } of this.#changes.splice(0, SLICE)) {
      const wanted = roa.prefix.family === 4 ? "roa4" : "roa6";
      const channel = this.channels.find((candidate) => candidate.table.netType === wanted);
      const net: RoaNet = { ...roa.prefix, maxLength: this.#longest(roa), asn: roa.asn };
      if (announce) channel?.announce(net, {});
      else channel?.withdraw(net);
    }
    return this.#changes.length > 0;
  }

  #longest(roa: Roa): number {
    if (!this.#config.ignoreMaxLength) return roa.maxLength;
    return roa.prefix.family === 4 ? 32 : 128;
  }

  #disconnect(): void {
    this.#attempt++;
    this.#next?.timer.cancel();
    this.#next = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }

  #set(state: CacheState): void {
    if (this.#cache === state) return;
    const from = this.#cache;
    this.#cache = state;
    this.#life.trace("events", `Changing from ${from} to ${state} state`);
    this.#context.changed(this, { type: "session", from, to: state });
  }

  /** As BIRD prints them in `show protocols all`. */
  #lines(): string[] {
    const now = this.#context.clock.now();
    const left = (at: Millis | undefined, total: number): string =>
      at === undefined ? "---" : `${(Math.max(0, at - now) / 1000).toFixed(3)}/${total}`;
    const { refresh, retry, expire } = this.#timers;
    const ago = this.#lastUpdate === undefined ? "---" : `before ${((now - this.#lastUpdate) / 1000).toFixed(3)} s`;
    const known = this.#client.serial !== undefined;
    return [
      `Cache server:     ${this.#config.remote}`,
      `Cache port:       ${this.#config.port}`,
      `Status:           ${this.#cache}`,
      "Transport:        Unprotected over TCP",
      `Protocol version: ${this.#client.version}`,
      `Session ID:       ${known ? this.#client.sessionId : "---"}`,
      `Serial number:    ${known ? this.#client.serial : "---"}`,
      `Last update:      ${ago}`,
      `Refresh timer   : ${left(this.#next?.kind === "refresh" ? this.#next.at : undefined, refresh)}`,
      `Retry timer     : ${left(this.#next?.kind === "retry" ? this.#next.at : undefined, retry)}`,
      `Expire timer    : ${left(this.#expiry?.at, expire)}`,
    ];
  }
}

async function resolve(name: string): Promise<IpAddress> {
  const { lookup } = await import("node:dns/promises");
  const { address } = await lookup(name);
  const ip = parseAddress(address);
  if (!ip) throw new Error(`${address} is no address`);
  return ip;
}

/** ROAs applied in one turn. */
const SLICE = 1000;

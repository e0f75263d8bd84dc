/**
 * Protocol static: the routes that bird.conf spells out. A next hop counts only while it can be used:
 * `via "iface"` while the interface exists and is administratively up, `via IP` while it is on-link.
 * Interface events are followed in the same turn, so that a withdrawal is on the wire at once.
 */
import type { Channel } from "../../protocol/rib/channel.ts";
import type { NextHop, RouteAttributes } from "../../protocol/rib/route.ts";
import { formatPrefix } from "../../protocol/wire/address.ts";
import type { DebugFlag, StaticConfig, StaticNextHop, StaticRoute } from "../config/schema.ts";
import type { Job, Millis } from "../host.ts";
import { channelFor, reconfigureChannel } from "./channels.ts";
import { Lifecycle } from "./lifecycle.ts";
import { findNeighbor, isUsable } from "./neighbor.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

/** One configured route and what is announced of it. */
interface Entry {
  readonly route: StaticRoute;
  /** Tells routes of one prefix apart: their number among them, from 0. */
  readonly pathId: number;
  /** What was announced, as text to compare; undefined: nothing. */
  announced: string | undefined;
  bfd: Map<StaticNextHop, { close(): void; up: boolean }> | undefined;
}

export class StaticProtocol implements Protocol {
  readonly proto = "Static";
  readonly info = "";
  readonly name: string;
  readonly channels: readonly Channel[];
  #config: StaticConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  #entries: Entry[] = [];
  /** Entries by the interface that each next hop names; "" for those that any interface may change. */
  readonly #byIface = new Map<string, Entry[]>();
  #listening: { close(): void } | undefined;
  readonly #pending = new Set<Entry>();
  readonly #job: Job = { step: () => this.#slice() };

  constructor(config: StaticConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.channels = config.channels.map((channel) => channelFor(context, config, channel));
    this.#setRoutes(config.routes);
  }

  get config(): StaticConfig {
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

  get table(): string {
    return this.channels[0]?.table.name ?? "---";
  }

  start(): void {
    if (this.state !== "down") return;
    this.#life.set(this, "start");
    for (const channel of this.channels) channel.open();
    this.#listening = this.#context.interfaces.onChange((change) => this.#interfaceChanged(change.name));
    this.#life.set(this, "up");
    this.#update(this.#entries);
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#listening?.close();
    this.#listening = undefined;
    this.#context.scheduler.cancel(this.#job);
    this.#pending.clear();
    for (const entry of this.#entries) {
      this.#endBfd(entry);
      entry.announced = undefined;
    }
    for (const channel of this.channels) channel.close();
    this.#life.set(this, "down");
  }

  reconfigure(config: StaticConfig, soft: boolean): void {
    this.#config = config;
    for (const [i, channel] of this.channels.entries()) reconfigureChannel(channel, config.channels[i], soft);
    const old = new Map(this.#entries.map((entry) => [entryKey(entry), entry]));
    this.#pending.clear();
    this.#setRoutes(config.routes);
    for (const entry of this.#entries) {
      const before = old.get(entryKey(entry));
      if (!before) continue;
      if (before.announced !== undefined) entry.announced = STALE;
      this.#endBfd(before);
      old.delete(entryKey(entry));
    }
    for (const entry of old.values()) {
      this.#endBfd(entry);
      if (entry.announced !== undefined) this.#withdraw(entry);
    }
    if (this.state === "up") this.#update(this.#entries);
  }

  reload(direction: "in" | "out" | "both"): boolean {
    if (this.state !== "up") return false;
    for (const channel of this.channels) {
      if (direction !== "out") channel.reload("in");
      if (direction !== "in") channel.reload("out");
    }
    return true;
  }

  status(): ProtocolStatus {
    const routes = this.#entries.map((entry) => ({
      route: entry.route,
      usable: entry.route.nextHops.map((hop) => this.#resolve(entry, hop) !== undefined),
    }));
    return { kind: "static", routes };
  }

  #setRoutes(routes: readonly StaticRoute[]): void {
    const seen = new Map<string, number>();
    this.#entries = routes.map((route) => {
      const prefix = formatPrefix(route.net);
      const pathId = seen.get(prefix) ?? 0;
      seen.set(prefix, pathId + 1);
      return { route, pathId, announced: undefined, bfd: undefined };
    });
    this.#byIface.clear();
    for (const entry of this.#entries) {
      for (const name of new Set(entry.route.nextHops.map((hop) => hop.iface ?? ""))) {
        const list = this.#byIface.get(name);
        if (list) list.push(entry);
        else this.#byIface.set(name, [entry]);
      }
    }
  }

  #interfaceChanged(name: string): void {
    if (this.state !== "up") return;
    this.#update([...(this.#byIface.get(name) ?? []), ...(this.#byIface.get("") ?? [])]);
  }

  /** A few routes at once, in this turn; the rest of a long list in slices. */
  #update(entries: readonly Entry[]): void {
    for (const entry of entries.slice(0, SLICE)) this.#refresh(entry);
    for (const entry of entries.slice(SLICE)) this.#pending.add(entry);
    if (this.#pending.size > 0) this.#context.scheduler.run(this.#job);
  }

  #slice(): boolean {
    let left = SLICE;
    for (const entry of this.#pending) {
      this.#pending.delete(entry);
      this.#refresh(entry);
      if (--left === 0) break;
    }
    return this.#pending.size > 0;
  }

  /** Announces, changes or withdraws one route, if that differs from what was announced. */
  #refresh(entry: Entry): void {
    if (this.state !== "up") return;
    const attributes = this.#attributes(entry);
    if (!attributes) {
      if (entry.announced !== undefined) this.#withdraw(entry);
      return;
    }
    const text = JSON.stringify([attributes.dest, attributes.nextHops, entry.route.block?.key]);
    if (text === entry.announced) return;
    entry.announced = text;
    this.channels[0]?.announce(entry.route.net, attributes, entry.pathId);
  }

  #withdraw(entry: Entry): void {
    entry.announced = undefined;
    this.channels[0]?.withdraw(entry.route.net, entry.pathId);
  }

  #attributes(entry: Entry): RouteAttributes | undefined {
    const { route } = entry;
    const base = this.#target(entry);
    if (!base || !route.block) return base;
    const channel = this.channels[0];
    const { rib } = this.#context;
    return channel && route.block.run(route.net, base, channel.options.source, rib.filterEnv);
  }

  #target(entry: Entry): RouteAttributes | undefined {
    const { route } = entry;
    const given = route.attributes ?? {};
    if (route.destination === "recursive") return route.recursive && { ...given, recursive: route.recursive };
    if (route.destination === "none") return given;
    if (route.destination !== "unicast") return { ...given, dest: route.destination };
    const nextHops = route.nextHops.flatMap((hop) => this.#resolve(entry, hop) ?? []);
    return nextHops.length > 0 ? { ...given, dest: "unicast", nextHops } : undefined;
  }

  /** The next hop as it can be used now, or undefined. */
  #resolve(entry: Entry, hop: StaticNextHop): NextHop | undefined {
    const { interfaces } = this.#context;
    const { checkLink } = this.#config;
    const { bfd, ...plain } = hop;
    const view = this.#hopInterface(hop);
    if (!isUsable(view, checkLink) || !view) return undefined;
    if (hop.gateway && !hop.onlink && findNeighbor(interfaces, hop.gateway, hop.iface)?.own !== false) return undefined;
    if (bfd && hop.gateway && !this.#bfdUp(entry, hop, view.name)) return undefined;
    return { ...plain, iface: view.name };
  }

  #hopInterface(hop: StaticNextHop): ReturnType<ProtocolContext["interfaces"]["byName"]> {
    const { interfaces } = this.#context;
    if (hop.iface !== undefined) return interfaces.byName(hop.iface);
    return hop.gateway && findNeighbor(interfaces, hop.gateway)?.iface;
  }

  #bfdUp(entry: Entry, hop: StaticNextHop, iface: string): boolean {
    const known = entry.bfd?.get(hop);
    if (known) return known.up;
    if (!this.#context.bfd || !hop.gateway) return false;
    entry.bfd ??= new Map();
    const session = { up: false, close: (): void => handle.close() };
    entry.bfd.set(hop, session);
    const handle = this.#context.bfd.request({ remote: hop.gateway, iface, multihop: false }, (up) => {
      session.up = up;
      this.#refresh(entry);
    });
    return session.up;
  }

  #endBfd(entry: Entry): void {
    for (const session of entry.bfd?.values() ?? []) session.close();
    entry.bfd = undefined;
  }
}

function entryKey(entry: Entry): string {
  return `${formatPrefix(entry.route.net)} ${entry.pathId}`;
}

/** Announced under the old configuration: compares unequal to anything new. */
const STALE = "";

/** Routes worked on in one turn: about a millisecond. */
const SLICE = 500;

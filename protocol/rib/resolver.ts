/**
 * Where packets for a BGP next hop go: straight to it on a shared subnet, or along the route to it in another table
 * (recursive next hops, RFC 4271 §5.1.3, §9.1.2.1).
 */
import type { IpAddress } from "../wire/address.ts";
import { UNKNOWN_METRIC, UNREACHABLE } from "./decision.ts";
import { type Destination, type NextHop, RouteKind, type Slot } from "./route.ts";
import type { RibCore, RibJob } from "./sources.ts";
import type { Table, TableFeed } from "./table.ts";

/** What becomes of packets. */
export interface Forwarding {
  readonly dest: Destination;
  readonly nextHops: readonly NextHop[];
  /** Of the way to the next hop. */
  readonly metric: number;
}

export interface Gateways {
  /** Next hops are looked up in a table. */
  readonly recursive: boolean;
  /** Metric of the way to a next hop (by its number), UNREACHABLE if there is none. */
  metric(nextHop: number): number;
  forwarding(nextHop: number): Forwarding;
}

/** `gateway direct`: the next hop is a neighbour on the session's own subnet. */
export class DirectGateways implements Gateways {
  readonly recursive = false;
  readonly #core: RibCore;
  readonly #iface: string | undefined;
  readonly #cost: number;
  readonly #preferGlobal: boolean;
  /** One object for routes with one next hop: who asks can see that nothing is new. */
  #last: Forwarding = NOWHERE;

  constructor(
    core: RibCore,
    options: { iface?: string | undefined; cost?: number | undefined; preferGlobal?: boolean | undefined },
  ) {
    this.#core = core;
    this.#iface = options.iface;
    this.#cost = options.cost ?? 0;
    this.#preferGlobal = options.preferGlobal ?? false;
  }

  metric(): number {
    return this.#cost;
  }

  forwarding(nextHop: number): Forwarding {
    const entry = this.#core.attributes.nextHops.get(nextHop);
    if (!entry) return NOWHERE;
    const near = this.#core.links?.neighbor(entry.address, this.#iface);
    // As bird: the global address where it is on the link, else the link-local one that came with it.
    const gateway = near || this.#preferGlobal || !entry.linkLocal ? entry.address : entry.linkLocal;
    const iface = near?.iface ?? this.#iface;
    const [last] = this.#last.nextHops;
    if (last?.gateway !== gateway || last.iface !== iface) {
      const hop = iface === undefined ? { gateway } : { gateway, iface };
      this.#last = { dest: "unicast", nextHops: [hop], metric: this.#cost };
    }
    return this.#last;
  }
}

/** `gateway recursive`: along the best route to the next hop that is not itself recursive. */
export class Resolver implements Gateways {
  readonly recursive = true;
  readonly #core: RibCore;
  readonly #tables: { readonly 4: Table | undefined; readonly 6: Table | undefined };
  readonly #ways: (Forwarding | undefined)[] = [];
  readonly #users = new Set<Table>();
  readonly #feeds: { table: Table; feed: TableFeed }[] = [];
  readonly #job: RibJob = { step: () => this.#check() };
  #pending = false;
  /** Next hops whose way has changed: the routes that name them are decided anew, slot by slot. */
  #changed = new Set<number>();
  #sweepAt = 0;

  constructor(core: RibCore, igp4: Table | undefined, igp6: Table | undefined) {
    this.#core = core;
    this.#tables = { 4: igp4, 6: igp6 };
    for (const table of new Set([igp4, igp6])) {
      if (!table) continue;
      const feed: TableFeed = { any: false, mark: () => this.#wake() };
      table.addFeed(feed);
      this.#feeds.push({ table, feed });
    }
  }

  /** The table whose routes it resolves, to tell it when ways change. */
  serve(table: Table): void {
    this.#users.add(table);
  }

  close(): void {
    for (const { table, feed } of this.#feeds) table.removeFeed(feed);
    this.#feeds.length = 0;
    for (const [nextHop, way] of this.#ways.entries()) if (way) this.#core.attributes.nextHops.release(nextHop);
    this.#ways.length = 0;
    this.#users.clear();
  }

  metric(nextHop: number): number {
    return this.forwarding(nextHop).metric;
  }

  forwarding(nextHop: number): Forwarding {
    const known = this.#ways[nextHop];
    if (known) return known;
    const entry = this.#core.attributes.nextHops.get(nextHop);
    if (!entry) return NOWHERE;
    while (this.#ways.length <= nextHop) this.#ways.push(undefined);
    const way = this.#resolve(entry.address);
    this.#ways[nextHop] = way;
    this.#core.attributes.nextHops.hold(nextHop);
    return way;
  }

  #resolve(address: IpAddress): Forwarding {
    const table = this.#tables[address.family];
    const slot = table?.longestMatch(address, (at) => !isRecursive(table, at));
    const route = slot === undefined ? undefined : table?.best(slot);
    if (!route) return NOWHERE;
    const { dest, nextHops, igpMetric } = route.attributes;
    if (dest !== undefined && dest !== "unicast") {
      return { dest, nextHops: [], metric: dest === "unreachable" ? UNREACHABLE : UNKNOWN_METRIC };
    }
    const direct = route.source.kind === RouteKind.Device ? 0 : UNKNOWN_METRIC;
    return {
      dest: "unicast",
      // On a connected prefix the next hop is the gateway; else it is behind that route's gateways.
      nextHops: (nextHops ?? []).map((hop) => (hop.gateway ? hop : { ...hop, gateway: address })),
      metric: igpMetric ?? direct,
    };
  }

  #wake(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.#core.env.wake(this.#job);
  }

  /** First the ways, then the routes that depend on those that changed. */
  #check(): boolean {
    if (this.#pending) {
      this.#pending = false;
      for (let nextHop = 1; nextHop < this.#ways.length; nextHop++) this.#again(nextHop);
    }
    if (this.#changed.size === 0) return false;
    return this.#sweep() || this.#pending;
  }

  #again(nextHop: number): void {
    const before = this.#ways[nextHop];
    const entry = this.#core.attributes.nextHops.get(nextHop);
    if (!before || !entry) return;
    if (this.#core.attributes.nextHops.references(nextHop) === 1) {
      this.#ways[nextHop] = undefined; // ours alone: nobody has asked for it for a while
      this.#core.attributes.nextHops.release(nextHop);
      return;
    }
    const way = this.#resolve(entry.address);
    if (JSON.stringify(way) === JSON.stringify(before)) return;
    this.#ways[nextHop] = way;
    this.#changed.add(nextHop);
    this.#sweepAt = 1;
  }

  #sweep(): boolean {
    const end = this.#sweepAt + SWEEP_SLICE;
    let more = false;
    for (const table of this.#users) {
      const { limit } = table.prefixes;
      for (let slot = this.#sweepAt; slot < limit && slot < end; slot++) {
        if (table.has(slot as Slot) && this.#concerns(table, slot as Slot)) table.reconsider(slot as Slot);
      }
      if (end < limit) more = true;
    }
    this.#sweepAt = end;
    if (!more) this.#changed.clear();
    return more;
  }

  #concerns(table: Table, slot: Slot): boolean {
    let found = false;
    table.eachRoute(slot, (source, _path, attrs) => {
      if (table.owners[source]?.gateways !== this) return;
      if (this.#changed.has(table.nextHopOf(attrs))) found = true;
    });
    return found;
  }
}

/** Never through a route that is itself resolved: not through the peer's own, not in circles. */
function isRecursive(table: Table, slot: Slot): boolean {
  const owner = table.owners[table.bestSource(slot)];
  return owner?.gateways instanceof Resolver && table.nextHopOf(table.bestAttrs(slot)) !== 0;
}

export const NOWHERE: Forwarding = { dest: "unreachable", nextHops: [], metric: UNREACHABLE };

const SWEEP_SLICE = 4096;

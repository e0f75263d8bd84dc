/**
 * A routing table: the routes of all protocols, the best of each prefix first (RFC 4271 §3.2, Loc-RIB).
 *
 * A route is four words: its attributes, the next route of the prefix, its source with flags, and when it came. The best
 * route of a prefix stands in the row of the prefix's slot, so that a prefix with one route costs one row; others are in
 * a chain of rows of the same form.
 */
import type { IpAddress, Prefix } from "../wire/address.ts";
import { covers } from "../wire/address.ts";
import { SetWord } from "./attribute-store.ts";
import { PAGE_BITS, PAGE_MASK } from "./columns.ts";
import { best, Candidate, mergeable } from "./decision.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { Gateways } from "./resolver.ts";
import {
  type AttrId,
  type Net,
  type NetType,
  NO_ROUTE,
  type RouteAttributes,
  RouteKind,
  type RouteSource,
  type Slot,
} from "./route.ts";
import { NEXT, ROUTE_STRIDE, RouteRows, SINCE, SOURCE_MASK, STALE, TAG } from "./route-rows.ts";
import { RouteView } from "./route-view.ts";
import type { RibCore } from "./sources.ts";

export interface TableOptions {
  readonly name: string;
  readonly netType: NetType;
  readonly sorted: boolean;
  readonly trie: boolean;
}

/** Whoever wants to know that something changed; it looks at the table when it has time. */
export interface TableFeed {
  /** Every change of any route, not of the best one alone. */
  readonly any: boolean;
  mark(slot: Slot): void;
}

/** A channel as its table sees it. */
export interface RouteOwner {
  imported: number;
  preferred: number;
  /** How often one of its routes became (or changed as) the best. */
  chosen: number;
  /** Where packets for its next hops go; absent where routes say it themselves. */
  readonly gateways: Gateways | undefined;
}

/** What `set` did. */
export const Outcome = { Nothing: 0, Same: 1, Added: 2, Replaced: 3, Removed: 4 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

interface Completed {
  readonly stored: RouteAttributes;
  readonly from: IpAddress | undefined;
  readonly dest: RouteAttributes["dest"];
  readonly nextHops: RouteAttributes["nextHops"];
  readonly metric: number | undefined;
  readonly whole: RouteAttributes;
}

export class Table {
  /** Unlike any other table's of the speaker, ever. */
  readonly id: number;
  readonly name: string;
  readonly netType: NetType;
  readonly options: TableOptions;
  readonly core: RibCore;
  readonly prefixes: PrefixTable;
  /** By number of source. */
  readonly owners: (RouteOwner | undefined)[] = [];
  /** Changes of a best route to another one, and to none, ever. */
  updates = 0;
  withdrawals = 0;
  readonly #at = new RouteRows();
  #routes = 0;
  #nets = 0;
  readonly #feeds: TableFeed[] = [];
  readonly #anyFeeds: TableFeed[] = [];
  /** What `complete` made last, and of what. */
  #completed: Completed | undefined;
  readonly #candidates: Candidate[] = [new Candidate(), new Candidate()];

  constructor(options: TableOptions, core: RibCore) {
    this.id = core.nextTableId++;
    this.name = options.name;
    this.netType = options.netType;
    this.options = options;
    this.core = core;
    this.prefixes = core.prefixes(options.netType);
  }

  /** Some route has a path id. */
  get hasPaths(): boolean {
    return this.#at.hasPaths;
  }

  get routeCount(): number {
    return this.#routes;
  }

  get netCount(): number {
    return this.#nets;
  }

  get octets(): number {
    return this.#at.octets;
  }

  /** Says whose routes a source's are; needed before the first of them. */
  attach(source: RouteSource, owner: RouteOwner): void {
    while (this.owners.length <= source.id) this.owners.push(undefined);
    this.owners[source.id] = owner;
  }

  detach(source: RouteSource): void {
    this.owners[source.id] = undefined;
  }

  addFeed(feed: TableFeed): void {
    this.#anyFeeds.push(feed);
    if (!feed.any) this.#feeds.push(feed);
  }

  removeFeed(feed: TableFeed): void {
    for (const list of [this.#feeds, this.#anyFeeds]) {
      const at = list.indexOf(feed);
      if (at >= 0) list.splice(at, 1);
    }
  }

  /** Tells of each change of a best route, in the same turn. */
  subscribe(listener: (slot: Slot) => void): { close(): void } {
    const feed: TableFeed = { any: false, mark: listener };
    this.addFeed(feed);
    return { close: () => this.removeFeed(feed) };
  }

  /** Installs, replaces or, with NO_ROUTE, removes the route of a source and path id. The slot must exist. */
  set(slot: Slot, source: number, pathId: number, attrs: AttrId): Outcome {
    if (pathId !== 0) this.#at.hasPaths = true;
    const page = this.#at.rows.touch(slot);
    const at = (slot & PAGE_MASK) * ROUTE_STRIDE;
    if (page[at] === 0) return attrs === 0 ? Outcome.Nothing : this.#first(slot, page, at, source, pathId, attrs);
    if (page[at + NEXT] === 0 && (page[at + TAG]! & SOURCE_MASK) === source && this.#at.path(slot, 0) === pathId) {
      return attrs === 0 ? this.#last(slot, page, at) : this.#only(slot, page, at, attrs);
    }
    return this.#among(slot, page, at, source, pathId, attrs);
  }

  /** Attributes of the best route, NO_ROUTE if there is none. */
  bestAttrs(slot: Slot): AttrId {
    return this.#at.attrs(slot, 0);
  }

  /** Number of the source of the best route; only if there is one. */
  bestSource(slot: Slot): number {
    return this.#at.tag(slot, 0) & SOURCE_MASK;
  }

  bestPath(slot: Slot): number {
    return this.#at.path(slot, 0);
  }

  has(slot: Slot): boolean {
    return this.#at.has(slot);
  }

  /** Attributes of the route of a source and path id. */
  get(slot: Slot, source: number, pathId = 0): AttrId {
    const row = this.#at.locate(slot, source, pathId);
    return row < 0 ? NO_ROUTE : this.#at.attrs(slot, row);
  }

  isStale(slot: Slot, source: number, pathId = 0): boolean {
    const row = this.#at.locate(slot, source, pathId);
    return row >= 0 && (this.#at.tag(slot, row) & STALE) !== 0;
  }

  best(slot: Slot): RouteView | undefined {
    return this.has(slot) ? this.#view(slot, 0, true) : undefined;
  }

  /** Best first. */
  routes(slot: Slot): RouteView[] {
    if (!this.has(slot)) return [];
    const views = [this.#view(slot, 0, true)];
    for (let row = this.#at.next(slot, 0); row !== 0; row = this.#at.next(slot, row))
      views.push(this.#view(slot, row, false));
    return views;
  }

  /** Calls for each route of a prefix, best first, without objects. */
  eachRoute(slot: Slot, callback: (source: number, pathId: number, attrs: AttrId, stale: boolean) => void): void {
    if (!this.has(slot)) return;
    for (let row = 0; ; ) {
      const tag = this.#at.tag(slot, row);
      callback(tag & SOURCE_MASK, this.#at.path(slot, row), this.#at.attrs(slot, row), (tag & STALE) !== 0);
      row = this.#at.next(slot, row);
      if (row === 0) return;
    }
  }

  /** Routes that share the traffic with the best one, the best first (BIRD's `merge paths`). */
  merged(slot: Slot): RouteView[] {
    if (!this.has(slot)) return [];
    const views = [this.#view(slot, 0, true)];
    const first = this.#load(slot, 0, 0);
    for (let row = this.#at.next(slot, 0); row !== 0; row = this.#at.next(slot, row)) {
      if (mergeable(first, this.#load(slot, row, 1))) views.push(this.#view(slot, row, false));
    }
    return views;
  }

  /** The decision's view of each route of a prefix, best first: for `why`. */
  candidates(slot: Slot): Candidate[] {
    const list: Candidate[] = [];
    if (!this.has(slot)) return list;
    for (let row = 0; ; ) {
      const c = new Candidate();
      this.#fill(c, slot, row);
      list.push(c);
      row = this.#at.next(slot, row);
      if (row === 0) return list;
    }
  }

  find(net: Net): Slot | undefined {
    const slot = this.prefixes.find(net);
    return slot !== undefined && this.has(slot) ? slot : undefined;
  }

  longestMatch(net: IpAddress | Prefix, accept?: (slot: Slot) => boolean): Slot | undefined {
    return this.prefixes.longestMatch(net, (slot) => this.has(slot) && (!accept || accept(slot)));
  }

  /** The next slots with routes, in slices: begin with 0, go on with `next`. */
  walk(from: number): { slots: Slot[]; next: number | undefined } {
    return this.#collect(from, () => true);
  }

  /** As `walk`, of prefixes inside this one. */
  walkIn(prefix: Prefix, from = 0): { slots: Slot[]; next: number | undefined } {
    return this.#collect(from, (slot) => covers(prefix, this.prefixes.net(slot)));
  }

  /** Marks the routes of a source in slots from..end-1 stale. */
  markStale(source: number, from: number, end: number): void {
    this.#at.markStale(source, from, end);
  }

  /** Decides anew and tells everybody: what lies behind the next hop of a route has changed. */
  reconsider(slot: Slot): void {
    if (!this.has(slot)) return;
    const before = this.#at.tag(slot, 0) & SOURCE_MASK;
    const path = this.#at.path(slot, 0);
    if (this.#at.next(slot, 0) !== 0) this.#select(slot, before, path);
    this.#moved(slot, before);
    this.#tell(slot, true);
  }

  #collect(from: number, wanted: (slot: Slot) => boolean): { slots: Slot[]; next: number | undefined } {
    const slots: Slot[] = [];
    const { limit } = this.prefixes;
    let slot = Math.max(1, from);
    for (const end = slot + WALK_SLICE; slot < limit && slot < end; slot++) {
      if (this.#at.rows.pages[slot >>> PAGE_BITS] === undefined) slot |= PAGE_MASK;
      else if (this.#at.has(slot) && wanted(slot as Slot)) slots.push(slot as Slot);
    }
    return { slots, next: slot < limit ? slot : undefined };
  }

  #first(slot: Slot, page: Int32Array, at: number, source: number, pathId: number, attrs: AttrId): Outcome {
    const { core } = this;
    page[at] = attrs;
    page[at + NEXT] = 0;
    page[at + TAG] = source | (core.sinceHigh << 24);
    page[at + SINCE] = core.sinceLow;
    this.#at.setPath(slot, 0, pathId);
    core.attributes.hold(attrs);
    this.prefixes.hold(slot);
    this.#routes++;
    this.#nets++;
    const owner = this.owners[source]!;
    owner.imported++;
    owner.preferred++;
    this.#tell(slot, true);
    return Outcome.Added;
  }

  #only(slot: Slot, page: Int32Array, at: number, attrs: AttrId): Outcome {
    const old = page[at]! as AttrId;
    if (old === attrs) {
      page[at + TAG]! &= ~STALE;
      return Outcome.Same;
    }
    const { core } = this;
    core.attributes.hold(attrs);
    page[at] = attrs;
    page[at + TAG] = (page[at + TAG]! & SOURCE_MASK) | (core.sinceHigh << 24);
    page[at + SINCE] = core.sinceLow;
    this.#tell(slot, true);
    core.attributes.release(old);
    return Outcome.Replaced;
  }

  #last(slot: Slot, page: Int32Array, at: number): Outcome {
    const old = page[at]! as AttrId;
    const owner = this.owners[page[at + TAG]! & SOURCE_MASK]!;
    page[at] = page[at + NEXT] = page[at + TAG] = page[at + SINCE] = 0;
    this.#routes--;
    this.#nets--;
    owner.imported--;
    owner.preferred--;
    this.#tell(slot, true);
    this.core.attributes.release(old);
    this.prefixes.release(slot);
    return Outcome.Removed;
  }

  /** One of several routes of a prefix, or the second. */
  #among(slot: Slot, page: Int32Array, at: number, source: number, pathId: number, attrs: AttrId): Outcome {
    const row = this.#at.locate(slot, source, pathId);
    if (row < 0 && attrs === 0) return Outcome.Nothing;
    const before = page[at + TAG]! & SOURCE_MASK;
    const beforePath = this.#at.path(slot, 0);
    if (row < 0) return this.#join(slot, page, at, source, pathId, attrs, before, beforePath);
    const rows = row === 0 ? page : this.#at.more.touch(row);
    const place = row === 0 ? at : (row & PAGE_MASK) * ROUTE_STRIDE;
    const old = rows[place]! as AttrId;
    if (old === attrs) {
      rows[place + TAG]! &= ~STALE;
      return Outcome.Same;
    }
    if (attrs === 0) this.#at.unlink(slot, page, at, row);
    else {
      this.core.attributes.hold(attrs);
      rows[place] = attrs;
      rows[place + TAG] = source | (this.core.sinceHigh << 24);
      rows[place + SINCE] = this.core.sinceLow;
    }
    if (attrs === 0) {
      this.#routes--;
      this.owners[source]!.imported--;
    }
    const changed = this.#select(slot, before, beforePath) || row === 0;
    this.#moved(slot, before);
    this.#tell(slot, changed);
    this.core.attributes.release(old);
    return attrs === 0 ? Outcome.Removed : Outcome.Replaced;
  }

  #join(
    slot: Slot,
    page: Int32Array,
    at: number,
    source: number,
    pathId: number,
    attrs: AttrId,
    before: number,
    beforePath: number,
  ): Outcome {
    const { core } = this;
    this.#at.chain(page, at, attrs, source | (core.sinceHigh << 24), core.sinceLow, pathId);
    this.core.attributes.hold(attrs);
    this.#routes++;
    this.owners[source]!.imported++;
    const changed = this.#select(slot, before, beforePath);
    this.#moved(slot, before);
    this.#tell(slot, changed);
    return Outcome.Added;
  }

  /** Puts the best of a prefix's routes first. @returns whether that is another one than before */
  #select(slot: Slot, before: number, beforePath: number): boolean {
    const page = this.#at.rows.pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * ROUTE_STRIDE;
    let count = 0;
    for (let row = 0; ; ) {
      const c = this.#load(slot, row, count++);
      c.incumbent = c.source.id === before && c.pathId === beforePath;
      row = this.#at.next(slot, row);
      if (row === 0) break;
    }
    const winner = best(this.#candidates, count);
    if (winner.row !== 0) this.#at.swap(slot, page, at, winner.row);
    return winner.source.id !== before || winner.pathId !== beforePath;
  }

  /** The best route is another source's: its owner counts it. */
  #moved(slot: Slot, before: number): void {
    const now = this.#at.tag(slot, 0) & SOURCE_MASK;
    if (now === before) return;
    const old = this.owners[before];
    if (old) old.preferred--;
    this.owners[now]!.preferred++;
  }

  #tell(slot: Slot, bestChanged: boolean): void {
    const feeds = bestChanged ? this.#anyFeeds : undefined;
    if (feeds) {
      const page = this.#at.rows.pages[slot >>> PAGE_BITS]!;
      const at = (slot & PAGE_MASK) * ROUTE_STRIDE;
      if (page[at] === 0) this.withdrawals++;
      else {
        this.updates++;
        this.owners[page[at + TAG]! & SOURCE_MASK]!.chosen++;
      }
      for (let i = 0; i < feeds.length; i++) feeds[i]!.mark(slot);
    } else if (this.#anyFeeds.length > this.#feeds.length) {
      for (let i = 0; i < this.#anyFeeds.length; i++) if (this.#anyFeeds[i]!.any) this.#anyFeeds[i]!.mark(slot);
    }
  }

  #load(slot: Slot, row: number, number: number): Candidate {
    while (this.#candidates.length <= number) this.#candidates.push(new Candidate());
    const c = this.#candidates[number]!;
    this.#fill(c, slot, row);
    return c;
  }

  #fill(c: Candidate, slot: Slot, row: number): void {
    const attrs = this.#at.attrs(slot, row);
    const source = this.#at.tag(slot, row) & SOURCE_MASK;
    const record = this.core.sources[source]!;
    c.row = row;
    c.pathId = this.#at.path(slot, row);
    c.incumbent = row === 0;
    c.load(this.core.attributes, attrs, record, record.kind === RouteKind.Bgp ? this.igpMetric(attrs, source) : 0);
  }

  /** Metric of the way to a BGP route's next hop, UNREACHABLE if there is none. */
  igpMetric(attrs: AttrId, source: number): number {
    return this.owners[source]?.gateways?.metric(this.core.attributes.word(attrs, SetWord.NextHop)) ?? 0;
  }

  /** Number of the next hop that has to be resolved for these attributes; 0 if none has. */
  nextHopOf(attrs: AttrId): number {
    const recursive = this.core.attributes.extra(attrs)?.recursive;
    return recursive
      ? this.core.attributes.nextHops.index(recursive)
      : this.core.attributes.word(attrs, SetWord.NextHop);
  }

  /** A stored set with what only the table knows: whom it is from, where packets go. */
  complete(stored: RouteAttributes, attrs: AttrId, source: number): RouteAttributes {
    const record = this.core.sources[source];
    const gateways = this.owners[source]?.gateways;
    const resolved = stored.nextHops === undefined && (stored.dest === undefined || stored.dest === "unicast");
    if (!gateways || !resolved || (record?.kind !== RouteKind.Bgp && !stored.recursive)) return stored;
    const { dest, nextHops, metric } = gateways.forwarding(this.nextHopOf(attrs));
    const from = stored.from ?? record?.peer?.address;
    const last = this.#completed;
    if (last?.stored === stored && last.from === from && last.nextHops === nextHops) {
      if (last.dest === dest && last.metric === metric) return last.whole; // the next route of the same UPDATE
    }
    const whole = { ...stored, dest, nextHops, ...(from ? { from } : {}), igpMetric: stored.igpMetric ?? metric };
    this.#completed = { stored, from, dest, nextHops, metric, whole };
    return whole;
  }

  #view(slot: Slot, row: number, isBest: boolean): RouteView {
    const tag = this.#at.tag(slot, row);
    const since = this.core.wallOf(this.#at.since(slot, row), tag >>> 24);
    const [path, attrs] = [this.#at.path(slot, row), this.#at.attrs(slot, row)];
    return new RouteView(this, slot, tag & SOURCE_MASK, path, attrs, since, isBest, (tag & STALE) !== 0);
  }
}

/** Slots looked at in one step of a walk. */
const WALK_SLICE = 4096;

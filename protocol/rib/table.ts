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
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import { best, Candidate, mergeable } from "./decision.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { Gateways } from "./resolver.ts";
import {
  type AttrId,
  type Net,
  type NetType,
  type RouteAttributes,
  RouteKind,
  type RouteSource,
  type Slot,
} from "./route.ts";
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
  readonly #rows = new Rows(STRIDE);
  readonly #more = new Rows(STRIDE);
  /** Path ids of routes in the two above; empty until a route has one. */
  readonly #rowPaths = new Rows(1);
  readonly #morePaths = new Rows(1);
  #hasPaths = false;
  #freeMore = 0;
  #moreLimit = 1;
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
    return this.#hasPaths;
  }

  get routeCount(): number {
    return this.#routes;
  }

  get netCount(): number {
    return this.#nets;
  }

  get octets(): number {
    return this.#rows.octets + this.#more.octets + this.#rowPaths.octets + this.#morePaths.octets;
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
    if (pathId !== 0) this.#hasPaths = true;
    const page = this.#rows.touch(slot);
    const at = (slot & PAGE_MASK) * STRIDE;
    if (page[at] === 0) return attrs === 0 ? Outcome.Nothing : this.#first(slot, page, at, source, pathId, attrs);
    if (page[at + NEXT] === 0 && (page[at + TAG]! & SOURCE) === source && this.#path(slot, 0) === pathId) {
      return attrs === 0 ? this.#last(slot, page, at) : this.#only(slot, page, at, attrs);
    }
    return this.#among(slot, page, at, source, pathId, attrs);
  }

  /** Attributes of the best route, NO_ROUTE if there is none. */
  bestAttrs(slot: Slot): AttrId {
    return this.#rows.get(slot, 0) as AttrId;
  }

  /** Number of the source of the best route; only if there is one. */
  bestSource(slot: Slot): number {
    return this.#rows.get(slot, TAG) & SOURCE;
  }

  bestPath(slot: Slot): number {
    return this.#path(slot, 0);
  }

  has(slot: Slot): boolean {
    return this.#rows.get(slot, 0) !== 0;
  }

  /** Attributes of the route of a source and path id. */
  get(slot: Slot, source: number, pathId = 0): AttrId {
    const row = this.#locate(slot, source, pathId);
    return (row < 0 ? 0 : row === 0 ? this.#rows.get(slot, 0) : this.#more.get(row, 0)) as AttrId;
  }

  isStale(slot: Slot, source: number, pathId = 0): boolean {
    const row = this.#locate(slot, source, pathId);
    if (row < 0) return false;
    return ((row === 0 ? this.#rows.get(slot, TAG) : this.#more.get(row, TAG)) & STALE) !== 0;
  }

  best(slot: Slot): RouteView | undefined {
    return this.has(slot) ? this.#view(slot, 0, true) : undefined;
  }

  /** Best first. */
  routes(slot: Slot): RouteView[] {
    if (!this.has(slot)) return [];
    const views = [this.#view(slot, 0, true)];
    for (let row = this.#rows.get(slot, NEXT); row !== 0; row = this.#more.get(row, NEXT))
      views.push(this.#view(slot, row, false));
    return views;
  }

  /** Calls for each route of a prefix, best first, without objects. */
  eachRoute(slot: Slot, callback: (source: number, pathId: number, attrs: AttrId, stale: boolean) => void): void {
    if (!this.has(slot)) return;
    const tag = this.#rows.get(slot, TAG);
    callback(tag & SOURCE, this.#path(slot, 0), this.#rows.get(slot, 0) as AttrId, (tag & STALE) !== 0);
    for (let row = this.#rows.get(slot, NEXT); row !== 0; row = this.#more.get(row, NEXT)) {
      const other = this.#more.get(row, TAG);
      callback(other & SOURCE, this.#path(slot, row), this.#more.get(row, 0) as AttrId, (other & STALE) !== 0);
    }
  }

  /** Routes that share the traffic with the best one, the best first (BIRD's `merge paths`). */
  merged(slot: Slot): RouteView[] {
    if (!this.has(slot)) return [];
    const views = [this.#view(slot, 0, true)];
    const first = this.#load(slot, 0, 0);
    for (let row = this.#rows.get(slot, NEXT); row !== 0; row = this.#more.get(row, NEXT)) {
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
      row = row === 0 ? this.#rows.get(slot, NEXT) : this.#more.get(row, NEXT);
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

  /** Marks the routes of a source in slots from..end-1 stale, or (with `sweep`) removes those that still are. */
  markStale(source: number, from: number, end: number): void {
    for (let slot = from; slot < end; slot++) {
      for (let row = this.#firstOf(slot, source); row >= 0; row = this.#nextOf(slot, row, source)) {
        if (row === 0) this.#rows.set(slot, TAG, this.#rows.get(slot, TAG) | STALE);
        else this.#more.set(row, TAG, this.#more.get(row, TAG) | STALE);
      }
    }
  }

  /** Decides anew and tells everybody: what lies behind the next hop of a route has changed. */
  reconsider(slot: Slot): void {
    if (!this.has(slot)) return;
    const before = this.#rows.get(slot, TAG) & SOURCE;
    const path = this.#path(slot, 0);
    if (this.#rows.get(slot, NEXT) !== 0) this.#select(slot, before, path);
    this.#moved(slot, before);
    this.#tell(slot, true);
  }

  #collect(from: number, wanted: (slot: Slot) => boolean): { slots: Slot[]; next: number | undefined } {
    const slots: Slot[] = [];
    const { limit } = this.prefixes;
    let slot = Math.max(1, from);
    for (const end = slot + WALK_SLICE; slot < limit && slot < end; slot++) {
      if (this.#rows.pages[slot >>> PAGE_BITS] === undefined) slot |= PAGE_MASK;
      else if (this.#rows.get(slot, 0) !== 0 && wanted(slot as Slot)) slots.push(slot as Slot);
    }
    return { slots, next: slot < limit ? slot : undefined };
  }

  #first(slot: Slot, page: Int32Array, at: number, source: number, pathId: number, attrs: AttrId): Outcome {
    const { core } = this;
    page[at] = attrs;
    page[at + NEXT] = 0;
    page[at + TAG] = source | (core.sinceHigh << 24);
    page[at + SINCE] = core.sinceLow;
    if (this.#hasPaths) this.#rowPaths.set(slot, 0, pathId);
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
    page[at + TAG] = (page[at + TAG]! & SOURCE) | (core.sinceHigh << 24);
    page[at + SINCE] = core.sinceLow;
    this.#tell(slot, true);
    core.attributes.release(old);
    return Outcome.Replaced;
  }

  #last(slot: Slot, page: Int32Array, at: number): Outcome {
    const old = page[at]! as AttrId;
    const owner = this.owners[page[at + TAG]! & SOURCE]!;
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
    const row = this.#locate(slot, source, pathId);
    if (row < 0 && attrs === 0) return Outcome.Nothing;
    const before = page[at + TAG]! & SOURCE;
    const beforePath = this.#path(slot, 0);
    if (row < 0) return this.#join(slot, page, at, source, pathId, attrs, before, beforePath);
    const rows = row === 0 ? page : this.#more.touch(row);
    const place = row === 0 ? at : (row & PAGE_MASK) * STRIDE;
    const old = rows[place]! as AttrId;
    if (old === attrs) {
      rows[place + TAG]! &= ~STALE;
      return Outcome.Same;
    }
    if (attrs === 0) this.#unlink(slot, page, at, row);
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
    const row = this.#freeMore !== 0 ? this.#freeMore : this.#moreLimit++;
    const more = this.#more.touch(row);
    const place = (row & PAGE_MASK) * STRIDE;
    if (this.#freeMore !== 0) this.#freeMore = more[place + NEXT]!;
    more[place] = attrs;
    more[place + NEXT] = page[at + NEXT]!;
    more[place + TAG] = source | (this.core.sinceHigh << 24);
    more[place + SINCE] = this.core.sinceLow;
    page[at + NEXT] = row;
    if (this.#hasPaths) this.#morePaths.set(row, 0, pathId);
    this.core.attributes.hold(attrs);
    this.#routes++;
    this.owners[source]!.imported++;
    const changed = this.#select(slot, before, beforePath);
    this.#moved(slot, before);
    this.#tell(slot, changed);
    return Outcome.Added;
  }

  /** Takes a route out of the chain; in the place of the best one comes the next, whichever it is. */
  #unlink(slot: Slot, page: Int32Array, at: number, row: number): void {
    let gone = row;
    if (row === 0) {
      gone = page[at + NEXT]!;
      const next = this.#more.get(gone, NEXT);
      this.#copy(slot, page, at, gone);
      page[at + NEXT] = next;
    } else {
      let previous = page[at + NEXT]!;
      if (previous === row) page[at + NEXT] = this.#more.get(row, NEXT);
      else {
        while (this.#more.get(previous, NEXT) !== row) previous = this.#more.get(previous, NEXT);
        this.#more.set(previous, NEXT, this.#more.get(row, NEXT));
      }
    }
    const more = this.#more.touch(gone);
    const place = (gone & PAGE_MASK) * STRIDE;
    more[place] = 0;
    more[place + NEXT] = this.#freeMore;
    this.#freeMore = gone;
  }

  /** Puts the best of a prefix's routes first. @returns whether that is another one than before */
  #select(slot: Slot, before: number, beforePath: number): boolean {
    const { pages } = this.#rows;
    const page = pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * STRIDE;
    let count = 0;
    for (let row = 0; ; ) {
      const c = this.#load(slot, row, count++);
      c.incumbent = c.source.id === before && c.pathId === beforePath;
      row = row === 0 ? page[at + NEXT]! : this.#more.get(row, NEXT);
      if (row === 0) break;
    }
    const winner = best(this.#candidates, count);
    if (winner.row !== 0) this.#swap(slot, page, at, winner.row);
    return winner.source.id !== before || winner.pathId !== beforePath;
  }

  #swap(slot: Slot, page: Int32Array, at: number, row: number): void {
    const more = this.#more.touch(row);
    const place = (row & PAGE_MASK) * STRIDE;
    for (const word of [0, TAG, SINCE]) {
      const kept = page[at + word]!;
      page[at + word] = more[place + word]!;
      more[place + word] = kept;
    }
    if (!this.#hasPaths) return;
    const path = this.#rowPaths.get(slot, 0);
    this.#rowPaths.set(slot, 0, this.#morePaths.get(row, 0));
    this.#morePaths.set(row, 0, path);
  }

  #copy(slot: Slot, page: Int32Array, at: number, row: number): void {
    const more = this.#more.touch(row);
    const place = (row & PAGE_MASK) * STRIDE;
    page[at] = more[place]!;
    page[at + TAG] = more[place + TAG]!;
    page[at + SINCE] = more[place + SINCE]!;
    if (this.#hasPaths) this.#rowPaths.set(slot, 0, this.#morePaths.get(row, 0));
  }

  /** The best route is another source's: its owner counts it. */
  #moved(slot: Slot, before: number): void {
    const now = this.#rows.get(slot, TAG) & SOURCE;
    if (now === before) return;
    const old = this.owners[before];
    if (old) old.preferred--;
    this.owners[now]!.preferred++;
  }

  #tell(slot: Slot, bestChanged: boolean): void {
    const feeds = bestChanged ? this.#anyFeeds : undefined;
    if (feeds) {
      const page = this.#rows.pages[slot >>> PAGE_BITS]!;
      const at = (slot & PAGE_MASK) * STRIDE;
      if (page[at] === 0) this.withdrawals++;
      else {
        this.updates++;
        this.owners[page[at + TAG]! & SOURCE]!.chosen++;
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
    const attrs = (row === 0 ? this.#rows.get(slot, 0) : this.#more.get(row, 0)) as AttrId;
    const source = (row === 0 ? this.#rows.get(slot, TAG) : this.#more.get(row, TAG)) & SOURCE;
    const record = this.core.sources[source]!;
    c.row = row;
    c.pathId = this.#path(slot, row);
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
    const rows = row === 0 ? this.#rows : this.#more;
    const at = row === 0 ? slot : row;
    const tag = rows.get(at, TAG);
    const since = this.core.wallOf(rows.get(at, SINCE), tag >>> 24);
    const attrs = rows.get(at, 0) as AttrId;
    return new RouteView(this, slot, tag & SOURCE, this.#path(slot, row), attrs, since, isBest, (tag & STALE) !== 0);
  }

  #path(slot: number, row: number): number {
    if (!this.#hasPaths) return 0;
    return (row === 0 ? this.#rowPaths.get(slot, 0) : this.#morePaths.get(row, 0)) >>> 0;
  }

  /** Row of a source's route: 0 if it is the best, -1 if there is none. */
  #locate(slot: Slot, source: number, pathId: number): number {
    for (let row = this.#firstOf(slot, source); row >= 0; row = this.#nextOf(slot, row, source)) {
      if (this.#path(slot, row) === pathId) return row;
    }
    return -1;
  }

  #firstOf(slot: number, source: number): number {
    const page = this.#rows.pages[slot >>> PAGE_BITS];
    if (page === undefined) return -1;
    const at = (slot & PAGE_MASK) * STRIDE;
    if (page[at] === 0) return -1;
    if ((page[at + TAG]! & SOURCE) === source) return 0;
    return this.#nextOf(slot, 0, source);
  }

  #nextOf(slot: number, row: number, source: number): number {
    let next = row === 0 ? this.#rows.get(slot, NEXT) : this.#more.get(row, NEXT);
    while (next !== 0 && (this.#more.get(next, TAG) & SOURCE) !== source) next = this.#more.get(next, NEXT);
    return next === 0 ? -1 : next;
  }
}

const STRIDE = 4;
const NEXT = 1;
const TAG = 2;
const SINCE = 3;

/** TAG: the source's number, flags, and the upper bits of the time. */
const SOURCE = 0xffff;
const STALE = 0x1_0000;

/** Slots looked at in one step of a walk. */
const WALK_SLICE = 4096;

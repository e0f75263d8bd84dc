/**
 * One direction of a pipe. Changes of the table wait as slots, once each however often they change; a slot's turn brings
 * the other table in line with what this one says by then. What has been put there is read from that table itself.
 */
import { BitSet, DirtySet } from "./columns.ts";
import { type ExportUpdates, type ExportWithdraws, exportUpdates, exportWithdraws } from "./counters.ts";
import type { ExportedView, Exporter } from "./exporter.ts";
import type { RouteFilter } from "./filter.ts";
import type { PipeEnd } from "./pipe.ts";
import type { AttrId, RouteAttributes, RouteSource, Slot } from "./route.ts";
import type { RouteView } from "./route-view.ts";
import type { RibJob } from "./sources.ts";
import type { Table, TableFeed } from "./table.ts";

export class PipeWay implements Exporter, TableFeed {
  readonly any = true;
  readonly updates: ExportUpdates = exportUpdates();
  readonly withdraws: ExportWithdraws = exportWithdraws();
  readonly #from: Table;
  readonly #to: PipeEnd;
  readonly #filter: () => RouteFilter;
  readonly #dirty = new DirtySet();
  /** Judged although nothing changed: the filter is another one. */
  readonly #again = new BitSet();
  /** Of slots with several routes: which were judged last, so that each is judged and counted when it changes. */
  readonly #judged = new Map<Slot, Judged>();
  /** Slots whose route the other table has from its origin by another way, or has no room for. */
  readonly #waiting = new Set<Slot>();
  readonly #job: RibJob = { step: () => this.#step() };
  /** The other table tells when a slot that waits may have become free. */
  readonly #room: TableFeed = {
    any: true,
    mark: (slot) => {
      if (this.#waiting.has(slot)) this.mark(slot);
    },
  };
  #running = false;
  #scheduled = false;

  constructor(from: Table, to: PipeEnd, filter: () => RouteFilter) {
    this.#from = from;
    this.#to = to;
    this.#filter = filter;
  }

  get exported(): number {
    return this.#to.brought;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#from.addFeed(this);
    this.#to.table.addFeed(this.#room);
    this.refilter();
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#from.removeFeed(this);
    this.#to.table.removeFeed(this.#room);
    while (this.#dirty.size > 0) this.#from.prefixes.release(this.#dirty.take() as Slot);
    this.#again.clear();
    this.#waiting.clear();
    for (const slot of this.#judged.keys()) this.#remember(slot, undefined);
  }

  refilter(): void {
    if (!this.#running) return;
    for (let slot = 1 as Slot; slot < this.#from.prefixes.limit; slot++) {
      if (!this.#from.has(slot)) continue;
      this.#again.add(slot);
      this.mark(slot);
    }
  }

  resend(): void {
    this.refilter();
  }

  mark(slot: Slot): void {
    // The slot's number must not go to another prefix before its turn.
    if (this.#dirty.add(slot)) this.#from.prefixes.hold(slot);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#from.core.env.wake(this.#job);
  }

  /** Something better has this slot's place in the other table: tries again when that changes. */
  wait(slot: Slot): void {
    this.#waiting.add(slot);
  }

  view(slot: Slot, route: RouteView | undefined = this.#from.best(slot)): ExportedView {
    if (!route) return { verdict: "not eligible", reason: "no route" };
    const reason = this.#refused(route.source);
    if (reason !== undefined) return { verdict: "not eligible", reason };
    const attributes = this.#run(route);
    return attributes ? { verdict: "exported", attributes } : { verdict: "rejected" };
  }

  clearCounters(): void {
    Object.assign(this.updates, exportUpdates());
    Object.assign(this.withdraws, exportWithdraws());
  }

  #step(): boolean {
    this.#from.core.tick();
    for (let left = SLICE; left > 0 && this.#dirty.size > 0; left--) {
      const slot = this.#dirty.take() as Slot;
      this.#settle(slot);
      this.#from.prefixes.release(slot);
    }
    this.#scheduled = this.#dirty.size > 0;
    return this.#scheduled;
  }

  #settle(slot: Slot): void {
    const again = this.#again.has(slot);
    if (again) this.#again.delete(slot);
    const routes = this.#from.routes(slot);
    const judged = this.#judged.get(slot);
    const known = new Set<string>();
    const waited = this.#waiting.delete(slot);
    // What is gone leaves first: its place may be another's.
    this.#takeOut(slot, routes, judged);
    for (const route of routes) {
      const key = keyOf(route.source.id, route.pathId);
      known.add(key);
      if (again || waited || routes.length === 1 || isNews(route, judged?.get(key))) this.#pass(route);
    }
    this.#remember(slot, routes.length > 1 ? routes : undefined);
  }

  #takeOut(slot: Slot, routes: readonly RouteView[], judged: Judged | undefined): void {
    const stays = new Set(routes.map((route) => keyOf(route.source.id, route.pathId)));
    let gone = routes.length === 0 && !judged ? 1 : 0;
    for (const key of judged?.keys() ?? []) if (!stays.has(key)) gone++;
    this.withdraws.received += gone;
    for (const { from, source, pathId } of this.#to.entered(slot)) {
      if (stays.has(keyOf(from, pathId))) continue;
      this.#to.takeOut(slot, source, pathId);
      this.withdraws.accepted++;
    }
  }

  #pass(route: RouteView): void {
    const { slot, source, pathId } = route;
    this.updates.received++;
    if (this.#refused(source) !== undefined) {
      this.updates.rejected++;
      return;
    }
    const attributes = this.#run(route);
    const here = this.#to.enter(this.#from, source);
    if (!attributes) {
      this.updates.filtered++;
      if (this.#to.table.get(slot, here.id, pathId) !== 0) this.#to.takeOut(slot, here.id, pathId);
      return;
    }
    if (this.#isTaken(slot, here, pathId)) {
      this.updates.rejected++;
      this.#waiting.add(slot);
      return;
    }
    this.#install(slot, here, pathId, attributes);
  }

  #install(slot: Slot, source: RouteSource, pathId: number, attributes: RouteAttributes): void {
    const { attributes: store } = this.#to.table.core;
    const attrs = store.intern(attributes);
    if (this.#to.install(slot, source.id, pathId, attrs) === undefined) this.#waiting.add(slot);
    else this.updates.accepted++;
    store.sweep(attrs);
  }

  #run(route: RouteView): RouteAttributes | undefined {
    const { recursive: _, ...resolved } = route.attributes; // looked up already
    const from = resolved.from ?? route.source.peer?.address;
    const plain = { ...resolved, preference: route.preference, ...(from ? { from } : {}) };
    return this.#filter().run(route.net, plain, route.source, this.#from.core.env.filterEnv);
  }

  #refused(source: RouteSource): string | undefined {
    const { table } = this.#to;
    if (this.#to.isOurs(source.id)) return "its own route";
    return source.via?.tables.includes(table.name) ? `it came through table ${table.name}` : undefined;
  }

  /** Whether the other table has this route from its origin by another way that is no longer; a longer one gives way. */
  #isTaken(slot: Slot, source: RouteSource, pathId: number): boolean {
    const { table } = this.#to;
    const origin = source.via?.origin.id;
    let other: RouteSource | undefined;
    table.eachRoute(slot, (id, path) => {
      const there = table.core.sources[id]!;
      if (id !== source.id && path === pathId && (there.via?.origin.id ?? id) === origin) other = there;
    });
    if (!other) return false;
    if (lengthOf(other) <= lengthOf(source)) return true;
    return !this.#to.makeRoom(slot, other.id, pathId);
  }

  #remember(slot: Slot, routes: readonly RouteView[] | undefined): void {
    const { attributes } = this.#from.core;
    const before = this.#judged.get(slot);
    if (routes) {
      const now: Judged = new Map();
      for (const { source, pathId, attrs } of routes) {
        attributes.hold(attrs);
        now.set(keyOf(source.id, pathId), { attrs, source });
      }
      this.#judged.set(slot, now);
    } else this.#judged.delete(slot);
    for (const { attrs } of before?.values() ?? []) attributes.release(attrs);
  }
}

type Judged = Map<string, { readonly attrs: AttrId; readonly source: RouteSource }>;

/** The way of a recursive route may have changed though the route itself has not. */
function isNews(
  route: RouteView,
  judged: { readonly attrs: AttrId; readonly source: RouteSource } | undefined,
): boolean {
  return judged?.attrs !== route.attrs || judged.source !== route.source || route.isRecursive;
}

function lengthOf({ via }: RouteSource): number {
  return via?.tables.length ?? 1;
}

function keyOf(source: number, pathId: number): string {
  return `${source} ${pathId}`;
}

/** Slots settled in one step. */
const SLICE = 512;

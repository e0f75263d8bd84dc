/**
 * The way out to something in this process: kernel, pipe, library, MRT. Changes wait as slots, once each however often
 * they change; what is passed on is what the table says when it is asked for.
 */

import { BitSet, DirtySet, PAGE_MASK, Rows } from "./columns.ts";
import { type ExportUpdates, type ExportWithdraws, exportUpdates, exportWithdraws } from "./counters.ts";
import type { ExportChange, ExportedView, Exporter } from "./exporter.ts";
import type { RouteFilter } from "./filter.ts";
import type { Limit } from "./limits.ts";
import type { AttrId, NextHop, RouteAttributes, RouteSource, Slot } from "./route.ts";
import type { RouteView } from "./route-view.ts";
import type { Table, TableFeed } from "./table.ts";

export interface LocalExportRules {
  readonly filter: RouteFilter;
  readonly limit: Limit;
  /** BIRD's `merge paths`: how many next hops at most. */
  readonly mergePaths: number | false;
  /** Why a route may not go out here whatever the filter says. */
  readonly refuse: (route: RouteView) => string | undefined;
}

export class LocalExport implements Exporter, TableFeed {
  readonly any: boolean;
  readonly updates: ExportUpdates = exportUpdates();
  readonly withdraws: ExportWithdraws = exportWithdraws();
  onExport: (() => void) | undefined;
  rules: LocalExportRules;
  readonly #table: Table;
  readonly #own: RouteSource;
  readonly #dirty = new DirtySet();
  /** By slot: the table's set that was passed on, and its source. */
  readonly #out = new Rows(2);
  /** Held back by the limit. */
  readonly #waiting = new Set<Slot>();
  #exported = 0;
  #running = false;
  /** Passes on what has not changed, too. */
  readonly #forced = new BitSet();

  constructor(table: Table, own: RouteSource, rules: LocalExportRules) {
    this.#table = table;
    this.#own = own;
    this.rules = rules;
    this.any = rules.mergePaths !== false;
  }

  get exported(): number {
    return this.#exported;
  }

  /** Slots that wait to be drained. */
  get pending(): number {
    return this.#dirty.size;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#table.addFeed(this);
    this.#markAll(false);
  }

  /** What was passed on is forgotten without a word: who stops knows. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#table.removeFeed(this);
    this.#dirty.clear();
    this.#forced.clear();
    this.#waiting.clear();
    for (let slot = 1; slot < this.#table.prefixes.limit; slot++) this.#forget(slot as Slot);
    this.#out.clear();
    this.#exported = 0;
    this.rules.limit.reset();
  }

  mark(slot: Slot): void {
    // A set that stays while its next hop's way changes is news too.
    if (this.#out.get(slot, 0) !== 0 && this.#out.get(slot, 0) === this.#table.bestAttrs(slot)) this.#forced.add(slot);
    if (this.#dirty.add(slot) && this.#dirty.size === 1) this.onExport?.();
  }

  refilter(): void {
    if (this.#running) this.#markAll(true);
  }

  resend(): void {
    this.refilter();
  }

  /** The next changes, at most so many; an empty list: there are none left. */
  drain(max: number): ExportChange[] {
    const changes: ExportChange[] = [];
    while (changes.length < max && this.#dirty.size > 0) {
      const slot = this.#dirty.take() as Slot;
      const change = this.#settle(slot);
      if (change) changes.push(change);
    }
    return changes;
  }

  view(slot: Slot): ExportedView {
    const route = this.#table.best(slot);
    if (!route) return { verdict: "not eligible", reason: "no route" };
    const reason = this.#refused(route);
    if (reason !== undefined) return { verdict: "not eligible", reason };
    const attributes = this.#run(route);
    return attributes ? { verdict: "exported", attributes } : { verdict: "rejected" };
  }

  #settle(slot: Slot): ExportChange | undefined {
    const forced = this.#forced.has(slot);
    if (forced) this.#forced.delete(slot);
    const route = this.#table.best(slot);
    const attributes = route ? this.#judge(route, slot) : undefined;
    const before = this.#out.get(slot, 0) as AttrId;
    if (!route || !attributes) return before === 0 ? undefined : this.#withdrawn(slot, route === undefined);
    const source = route.source;
    if (before === route.attrs && this.#out.get(slot, 1) === source.id && !forced && !this.any) return undefined;
    this.updates.accepted++;
    this.#remember(slot, before, route.attrs, source.id);
    return { net: route.net, slot, attributes, source };
  }

  #judge(route: RouteView, slot: Slot): RouteAttributes | undefined {
    this.updates.received++;
    if (this.#refused(route) !== undefined) {
      this.updates.rejected++;
      return undefined;
    }
    const attributes = this.#run(route);
    if (!attributes) {
      this.updates.filtered++;
      return undefined;
    }
    if (this.#out.get(slot, 0) === 0 && !this.rules.limit.admits(this.#exported)) {
      this.updates.rejected++;
      this.#waiting.add(slot);
      return undefined;
    }
    this.#waiting.delete(slot);
    return attributes;
  }

  #run(route: RouteView): RouteAttributes | undefined {
    const { filter, mergePaths } = this.rules;
    const input = mergePaths === false ? route.attributes : this.#merge(route, mergePaths);
    return filter.run(route.net, input, route.source, this.#table.core.env.filterEnv);
  }

  #merge(route: RouteView, most: number): RouteAttributes {
    const own = route.attributes;
    const routes = this.#table.merged(route.slot);
    if (routes.length < 2) return own;
    const nextHops: NextHop[] = [];
    for (const other of routes) {
      for (const hop of other.attributes.nextHops ?? []) {
        if (nextHops.length < most && !nextHops.some((known) => sameHop(known, hop))) nextHops.push(hop);
      }
    }
    return { ...own, nextHops };
  }

  #refused(route: RouteView): string | undefined {
    return route.source.id === this.#own.id ? "its own route" : this.rules.refuse(route);
  }

  #withdrawn(slot: Slot, gone: boolean): ExportChange {
    if (gone) this.withdraws.received++;
    this.withdraws.accepted++;
    const source = this.#table.core.sources[this.#out.get(slot, 1)] ?? this.#own;
    const net = this.#table.prefixes.net(slot);
    this.#forget(slot);
    this.#exported--;
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      if (this.#table.has(waiting)) this.mark(waiting);
      break;
    }
    return { net, slot, attributes: undefined, source };
  }

  #remember(slot: Slot, before: AttrId, attrs: AttrId, source: number): void {
    const page = this.#out.touch(slot);
    const at = (slot & PAGE_MASK) * 2;
    this.#table.core.attributes.hold(attrs);
    page[at] = attrs;
    page[at + 1] = source;
    if (before !== 0) this.#table.core.attributes.release(before);
    else {
      this.#table.prefixes.hold(slot);
      this.#exported++;
    }
  }

  #forget(slot: Slot): void {
    const attrs = this.#out.get(slot, 0) as AttrId;
    if (attrs === 0) return;
    this.#out.set(slot, 0, 0);
    this.#table.core.attributes.release(attrs);
    this.#table.prefixes.release(slot);
  }

  #markAll(forced: boolean): void {
    const before = this.#dirty.size;
    for (let slot = 1; slot < this.#table.prefixes.limit; slot++) {
      if (!this.#table.has(slot as Slot) && this.#out.get(slot, 0) === 0) continue;
      this.#dirty.add(slot);
      if (forced) this.#forced.add(slot);
    }
    if (before === 0 && this.#dirty.size > 0) this.onExport?.();
  }
}

function sameHop(a: NextHop, b: NextHop): boolean {
  const same =
    a.gateway && b.gateway ? JSON.stringify(a.gateway) === JSON.stringify(b.gateway) : a.gateway === b.gateway;
  return same && a.iface === b.iface;
}

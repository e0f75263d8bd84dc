/**
 * The way in of a channel: limits, import filter, table (RFC 4271 §9.1); what was received is kept so that a changed
 * filter judges it anew and only the differences go on.
 */

import { AdjRibIn } from "./adj-rib-in.ts";
import { SetWord } from "./attribute-store.ts";
import { type ImportUpdates, type ImportWithdraws, importUpdates, importWithdraws } from "./counters.ts";
import { LazyAttributes } from "./decode-cache.ts";
import type { RouteFilter } from "./filter.ts";
import type { Limit } from "./limits.ts";
import { type AttrId, NO_ROUTE, type RouteSource, type Slot } from "./route.ts";
import type { RibCore } from "./sources.ts";
import { Outcome, type RouteOwner, type Table } from "./table.ts";
import { UNDECIDED, Verdicts } from "./verdicts.ts";

export interface ImportRules {
  readonly table: Table;
  readonly filter: RouteFilter;
  readonly receiveLimit: Limit;
  readonly importLimit: Limit;
  /** Rejected routes are shown as such. */
  readonly keepFiltered: boolean;
}

export class RouteImport {
  readonly updates: ImportUpdates = importUpdates();
  readonly withdraws: ImportWithdraws = importWithdraws();
  readonly adjRibIn: AdjRibIn;
  readonly owner: RouteOwner;
  /** Rejected routes that are kept. */
  filtered = 0;
  /** Routes were rejected and not kept: a new filter needs the peer to send them again. */
  forgot = false;
  /** All slots with anything of this channel are from `low` to `high`: what one peer brings lies together. */
  low: number = Number.MAX_SAFE_INTEGER;
  high = 0;
  readonly #core: RibCore;
  readonly #table: Table;
  readonly #source: number;
  readonly #lazy: LazyAttributes;
  #rules: ImportRules;
  #constant: "accept" | "reject" | undefined;
  #verdicts: Verdicts | undefined;

  constructor(rules: ImportRules, source: RouteSource, owner: RouteOwner) {
    this.#rules = rules;
    this.#table = rules.table;
    this.#core = rules.table.core;
    this.#source = source.id;
    this.owner = owner;
    this.#lazy = new LazyAttributes((id) => this.#core.attributes.attributes(id));
    this.adjRibIn = new AdjRibIn(this.#core.attributes, this.#table.prefixes);
    this.rules = rules;
  }

  get rules(): ImportRules {
    return this.#rules;
  }

  set rules(rules: ImportRules) {
    const { filter } = rules;
    this.#rules = rules;
    this.#constant = filter.name === "ACCEPT" ? "accept" : filter.name === "REJECT" ? "reject" : undefined;
    this.#verdicts = Verdicts.suits(filter) && !this.#constant ? new Verdicts(this.#core.attributes) : undefined;
  }

  /** Routes received and not withdrawn, as far as they are kept. */
  get received(): number {
    return this.owner.imported + this.filtered;
  }

  /** Whether an announcement changes nothing but counters: nobody needs its slot. */
  get ignoresAll(): boolean {
    return (
      this.#constant === "reject" &&
      !this.#rules.keepFiltered &&
      this.received === 0 &&
      !this.#rules.receiveLimit.options
    );
  }

  /** Counts an announcement that `ignoresAll`. */
  ignore(): void {
    this.updates.received++;
    this.updates.filtered++;
    this.forgot = true;
  }

  /** Counts a route that may not come in whatever the filter says. */
  refuse(): void {
    this.updates.received++;
    this.updates.rejected++;
  }

  /** A route came in. Slot and set may be fresh and unheld: the caller sweeps the set, this the slot. */
  announce(slot: Slot, pathId: number, received: AttrId): void {
    this.updates.received++;
    if (slot < this.low) this.low = slot;
    if (slot > this.high) this.high = slot;
    if (
      this.#rules.receiveLimit.options &&
      this.#isNew(slot, pathId) &&
      !this.#rules.receiveLimit.admits(this.received)
    ) {
      this.updates.rejected++;
      this.#table.prefixes.sweep(slot);
      return;
    }
    const verdict = this.#constant === "accept" ? received : this.#judge(slot, received);
    this.#settle(slot, pathId, received, verdict, true);
  }

  withdraw(slot: Slot, pathId: number): void {
    this.withdraws.received++;
    const outcome = this.#table.set(slot, this.#source, pathId, NO_ROUTE);
    const kept = this.adjRibIn.size === 0 ? NO_ROUTE : this.adjRibIn.set(slot, pathId, NO_ROUTE);
    if (outcome === Outcome.Removed) this.withdraws.accepted++;
    else {
      this.withdraws.ignored++;
      if (kept !== 0) this.filtered--;
    }
  }

  /** Counts a withdrawal of a prefix that no table knows. */
  withdrawUnknown(): void {
    this.withdraws.received++;
    this.withdraws.ignored++;
  }

  /** The route of a slot and path, as it was received. */
  receivedOf(slot: Slot, pathId: number): AttrId {
    const kept = this.adjRibIn.get(slot, pathId);
    return kept !== 0 ? kept : this.#table.get(slot, this.#source, pathId);
  }

  /** Judges the routes of a slot anew. */
  again(slot: Slot): void {
    for (const pathId of this.#paths(slot)) {
      const received = this.receivedOf(slot, pathId);
      if (received === 0) continue;
      this.#core.attributes.hold(received);
      const verdict = this.#constant === "accept" ? received : this.#judge(slot, received);
      this.#settle(slot, pathId, received, verdict, false);
      this.#core.attributes.release(received);
    }
  }

  /** Removes the routes of a slot: all, or those not seen again since they were marked stale. */
  remove(slot: Slot, staleOnly: boolean): void {
    if (this.adjRibIn.size === 0 && !this.#table.hasPaths) {
      if (!staleOnly || this.#table.isStale(slot, this.#source)) this.#table.set(slot, this.#source, 0, NO_ROUTE);
      return;
    }
    for (const pathId of this.#paths(slot)) {
      const installed = this.#table.get(slot, this.#source, pathId);
      const stale =
        installed !== 0 ? this.#table.isStale(slot, this.#source, pathId) : this.adjRibIn.isStale(slot, pathId);
      if (staleOnly && !stale) continue;
      this.#table.prefixes.hold(slot);
      this.#table.set(slot, this.#source, pathId, NO_ROUTE);
      const kept = this.adjRibIn.set(slot, pathId, NO_ROUTE);
      if (kept !== 0 && installed === 0) this.filtered--;
      this.#table.prefixes.release(slot);
    }
  }

  /** Replaces the sets of a slot's stale routes; NO_ROUTE removes (RFC 9494 §4.3). */
  changeStale(slot: Slot, change: (attrs: AttrId) => AttrId): void {
    for (const pathId of this.#paths(slot)) {
      const installed = this.#table.get(slot, this.#source, pathId);
      if (installed === 0 || !this.#table.isStale(slot, this.#source, pathId)) continue;
      const next = change(installed);
      if (next === installed) continue;
      this.#table.set(slot, this.#source, pathId, next);
      if (next !== 0) this.#table.markStale(this.#source, slot, slot + 1);
    }
  }

  /** Nothing is left: the next routes may lie elsewhere. */
  forgetBounds(): void {
    this.low = Number.MAX_SAFE_INTEGER;
    this.high = 0;
  }

  markStale(): void {
    this.#table.markStale(this.#source, this.low, Math.min(this.high + 1, this.#table.prefixes.limit));
    this.adjRibIn.markStale();
  }

  /** Whether the channel has anything at a slot. */
  concerns(slot: Slot): boolean {
    if (this.adjRibIn.size > 0 && this.adjRibIn.pathsOf(slot).length > 0) return true;
    let found = false;
    this.#table.eachRoute(slot, (source) => {
      if (source === this.#source) found = true;
    });
    return found;
  }

  #paths(slot: Slot): number[] {
    const paths: number[] = this.adjRibIn.pathsOf(slot);
    this.#table.eachRoute(slot, (source, pathId) => {
      if (source === this.#source && !paths.includes(pathId)) paths.push(pathId);
    });
    return paths;
  }

  #isNew(slot: Slot, pathId: number): boolean {
    return this.receivedOf(slot, pathId) === 0;
  }

  #judge(slot: Slot, received: AttrId): AttrId {
    if (this.#constant === "reject") return NO_ROUTE;
    const verdicts = this.#verdicts;
    const known = verdicts ? verdicts.get(received, this.#source) : UNDECIDED;
    if (known !== UNDECIDED) return known;
    const { attributes: store, env, sources } = this.#core;
    const before = this.#lazy.of(received);
    const after = this.#rules.filter.run(this.#table.prefixes.net(slot), before, sources[this.#source]!, env.filterEnv);
    const verdict =
      after === undefined ? NO_ROUTE : this.#lazy.isSame(after) ? received : store.derive(received, after);
    verdicts?.put(received, this.#source, verdict);
    return verdict;
  }

  #settle(slot: Slot, pathId: number, received: AttrId, verdict: AttrId, counted: boolean): void {
    if (verdict === 0) {
      this.#reject(slot, pathId, received, counted);
      return;
    }
    const { importLimit } = this.#rules;
    if (
      importLimit.options &&
      this.#table.get(slot, this.#source, pathId) === 0 &&
      !importLimit.admits(this.owner.imported)
    ) {
      if (counted) this.updates.rejected++;
      this.#keep(slot, pathId, received);
      this.#sweepSet(verdict, received);
      return;
    }
    const wasFiltered = this.filtered > 0 && this.#isFiltered(slot, pathId);
    const outcome = this.#table.set(slot, this.#source, pathId, verdict);
    if (counted) {
      if (outcome === Outcome.Same) this.updates.ignored++;
      else this.updates.accepted++;
    }
    if (verdict !== received || this.adjRibIn.size > 0) {
      this.adjRibIn.set(slot, pathId, verdict === received ? NO_ROUTE : received);
      if (wasFiltered) this.filtered--;
    }
  }

  #reject(slot: Slot, pathId: number, received: AttrId, counted: boolean): void {
    if (counted) this.updates.filtered++;
    if (this.#constant === "reject" && !this.#rules.keepFiltered) {
      // What `import none` rejects is forgotten, as BIRD does: it may be a whole Internet.
      this.forgot = true;
      const wasFiltered = this.filtered > 0 && this.#isFiltered(slot, pathId);
      this.#table.prefixes.hold(slot);
      this.#table.set(slot, this.#source, pathId, NO_ROUTE);
      this.adjRibIn.set(slot, pathId, NO_ROUTE);
      if (wasFiltered) this.filtered--;
      this.#table.prefixes.release(slot);
      return;
    }
    this.#keep(slot, pathId, received);
  }

  /** Out of the table, but not forgotten. */
  #keep(slot: Slot, pathId: number, received: AttrId): void {
    if (!this.#isFiltered(slot, pathId)) this.filtered++;
    this.adjRibIn.set(slot, pathId, received);
    this.#table.set(slot, this.#source, pathId, NO_ROUTE);
  }

  #isFiltered(slot: Slot, pathId: number): boolean {
    return this.adjRibIn.get(slot, pathId) !== 0 && this.#table.get(slot, this.#source, pathId) === 0;
  }

  #sweepSet(verdict: AttrId, received: AttrId): void {
    const { attributes } = this.#core;
    if (verdict !== received && attributes.word(verdict, SetWord.References) === 0) attributes.sweep(verdict);
  }
}

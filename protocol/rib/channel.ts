/**
 * A channel: what connects a protocol with a table (BIRD's model). Routes come in through the import filter and the
 * limits, go out through the export filter; both filters can change while it is up.
 */

import { type ChannelCounters, exportUpdates, exportWithdraws } from "./counters.ts";
import type { ExportChange, ExportedView, Exporter } from "./exporter.ts";
import type { RouteFilter } from "./filter.ts";
import { Limit, type LimitAction, type LimitKind, type LimitOptions } from "./limits.ts";
import { LocalExport, type LocalExportRules } from "./local-export.ts";
import { type Gateways, Resolver } from "./resolver.ts";
import type { AttrId, Net, RouteAttributes, RouteSource, Slot } from "./route.ts";
import { type ImportRules, RouteImport } from "./route-import.ts";
import { RouteView } from "./route-view.ts";
import type { RibJob } from "./sources.ts";
import type { RouteOwner, Table } from "./table.ts";

export interface ChannelOptions {
  /** `ipv4`, `ipv6`: as `show protocols all` prints it. */
  readonly name: string;
  readonly protocol: string;
  readonly table: Table;
  readonly source: RouteSource;
  readonly importFilter: RouteFilter;
  readonly exportFilter: RouteFilter;
  readonly preference: number;
  readonly keepFiltered: boolean;
  readonly importLimit?: LimitOptions | undefined;
  readonly receiveLimit?: LimitOptions | undefined;
  readonly exportLimit?: LimitOptions | undefined;
  /** Import and export views for `show route import|export table`. */
  readonly importTable?: boolean | undefined;
  readonly exportTable?: boolean | undefined;
  /** Judge imported routes again when a ROA table changes, if the filter asks one. */
  readonly rpkiReload?: boolean | undefined;
  /** Kernel: how many next hops of equal routes are installed together. */
  readonly mergePaths?: number | false | undefined;
  /** Where recursive next hops are looked up; the channel's own table if left out. */
  readonly igpTable?: Table | undefined;
  readonly igpTable6?: Table | undefined;
}

export type ChannelState = "DOWN" | "START" | "UP" | "FLUSHING";

export class Channel {
  readonly name: string;
  /** All routes of the last session are out of the table. */
  onFlushed: (() => void) | undefined;
  onLimit: ((kind: LimitKind, action: LimitAction, count: number) => void) | undefined;
  /** The import filter changed and what it had rejected was not kept: the peer has to send its routes again. */
  onRefreshNeeded: (() => void) | undefined;
  protected readonly imports: RouteImport;
  protected exporter: Exporter;
  readonly #receiveLimit: Limit;
  readonly #importLimit: Limit;
  readonly #exportLimit: Limit;
  readonly #local: LocalExport;
  #options: ChannelOptions;
  #state: ChannelState = "DOWN";
  #resolver: Resolver | undefined;
  readonly #walks = new Map<string, RibJob>();

  constructor(options: ChannelOptions) {
    this.name = options.name;
    this.#options = options;
    const hit = (kind: LimitKind, action: LimitAction, count: number): void => this.onLimit?.(kind, action, count);
    this.#receiveLimit = new Limit("receive", options.receiveLimit, hit);
    this.#importLimit = new Limit("import", options.importLimit, hit);
    this.#exportLimit = new Limit("export", options.exportLimit, hit);
    const owner: RouteOwner = { imported: 0, preferred: 0, chosen: 0, gateways: this.#ways() };
    this.imports = new RouteImport(this.#importRules(), options.source, owner);
    options.table.attach(options.source, owner);
    this.#local = new LocalExport(options.table, options.source, this.#exportRules());
    this.exporter = this.#local;
  }

  get state(): ChannelState {
    return this.#state;
  }

  get options(): ChannelOptions {
    return this.#options;
  }

  get table(): Table {
    return this.#options.table;
  }

  get source(): RouteSource {
    return this.table.core.sources[this.#options.source.id] ?? this.#options.source;
  }

  get counters(): ChannelCounters {
    const { imports, exporter } = this;
    return {
      imported: imports.owner.imported,
      filtered: imports.filtered,
      exported: exporter.exported,
      preferred: imports.owner.preferred,
      importUpdates: imports.updates,
      importWithdraws: imports.withdraws,
      exportUpdates: exporter.updates,
      exportWithdraws: exporter.withdraws,
    };
  }

  /** Up: routes may come, and all of the table goes out. */
  open(): void {
    if (this.#state === "UP") return;
    if (this.#state === "FLUSHING") this.#flushNow();
    this.#state = "UP";
    this.#clearCounters();
    this.table.core.roaWatchers.add(this);
    this.exporter.start();
  }

  /** Routes leave the table, many of them in slices; `keepStale` keeps them, marked (RFC 4724). */
  close(options?: { keepStale?: boolean }): void {
    if (this.#state === "DOWN" || this.#state === "FLUSHING") return;
    this.exporter.stop();
    this.table.core.roaWatchers.delete(this);
    this.#walks.clear();
    if (options?.keepStale) {
      this.#state = "START";
      this.imports.markStale();
      return;
    }
    this.#flush();
  }

  /** Gives up what `close({ keepStale: true })` kept. */
  dropStale(): void {
    if (this.#state === "START") this.#flush();
    else this.refreshEnd();
  }

  announce(net: Net, attributes: RouteAttributes, pathId = 0): void {
    if (this.#state !== "UP") return;
    const { core, prefixes } = this.table;
    core.tick();
    if (attributes.recursive) this.#needResolver();
    const attrs = core.attributes.intern(attributes);
    this.imports.announce(prefixes.add(net), pathId, attrs);
    core.attributes.sweep(attrs);
  }

  withdraw(net: Net, pathId = 0): void {
    const slot = this.table.prefixes.find(net);
    if (slot === undefined) this.imports.withdrawUnknown();
    else this.imports.withdraw(slot, pathId);
  }

  /** Called once when there is something to drain. */
  get onExport(): (() => void) | undefined {
    return this.#local.onExport;
  }

  set onExport(callback: (() => void) | undefined) {
    this.#local.onExport = callback;
  }

  /** Changes to pass on, after the export filter; empty: there are none now, and `onExport` will tell of the next. */
  drain(max: number): ExportChange[] {
    return this.#local.drain(max);
  }

  /** Changes that wait to be drained. */
  get pending(): number {
    return this.#local.pending;
  }

  /** Takes new options; filters judge again what was received and what is in the table, and only differences go on. */
  reconfigure(next: Partial<ChannelOptions>, how?: { soft?: boolean }): void {
    const before = this.#options;
    this.#options = { ...before, ...next };
    this.#receiveLimit.options = this.#options.receiveLimit;
    this.#importLimit.options = this.#options.importLimit;
    this.#exportLimit.options = this.#options.exportLimit;
    const { source, preference, importFilter, exportFilter } = this.#options;
    if (preference !== before.preference) this.#setPreference(source, preference);
    const oldFilter = this.imports.rules.filter;
    this.imports.rules = this.#importRules();
    this.#local.rules = this.#exportRules();
    this.reconfigured(before);
    if (how?.soft || this.#state !== "UP") return;
    if (importFilter.key !== oldFilter.key || this.#options.keepFiltered !== before.keepFiltered) this.#importAgain();
    if (exportFilter.key !== before.exportFilter.key || !sameLimit(before.exportLimit, this.#options.exportLimit)) {
      this.exporter.refilter();
    }
  }

  /** Judges again what was received, or sends everything again. */
  reload(direction: "in" | "out"): void {
    if (this.#state !== "UP") return;
    if (direction === "out") this.exporter.resend();
    else {
      this.#importAgain();
      this.onRefreshNeeded?.();
    }
  }

  /** A ROA table has changed. */
  roaChanged(): void {
    const { rpkiReload, importFilter, exportFilter } = this.#options;
    if (this.#state !== "UP" || rpkiReload === false) return;
    if (importFilter.reads.impure) this.#importAgain();
    if (exportFilter.reads.impure) this.exporter.refilter();
  }

  /** What the import filter rejected and the channel kept. */
  *filteredRoutes(): Generator<RouteView> {
    if (this.imports.filtered === 0) return;
    const { table } = this;
    const { id } = this.#options.source;
    for (let slot = 1 as Slot; slot < table.prefixes.limit; slot++) {
      if (!this.imports.adjRibIn.hasPage(slot)) continue;
      for (const pathId of this.imports.adjRibIn.pathsOf(slot)) {
        if (table.get(slot, id, pathId) !== 0) continue;
        const attrs = this.imports.adjRibIn.get(slot, pathId);
        yield new RouteView(table, slot, id, pathId, attrs, table.core.env.wall(), false, false, true);
      }
    }
  }

  /** Everything that was received and not withdrawn, before the filter: `show route import table`. */
  *receivedRoutes(): Generator<RouteView> {
    const { table } = this;
    const { id } = this.#options.source;
    for (let slot = 1 as Slot; slot < table.prefixes.limit; slot++) {
      if (!table.prefixes.isUsed(slot)) continue;
      for (const view of table.routes(slot)) {
        if (view.source.id !== id || this.imports.adjRibIn.get(slot, view.pathId) !== 0) continue;
        yield view;
      }
      for (const pathId of this.imports.adjRibIn.pathsOf(slot)) {
        const attrs = this.imports.adjRibIn.get(slot, pathId);
        const filtered = table.get(slot, id, pathId) === 0;
        yield new RouteView(table, slot, id, pathId, attrs, table.core.env.wall(), false, false, filtered);
      }
    }
  }

  /** What was received, where the import filter changed or rejected it; NO_ROUTE: the table has it as it came. */
  received(slot: Slot, pathId: number): AttrId {
    return this.imports.adjRibIn.get(slot, pathId);
  }

  /** Whether a limit is passed now. */
  limitHit(kind: LimitKind): boolean {
    const limits = { receive: this.#receiveLimit, import: this.#importLimit, export: this.#exportLimit };
    return limits[kind].isPassed;
  }

  /** Whether other routes than the best go out, too. */
  get exportsAll(): boolean {
    return false;
  }

  /** @param route one of the slot's; the best if left out */
  exportedView(slot: Slot, route?: RouteView): ExportedView {
    if (this.#state !== "UP") return { verdict: "not eligible", reason: "the channel is down" };
    return this.exporter.view(slot, route);
  }

  /** BoRR, or a peer that comes back with its forwarding state: everything it sent is in doubt (RFC 7313 §4.2). */
  refreshBegin(): void {
    this.imports.markStale();
  }

  /** EoRR, or End-of-RIB: what is still in doubt goes. */
  refreshEnd(): void {
    this.#walk("stale", (slot) => this.imports.remove(slot, true));
  }

  /** Graceful restart time is over, the long-lived one begins (RFC 9494 §4.3). */
  longLivedStale(change: (attrs: AttrId) => AttrId): void {
    this.#walk("long-lived", (slot) => this.imports.changeStale(slot, change));
  }

  /** The options have changed; the way out of a kind of its own follows. */
  protected reconfigured(_before: ChannelOptions): void {}

  /** Why a route may not go out here, whatever the filter says. */
  protected refuse(_route: RouteView): string | undefined {
    return undefined;
  }

  /** Where packets for this channel's next hops go; undefined where routes say it themselves. */
  protected gateways(): Gateways | undefined {
    return undefined;
  }

  /** The channel closes: its routes of a slot leave the table. */
  protected flushSlot(slot: Slot): void {
    this.imports.remove(slot, false);
  }

  protected flushDone(): void {}

  protected get exportLimit(): Limit {
    return this.#exportLimit;
  }

  #ways(): Gateways | undefined {
    return this.gateways();
  }

  /** The first recursive route of a static protocol. */
  #needResolver(): void {
    if (this.#resolver || this.imports.owner.gateways) return;
    const { igpTable, igpTable6, table } = this.#options;
    const own = (family: string): Table | undefined => (table.netType.startsWith(family) ? table : undefined);
    this.#resolver = new Resolver(table.core, igpTable ?? own("ipv4"), igpTable6 ?? own("ipv6"));
    this.#resolver.serve(table);
    this.setGateways(this.#resolver);
  }

  protected setGateways(gateways: Gateways | undefined): void {
    (this.imports.owner as { gateways: Gateways | undefined }).gateways = gateways;
  }

  #importRules(): ImportRules {
    const { table, importFilter, keepFiltered } = this.#options;
    return {
      table,
      filter: importFilter,
      keepFiltered,
      receiveLimit: this.#receiveLimit,
      importLimit: this.#importLimit,
    };
  }

  #exportRules(): LocalExportRules {
    const { exportFilter, mergePaths } = this.#options;
    return {
      filter: exportFilter,
      limit: this.#exportLimit,
      mergePaths: mergePaths ?? false,
      refuse: (route) => this.refuse(route),
    };
  }

  #setPreference(source: RouteSource, preference: number): void {
    const { core } = this.table;
    core.setSource({ ...(core.sources[source.id] ?? source), preference });
    this.#walk("preference", (slot) => {
      if (this.imports.concerns(slot)) this.table.reconsider(slot);
    });
  }

  #importAgain(): void {
    if (this.imports.forgot && this.imports.rules.filter.name !== "REJECT") {
      this.imports.forgot = false;
      this.onRefreshNeeded?.();
    }
    this.table.core.tick();
    this.#walk("import", (slot) => this.imports.again(slot));
  }

  #flush(): void {
    this.#state = "FLUSHING";
    this.#walk(
      "flush",
      (slot) => this.flushSlot(slot),
      () => this.#flushed(),
    );
  }

  #flushNow(): void {
    const job = this.#walks.get("flush");
    while (job?.step()) {
      // to the end: the next session's routes come in after the last one's are out
    }
  }

  #flushed(): void {
    this.#state = "DOWN";
    this.imports.forgetBounds();
    this.flushDone();
    this.onFlushed?.();
  }

  #clearCounters(): void {
    Object.assign(this.imports.updates, { received: 0, rejected: 0, filtered: 0, ignored: 0, accepted: 0 });
    Object.assign(this.imports.withdraws, { received: 0, rejected: 0, ignored: 0, accepted: 0 });
    Object.assign(this.#local.updates, exportUpdates());
    Object.assign(this.#local.withdraws, exportWithdraws());
    this.#receiveLimit.reset();
    this.#importLimit.reset();
    this.#exportLimit.reset();
  }

  /** Visits all slots that may hold anything of this channel in slices, the first at once; a walk of the same name begins anew. */
  #walk(name: string, visit: (slot: Slot) => void, done?: () => void): void {
    const { prefixes, core } = this.table;
    const { imports } = this;
    let at = this.exportsAll ? 1 : imports.low;
    const job: RibJob = {
      step: () => {
        if (this.#walks.get(name) !== job) return false;
        const limit = this.exportsAll ? prefixes.limit : Math.min(imports.high + 1, prefixes.limit);
        const end = Math.min(at + WALK_SLICE, limit);
        for (; at < end; at++) if (prefixes.isUsed(at)) visit(at as Slot);
        if (at < limit) return true;
        this.#walks.delete(name);
        done?.();
        return false;
      },
    };
    this.#walks.set(name, job);
    if (job.step()) core.env.wake(job);
  }
}

function sameLimit(a: LimitOptions | undefined, b: LimitOptions | undefined): boolean {
  return a?.count === b?.count && a?.action === b?.action;
}

/** Slots visited in one step: about a millisecond. */
const WALK_SLICE = 8192;

export type { ChannelCounters, ExportChange, ExportedView, LimitAction, LimitKind, LimitOptions };

/**
 * Protocol pipe: routes of one table in another, both ways. A route keeps its origin on the way; each table that it comes
 * into knows it under a source of its own, which remembers the tables it has been through, so that it never runs in a
 * circle.
 */
import { Channel, type ChannelOptions } from "./channel.ts";
import { Rows } from "./columns.ts";
import type { ExportChange } from "./exporter.ts";
import { Limit } from "./limits.ts";
import { LocalExport } from "./local-export.ts";
import { NO_ROUTE, type RouteSource, type Slot } from "./route.ts";
import type { RibJob } from "./sources.ts";
import { Outcome, type RouteOwner, type Table } from "./table.ts";

export interface PipeOptions extends ChannelOptions {
  /** Of the same type as `table`. */
  readonly peerTable: Table;
}

/** As BIRD shows it: one channel on the primary table; import is from the peer table, export into it. */
export class PipeChannel extends Channel {
  readonly peerTable: Table;
  readonly #back: LocalExport;
  readonly #toPeer: Inlet;
  readonly #toPrimary: Inlet;
  readonly #job: RibJob = { step: () => this.#step() };
  #running = false;
  #scheduled = false;

  constructor(options: PipeOptions) {
    super(options);
    const { table, source, peerTable } = options;
    this.peerTable = peerTable;
    const limit = new Limit("import", options.importLimit, (kind, action, count) =>
      this.onLimit?.(kind, action, count),
    );
    this.#back = new LocalExport(peerTable, source, {
      filter: options.importFilter,
      limit,
      mergePaths: false,
      refuse: (route) => circle(route.source, peerTable, table),
    });
    this.#toPeer = new Inlet(table, peerTable, { imported: 0, preferred: 0, chosen: 0, gateways: undefined });
    this.#toPrimary = new Inlet(peerTable, table, this.imports.owner);
    this.onExport = () => this.#wake();
    this.#back.onExport = () => this.#wake();
  }

  override open(): void {
    if (this.state === "UP") return;
    this.#running = true;
    super.open();
    this.#back.start();
  }

  override close(): void {
    if (!this.#running) return;
    this.#running = false;
    super.close();
    this.#back.stop();
    this.#toPeer.clear();
    this.#toPrimary.clear();
  }

  override reconfigure(next: Partial<ChannelOptions>, how?: { soft?: boolean }): void {
    const { key } = this.options.importFilter;
    super.reconfigure(next, how);
    const { importFilter } = this.options;
    this.#back.rules = { ...this.#back.rules, filter: importFilter };
    if (importFilter.key !== key && !how?.soft) this.#back.refilter();
  }

  override reload(direction: "in" | "out"): void {
    if (direction === "in") this.#back.resend();
    else super.reload("out");
  }

  protected override refuse(route: { readonly source: RouteSource }): string | undefined {
    return circle(route.source, this.table, this.peerTable);
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.table.core.env.wake(this.#job);
  }

  #step(): boolean {
    if (this.#running) {
      this.table.core.tick();
      for (const change of this.drain(SLICE)) this.#toPeer.apply(change);
      for (const change of this.#back.drain(SLICE)) this.#count(this.#toPrimary.apply(change), change);
      if (this.pending + this.#back.pending > 0) return true;
    }
    this.#scheduled = false;
    return false;
  }

  /** What comes back is this channel's import. */
  #count(outcome: Outcome, change: ExportChange): void {
    const { updates, withdraws } = this.imports;
    if (change.attributes) {
      updates.received++;
      if (outcome === Outcome.Same) updates.ignored++;
      else updates.accepted++;
    } else {
      withdraws.received++;
      if (outcome === Outcome.Removed) withdraws.accepted++;
      else withdraws.ignored++;
    }
  }
}

/** One direction's end: what it put into a table, by slot, which is the same in both tables. */
class Inlet {
  readonly #from: Table;
  readonly #to: Table;
  readonly #owner: RouteOwner;
  /** By slot: number of the source under which a route was put in. */
  readonly #put = new Rows(1);
  /** By number of the source in the table it comes from: the one here, and how many routes it has. */
  readonly #sources = new Map<number, { readonly source: RouteSource; routes: number }>();

  constructor(from: Table, to: Table, owner: RouteOwner) {
    this.#from = from;
    this.#to = to;
    this.#owner = owner;
  }

  apply({ slot, attributes, source }: ExportChange): Outcome {
    const before = this.#put.get(slot, 0);
    if (!attributes) return before === 0 ? Outcome.Nothing : this.#remove(slot);
    const here = this.#sourceFor(source);
    if (before !== 0 && before !== here.source.id) this.#remove(slot);
    const { attributes: store } = this.#to.core;
    const set = store.intern(attributes);
    const outcome = this.#to.set(slot, here.source.id, 0, set);
    store.sweep(set);
    if (outcome === Outcome.Added) {
      this.#to.prefixes.hold(slot);
      here.routes++;
    }
    this.#put.set(slot, 0, here.source.id);
    return outcome;
  }

  clear(): void {
    for (let slot = 1; slot < this.#to.prefixes.limit; slot++)
      if (this.#put.get(slot, 0) !== 0) this.#remove(slot as Slot);
    this.#put.clear();
  }

  #remove(slot: Slot): Outcome {
    const id = this.#put.get(slot, 0);
    this.#put.set(slot, 0, 0);
    const outcome = this.#to.set(slot, id, 0, NO_ROUTE);
    this.#to.prefixes.release(slot);
    for (const [origin, here] of this.#sources) {
      if (here.source.id !== id || --here.routes > 0) continue;
      this.#sources.delete(origin);
      this.#to.detach(here.source);
      this.#to.core.removeSource(here.source);
    }
    return outcome;
  }

  #sourceFor(source: RouteSource): { readonly source: RouteSource; routes: number } {
    const known = this.#sources.get(source.id);
    if (known) return known;
    const { via, id: _, ...rest } = source;
    const tables = [...(via?.tables ?? [this.#from.name]), this.#to.name];
    const made = {
      source: this.#to.core.addSource({ ...rest, via: { origin: via?.origin ?? source, tables } }),
      routes: 0,
    };
    this.#to.attach(made.source, this.#owner);
    this.#sources.set(source.id, made);
    return made;
  }
}

function circle(source: RouteSource, from: Table, to: Table): string | undefined {
  return (source.via?.tables ?? [from.name]).includes(to.name) ? `it came through table ${to.name}` : undefined;
}

/** Changes passed on in one step. */
const SLICE = 512;

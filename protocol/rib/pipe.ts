/**
 * Protocol pipe: the routes of one table in another, both ways, and not the best ones alone. A route keeps its origin on
 * the way: each table that it comes into knows it under a source of its own, which remembers the tables it has been
 * through, so that it never runs in a circle. Two ways from one origin into one table: the first that comes has it.
 */
import { Channel, type ChannelOptions } from "./channel.ts";
import { PipeWay } from "./pipe-way.ts";
import { type AttrId, NO_ROUTE, type RouteSource, type Slot } from "./route.ts";
import { Outcome, type RouteOwner, type Table } from "./table.ts";

interface Entrance {
  source: RouteSource;
  /** As it was when `source` was made of it. */
  before: RouteSource;
  routes: number;
}

/** One end of a pipe: its exports leave the table for the other end's, its imports are the other end's exports. */
export class PipeEnd extends Channel {
  /** By number of the source in the other table. */
  readonly #entrances = new Map<number, Entrance>();
  /** The same by number of the source in this table. */
  readonly #bySource = new Map<number, Entrance>();
  #way: PipeWay | undefined;
  #partner: PipeEnd | undefined;

  /** Must be called once, before the channel opens. */
  connect(other: PipeEnd): void {
    this.#partner = other;
    ENDS.set(this.imports.owner, this);
    this.#way = new PipeWay(this.table, other, () => this.options.exportFilter);
    this.exporter = this.#way;
  }

  override get exportsAll(): boolean {
    return true;
  }

  override open(): void {
    if (this.state === "UP") return;
    this.#way?.clearCounters();
    super.open();
  }

  /** Nothing comes in while what came in is taken out. */
  override close(): void {
    this.#partner?.exporter.stop();
    super.close();
  }

  /** How many routes came in here. */
  get brought(): number {
    return this.imports.owner.imported;
  }

  /** Whether a route of the other table came in there by this pipe. */
  isOurs(source: number): boolean {
    const partner = this.#partner;
    return partner ? partner.#bySource.has(source) : false;
  }

  /** The source in this table for a route of the other one. */
  enter(from: Table, origin: RouteSource): RouteSource {
    const known = this.#entrances.get(origin.id);
    if (known?.before === origin) return known.source;
    const { via, id: _, ...rest } = origin;
    const tables = [...(via?.tables ?? [from.name]), this.table.name];
    const init = { ...rest, via: { origin: via?.origin ?? origin, tables } };
    const { core } = this.table;
    if (known) {
      known.before = origin;
      known.source = core.setSource({ ...init, id: known.source.id });
      return known.source;
    }
    this.#tidy(from);
    const made = { source: core.addSource(init), before: origin, routes: 0 };
    this.table.attach(made.source, this.imports.owner);
    this.#entrances.set(origin.id, made);
    this.#bySource.set(made.source.id, made);
    return made.source;
  }

  /** The paths of a slot that came in here, with the number of their source in the other table. */
  entered(slot: Slot): { readonly from: number; readonly source: number; readonly pathId: number }[] {
    const list: { from: number; source: number; pathId: number }[] = [];
    this.table.eachRoute(slot, (source, pathId) => {
      const entrance = this.#bySource.get(source);
      if (entrance) list.push({ from: entrance.before.id, source, pathId });
    });
    return list;
  }

  /** @returns undefined if the limit keeps it out */
  install(slot: Slot, source: number, pathId: number, attrs: AttrId): Outcome | undefined {
    const { importLimit } = this.imports.rules;
    const isNew = importLimit.options !== undefined && this.table.get(slot, source, pathId) === 0;
    const { updates } = this.imports;
    updates.received++;
    if (isNew && !importLimit.admits(this.imports.owner.imported)) {
      updates.ignored++;
      return undefined;
    }
    const outcome = this.table.set(slot, source, pathId, attrs);
    if (outcome === Outcome.Same) updates.ignored++;
    else updates.accepted++;
    if (outcome === Outcome.Added) this.#bySource.get(source)!.routes++;
    return outcome;
  }

  /** Takes out a route that came in here. */
  takeOut(slot: Slot, source: number, pathId: number, counted = true): void {
    const { withdraws } = this.imports;
    if (counted) withdraws.received++;
    if (this.table.set(slot, source, pathId, NO_ROUTE) !== Outcome.Removed) return;
    if (counted) withdraws.accepted++;
    this.#bySource.get(source)!.routes--;
  }

  /** Takes out what came into this table by whichever pipe, in favour of a shorter way. @returns whether it did */
  makeRoom(slot: Slot, source: number, pathId: number): boolean {
    const owner = this.table.owners[source];
    const end = owner && ENDS.get(owner);
    if (!end) return false;
    const partner = end.#partner;
    const way = partner ? partner.#way : undefined;
    way?.wait(slot);
    end.takeOut(slot, source, pathId);
    return true;
  }

  protected override flushSlot(slot: Slot): void {
    for (const { source, pathId } of this.entered(slot)) this.takeOut(slot, source, pathId, false);
  }

  protected override flushDone(): void {
    for (const entrance of this.#bySource.values()) this.#forget(entrance);
  }

  /** Sources whose origin has left the speaker are let go. */
  #tidy(from: Table): void {
    for (const entrance of this.#bySource.values()) {
      if (entrance.routes === 0 && from.core.sources[entrance.before.id] !== entrance.before) this.#forget(entrance);
    }
  }

  #forget(entrance: Entrance): void {
    this.#entrances.delete(entrance.before.id);
    this.#bySource.delete(entrance.source.id);
    this.table.detach(entrance.source);
    this.table.core.removeSource(entrance.source);
  }
}

/** Whose routes a table's are. */
const ENDS = new WeakMap<RouteOwner, PipeEnd>();

/** Makes both ends of a pipe; the first is the one at its own table, the second the one at the peer table. */
export function makePipe(own: ChannelOptions, peerTable: Table): readonly [PipeEnd, PipeEnd] {
  const main = new PipeEnd(own);
  const peer = new PipeEnd(peerOptions(own, peerTable));
  main.connect(peer);
  peer.connect(main);
  return [main, peer];
}

/** What the peer table's end has of a pipe's options: seen from there, import and export change places. */
export function peerOptions(own: ChannelOptions, peerTable: Table): ChannelOptions {
  const { importFilter, exportFilter, importLimit, exportLimit } = own;
  return {
    ...own,
    table: peerTable,
    importFilter: exportFilter,
    exportFilter: importFilter,
    importLimit: exportLimit,
    exportLimit: importLimit,
  };
}

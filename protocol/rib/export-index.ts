/**
 * What an update group counts its Adj-RIB-Out by: the slot; with add-path (RFC 7911) a number of its own for each route
 * of a prefix, which also is the path id that the peers see.
 */
import { type AttrId, NO_ROUTE, type Slot } from "./route.ts";
import type { Table } from "./table.ts";

export class ExportIndex {
  readonly #table: Table;
  readonly #addPath: boolean;
  readonly #entries: ({ slot: Slot; source: number; pathId: number; txId: number; holds: number } | undefined)[] = [
    undefined,
  ];
  readonly #bySlot = new Map<Slot, number[]>();
  readonly #txIds = new Map<string, number>();
  readonly #free: number[] = [];

  constructor(table: Table, addPath: boolean) {
    this.#table = table;
    this.#addPath = addPath;
  }

  slotOf(index: number): Slot {
    return this.#addPath ? this.#entries[index]!.slot : (index as Slot);
  }

  isKnown(index: number): boolean {
    return !this.#addPath || this.#entries[index] !== undefined;
  }

  /** Nothing is announced for an index: it goes, if its route is gone. */
  forget(index: number): void {
    const entry = this.#addPath ? this.#entries[index] : undefined;
    if (entry && entry.holds === 0 && this.attrsOf(index) === 0) this.#drop(index);
  }

  /** Path id to send. */
  pathOf(index: number): number {
    return this.#addPath ? this.#entries[index]!.txId : 0;
  }

  sourceOf(index: number): number {
    return this.#entries[index]!.source;
  }

  attrsOf(index: number): AttrId {
    const entry = this.#entries[index];
    return entry ? this.#table.get(entry.slot, entry.source, entry.pathId) : NO_ROUTE;
  }

  /** Of all routes that a slot has, or had and that have not been withdrawn yet. */
  indexesOf(slot: Slot): readonly number[] {
    this.#table.eachRoute(slot, (source, pathId) => this.#entry(slot, source, pathId));
    return this.#bySlot.get(slot) ?? [];
  }

  /** The prefix stays while something of it is announced. */
  hold(index: number): void {
    const entry = this.#addPath ? this.#entries[index]! : undefined;
    if (entry) entry.holds++;
    else this.#table.prefixes.hold(index as Slot);
  }

  release(index: number): void {
    if (!this.#addPath) {
      this.#table.prefixes.release(index as Slot);
      return;
    }
    const entry = this.#entries[index]!;
    entry.holds--;
    if (entry.holds === 0 && this.attrsOf(index) === 0) this.#drop(index);
  }

  #entry(slot: Slot, source: number, pathId: number): void {
    const known = this.#bySlot.get(slot) ?? [];
    for (const index of known) {
      const entry = this.#entries[index]!;
      if (entry.source === source && entry.pathId === pathId) return;
    }
    const key = `${source}/${pathId}`;
    let txId = this.#txIds.get(key);
    if (txId === undefined) this.#txIds.set(key, (txId = this.#txIds.size + 1));
    const index = this.#free.pop() ?? this.#entries.length;
    this.#entries[index] = { slot, source, pathId, txId, holds: 0 };
    this.#table.prefixes.hold(slot);
    if (known.length === 0) this.#bySlot.set(slot, known);
    known.push(index);
  }

  #drop(index: number): void {
    const { slot } = this.#entries[index]!;
    const known = this.#bySlot.get(slot)!;
    known.splice(known.indexOf(index), 1);
    if (known.length === 0) this.#bySlot.delete(slot);
    this.#entries[index] = undefined;
    this.#free.push(index);
    this.#table.prefixes.release(slot);
  }
}

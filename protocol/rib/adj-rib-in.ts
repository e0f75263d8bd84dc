/**
 * What a peer advertised, before policy (RFC 4271 §3.2): kept where it differs from what the table got, so that a
 * channel that changes and rejects nothing keeps nothing twice.
 */

import type { AttributeStore } from "./attribute-store.ts";
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { AttrId, Slot } from "./route.ts";

export class AdjRibIn {
  readonly #store: AttributeStore;
  readonly #prefixes: PrefixTable;
  /** Path id 0, by slot; negative: not yet seen again in a refresh. */
  readonly #rows = new Rows(1);
  /** Other path ids (RFC 7911). */
  readonly #paths = new Map<number, Map<number, number>>();
  #size = 0;

  constructor(store: AttributeStore, prefixes: PrefixTable) {
    this.#store = store;
    this.#prefixes = prefixes;
  }

  get size(): number {
    return this.#size;
  }

  get(slot: Slot, pathId: number): AttrId {
    if (this.#size === 0) return 0 as AttrId;
    const value = pathId === 0 ? this.#rows.get(slot, 0) : (this.#paths.get(slot)?.get(pathId) ?? 0);
    return Math.abs(value) as AttrId;
  }

  isStale(slot: Slot, pathId: number): boolean {
    return (pathId === 0 ? this.#rows.get(slot, 0) : (this.#paths.get(slot)?.get(pathId) ?? 0)) < 0;
  }

  /** Keeps, replaces or, with NO_ROUTE, forgets. @returns what was there before */
  set(slot: Slot, pathId: number, attrs: AttrId): AttrId {
    const before = this.get(slot, pathId);
    if (before === 0 && attrs === 0) return before;
    if (attrs !== 0) this.#store.hold(attrs);
    this.#write(slot, pathId, attrs);
    if (before === 0) {
      this.#prefixes.hold(slot);
      this.#size++;
    }
    if (before !== 0) this.#store.release(before);
    if (attrs === 0) {
      this.#size--;
      this.#prefixes.release(slot);
      if (this.#size === 0) this.#rows.clear();
    }
    return before;
  }

  /** Path ids of what is kept for a slot. */
  pathsOf(slot: Slot): number[] {
    if (this.#size === 0) return [];
    const paths = [...(this.#paths.get(slot)?.keys() ?? [])];
    if (this.#rows.get(slot, 0) !== 0) paths.unshift(0);
    return paths;
  }

  /** Marks all stale: what is not set again is for `pathsOf` and `isStale` to find. */
  markStale(): void {
    for (const page of this.#rows.pages) {
      if (page) for (let at = 0; at < page.length; at++) if (page[at]! > 0) page[at] = -page[at]!;
    }
    for (const paths of this.#paths.values()) for (const [path, value] of paths) paths.set(path, -Math.abs(value));
  }

  /** Whether a page of slots holds anything: for walks. */
  hasPage(slot: number): boolean {
    return this.#paths.size > 0 || this.#rows.pages[slot >>> PAGE_BITS] !== undefined;
  }

  #write(slot: Slot, pathId: number, attrs: AttrId): void {
    if (pathId === 0) {
      this.#rows.touch(slot)[slot & PAGE_MASK] = attrs;
      return;
    }
    let paths = this.#paths.get(slot);
    if (attrs === 0) {
      paths?.delete(pathId);
      if (paths?.size === 0) this.#paths.delete(slot);
      return;
    }
    if (!paths) this.#paths.set(slot, (paths = new Map()));
    paths.set(pathId, attrs);
  }
}

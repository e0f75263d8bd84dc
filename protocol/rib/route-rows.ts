/**
 * Where a table's routes stand: four words each, the best of a prefix in the row of the prefix's slot, the others in a
 * chain of rows of the same form. A route is named by its slot and its row: 0 is the best, others are in the chain.
 */
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import type { AttrId, Slot } from "./route.ts";

export const ROUTE_STRIDE = 4;
/** Words of a row behind the attributes. */
export const NEXT = 1;
export const TAG = 2;
export const SINCE = 3;
/** TAG: the source's number, flags, and the upper bits of the time. */
export const SOURCE_MASK = 0xffff;
export const STALE = 0x1_0000;

export class RouteRows {
  /** By slot. Hot code indexes it. */
  readonly rows: Rows = new Rows(ROUTE_STRIDE);
  readonly more: Rows = new Rows(ROUTE_STRIDE);
  /** Some route has a path id; until then no row of path ids is looked at. */
  hasPaths = false;
  readonly #rowPaths = new Rows(1);
  readonly #morePaths = new Rows(1);
  #free = 0;
  #limit = 1;

  get octets(): number {
    return this.rows.octets + this.more.octets + this.#rowPaths.octets + this.#morePaths.octets;
  }

  has(slot: number): boolean {
    return this.rows.get(slot, 0) !== 0;
  }

  attrs(slot: number, row: number): AttrId {
    return (row === 0 ? this.rows.get(slot, 0) : this.more.get(row, 0)) as AttrId;
  }

  tag(slot: number, row: number): number {
    return row === 0 ? this.rows.get(slot, TAG) : this.more.get(row, TAG);
  }

  since(slot: number, row: number): number {
    return row === 0 ? this.rows.get(slot, SINCE) : this.more.get(row, SINCE);
  }

  /** The row behind another; 0 if there is none. */
  next(slot: number, row: number): number {
    return row === 0 ? this.rows.get(slot, NEXT) : this.more.get(row, NEXT);
  }

  path(slot: number, row: number): number {
    if (!this.hasPaths) return 0;
    return (row === 0 ? this.#rowPaths.get(slot, 0) : this.#morePaths.get(row, 0)) >>> 0;
  }

  setPath(slot: number, row: number, pathId: number): void {
    if (!this.hasPaths) return;
    if (row === 0) this.#rowPaths.set(slot, 0, pathId);
    else this.#morePaths.set(row, 0, pathId);
  }

  /** Row of a source's route: 0 if it is the best, -1 if there is none. */
  locate(slot: Slot, source: number, pathId: number): number {
    for (let row = this.firstOf(slot, source); row >= 0; row = this.nextOf(slot, row, source)) {
      if (this.path(slot, row) === pathId) return row;
    }
    return -1;
  }

  firstOf(slot: number, source: number): number {
    const page = this.rows.pages[slot >>> PAGE_BITS];
    if (page === undefined) return -1;
    const at = (slot & PAGE_MASK) * ROUTE_STRIDE;
    if (page[at] === 0) return -1;
    if ((page[at + TAG]! & SOURCE_MASK) === source) return 0;
    return this.nextOf(slot, 0, source);
  }

  nextOf(slot: number, row: number, source: number): number {
    let next = this.next(slot, row);
    while (next !== 0 && (this.more.get(next, TAG) & SOURCE_MASK) !== source) next = this.more.get(next, NEXT);
    return next === 0 ? -1 : next;
  }

  /** Marks the routes of a source in slots from..end-1. */
  markStale(source: number, from: number, end: number): void {
    for (let slot = from; slot < end; slot++) {
      for (let row = this.firstOf(slot, source); row >= 0; row = this.nextOf(slot, row, source)) {
        if (row === 0) this.rows.set(slot, TAG, this.rows.get(slot, TAG) | STALE);
        else this.more.set(row, TAG, this.more.get(row, TAG) | STALE);
      }
    }
  }

  /** Puts a route behind the best one. */
  chain(page: Int32Array, at: number, attrs: AttrId, tag: number, since: number, pathId: number): void {
    const row = this.#free !== 0 ? this.#free : this.#limit++;
    const more = this.more.touch(row);
    const place = (row & PAGE_MASK) * ROUTE_STRIDE;
    if (this.#free !== 0) this.#free = more[place + NEXT]!;
    more[place] = attrs;
    more[place + NEXT] = page[at + NEXT]!;
    more[place + TAG] = tag;
    more[place + SINCE] = since;
    page[at + NEXT] = row;
    if (this.hasPaths) this.#morePaths.set(row, 0, pathId);
  }

  /** Takes a route out of the chain; in the place of the best one comes the next, whichever it is. */
  unlink(slot: Slot, page: Int32Array, at: number, row: number): void {
    let gone = row;
    if (row === 0) {
      gone = page[at + NEXT]!;
      const next = this.more.get(gone, NEXT);
      this.#copy(slot, page, at, gone);
      page[at + NEXT] = next;
    } else {
      let previous = page[at + NEXT]!;
      if (previous === row) page[at + NEXT] = this.more.get(row, NEXT);
      else {
        while (this.more.get(previous, NEXT) !== row) previous = this.more.get(previous, NEXT);
        this.more.set(previous, NEXT, this.more.get(row, NEXT));
      }
    }
    const more = this.more.touch(gone);
    const place = (gone & PAGE_MASK) * ROUTE_STRIDE;
    more[place] = 0;
    more[place + NEXT] = this.#free;
    this.#free = gone;
  }

  /** The route of a chain row becomes the best, and the other way round. */
  swap(slot: Slot, page: Int32Array, at: number, row: number): void {
    const more = this.more.touch(row);
    const place = (row & PAGE_MASK) * ROUTE_STRIDE;
    const [attrs, tag, since] = [page[at]!, page[at + TAG]!, page[at + SINCE]!];
    const path = this.hasPaths ? this.#rowPaths.get(slot, 0) : 0;
    this.#copy(slot, page, at, row);
    more[place] = attrs;
    more[place + TAG] = tag;
    more[place + SINCE] = since;
    if (this.hasPaths) this.#morePaths.set(row, 0, path);
  }

  #copy(slot: Slot, page: Int32Array, at: number, row: number): void {
    const more = this.more.touch(row);
    const place = (row & PAGE_MASK) * ROUTE_STRIDE;
    page[at] = more[place]!;
    page[at + TAG] = more[place + TAG]!;
    page[at + SINCE] = more[place + SINCE]!;
    if (this.hasPaths) this.#rowPaths.set(slot, 0, this.#morePaths.get(row, 0));
  }
}

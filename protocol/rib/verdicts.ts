/**
 * Policy memory: where a filter does not look at the prefix, its verdict on an attribute set is worked out once
 * (bench/rib.ts, `policy memory`). A remembered verdict holds while both sets, the one judged and the one it became,
 * are still those: their serials say so.
 */

import { type AttributeStore, SetWord } from "./attribute-store.ts";
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import type { RouteFilter } from "./filter.ts";
import type { AttrId } from "./route.ts";

/** Not remembered: ask the filter. */
export const UNDECIDED = -1;

export class Verdicts {
  readonly #store: AttributeStore;
  readonly #rows = new Rows(4);

  constructor(store: AttributeStore) {
    this.#store = store;
  }

  /** Whether a filter's verdicts may be remembered at all. */
  static suits(filter: RouteFilter): boolean {
    return !filter.reads.net && !filter.reads.impure;
  }

  /** What a set became, NO_ROUTE if it was rejected, UNDECIDED if that is not known. @param source whose route it is */
  get(attrs: AttrId, source: number): AttrId | typeof UNDECIDED {
    const page = this.#rows.pages[attrs >>> PAGE_BITS];
    if (page === undefined) return UNDECIDED;
    const at = (attrs & PAGE_MASK) * 4;
    if (page[at] !== this.#store.word(attrs, SetWord.Serial) || page[at + 3] !== source) return UNDECIDED;
    const result = page[at + 1]! as AttrId;
    if (result !== 0 && result !== attrs && page[at + 2] !== this.#store.word(result, SetWord.Serial)) return UNDECIDED;
    return result;
  }

  put(attrs: AttrId, source: number, result: AttrId): void {
    const page = this.#rows.touch(attrs);
    const at = (attrs & PAGE_MASK) * 4;
    page[at] = this.#store.word(attrs, SetWord.Serial);
    page[at + 1] = result;
    page[at + 2] = result === 0 ? 0 : this.#store.word(result, SetWord.Serial);
    page[at + 3] = source;
  }

  clear(): void {
    this.#rows.clear();
  }
}

/**
 * Sets of values other than prefixes: `[1, 2, 5..7]`, `[(65001, *)]`, `[(rt, 1, *)]`. Written once when
 * the filter is read, searched for every route: sorted columns and a binary search.
 */
import type { AsPath } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import type { IpAddress } from "../wire/address.ts";
import { compareIp, compareLarge, compareScalars, compareWide, formatScalar } from "./scalars.ts";
import { isNumeric, Type } from "./types.ts";

/** From and to belong to the set; equal for a single value. */
export interface Interval {
  readonly type: Type;
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * Intervals of one type in order of their beginnings, searched as bird searches its balanced trees: from
 * the middle, to the left of what begins behind the value, else to the right. Where intervals overlap,
 * not every one is found that holds the value, and filters that rely on it have to see the same here.
 */
export class IntervalTree<I extends Interval = Interval> {
  readonly type: Type;
  readonly items: readonly I[];
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #compare: (a: unknown, b: unknown) => number;

  /** @param items of one type */
  constructor(type: Type, items: readonly I[]) {
    this.type = type;
    this.#compare = comparison(type);
    this.items = [...items].sort((a, b) => this.#compare(a.from, b.from));
    const numeric = isNumeric(type) ? this.items : [];
    this.#low = Uint32Array.from(numeric, (item) => item.from as number);
    this.#high = Uint32Array.from(numeric, (item) => item.to as number);
  }

  find(value: unknown): I | undefined {
    if (isNumeric(this.type)) return this.items[this.findNumber(value as number)];
    const compare = this.#compare;
    let left = 0;
    let right = this.items.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      const item = this.items[middle] as I;
      const order = compare(item.from, value);
      if (order <= 0 && compare(item.to, value) >= 0) return item;
      if (order < 0) left = middle + 1;
      else right = middle;
    }
    return undefined;
  }

  /** The place of the interval found; -1 if none. */
  findNumber(value: number): number {
    const low = this.#low;
    const high = this.#high;
    let left = 0;
    let right = low.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      const from = low[middle]!;
      if (from <= value && high[middle]! >= value) return middle;
      if (from < value) left = middle + 1;
      else right = middle;
    }
    return -1;
  }
}

export class ValueSet {
  /** Of all its elements that count: the type of the first; undefined if empty. */
  readonly type: Type | undefined;
  readonly #tree: IntervalTree;
  #key: string | undefined;

  /** @param items as written, in order */
  constructor(items: readonly Interval[]) {
    this.type = items[0]?.type;
    const { type = Type.Int } = this;
    this.#tree = new IntervalTree(
      type,
      items.filter((item) => item.type === type),
    );
  }

  get isEmpty(): boolean {
    return this.#tree.items.length === 0;
  }

  /** Says the same for equal sets. */
  get key(): string {
    this.#key ??= this.format();
    return this.#key;
  }

  format(): string {
    return `[${this.#tree.items.map(formatInterval).join(", ")}]`;
  }

  /** Whether values of the type can be in the set at all; quads are written as addresses. */
  suits(type: Type): boolean {
    return this.type === type || (type === Type.Quad && this.type === Type.Ip);
  }

  has(type: Type, value: unknown): boolean {
    if (type === this.type) return this.#tree.find(value) !== undefined;
    return type === Type.Quad && this.type === Type.Ip && this.#tree.find(quad(value as number)) !== undefined;
  }

  /** A test for numbers of the set's type, as fast as it gets. */
  numberTest(): (value: number) => boolean {
    const tree = this.#tree;
    const [only] = tree.items;
    if (only && tree.items.length === 1) {
      const [from, to] = [only.from as number, only.to as number];
      return (value) => value >= from && value <= to;
    }
    return (value) => tree.findNumber(value) >= 0;
  }

  /** Of a community or cluster list. */
  hasAnyOf(list: readonly number[]): boolean {
    if (this.type === Type.Ip) return list.some((value) => this.#tree.find(quad(value)) !== undefined);
    for (let i = 0; i < list.length; i++) if (this.#tree.findNumber(list[i] as number) >= 0) return true;
    return false;
  }

  hasAnyAs(path: AsPath): boolean {
    for (const { asns } of path) {
      for (let i = 0; i < asns.length; i++) if (this.#tree.findNumber(asns[i] as number) >= 0) return true;
    }
    return false;
  }

  hasAny(list: readonly (ExtCommunity | LargeCommunity)[]): boolean {
    return list.some((value) => this.#tree.find(value) !== undefined);
  }
}

function quad(value: number): IpAddress {
  return { family: 4, w0: value, w1: 0, w2: 0, w3: 0 };
}

function comparison(type: Type): (a: unknown, b: unknown) => number {
  if (isNumeric(type)) return (a, b) => (a as number) - (b as number);
  if (type === Type.Ip) return (a, b) => compareIp(a as IpAddress, b as IpAddress);
  if (type === Type.Lc) return (a, b) => compareLarge(a as LargeCommunity, b as LargeCommunity);
  if (type === Type.Ec || type === Type.Rd) return (a, b) => compareWide(a as ExtCommunity, b as ExtCommunity);
  return (a, b) => compareScalars(type, a, b) ?? 0;
}

function formatInterval({ type, from, to }: Interval): string {
  const first = formatScalar(type, from) ?? "?";
  return comparison(type)(from, to) === 0 ? first : `${first}..${formatScalar(type, to) ?? "?"}`;
}

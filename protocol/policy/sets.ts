/**
 * Sets of values other than prefixes: `[1, 2, 5..7]`, `[(65001, *)]`, `[(rt, 1, *)]`. Written once when
 * the filter is read, searched for every route: sorted, joined intervals and a binary search.
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

export class ValueSet {
  /** As written, in order. */
  readonly items: readonly Interval[];
  /** Numeric types: bounds of joined intervals, ascending. One pair of columns for each type in the set. */
  readonly #numeric = new Map<Type, { readonly low: Uint32Array; readonly high: Uint32Array }>();
  readonly #wide = new Map<Type, readonly Interval[]>();
  #key: string | undefined;

  constructor(items: readonly Interval[]) {
    this.items = sorted(items);
    for (const type of new Set(this.items.map((item) => item.type))) {
      const own = joined(this.items.filter((item) => item.type === type));
      if (isNumeric(type)) this.#numeric.set(type, columns(own));
      else this.#wide.set(type, own);
    }
  }

  /** The type of its elements; undefined if empty. */
  get type(): Type | undefined {
    return this.items[0]?.type;
  }

  /** Says the same for equal sets. */
  get key(): string {
    this.#key ??= this.format();
    return this.#key;
  }

  format(): string {
    return `[${this.items.map(formatInterval).join(", ")}]`;
  }

  has(type: Type, value: unknown): boolean {
    if (isNumeric(type)) return this.hasNumber(type, value as number);
    const intervals = this.#wide.get(type);
    return intervals !== undefined && search(type, intervals, value);
  }

  hasNumber(type: Type, value: number): boolean {
    const own = this.#numeric.get(type);
    if (!own) return type === Type.Quad && this.#hasQuad(value);
    return within(own.low, own.high, value);
  }

  /** A test for values of one numeric type, as fast as it gets. */
  numberTest(type: Type): (value: number) => boolean {
    const own = this.#numeric.get(type);
    if (!own) return (value) => this.hasNumber(type, value);
    const { low, high } = own;
    const [first, last] = [low[0] as number, high[0] as number];
    if (low.length === 1) return (value) => value >= first && value <= last;
    return (value) => within(low, high, value);
  }

  hasAnyPair(list: readonly number[]): boolean {
    const own = this.#numeric.get(Type.Pair);
    if (!own) return list.some((value) => this.hasNumber(Type.Quad, value));
    for (let i = 0; i < list.length; i++) if (within(own.low, own.high, list[i] as number)) return true;
    return false;
  }

  hasAnyAs(path: AsPath): boolean {
    const own = this.#numeric.get(Type.Int);
    if (!own) return false;
    for (const { asns } of path) {
      for (let i = 0; i < asns.length; i++) if (within(own.low, own.high, asns[i] as number)) return true;
    }
    return false;
  }

  hasAny(type: Type, list: readonly (ExtCommunity | LargeCommunity)[]): boolean {
    const intervals = this.#wide.get(type);
    return intervals !== undefined && list.some((value) => search(type, intervals, value));
  }

  /** Quads are written as addresses. */
  #hasQuad(value: number): boolean {
    const intervals = this.#wide.get(Type.Ip);
    const ip: IpAddress = { family: 4, w0: value, w1: 0, w2: 0, w3: 0 };
    return intervals !== undefined && search(Type.Ip, intervals, ip);
  }
}

function within(low: Uint32Array, high: Uint32Array, value: number): boolean {
  let from = 0;
  let to = low.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (low[middle]! <= value) from = middle + 1;
    else to = middle;
  }
  return from > 0 && high[from - 1]! >= value;
}

function search(type: Type, intervals: readonly Interval[], value: unknown): boolean {
  const compare = comparison(type);
  let from = 0;
  let to = intervals.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compare((intervals[middle] as Interval).from, value) <= 0) from = middle + 1;
    else to = middle;
  }
  return from > 0 && compare((intervals[from - 1] as Interval).to, value) >= 0;
}

function sorted(items: readonly Interval[]): readonly Interval[] {
  return [...items].sort((a, b) => a.type - b.type || comparison(a.type)(a.from, b.from));
}

/** Overlapping ones become one. Empty ones (`5..1`) go. */
function joined(items: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const item of items) {
    const compare = comparison(item.type);
    if (compare(item.from, item.to) > 0) continue;
    const last = result.at(-1);
    if (!last || compare(item.from, last.to) > 0) result.push(item);
    else if (compare(item.to, last.to) > 0) result[result.length - 1] = { ...last, to: item.to };
  }
  return result;
}

function columns(items: readonly Interval[]): { low: Uint32Array; high: Uint32Array } {
  return {
    low: Uint32Array.from(items, (item) => item.from as number),
    high: Uint32Array.from(items, (item) => item.to as number),
  };
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

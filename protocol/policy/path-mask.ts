/**
 * AS path masks: `[= * 65000+ ? [1..5] * =]`. Matched by following all positions in the mask at once, so
 * that no path, however long, takes more than its length times the mask's.
 */
import type { AsPath } from "../codec/as-path.ts";
import { SegmentType } from "../codec/iana.ts";
import type { ValueSet } from "./sets.ts";

export type PathMaskItem =
  | { readonly kind: "any" }
  | { readonly kind: "one" }
  /** The item before may stand again, any number of times. */
  | { readonly kind: "repeat" }
  | { readonly kind: "asn"; readonly asn: number }
  | { readonly kind: "range"; readonly from: number; readonly to: number }
  | { readonly kind: "set"; readonly set: ValueSet };

export interface PathMask {
  readonly items: readonly PathMaskItem[];
  readonly matches: (path: AsPath) => boolean;
}

export function pathMask(items: readonly PathMaskItem[]): PathMask {
  return { items, matches: matcher(items) };
}

export function formatPathMask(mask: PathMask): string {
  return `[= ${mask.items.map((item) => `${formatItem(item)} `).join("")}=]`;
}

function formatItem(item: PathMaskItem): string {
  switch (item.kind) {
    case "any":
      return "*";
    case "one":
      return "?";
    case "repeat":
      return "+";
    case "asn":
      return String(item.asn);
    case "range":
      return `${item.from}..${item.to}`;
    case "set":
      return item.set.format();
  }
}

/** The places of a mask, as columns: what may stand there, and whether it may be left out and repeated. */
interface Steps {
  readonly count: number;
  /** The ASes that fit are from low to high, and in the set if there is one. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  readonly sets: readonly (((asn: number) => boolean) | undefined)[];
  readonly loops: readonly boolean[];
}

function matcher(items: readonly PathMaskItem[]): (path: AsPath) => boolean {
  const [first, second, third] = items;
  // By far the most common masks need no positions.
  if (items.length === 3 && first?.kind === "any" && second?.kind === "asn" && third?.kind === "any") {
    return contains(second.asn);
  }
  if (items.length === 2 && first?.kind === "any" && second?.kind === "asn") return endsWith(second.asn);
  const steps = stepsOf(items);
  return steps.count < 31 ? narrow(steps) : wide(steps);
}

function stepsOf(items: readonly PathMaskItem[]): Steps {
  const rows: { low: number; high: number; set: ((asn: number) => boolean) | undefined; loop: boolean }[] = [];
  for (const item of items) {
    const last = rows.at(-1);
    if (item.kind === "asn") rows.push({ low: item.asn, high: item.asn, set: undefined, loop: false });
    else if (item.kind === "range") rows.push({ low: item.from, high: item.to, set: undefined, loop: false });
    else if (item.kind !== "repeat") {
      const set = item.kind === "set" ? item.set.numberTest() : undefined;
      rows.push({ low: 0, high: MAX_ASN, set, loop: item.kind === "any" });
    } else if (last) rows.push({ ...last, loop: true });
  }
  return {
    count: rows.length,
    low: Uint32Array.from(rows, (row) => row.low),
    high: Uint32Array.from(rows, (row) => row.high),
    sets: rows.map((row) => row.set),
    loops: rows.map((row) => row.loop),
  };
}

function fits({ low, high, sets }: Steps, i: number, asn: number): boolean {
  if (asn < low[i]! || asn > high[i]!) return false;
  const set = sets[i];
  return set === undefined || set(asn);
}

function fitsAny(steps: Steps, i: number, asns: readonly number[]): boolean {
  for (let k = 0; k < asns.length; k++) if (fits(steps, i, asns[k] as number)) return true;
  return false;
}

function contains(asn: number): (path: AsPath) => boolean {
  return (path) => {
    for (let s = 0; s < path.length; s++) {
      const { asns } = path[s] as AsPath[number];
      for (let i = 0; i < asns.length; i++) if (asns[i] === asn) return true;
    }
    return false;
  };
}

function endsWith(asn: number): (path: AsPath) => boolean {
  return (path) => {
    const last = path.at(-1);
    if (!last) return false;
    return isSet(last.type) ? last.asns.includes(asn) : last.asns.at(-1) === asn;
  };
}

/** Positions as bits: bit i says that the first i steps are done. */
function narrow(steps: Steps): (path: AsPath) => boolean {
  const { count } = steps;
  let loops = 0;
  for (let i = 0; i < count; i++) if (steps.loops[i]) loops |= 1 << i;
  /** Steps that may be left out are done as well. */
  const close = (positions: number): number => {
    let result = positions;
    for (let i = 0; i < count; i++) if (result & loops & (1 << i)) result |= 2 << i;
    return result;
  };
  const start = close(1);
  const done = 1 << count;
  const advance = (positions: number, asn: number, asns: readonly number[] | undefined): number => {
    let next = 0;
    for (let i = 0; i < count; i++) {
      const bit = 1 << i;
      if ((positions & bit) === 0) continue;
      if (asns ? fitsAny(steps, i, asns) : fits(steps, i, asn)) next |= loops & bit ? bit : bit << 1;
    }
    return close(next);
  };
  return (path) => {
    let positions = start;
    for (let s = 0; s < path.length; s++) {
      const { type, asns } = path[s] as AsPath[number];
      if (isSet(type)) {
        if (asns.length > 0) positions = advance(positions, 0, asns);
      } else for (let k = 0; k < asns.length; k++) positions = advance(positions, asns[k] as number, undefined);
      if (positions === 0) return false;
    }
    return (positions & done) !== 0;
  };
}

/** The same for masks too long for the bits of a word. */
function wide(steps: Steps): (path: AsPath) => boolean {
  const { count, loops } = steps;
  const close = (positions: boolean[]): boolean[] => {
    for (let i = 0; i < count; i++) if (positions[i] && loops[i]) positions[i + 1] = true;
    return positions;
  };
  const advance = (positions: readonly boolean[], test: (i: number) => boolean): boolean[] => {
    const next = new Array<boolean>(count + 1).fill(false);
    for (let i = 0; i < count; i++) if (positions[i] && test(i)) next[loops[i] ? i : i + 1] = true;
    return close(next);
  };
  return (path) => {
    let positions = close([true, ...new Array<boolean>(count).fill(false)]);
    for (const { type, asns } of path) {
      if (isSet(type)) positions = asns.length > 0 ? advance(positions, (i) => fitsAny(steps, i, asns)) : positions;
      else for (const asn of asns) positions = advance(positions, (i) => fits(steps, i, asn));
    }
    return positions[count] === true;
  };
}

const MAX_ASN = 0xffff_ffff;

/** A set stands for one AS, whichever of its members. */
function isSet(type: SegmentType): boolean {
  return type === SegmentType.AsSet || type === SegmentType.AsConfedSet;
}

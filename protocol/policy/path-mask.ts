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

/** A place in the mask: what may stand here, and whether it may be left out and repeated. */
interface Step {
  readonly test: (asn: number) => boolean;
  readonly loop: boolean;
}

function matcher(items: readonly PathMaskItem[]): (path: AsPath) => boolean {
  const steps = stepsOf(items);
  const [first, second, third] = items;
  // By far the most common masks need no positions.
  if (items.length === 3 && first?.kind === "any" && third?.kind === "any" && steps[1] && !steps[1].loop) {
    return contains(steps[1].test);
  }
  if (items.length === 2 && first?.kind === "any" && second?.kind === "asn") return endsWith(second.asn);
  return steps.length < 31 ? narrow(steps) : wide(steps);
}

function stepsOf(items: readonly PathMaskItem[]): Step[] {
  const steps: Step[] = [];
  for (const item of items) {
    if (item.kind === "repeat") {
      const last = steps.at(-1);
      if (last) steps.push({ test: last.test, loop: true });
    } else steps.push({ test: testOf(item), loop: item.kind === "any" });
  }
  return steps;
}

function testOf(item: PathMaskItem): (asn: number) => boolean {
  switch (item.kind) {
    case "asn": {
      const { asn } = item;
      return (other) => other === asn;
    }
    case "range": {
      const { from, to } = item;
      return (other) => other >= from && other <= to;
    }
    case "set":
      return item.set.numberTest();
    default:
      return () => true;
  }
}

function contains(test: (asn: number) => boolean): (path: AsPath) => boolean {
  return (path) => {
    for (const { asns } of path) {
      for (let i = 0; i < asns.length; i++) if (test(asns[i] as number)) return true;
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
function narrow(steps: readonly Step[]): (path: AsPath) => boolean {
  let loops = 0;
  for (const [i, step] of steps.entries()) if (step.loop) loops |= 1 << i;
  /** Steps that may be left out are done as well. */
  const close = (positions: number): number => {
    let result = positions;
    for (let i = 0; i < steps.length; i++) if (result & (1 << i) & loops) result |= 2 << i;
    return result;
  };
  const advance = (positions: number, test: (step: Step) => boolean): number => {
    let next = 0;
    for (let i = 0; i < steps.length; i++) {
      if (!(positions & (1 << i))) continue;
      const step = steps[i] as Step;
      if (test(step)) next |= step.loop ? 1 << i : 2 << i;
    }
    return close(next);
  };
  const start = close(1);
  const done = 1 << steps.length;
  return (path) => {
    let positions = start;
    for (const { type, asns } of path) {
      if (isSet(type)) {
        if (asns.length > 0) positions = advance(positions, (step) => asns.some(step.test));
      } else {
        for (let k = 0; k < asns.length && positions !== 0; k++) {
          const asn = asns[k] as number;
          let next = 0;
          for (let i = 0; i < steps.length; i++) {
            if (!(positions & (1 << i))) continue;
            const step = steps[i] as Step;
            if (step.test(asn)) next |= step.loop ? 1 << i : 2 << i;
          }
          positions = close(next);
        }
      }
      if (positions === 0) return false;
    }
    return (positions & done) !== 0;
  };
}

/** The same for masks too long for the bits of a word. */
function wide(steps: readonly Step[]): (path: AsPath) => boolean {
  const close = (positions: boolean[]): boolean[] => {
    for (const [i, step] of steps.entries()) if (positions[i] && step.loop) positions[i + 1] = true;
    return positions;
  };
  const advance = (positions: readonly boolean[], test: (step: Step) => boolean): boolean[] => {
    const next = new Array<boolean>(steps.length + 1).fill(false);
    for (const [i, step] of steps.entries()) if (positions[i] && test(step)) next[step.loop ? i : i + 1] = true;
    return close(next);
  };
  return (path) => {
    let positions = close([true, ...new Array<boolean>(steps.length).fill(false)]);
    for (const { type, asns } of path) {
      if (isSet(type)) positions = asns.length > 0 ? advance(positions, (step) => asns.some(step.test)) : positions;
      else for (const asn of asns) positions = advance(positions, (step) => step.test(asn));
    }
    return positions[steps.length] === true;
  };
}

/** A set stands for one AS, whichever of its members. */
function isSet(type: SegmentType): boolean {
  return type === SegmentType.AsSet || type === SegmentType.AsConfedSet;
}

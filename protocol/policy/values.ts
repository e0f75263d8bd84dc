/**
 * Values of the filter language at run time. A value whose type is known is a bare JavaScript value; one
 * whose type only running can tell carries it (`Typed`). `undefined` is bird's void.
 *
 * | int, pair, quad, enums | number | bool | boolean | ip | IpAddress | prefix | Net | rd, ec | ExtCommunity |
 * | lc | LargeCommunity | string | string | bgppath | AsPath | clist, eclist, lclist | arrays | sets | their classes |
 */
import { type AsPath, formatAsPath } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import type { IpAddress } from "../wire/address.ts";
import { formatPathMask, type PathMask } from "./path-mask.ts";
import type { PrefixSet } from "./prefix-set.ts";
import {
  compareLarge,
  compareScalars,
  compareWide,
  formatExtended,
  formatLarge,
  formatPair,
  formatScalar,
} from "./scalars.ts";
import type { ValueSet } from "./sets.ts";
import { Type } from "./types.ts";

export interface Typed {
  readonly type: Type;
  readonly value: unknown;
}

/** As `print` and `eval` show a value. */
export function formatValue(type: Type, value: unknown): string {
  if (value === undefined) return "(void)";
  return formatScalar(type, value) ?? FORMATS[type]?.(value as never) ?? `[unknown type ${type.toString(16)}]`;
}

/** What `=` says of two values whose types may differ. */
export function sameValue(typeA: Type, a: unknown, typeB: Type, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (typeA !== typeB) {
    // A quad and an IPv4 address are one thing in two spellings.
    if (typeA === Type.Quad && typeB === Type.Ip) return isIpv4(b as IpAddress) && (b as IpAddress).w0 === a;
    if (typeA === Type.Ip && typeB === Type.Quad) return sameValue(typeB, b, typeA, a);
    return false;
  }
  const order = compareScalars(typeA, a, b);
  if (order !== undefined) return order === 0;
  return SAME[typeA]?.(a as never, b as never) ?? false;
}

export function samePath(a: AsPath, b: AsPath): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((segment, i) => {
        const other = b[i];
        return (
          other !== undefined && other.type === segment.type && sameList(segment.asns, other.asns, (x, y) => x - y)
        );
      }))
  );
}

export function sameList<V>(a: readonly V[], b: readonly V[], compare: (x: V, y: V) => number): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => compare(value, b[i] as V) === 0));
}

function isIpv4(ip: IpAddress): boolean {
  return ip.family === 4;
}

const FORMATS: Readonly<Record<number, ((value: never) => string) | undefined>> = {
  [Type.PathMask]: (value: PathMask) => formatPathMask(value),
  [Type.Path]: (value: AsPath) => `(path ${formatAsPath(value)})`,
  [Type.Clist]: (value: readonly number[]) => `(clist ${value.map(formatPair).join(" ")})`,
  [Type.Eclist]: (value: readonly ExtCommunity[]) => `(eclist ${value.map(formatExtended).join(" ")})`,
  [Type.Lclist]: (value: readonly LargeCommunity[]) => `(lclist ${value.map(formatLarge).join(" ")})`,
  [Type.Bytes]: (value: Uint8Array) => Array.from(value, (octet) => octet.toString(16).padStart(2, "0")).join(":"),
  [Type.Set]: (value: ValueSet) => value.format(),
  [Type.PrefixSet]: (value: PrefixSet) => value.format(),
  [Type.Opaque]: () => "opaque",
};

/** Equality where there is no order. */
const SAME: Readonly<Record<number, ((a: never, b: never) => boolean) | undefined>> = {
  [Type.Path]: samePath,
  [Type.PathMask]: (a: PathMask, b: PathMask) => formatPathMask(a) === formatPathMask(b),
  [Type.Clist]: (a: readonly number[], b: readonly number[]) => sameList(a, b, (x, y) => x - y),
  [Type.Eclist]: (a: readonly ExtCommunity[], b: readonly ExtCommunity[]) => sameList(a, b, compareWide),
  [Type.Lclist]: (a: readonly LargeCommunity[], b: readonly LargeCommunity[]) => sameList(a, b, compareLarge),
  [Type.Set]: (a: ValueSet, b: ValueSet) => a.key === b.key,
  [Type.PrefixSet]: (a: PrefixSet, b: PrefixSet) => a.key === b.key,
  [Type.Bytes]: (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((octet, i) => octet === b[i]),
};

/** What `~` means for each pair of types. */
import type { AsPath } from "../codec/as-path.ts";
import { containsAs } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import { covers, type IpAddress, isInside, type Prefix } from "../wire/address.ts";
import type { PathMask } from "./path-mask.ts";
import type { PrefixSet } from "./prefix-set.ts";
import { compareLarge, compareWide } from "./scalars.ts";
import type { ValueSet } from "./sets.ts";
import { matchesShell } from "./shell-pattern.ts";
import { isEnum, Type } from "./types.ts";

type Test = (left: never, right: never) => boolean;

/** undefined: there is no such match. */
export function matchResolution(left: Type, right: Type): Test | undefined {
  if (right === Type.Set) return isEnum(left) ? inSet(left) : IN_SET.get(left);
  return PAIRS.get(left * 256 + right);
}

function inSet(type: Type): Test {
  return (value: unknown, set: ValueSet) => set.has(type, value);
}

const IN_SET: ReadonlyMap<Type, Test> = new Map<Type, Test>([
  ...[Type.Int, Type.Pair, Type.Quad, Type.Ip, Type.Ec, Type.Lc, Type.Rd].map((type) => [type, inSet(type)] as const),
  [Type.Path, (path: AsPath, set: ValueSet) => set.hasAnyAs(path)],
  [Type.Clist, (list: readonly number[], set: ValueSet) => set.hasAnyPair(list)],
  [Type.Eclist, (list: readonly ExtCommunity[], set: ValueSet) => set.hasAny(Type.Ec, list)],
  [Type.Lclist, (list: readonly LargeCommunity[], set: ValueSet) => set.hasAny(Type.Lc, list)],
]);

const ROWS: readonly (readonly [Type, Type, Test])[] = [
  [Type.Path, Type.PathMask, (path: AsPath, mask: PathMask) => mask.matches(path)],
  [Type.Int, Type.Path, (asn: number, path: AsPath) => containsAs(path, asn)],
  [Type.Pair, Type.Clist, (value: number, list: readonly number[]) => list.includes(value)],
  [Type.Quad, Type.Clist, (value: number, list: readonly number[]) => list.includes(value)],
  [Type.Ip, Type.Clist, (ip: IpAddress, list: readonly number[]) => ip.family === 4 && list.includes(ip.w0)],
  [
    Type.Ec,
    Type.Eclist,
    (value: ExtCommunity, list: readonly ExtCommunity[]) => list.some((v) => compareWide(v, value) === 0),
  ],
  [
    Type.Lc,
    Type.Lclist,
    (value: LargeCommunity, list: readonly LargeCommunity[]) => list.some((v) => compareLarge(v, value) === 0),
  ],
  [Type.String, Type.String, (text: string, pattern: string) => matchesShell(pattern, text)],
  [Type.Ip, Type.Net, (ip: IpAddress, net: Prefix) => isInside(ip, net)],
  [Type.Net, Type.Net, (inner: Prefix, outer: Prefix) => covers(outer, inner)],
  [Type.Net, Type.PrefixSet, (net: Prefix, set: PrefixSet) => set.matches(net)],
];

const PAIRS: ReadonlyMap<number, Test> = new Map(ROWS.map(([left, right, test]) => [left * 256 + right, test]));

/** What `~` means for each pair of types. */
import type { AsPath } from "../codec/as-path.ts";
import { containsAs } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import type { Net } from "../rib/route.ts";
import { covers, type IpAddress, isInside, type Prefix } from "../wire/address.ts";
import type { PathMask } from "./path-mask.ts";
import type { PrefixSet } from "./prefix-set.ts";
import { compareLarge, compareWide, type OtherNet } from "./scalars.ts";
import type { ValueSet } from "./sets.ts";
import { matchesShell } from "./shell-pattern.ts";
import { isEnum, Type } from "./types.ts";

type Test = (left: never, right: never) => boolean;

/** undefined: there is no such match. */
export function matchResolution(left: Type, right: Type): Test | undefined {
  if (right !== Type.Set) return PAIRS.get(left * 256 + right);
  const inSet = IN_SET.get(left);
  return (value: unknown, set: ValueSet) => {
    if (set.isEmpty) return false;
    if (!inSet) return isElement(left) && set.suits(left) ? set.has(left, value) : unsuited();
    return !inSet.types || inSet.types.has(set.type as Type) ? inSet.test(value as never, set) : unsuited();
  };
}

/** Told in the words of the operator, which knows whether it is `~` or `!~`. */
export class Unsuited {}

function unsuited(): never {
  throw new Unsuited();
}

function isElement(type: Type): boolean {
  return ELEMENTS.has(type) || isEnum(type);
}

const ELEMENTS: ReadonlySet<Type> = new Set([Type.Int, Type.Pair, Type.Quad, Type.Ip, Type.Ec, Type.Lc, Type.Rd]);

interface ListInSet {
  readonly types: ReadonlySet<Type> | undefined;
  readonly test: (list: never, set: ValueSet) => boolean;
}

/** Lists match if any element does. */
const IN_SET: ReadonlyMap<Type, ListInSet> = new Map<Type, ListInSet>([
  // Of what suits no path bird finds any AS in any set.
  [
    Type.Path,
    { types: undefined, test: (path: AsPath, set) => (set.type === Type.Int ? set.hasAnyAs(path) : path.length > 0) },
  ],
  [
    Type.Clist,
    {
      types: new Set([Type.Pair, Type.Quad, Type.Ip]),
      test: (list: readonly number[], set) => set.hasAnyOf(list),
    },
  ],
  [Type.Eclist, { types: new Set([Type.Ec]), test: (list: readonly ExtCommunity[], set) => set.hasAny(list) }],
  [Type.Lclist, { types: new Set([Type.Lc]), test: (list: readonly LargeCommunity[], set) => set.hasAny(list) }],
]);

const ROWS: readonly (readonly [Type, Type, Test])[] = [
  [Type.Path, Type.PathMask, (path: AsPath, mask: PathMask) => mask.matches(path)],
  [Type.Int, Type.Path, (asn: number, path: AsPath) => containsAs(path, asn)],
  [Type.Pair, Type.Clist, (value: number, list: readonly number[]) => list.includes(value)],
  [Type.Quad, Type.Clist, (value: number, list: readonly number[]) => list.includes(value)],
  [
    Type.Ip,
    Type.Clist,
    (ip: IpAddress, list: readonly number[]) => (ip.family === 4 ? list.includes(ip.w0) : unsuited()),
  ],
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
  [Type.Net, Type.Net, (inner: Net, outer: Net) => sameKind(inner, outer) && covers(outer, inner)],
  [Type.Net, Type.PrefixSet, (net: Prefix, set: PrefixSet) => set.matches(net)],
];

/** ROAs and prefixes do not cover each other. */
function sameKind(a: Net | OtherNet, b: Net | OtherNet): boolean {
  if ("netType" in a || "netType" in b) return "netType" in a && "netType" in b && a.netType === b.netType;
  return "asn" in a === "asn" in b;
}

const PAIRS: ReadonlyMap<number, Test> = new Map(ROWS.map(([left, right, test]) => [left * 256 + right, test]));

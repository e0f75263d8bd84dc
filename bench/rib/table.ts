/**
 * A table as the Internet's: the same for the same size and seed. Prefixes come in groups that share their attributes, as
 * those of one origin do; the chance of a group of at least k is 1/k, up to 300, so that about a sixth of the sets are
 * unique and an UPDATE has six prefixes.
 */
import type { PathAttributes } from "../../protocol/codec/attribute.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { encodeMessage } from "../../protocol/codec/message.ts";
import type { Nlri } from "../../protocol/codec/nlri.ts";
import { isBogus4 } from "../../protocol/rib/bogus.ts";
import { type IpAddress, ipv4, ipv6, type Prefix, prefixOf } from "../../protocol/wire/address.ts";

export interface Group {
  readonly prefixes: readonly Prefix[];
  /** Of the attributes' own chance, so that another peer's table can have the same groups. */
  readonly seed: number;
}

/** Uniform in [0, 1), always the same sequence (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function groups(count: number, family: 4 | 6, seed = 1): Group[] {
  const random = chance(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const seen = new Set<string>();
  const list: Group[] = [];
  for (let left = count; left > 0; ) {
    const size = Math.min(left, 300, Math.floor(1 / Math.max(random(), 1 / 300)));
    const base = family === 4 ? (1 + below(220)) * 2 ** 24 + below(2 ** 8) * 2 ** 16 : 0x2001_0000 + below(2 ** 20);
    const prefixes: Prefix[] = [];
    while (prefixes.length < size) {
      const prefix = family === 4 ? anyPrefix4(base, below) : anyPrefix6(base, below);
      if (family === 4 && isBogus4(prefix.w0, prefix.length)) break; // another base
      const key = `${prefix.w0},${prefix.w1}/${prefix.length}`;
      if (seen.has(key)) continue;
      seen.add(key);
      prefixes.push(prefix);
    }
    if (prefixes.length === 0) continue;
    list.push({ prefixes, seed: below(2 ** 31) });
    left -= prefixes.length;
  }
  return list;
}

/** UPDATEs of all groups, as octets. @param shorter one AS less in each path: a better one */
export function updates(list: readonly Group[], asn: number, hop: IpAddress, shorter = false): Uint8Array[] {
  return list.flatMap(({ prefixes, seed }) => {
    const attributes = attributesOf(seed, asn, shorter);
    const nlri = prefixes.map((prefix) => ({ prefix }));
    return encode(nlri, attributes, hop);
  });
}

/** One UPDATE a change: other paths, withdrawals, returns. */
export function churn(list: readonly Group[], count: number, asn: number, hop: IpAddress): Uint8Array[] {
  const random = chance(77);
  const all = list.flatMap(({ prefixes }) => prefixes);
  const gone: Prefix[] = [];
  return Array.from({ length: count }, () => {
    const dice = random();
    const seed = Math.floor(random() * 2 ** 31);
    const any = all[Math.floor(random() * all.length)]!;
    if (dice < 0.175) {
      gone.push(any);
      return withdrawal(any);
    }
    const prefix = dice < 0.35 ? (gone.pop() ?? any) : any;
    return encode([{ prefix }], attributesOf(seed, asn, false), hop)[0]!;
  });
}

function withdrawal(prefix: Prefix): Uint8Array {
  return message({ withdrawn: [{ prefix }], attributes: {}, announced: [] });
}

function encode(nlri: readonly Nlri[], attributes: PathAttributes, hop: IpAddress): Uint8Array[] {
  if (hop.family === 4)
    return [message({ withdrawn: [], attributes: { ...attributes, nextHop: hop }, announced: nlri })];
  // At most nine octets each: fifty prefixes are far below a message's limit.
  const octets: Uint8Array[] = [];
  for (let i = 0; i < nlri.length; i += 50) {
    const mpReach = { afi: 2, safi: 1, nextHops: [hop], nlri: nlri.slice(i, i + 50) };
    octets.push(message({ withdrawn: [], attributes: { ...attributes, mpReach }, announced: [] }));
  }
  return octets;
}

function message(parts: {
  readonly withdrawn: readonly Nlri[];
  readonly attributes: PathAttributes;
  readonly announced: readonly Nlri[];
}): Uint8Array {
  return encodeMessage({ type: "update", faults: [], verdict: "none", ...parts }, CONTEXT);
}

function anyPrefix4(base: number, below: (n: number) => number): Prefix {
  const length = pick(LENGTHS_4, below(1000));
  return prefixOf(ipv4(base + below(0x4_0000)), length);
}

function anyPrefix6(base: number, below: (n: number) => number): Prefix {
  return prefixOf(ipv6(base, below(2 ** 32), 0, 0), pick(LENGTHS_6, below(1000)));
}

function attributesOf(seed: number, asn: number, shorter: boolean): PathAttributes {
  const random = chance(seed ^ asn);
  const below = (n: number): number => Math.floor(random() * n);
  const hops = 3 + below(4) - (shorter ? 1 : 0);
  const asns = Array.from({ length: hops }, (_, i) => (i === 0 ? asn : 1000 + below(300_000)));
  const some = <T>(percent: number, value: () => T): T | undefined => (below(100) < percent ? value() : undefined);
  const med = some(22, () => below(500));
  const communities = some(60, () =>
    Array.from({ length: 1 + below(6) }, () => (1 + below(60_000)) * 2 ** 16 + below(8000)),
  );
  const large = some(5, () => [{ global: 1 + below(60_000), local1: below(100), local2: below(100_000) }]);
  return {
    origin: below(10) === 0 ? 2 : 0,
    asPath: [{ type: 2, asns }],
    ...(med === undefined ? {} : { multiExitDisc: med }),
    ...(communities ? { communities } : {}),
    ...(large ? { largeCommunities: large } : {}),
  };
}

/** The first row whose running sum is above the dice. */
function pick(rows: readonly (readonly [length: number, share: number])[], dice: number): number {
  let sum = 0;
  for (const [length, share] of rows) if (dice < (sum += share)) return length;
  return rows[0]![0];
}

const CONTEXT: CodecContext = { ...DEFAULT_CONTEXT, families: "any" };
const LENGTHS_4: readonly (readonly [number, number])[] = [
  [24, 610],
  [22, 110],
  [23, 100],
  [21, 50],
  [20, 50],
  [19, 30],
  [18, 20],
  [17, 10],
  [16, 20],
];
const LENGTHS_6: readonly (readonly [number, number])[] = [
  [48, 470],
  [44, 150],
  [40, 130],
  [46, 100],
  [47, 80],
  [36, 70],
];

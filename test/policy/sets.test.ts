/** Sets and masks against plain twins that are too slow to be wrong. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AsPath } from "../../protocol/codec/as-path.ts";
import { type PathMaskItem, pathMask } from "../../protocol/policy/path-mask.ts";
import { type PrefixPattern, PrefixSet } from "../../protocol/policy/prefix-set.ts";
import { ValueSet } from "../../protocol/policy/sets.ts";
import { Type } from "../../protocol/policy/types.ts";
import { covers, ipv4, ipv6, type Prefix, parsePrefix, prefixOf } from "../../protocol/wire/address.ts";

/** Few bits, so that prefixes meet. */
const anyPrefix4 = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 32 }))
  .map(([top, length]) => prefixOf(ipv4((top << 28) | (top << 8)), length));
const anyPrefix6 = fc
  .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 128 }))
  .map(([top, low, length]) => prefixOf(ipv6(top << 29, 0, low << 29, low), length));

function anyPattern(prefix: fc.Arbitrary<Prefix>, width: number): fc.Arbitrary<PrefixPattern> {
  const bound = fc.integer({ min: 0, max: width });
  return fc.tuple(prefix, bound, bound).map(([p, a, b]) => ({ prefix: p, low: Math.min(a, b), high: Math.max(a, b) }));
}

/** The manual's definition: the length is in range, and both agree in the bits that both have. */
function plainMatch(patterns: readonly PrefixPattern[], net: Prefix): boolean {
  return patterns.some(
    ({ prefix, low, high }) => low <= net.length && net.length <= high && (covers(prefix, net) || covers(net, prefix)),
  );
}

describe("prefix sets", () => {
  test.each([
    ["IPv4", anyPrefix4, 32],
    ["IPv6", anyPrefix6, 128],
  ] as const)("%s: match what a walk over all patterns matches", (_, prefix, width) => {
    fc.assert(
      fc.property(
        fc.array(anyPattern(prefix, width), { minLength: 1, maxLength: 40 }),
        fc.array(prefix),
        (patterns, nets) => {
          const set = new PrefixSet(patterns);
          for (const net of nets) expect(set.matches(net)).toBe(plainMatch(patterns, net));
        },
      ),
    );
  });

  test("the other family is in none", () => {
    const set = new PrefixSet([{ prefix: parsePrefix("0.0.0.0/0") as Prefix, low: 0, high: 32 }]);
    expect(set.matches(parsePrefix("::/0") as Prefix)).toBe(false);
  });
});

const anyAsn = fc.integer({ min: 1, max: 4 });
const anyPath: fc.Arbitrary<AsPath> = fc.array(
  fc.record({ type: fc.constantFrom(1, 2), asns: fc.array(anyAsn, { minLength: 1, maxLength: 4 }) }) as fc.Arbitrary<
    AsPath[number]
  >,
  { maxLength: 3 },
);
const anyItem: fc.Arbitrary<PathMaskItem> = fc.oneof(
  fc.constant({ kind: "any" } as const),
  fc.constant({ kind: "one" } as const),
  fc.constant({ kind: "repeat" } as const),
  anyAsn.map((asn) => ({ kind: "asn", asn }) as const),
  fc.tuple(anyAsn, anyAsn).map(([from, to]) => ({ kind: "range", from, to }) as const),
  fc.array(anyAsn).map((asns) => {
    const set = new ValueSet([...new Set(asns)].map((asn) => ({ type: Type.Int, from: asn, to: asn })));
    return { kind: "set", set } as const;
  }),
);

/** By trying all ways: an element is an AS of a sequence, or all of a set. */
function plainMask(items: readonly PathMaskItem[], elements: readonly (readonly number[])[]): boolean {
  const [item, next] = items;
  if (!item) return elements.length === 0;
  const [element, ...rest] = elements;
  const tail = items.slice(1);
  if (item.kind === "any") return plainMask(tail, elements) || (element !== undefined && plainMask(items, rest));
  const isLoop = next?.kind === "repeat";
  const behind = isLoop ? items.slice(2) : tail;
  if (!element?.some((asn) => plainFits(item, asn))) return false;
  return plainMask(behind, rest) || (isLoop && plainMask(items, rest));
}

function plainFits(item: PathMaskItem, asn: number): boolean {
  if (item.kind === "asn") return item.asn === asn;
  if (item.kind === "range") return item.from <= asn && asn <= item.to;
  return item.kind === "set" ? item.set.has(Type.Int, asn) : true;
}

describe("path masks", () => {
  test("match what trying all ways matches", () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 6 }), fc.array(anyPath), (raw, paths) => {
        // A `+` stands behind something that is taken once.
        const items = raw.filter(
          (item, i) => item.kind !== "repeat" || (i > 0 && !["any", "repeat"].includes(raw[i - 1]?.kind ?? "any")),
        );
        const { matches } = pathMask(items);
        for (const path of paths) {
          const elements = path.flatMap(({ type, asns }) => (type === 1 ? [asns] : asns.map((asn) => [asn])));
          expect(matches(path)).toBe(plainMask(items, elements));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a mask longer than a word matches like a short one", () => {
    const items: PathMaskItem[] = Array.from({ length: 40 }, (_, i) => ({ kind: "asn", asn: i + 1 }));
    const { matches } = pathMask([{ kind: "any" }, ...items, { kind: "any" }]);
    const asns = items.map((item) => (item.kind === "asn" ? item.asn : 0));
    expect(matches([{ type: 2, asns: [7, ...asns, 8] }])).toBe(true);
    expect(matches([{ type: 2, asns: asns.slice(1) }])).toBe(false);
  });

  test("3,000 ASes against a mask of stars take no longer than they should", () => {
    const items: PathMaskItem[] = Array.from(
      { length: 25 },
      () => [{ kind: "any" }, { kind: "asn", asn: 1 }] as const,
    ).flat();
    const { matches } = pathMask(items);
    const path: AsPath = [{ type: 2, asns: [...new Array<number>(3000).fill(1), 2] }];
    expect(matches(path)).toBe(false);
  });
});

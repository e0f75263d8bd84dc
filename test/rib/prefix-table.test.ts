import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PrefixTable } from "../../protocol/rib/prefix-table.ts";
import type { Slot } from "../../protocol/rib/route.ts";
import { covers, formatPrefix, isInside, type Prefix, prefixOf } from "../../protocol/wire/address.ts";
import { net } from "./world.ts";

const word = fc.oneof(fc.constantFrom(0, 0x0a000000, 0x0a010000, 0xc0000200, 0xffffffff), fc.nat(0xffffffff));

/** Many near each other, so that they meet in the index. */
const anyPrefix4 = fc
  .tuple(word, fc.nat(32))
  .map(([w0, length]) => prefixOf({ family: 4, w0, w1: 0, w2: 0, w3: 0 }, length));
const anyPrefix6 = fc
  .tuple(word, word, word, word, fc.nat(128))
  .map(([w0, w1, w2, w3, length]) => prefixOf({ family: 6, w0, w1, w2, w3 }, length));

describe.each([
  { netType: "ipv4" as const, any: anyPrefix4 },
  { netType: "ipv6" as const, any: anyPrefix6 },
])("$netType", ({ netType, any }) => {
  test("prefixes come and go as in a Map", () => {
    const step = fc.record({ add: fc.boolean(), prefix: any });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), fc.nat(), (steps, seed) => {
        const table = new PrefixTable(netType, seed);
        const model = new Map<string, { prefix: Prefix; slot: Slot }>();
        for (const { add, prefix } of steps) {
          const key = formatPrefix(prefix);
          const known = model.get(key);
          expect(table.find(prefix)).toBe(known?.slot);
          if (add && !known) {
            const slot = table.add(prefix);
            expect(table.add(prefix)).toBe(slot);
            table.hold(slot);
            model.set(key, { prefix, slot });
          } else if (!add && known) {
            table.release(known.slot);
            model.delete(key);
          }
        }
        expect(table.size).toBe(model.size);
        expect(new Set([...model.values()].map(({ slot }) => slot)).size).toBe(model.size);
        for (const { prefix, slot } of model.values()) {
          expect(table.find(prefix)).toBe(slot);
          expect(table.net(slot)).toEqual(prefix);
          expect(table.isUsed(slot)).toBe(true);
          const octets = new Uint8Array(20);
          const end = table.writeNlri(slot, octets, 1);
          expect(readNlri(octets.subarray(1, end), prefix.family)).toEqual(prefix);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("the longest match is that of a scan", () => {
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 60 }), any, (prefixes, wanted) => {
        const table = new PrefixTable(netType);
        for (const prefix of prefixes) table.hold(table.add(prefix));
        const matching = prefixes.filter((p) => isInside(wanted, p)).sort((a, b) => b.length - a.length)[0];
        const { length: _, ...address } = wanted;
        expect(table.longestMatch(address, () => true)).toBe(matching && table.find(matching));
        const covering = prefixes.filter((p) => covers(p, wanted)).sort((a, b) => b.length - a.length)[0];
        expect(table.longestMatch(wanted, () => true)).toBe(covering && table.find(covering));
      }),
    );
  });
});

test("a slot that nobody holds is swept away", () => {
  const table = new PrefixTable("ipv4");
  const slot = table.add(net("192.0.2.0/24"));
  table.sweep(slot);
  expect(table.find(net("192.0.2.0/24"))).toBeUndefined();
});

test("the default route is found among graves", () => {
  const table = new PrefixTable("ipv4");
  for (let i = 0; i < 64; i++)
    table.hold(table.add(prefixOf({ family: 4, w0: (i << 24) >>> 0, w1: 0, w2: 0, w3: 0 }, 8)));
  for (let i = 1; i < 64; i++)
    table.release(table.find(prefixOf({ family: 4, w0: (i << 24) >>> 0, w1: 0, w2: 0, w3: 0 }, 8))!);
  expect(table.find(net("0.0.0.0/0"))).toBeUndefined();
  const slot = table.add(net("0.0.0.0/0"));
  expect(table.find(net("0.0.0.0/0"))).toBe(slot);
});

test("a ROA is known by its AS and longest length, too", () => {
  const table = new PrefixTable("roa4");
  const a = { ...net("10.0.0.0/8"), asn: 1, maxLength: 8 };
  const b = { ...net("10.0.0.0/8"), asn: 2, maxLength: 24 };
  const slots = [a, b].map((roa) => table.add(roa));
  for (const slot of slots) table.hold(slot);
  expect(slots[0]).not.toBe(slots[1]);
  expect([...table.roas(net("10.0.0.0/8"))].sort()).toEqual([...slots].sort());
  expect(table.net(slots[1]!)).toEqual(b);
  expect(table.find({ ...a, asn: 3 })).toBeUndefined();
});

function readNlri(octets: Uint8Array, family: 4 | 6): Prefix {
  const words = [0, 0, 0, 0];
  for (const [i, octet] of octets.subarray(1).entries())
    words[i >> 2] = (words[i >> 2]! | (octet << (24 - 8 * (i & 3)))) >>> 0;
  return { family, w0: words[0]!, w1: words[1]!, w2: words[2]!, w3: words[3]!, length: octets[0]! };
}

/** The quick look for counting never disagrees with the codec: what it calls sound has no finding, and the same prefixes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contextOf } from "../../protocol/archive/conversation.ts";
import { type Counts, glanceAtAttributes, glanceAtMessage } from "../../protocol/archive/glance.ts";
import { inspectAttributes, inspectMessage } from "../../protocol/codec/inspect.ts";
import { attribute, join, KEEPALIVE, message, open, prefix, sequence, u16, update } from "./support.ts";

const FOUR = contextOf(true, [], true);
const TWO = contextOf(false, [], true);

const octet = fc.integer({ min: 0, max: 255 });
const value = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc
    .constantFrom(sequence([65_001, 65_002]), sequence([65_001], 2), [1, 1, 0, 0, 0, 1], [0, 1, 1, 4, 192, 0, 2, 1, 0])
    .map((v) => Uint8Array.from(v)),
  fc
    .constantFrom([0, 2, 1, 16, ...new Array<number>(16).fill(32), 0, 16, 32, 1], [0, 2, 1, 8, 32], [192, 0, 2, 1])
    .map((v) => Uint8Array.from(v)),
);
const flags = fc.oneof(fc.constantFrom(0x40, 0x80, 0xc0, 0xe0, 0x50, 0x90), octet);
const code = fc.oneof(fc.integer({ min: 1, max: 36 }), octet);
const anyAttribute = fc.tuple(flags, code, value).map(([f, c, v]) => attribute(f & ~0x10, c, v));
const mandatory = [
  attribute(0x40, 1, [0]),
  attribute(0x40, 2, sequence([65_001, 65_002])),
  attribute(0x40, 3, [192, 0, 2, 1]),
];
const others = [
  attribute(0x80, 4, [0, 0, 0, 5]),
  attribute(0x40, 5, [0, 0, 0, 100]),
  attribute(0x40, 6, []),
  attribute(0xc0, 7, [0, 0, 0xfd, 0xe9, 10, 0, 0, 1]),
  attribute(0xc0, 8, [0, 1, 0, 2]),
  attribute(0x80, 9, [10, 0, 0, 1]),
  attribute(0x80, 10, [10, 0, 0, 1]),
  attribute(0x80, 14, [0, 2, 1, 16, ...new Array<number>(16).fill(32), 0, 16, 32, 1]),
  attribute(0x80, 15, [0, 2, 1, 8, 32]),
  attribute(0xc0, 16, [0, 2, 0, 1, 0, 0, 0, 1]),
  attribute(0xc0, 32, new Array<number>(12).fill(1)),
];
const goodList = fc.oneof(
  fc.shuffledSubarray([...mandatory, ...others]),
  fc.shuffledSubarray(others).map((some) => [...some, ...mandatory]),
);
const list = fc.oneof(
  goodList,
  fc.array(anyAttribute, { maxLength: 6 }),
  fc.tuple(goodList, fc.array(anyAttribute, { maxLength: 2 })).map(([a, b]) => [...a, ...b]),
);
const nlri = fc.oneof(
  fc
    .array(fc.constantFrom(prefix("10.0.0.0/8"), prefix("0.0.0.0/0"), prefix("192.0.2.1/32")))
    .map((all) => Uint8Array.from(all.flat())),
  fc.uint8Array({ maxLength: 9 }),
);
const anyUpdate = fc.tuple(nlri, list, nlri).map(([withdrawn, attributes, announced]) => {
  const octets = join(...attributes);
  return message(2, join(u16(withdrawn.length), withdrawn, u16(octets.length), octets, announced));
});

test("messages", () => {
  const counts: Counts = { announced: 0, withdrawn: 0 };
  let sound = 0;
  fc.assert(
    fc.property(fc.oneof(anyUpdate, anyUpdate, fc.uint8Array({ maxLength: 80 })), fc.boolean(), (octets, as4) => {
      const context = as4 ? FOUR : TWO;
      if (!glanceAtMessage(octets, context, counts)) return;
      sound++;
      const { findings, update: seen } = inspectMessage(octets, context);
      expect(findings).toEqual([]);
      const { mpReach, mpUnreach } = seen?.attributes ?? {};
      expect(counts).toEqual({
        announced: (seen?.announced.length ?? 0) + (mpReach?.nlri.length ?? 0),
        withdrawn: (seen?.withdrawn.length ?? 0) + (mpUnreach?.nlri.length ?? 0),
      });
    }),
    { numRuns: 3000 },
  );
  expect(sound).toBeGreaterThan(40); // else the property says nothing
});

test("attribute lists", () => {
  let sound = 0;
  fc.assert(
    fc.property(list, fc.boolean(), (attributes, as4) => {
      const octets = join(...attributes);
      if (!glanceAtAttributes(octets, 0, octets.length, as4, false)) return;
      sound++;
      expect(inspectAttributes(octets, as4 ? FOUR : TWO).findings).toEqual([]);
    }),
    { numRuns: 3000 },
  );
  expect(sound).toBeGreaterThan(100);
});

describe("the common ones are sound at first sight", () => {
  const counts: Counts = { announced: 0, withdrawn: 0 };
  test.each([
    { name: "KEEPALIVE", octets: KEEPALIVE, seen: true, announced: 0, withdrawn: 0 },
    {
      name: "UPDATE",
      octets: update({ announced: ["10.0.0.0/8", "11.0.0.0/8"] }),
      seen: true,
      announced: 2,
      withdrawn: 0,
    },
    { name: "withdrawal", octets: update({ withdrawn: ["10.0.0.0/8"] }), seen: true, announced: 0, withdrawn: 1 },
    { name: "End-of-RIB", octets: update({}), seen: true, announced: 0, withdrawn: 0 },
    { name: "OPEN: left to the codec", octets: open(65_001), seen: false, announced: 0, withdrawn: 0 },
  ])("$name", ({ octets, seen, announced, withdrawn }) => {
    expect(glanceAtMessage(octets, FOUR, counts)).toBe(seen);
    expect(counts).toEqual({ announced, withdrawn });
  });

  test("with path identifiers: left to the codec", () => {
    expect(glanceAtMessage(update({ announced: ["10.0.0.0/8"] }), contextOf(true, ["1/1"], true), counts)).toBe(false);
  });

  test("a next hop alone, as dumped tables have it", () => {
    const octets = attribute(0x80, 14, [16, ...new Array<number>(16).fill(32)]);
    expect(glanceAtAttributes(octets, 0, octets.length, true, true)).toBe(true);
    expect(glanceAtAttributes(octets, 0, octets.length, true, false)).toBe(false);
  });
});

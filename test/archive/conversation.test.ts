/** What OPENs settle for the messages behind them, and what is made of messages without OPENs. */
import { describe, expect, test } from "vitest";
import type { MessageRecord } from "../../protocol/archive/record.ts";
import {
  as4Capability,
  attribute,
  capability,
  decodeCapture,
  frame,
  join,
  KEEPALIVE,
  message,
  open,
  pcap,
  prefix,
  reply,
  sequence,
  u16,
  u32,
  update,
} from "./support.ts";

/** Contexts of the messages that A and then B send one after the other. */
function contexts(a: readonly Uint8Array[], b: readonly Uint8Array[] = []): MessageRecord["context"][] {
  const file = pcap([
    ...(b.length > 0 ? [reply({ seq: 500, data: join(...b) })] : []),
    frame({ seq: 100, data: join(...a) }),
  ]);
  return decodeCapture(file)
    .filter((record) => record.kind === "message")
    .map(({ context }) => context);
}

const AS4_PATH = { width: 4, path: [65_001, 65_002] } as const;
const announce = { announced: ["10.0.0.0/8"] };

describe("width of AS numbers", () => {
  const two = open(65_001);
  const four = open(65_001, [as4Capability(65_001)]);

  test.each([
    { name: "both OPENs have it", a: four, b: four, as4: true },
    { name: "one has it not", a: four, b: two, as4: false },
    { name: "neither has it", a: two, b: two, as4: false },
    { name: "one OPEN alone, with it", a: four, b: KEEPALIVE, as4: true },
    { name: "one OPEN alone, without it", a: two, b: KEEPALIVE, as4: false },
  ])("$name", ({ a, b, as4 }) => {
    expect(contexts([a, update({ ...announce, width: 4 })], [b]).at(-1)?.as4).toBe(as4);
  });

  test("no OPEN: the width that fits the attribute", () => {
    expect(contexts([update({ ...announce, ...AS4_PATH })]).at(-1)?.as4).toBe(true);
    expect(contexts([update({ ...announce, width: 2, path: [65_001, 65_002] })]).at(-1)?.as4).toBe(false);
  });

  test("what an UPDATE decided stays, for both directions", () => {
    const undecided = update({ ...announce, path: [] });
    const seen = contexts([update({ ...announce, width: 2, path: [1, 2, 3] }), undecided], [undecided]);
    expect(seen.map(({ as4 }) => as4)).toEqual([true, false, false]);
  });

  describe("a path that fits both", () => {
    const path = (value: readonly number[], extra: readonly Uint8Array[] = []): Uint8Array => {
      const attributes = join(
        attribute(0x40, 1, [0]),
        attribute(0x40, 2, value),
        attribute(0x40, 3, [192, 0, 2, 1]),
        ...extra,
      );
      return message(2, join([0, 0], u16(attributes.length), attributes, prefix("10.0.0.0/8")));
    };
    // As four octets: a sequence of 66051 and 16842757. As two octets: a sequence of 1 and 515, a set of 5.
    const value = [2, 2, 0, 1, 2, 3, 1, 1, 0, 5];

    test("numbers that nobody has: two octets", () => {
      expect(contexts([path(value)]).at(-1)?.as4).toBe(false);
    });

    test("an AGGREGATOR tells", () => {
      expect(contexts([path(value, [attribute(0xc0, 7, [...u32(1), 1, 2, 3, 4])])]).at(-1)?.as4).toBe(true);
      expect(contexts([path(value, [attribute(0xc0, 7, [...u16(1), 1, 2, 3, 4])])]).at(-1)?.as4).toBe(false);
    });

    test("numbers that somebody has: four octets, unless AS4_PATH says that the speaker has two", () => {
      // As two octets: a sequence of 0, 1, 0 and another of 0, 7.
      const likely = sequence([1, 0x0202, 7]);
      expect(contexts([path(likely)]).at(-1)?.as4).toBe(true);
      expect(contexts([path(likely, [attribute(0xc0, 17, sequence([70_000]))])]).at(-1)?.as4).toBe(false);
    });
  });
});

describe("path identifiers", () => {
  const families = (context: MessageRecord["context"] | undefined): string[] => [...(context?.addPathRx ?? [])].sort();
  const withPath = (mode: number, ...more: readonly (readonly [number, number])[]): Uint8Array =>
    open(65_001, [capability(69, 0, 1, 1, mode, ...more.flatMap(([safi, m]) => [0, 2, safi, m]))]);
  const plain = update({ ...announce, width: 2 });

  test.each([
    { name: "both send and receive", a: 3, b: 3, aSends: true, bSends: true },
    { name: "A sends, B receives", a: 2, b: 1, aSends: true, bSends: false },
    { name: "both only receive", a: 1, b: 1, aSends: false, bSends: false },
    { name: "both only send", a: 2, b: 2, aSends: false, bSends: false },
  ])("$name", ({ a, b, aSends, bSends }) => {
    const file = pcap([
      frame({ seq: 100, data: withPath(a) }),
      reply({ seq: 500, data: join(withPath(b), plain) }),
      frame({ seq: 100 + withPath(a).length, data: plain }),
    ]);
    const records = decodeCapture(file).filter((record) => record.kind === "message");
    expect(families(records[2]?.context)).toEqual(bSends ? ["1/1"] : []);
    expect(families(records[3]?.context)).toEqual(aSends ? ["1/1"] : []);
  });

  test("each family for itself", () => {
    const seen = contexts([withPath(3, [1, 2]), plain], [withPath(3, [1, 1])]);
    expect(families(seen.at(-1))).toEqual(["1/1", "2/1"]);
  });

  test("without OPENs: only if the prefixes can be read no other way", () => {
    const nlri = [...u32(1), ...prefix("10.1.2.0/24"), ...u32(77), ...prefix("10.0.0.0/8")];
    const attributes = join(
      attribute(0x40, 1, [0]),
      attribute(0x40, 2, sequence([1])),
      attribute(0x40, 3, [192, 0, 2, 1]),
    );
    const octets = message(2, join([0, 0], u16(attributes.length), attributes, nlri));
    expect(families(contexts([octets]).at(-1))).toEqual(["1/1"]);
    expect(families(contexts([plain]).at(-1))).toEqual([]);
    // One OPEN is not two.
    expect(families(contexts([octets], [withPath(3)]).at(-1))).toEqual(["1/1"]);
  });

  test("of MP attributes", () => {
    const v6 = [...u32(5), ...prefix("2001:db8::/32"), ...u32(6), ...prefix("2001:db8:1::/48")];
    const unreach = attribute(0x80, 15, [0, 2, 1, ...v6]);
    expect(families(contexts([update({ extra: [unreach] })]).at(-1))).toEqual(["2/1"]);
    const reach = attribute(0x80, 14, [0, 2, 1, 16, ...new Array<number>(16).fill(32), 0, ...v6]);
    expect(families(contexts([update({ extra: [reach] })]).at(-1))).toEqual(["2/1"]);
  });
});

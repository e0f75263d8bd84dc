/** robustness.md §3 and §5: UPDATE framing, NLRI, the MP attributes. */
import { describe, expect, test } from "vitest";
import type { CodecContext } from "../../protocol/codec/capability.ts";
import { inspectMessage, UNKNOWN_CONTEXT } from "../../protocol/codec/inspect.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import { emptyParts, endOfRib, scanUpdate, type Update } from "../../protocol/codec/update.ts";
import { formatAddress, formatPrefix } from "../../protocol/wire/address.ts";
import {
  AS_PATH,
  attribute,
  EBGP,
  MANDATORY,
  MP_REACH,
  message,
  NEXT_HOP,
  ORIGIN,
  outcome,
  PATHS,
  TEN,
  toHex,
  update,
} from "./support.ts";

const read = (octets: Uint8Array, context: CodecContext = EBGP): Update => decodeMessage(octets, context) as Update;
const prefixes = (list: Update["announced"]): string[] =>
  list.map(({ prefix, pathId }) => formatPrefix(prefix) + (pathId === undefined ? "" : ` #${pathId}`));

const FRAMING: readonly [string, Uint8Array, string][] = [
  ["withdrawn length beyond the message", message(2, "0003 0000"), "reset 3/1"],
  ["no room for the attribute length", message(2, "0002 0000"), "reset 3/1"],
  ["one octet for the attribute length", message(2, "0001 00 00"), "reset 3/1"],
  ["attribute length beyond the message", message(2, "0000 0001"), "reset 3/1"],
  ["last attribute exceeds the list", update({ attributes: `${MANDATORY} c0 08 08 00010001`, nlri: TEN }), "TAW 8:3/1"],
  ["one octet left", update({ attributes: `${MANDATORY} c0`, nlri: TEN }), "TAW 0:3/1"],
  ["two octets left", update({ attributes: `${MANDATORY} c008`, nlri: TEN }), "TAW 0:3/1"],
  [
    "three octets left with the extended-length bit",
    update({ attributes: `${MANDATORY} d00801`, nlri: TEN }),
    "TAW 0:3/1",
  ],
  ["overrun, no NLRI", update({ attributes: `${MANDATORY} c0 08 08 00010001` }), "reset 3/1"],
  ["octet left, no NLRI", update({ withdrawn: TEN, attributes: `${MANDATORY} c0` }), "reset 3/1"],
  [
    "TAW-class error, no NLRI: the attribute's own subcode",
    update({ attributes: ORIGIN.replace("00", "03") }),
    "reset 3/6 40010103",
  ],
  ["discard-class error, no NLRI", update({ attributes: attribute(0x40, 6, "00") }), "discard 6:3/5"],
  ["valid attributes, no NLRI", update({ attributes: MANDATORY }), "fine"],
  ["empty UPDATE", update({}), "fine"],
  ["prefix of 33 bits", update({ attributes: MANDATORY, nlri: "21 0a00000000" }), "reset 3/10"],
  ["prefix cut", update({ attributes: MANDATORY, nlri: "18 0a00" }), "reset 3/10"],
  ["prefix of 255 bits", update({ attributes: MANDATORY, nlri: "ff" }), "reset 3/10"],
  ["withdrawn prefix of 33 bits", update({ withdrawn: "21 0a00000000" }), "reset 3/10"],
  ["withdrawn prefix cut", update({ withdrawn: "18 0a" }), "reset 3/10"],
  ["TAW with unparsable NLRI", update({ attributes: MANDATORY.replace("00", "07"), nlri: "21" }), "reset 3/10"],
  ["NLRI without attributes", update({ nlri: TEN }), "TAW 1:3/3, TAW 2:3/3, TAW 3:3/3"],
  [
    "NLRI with unknown attributes only",
    update({ attributes: attribute(0xc0, 99, "00"), nlri: TEN }),
    "TAW 1:3/3, TAW 2:3/3, TAW 3:3/3",
  ],
  [
    "CVE-2023-46753: one optional attribute only",
    update({ attributes: attribute(0xc0, 31, "00".repeat(16)), nlri: TEN }),
    "TAW 1:3/3, TAW 2:3/3, TAW 3:3/3",
  ],
  ["NEXT_HOP missing", update({ attributes: ORIGIN + AS_PATH, nlri: TEN }), "TAW 3:3/3"],
  [
    "a malformed attribute is not missing as well",
    update({ attributes: ORIGIN.replace("00", "07") + AS_PATH + NEXT_HOP, nlri: TEN }),
    "TAW 1:3/6",
  ],
  ["path ids without add-path", update({ attributes: MANDATORY, nlri: "00000001 21 0a" }), "reset 3/10"],
];

describe("framing and NLRI", () => {
  test.each(FRAMING)("%s", (_, octets, expected) => expect(outcome(octets)).toBe(expected));

  test("what is withdrawn or malformed is never lost: all prefixes are there on TAW", () => {
    const { withdrawn, announced, verdict } = read(
      update({ withdrawn: "10 c0a8", attributes: `${MANDATORY} c0`, nlri: `${TEN} 00 20 c0000201` }),
    );
    expect(verdict).toBe("treat-as-withdraw");
    expect(prefixes(withdrawn)).toEqual(["192.168.0.0/16"]);
    expect(prefixes(announced)).toEqual(["10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32"]);
  });

  test("bits behind the prefix length are masked", () => {
    const { announced, verdict } = read(update({ attributes: MANDATORY, nlri: "09 0aff 1f c00002ff 01 ff" }));
    expect(prefixes(announced)).toEqual(["10.128.0.0/9", "192.0.2.254/31", "128.0.0.0/1"]);
    expect(verdict).toBe("none");
  });

  test("odd prefixes are the table's business", () => {
    const { announced, verdict } = read(update({ attributes: MANDATORY, nlri: "04 e0 04 f0 08 7f 08 00" }));
    expect(announced).toHaveLength(4);
    expect(verdict).toBe("none");
  });

  test("path ids", () => {
    const { withdrawn, announced } = read(
      update({ withdrawn: "00000007 08 0a", attributes: MANDATORY, nlri: "ffffffff 08 0b 00000000 00" }),
      PATHS,
    );
    expect(prefixes(withdrawn)).toEqual(["10.0.0.0/8 #7"]);
    expect(prefixes(announced)).toEqual(["11.0.0.0/8 #4294967295", "0.0.0.0/0 #0"]);
  });

  test.each(["00000001", "000001", "00000001 21 0a00000000", "00000001 08"])(
    "cut or impossible behind a path id: %s",
    (nlri) => {
      expect(outcome(update({ attributes: MANDATORY, nlri }), PATHS)).toBe("reset 3/10");
    },
  );

  test("IPv4 routes on a session without IPv4 are ignored, with a fault", () => {
    const octets = update({ withdrawn: TEN, attributes: MANDATORY, nlri: TEN });
    const context: CodecContext = { ...EBGP, families: new Set(["2/1"]) };
    expect(outcome(octets, context)).toBe("discard 0:3/9");
    expect(read(octets, context)).toMatchObject({ withdrawn: [], announced: [] });
  });

  test("scanUpdate finds the same parts, and refuses the same lengths", () => {
    const parts = emptyParts();
    scanUpdate(update({ withdrawn: TEN, attributes: MANDATORY, nlri: "00" }), parts);
    expect(parts).toEqual({
      withdrawnStart: 21,
      withdrawnEnd: 23,
      attributesStart: 25,
      attributesEnd: 45,
      nlriStart: 45,
      nlriEnd: 46,
    });
    expect(() => scanUpdate(message(2, "0003 0000"), parts)).toThrow("leave no room");
  });
});

describe("End-of-RIB", () => {
  const mp = (value: string): string => attribute(0x80, 15, value);
  test.each<[string, Uint8Array, { afi: number; safi: number } | undefined]>([
    ["IPv4: 23 octets", update({}), { afi: 1, safi: 1 }],
    ["IPv6", update({ attributes: mp("0002 01") }), { afi: 2, safi: 1 }],
    ["a family we do not decode", update({ attributes: mp("0001 80") }), { afi: 1, safi: 128 }],
    ["not with a prefix", update({ attributes: mp("0002 01 00") }), undefined],
    ["not with octets of another family", update({ attributes: mp("0001 80 00") }), undefined],
    ["not beside another attribute", update({ attributes: ORIGIN + mp("0002 01") }), undefined],
    ["not beside an unknown attribute", update({ attributes: mp("0002 01") + attribute(0xc0, 99) }), undefined],
    ["not with a withdrawn prefix", update({ withdrawn: TEN }), undefined],
    ["not with malformed attributes (CVE-2023-47235)", update({ attributes: attribute(0x40, 6, "00") }), undefined],
  ])("%s", (_, octets, expected) => {
    expect(endOfRib(read(octets))).toEqual(expected);
    expect(inspectMessage(octets).update?.endOfRib).toEqual(expected);
  });

  test("of a family that was not negotiated is none at all", () => {
    const octets = update({ attributes: mp("0002 01") });
    expect(endOfRib(read(octets, { ...EBGP, families: new Set(["1/1"]) }))).toBeUndefined();
  });
});

const mpReach = (value: string, flags = 0x80): string => attribute(flags, 14, value);
const mpUnreach = (value: string, flags = 0x80): string => attribute(flags, 15, value);
const V6_NEXT_HOP = "10 20010db8000000000000000000000001";
const SET = ORIGIN + AS_PATH;
/** The reset that carries the attribute. */
const reset = (octets: string): string => `reset 3/9 ${octets.replace(/\s/g, "")}`;

const MP: readonly [string, string, string][] = [
  ["MP_REACH of 4 octets", mpReach("0002 01 00"), reset(mpReach("0002 01 00"))],
  ["MP_REACH of 0 octets", mpReach(""), reset(mpReach(""))],
  ["MP_UNREACH of 2 octets", mpUnreach("0002"), reset(mpUnreach("0002"))],
  ["IPv6 next hop of 0 octets", mpReach("0002 01 00 00 20 20010db8"), reset(mpReach("0002 01 00 00 20 20010db8"))],
  [
    "IPv6 next hop of 4 octets",
    mpReach("0002 01 04 c0000201 00 20 20010db8"),
    reset(mpReach("0002 01 04 c0000201 00 20 20010db8")),
  ],
  [
    "IPv6 next hop of 24 octets",
    mpReach(`0002 01 18 ${"20".repeat(24)} 00`),
    reset(mpReach(`0002 01 18 ${"20".repeat(24)} 00`)),
  ],
  [
    "IPv4 next hop of 16 octets, not negotiated",
    mpReach(`0001 01 ${V6_NEXT_HOP} 00 08 0a`),
    reset(mpReach(`0001 01 ${V6_NEXT_HOP} 00 08 0a`)),
  ],
  [
    "IPv4 next hop of 5 octets",
    mpReach("0001 01 05 c000020100 00 08 0a"),
    reset(mpReach("0001 01 05 c000020100 00 08 0a")),
  ],
  ["next hop beyond the attribute", mpReach("0002 01 10 2001"), reset(mpReach("0002 01 10 2001"))],
  ["no reserved octet", mpReach(`0002 01 ${V6_NEXT_HOP}`), reset(mpReach(`0002 01 ${V6_NEXT_HOP}`))],
  [
    "prefix of 129 bits",
    mpReach(`0002 01 ${V6_NEXT_HOP} 00 81 ${"20".repeat(17)}`),
    reset(mpReach(`0002 01 ${V6_NEXT_HOP} 00 81 ${"20".repeat(17)}`)),
  ],
  [
    "last prefix cut",
    mpReach(`0002 01 ${V6_NEXT_HOP} 00 20 2001`),
    reset(mpReach(`0002 01 ${V6_NEXT_HOP} 00 20 2001`)),
  ],
  ["withdrawn prefix of 129 bits", mpUnreach("0002 01 81"), reset(mpUnreach("0002 01 81"))],
  ["withdrawn prefix cut", mpUnreach("0002 01 40 2001"), reset(mpUnreach("0002 01 40 2001"))],
  [
    "MP_REACH flagged transitive",
    mpReach(`0002 01 ${V6_NEXT_HOP} 00`, 0xc0),
    reset(mpReach(`0002 01 ${V6_NEXT_HOP} 00`, 0xc0)),
  ],
  ["MP_UNREACH flagged well-known", mpUnreach("0002 01", 0x40), reset(mpUnreach("0002 01", 0x40))],
  ["MP_REACH overruns the list", "80 0e 20 0002", "reset 3/9"],
  ["MP_UNREACH overruns the list", "90 0f 0100 0002", "reset 3/9"],
  ["MP_REACH twice", MP_REACH + MP_REACH, "reset 3/1"],
  ["MP_UNREACH twice", mpUnreach("0002 01") + mpUnreach("0002 01"), "reset 3/1"],
  ["reserved octet set", SET + mpReach(`0002 01 ${V6_NEXT_HOP} ff 20 20010db8`), "fine"],
  ["empty NLRI", SET + mpReach(`0002 01 ${V6_NEXT_HOP} 00`), "fine"],
  ["empty NLRI, nothing mandatory", mpReach(`0002 01 ${V6_NEXT_HOP} 00`), "fine"],
  ["not the first attribute", SET + MP_REACH, "fine"],
  ["the first attribute", MP_REACH + SET, "fine"],
  ["partial bit on it is ignored", SET + mpReach(`0002 01 ${V6_NEXT_HOP} 00`, 0xa0), "fine"],
  ["MP_REACH without ORIGIN and AS_PATH", MP_REACH, "TAW 1:3/3, TAW 2:3/3"],
  ["next hop `::`", SET + mpReach(`0002 01 10 ${"00".repeat(16)} 00 20 20010db8`), "TAW 14:3/8"],
  ["next hop multicast", SET + mpReach(`0002 01 10 ff02${"00".repeat(14)} 00 20 20010db8`), "TAW 14:3/8"],
  ["NEXT_HOP of no use beside it is ignored", SET + MP_REACH + attribute(0x40, 3, "00000000"), "fine"],
  ["TAW-class error with MP NLRI", `${SET}${MP_REACH}${attribute(0xc0, 8, "00")}`, "TAW 8:3/5"],
  [
    "TAW-class error with MP_REACH that is empty",
    SET + mpReach(`0002 01 ${V6_NEXT_HOP} 00`) + attribute(0xc0, 8),
    "reset 3/5 c00800",
  ],
  ["TAW-class error beside MP_UNREACH", mpUnreach("0002 01 20 20010db8") + attribute(0xc0, 8), "reset 3/5 c00800"],
  [
    "COMMUNITY error and next-hop length error: the strongest wins",
    `${attribute(0xc0, 8)}${mpReach("0002 01 00 00 20 20010db8")}`,
    reset(mpReach("0002 01 00 00 20 20010db8")),
  ],
];

describe("MP_REACH_NLRI and MP_UNREACH_NLRI", () => {
  test.each(MP)("%s", (_, attributes, expected) => expect(outcome(update({ attributes }))).toBe(expected));

  test("MP_REACH, MP_UNREACH and IPv4 NLRI in one message: all parts apply", () => {
    const { announced, withdrawn, attributes, verdict } = read(
      update({ withdrawn: TEN, attributes: mpUnreach("0002 01 10 2001") + MP_REACH + MANDATORY, nlri: "00" }),
    );
    expect(verdict).toBe("none");
    expect(
      [withdrawn, announced, attributes.mpReach?.nlri ?? [], attributes.mpUnreach?.nlri ?? []].map(prefixes),
    ).toEqual([["10.0.0.0/8"], ["0.0.0.0/0"], ["2001:db8::/32"], ["2001::/16"]]);
  });

  test("MP_UNREACH and IPv4 NLRI without attributes: the MP prefixes are withdrawn, the others TAW (CVE-2023-47234)", () => {
    const octets = update({ attributes: mpUnreach("0002 01 10 2001"), nlri: TEN });
    expect(outcome(octets)).toBe("TAW 1:3/3, TAW 2:3/3, TAW 3:3/3");
    const { announced, attributes } = read(octets);
    expect(prefixes(announced)).toEqual(["10.0.0.0/8"]);
    expect(prefixes(attributes.mpUnreach?.nlri ?? [])).toEqual(["2001::/16"]);
  });

  test("IPv4 over an IPv6 next hop where it was negotiated (RFC 8950)", () => {
    const octets = update({ attributes: SET + mpReach(`0001 01 ${V6_NEXT_HOP} 00 08 0a`) });
    const { attributes } = read(octets, { ...EBGP, extendedNextHop: new Set(["1/1"]) });
    expect(attributes.mpReach?.nextHops.map(formatAddress)).toEqual(["2001:db8::1"]);
    expect(inspectMessage(octets).findings).toEqual([]); // without a session nobody knows
  });

  test.each([
    ["fe80000000000000 0000000000000001", ["2001:db8::1", "fe80::1"], ["2001:db8::1", "fe80::1"]],
    ["20010db800000000 0000000000000002", ["2001:db8::1"], ["2001:db8::1", "2001:db8::2"]],
  ])("a second next hop that is not link-local means nothing: %s", (second, session, lens) => {
    const octets = update({
      attributes: `${SET}${mpReach(`0002 01 20 20010db8000000000000000000000001 ${second} 00 00`)}`,
    });
    expect(read(octets).attributes.mpReach?.nextHops.map(formatAddress)).toEqual(session);
    expect(inspectMessage(octets).update?.attributes.mpReach?.nextHops.map(formatAddress)).toEqual(lens);
  });

  test("`::` beside a link-local next hop is usable", () => {
    const value = `0002 01 20 ${"00".repeat(16)} fe80${"00".repeat(13)}01 00 00`;
    expect(outcome(update({ attributes: SET + mpReach(value) }))).toBe("fine");
  });

  test("multicast families are decoded, with path ids where they are used", () => {
    const octets = update({ attributes: `${SET}${mpReach("0001 02 04 c0000201 00 00000009 08 0a")}` });
    const { attributes } = read(octets, { ...EBGP, addPathRx: new Set(["1/2"]) });
    expect(prefixes(attributes.mpReach?.nlri ?? [])).toEqual(["10.0.0.0/8 #9"]);
  });

  test("other families stay octets", () => {
    const nlri = "58 00064100 00fde900000001 c0a8";
    const octets = update({ attributes: `${SET}${mpReach(`0001 80 0c 0000000000000000c0000201 00 ${nlri}`)}` });
    const { attributes, verdict } = read(octets);
    expect(verdict).toBe("none");
    expect(attributes.mpReach).toMatchObject({ afi: 1, safi: 128, nextHops: [], nlri: [] });
    expect(toHex(attributes.mpReach?.raw?.nlri ?? new Uint8Array())).toBe(nlri.replace(/\s/g, ""));
  });

  test("a family that was not negotiated is ignored, not judged", () => {
    const context: CodecContext = { ...EBGP, families: new Set(["1/1"]) };
    const octets = update({ attributes: MANDATORY + mpReach("0002 01 04 c0000201 00 ff"), nlri: TEN });
    expect(outcome(octets, context)).toBe("discard 14:3/9");
    expect(read(octets, context).attributes.mpReach).toBeUndefined();
    expect(prefixes(read(octets, context).announced)).toEqual(["10.0.0.0/8"]);
  });
});

describe("the lens", () => {
  test("judges next hops of IPv6 as the table's business, those of IPv4 not", () => {
    const v6 = update({ attributes: SET + mpReach(`0002 01 10 ${"00".repeat(16)} 00 00`) });
    expect(inspectMessage(v6).findings).toEqual([]);
    const v4 = update({ attributes: SET + attribute(0x40, 3, "e0000001"), nlri: TEN });
    expect(inspectMessage(v4).findings).toMatchObject([{ code: 3, subcode: 8, action: "treat-as-withdraw" }]);
  });

  test("BGPSEC_PATH stands for AS_PATH", () => {
    const octets = update({ attributes: ORIGIN + MP_REACH + attribute(0x90, 33, "0008") });
    expect(inspectMessage(octets).findings).toEqual([]);
    expect(outcome(octets)).toBe("TAW 2:3/3");
  });

  test("all that is wrong, strongest first, with offsets", () => {
    const octets = update({
      attributes: `${attribute(0x40, 6, "00")}${ORIGIN.replace("00", "05")}${AS_PATH}${NEXT_HOP}`,
      nlri: "08 0a 21",
    });
    expect(inspectMessage(octets, UNKNOWN_CONTEXT).findings).toEqual([
      {
        action: "session-reset",
        code: 3,
        subcode: 10,
        name: "Invalid network field",
        message: "IPv4 prefix of 33 bits in the NLRI",
        offset: 49,
      },
      {
        action: "treat-as-withdraw",
        code: 3,
        subcode: 6,
        name: "Invalid ORIGIN attribute",
        message: "ORIGIN 5 is none of IGP, EGP, INCOMPLETE",
        offset: 30,
        data: Uint8Array.of(0x40, 1, 1, 5),
        attribute: 1,
      },
      {
        action: "attribute-discard",
        code: 3,
        subcode: 5,
        name: "Invalid attribute length",
        message: "ATOMIC_AGGREGATE of 1 octet, must be 0",
        offset: 23,
        data: Uint8Array.of(0x40, 6, 1, 0),
        attribute: 6,
      },
    ]);
    expect(prefixes(inspectMessage(octets).update?.announced ?? [])).toEqual(["10.0.0.0/8"]);
  });
});

/** robustness.md §4: each attribute, well formed and not; flags, duplicates, eBGP and iBGP. */
import { describe, expect, test } from "vitest";
import { ATTRIBUTES, encodeAttributes, forwardUnknown, type PathAttributes } from "../../protocol/codec/attribute.ts";
import type { CodecContext } from "../../protocol/codec/capability.ts";
import { inspectMessage } from "../../protocol/codec/inspect.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Update } from "../../protocol/codec/update.ts";
import { ipv4, parseAddress } from "../../protocol/wire/address.ts";
import { ByteWriter } from "../../protocol/wire/bytes.ts";
import {
  AS_PATH,
  attribute,
  EBGP,
  hex,
  IBGP,
  MANDATORY,
  MANDATORY_OLD,
  MEMBER,
  message,
  NEXT_HOP,
  OLD,
  ORIGIN,
  outcome,
  TEN,
  toHex,
  update,
} from "./support.ts";

const route = (attributes: string): Uint8Array => update({ attributes, nlri: TEN });
/** The mandatory ones and one more. */
const beside = (extra: string): Uint8Array => route(MANDATORY + extra);
const path = (value: string): Uint8Array => route(ORIGIN + attribute(0x40, 2, value) + NEXT_HOP);
const read = (octets: Uint8Array, context: CodecContext = EBGP): PathAttributes =>
  (decodeMessage(octets, context) as Update).attributes;

const ROWS: readonly [string, Uint8Array, string, CodecContext?][] = [
  // ORIGIN
  ["ORIGIN of 2 octets", route(attribute(0x40, 1, "0000") + AS_PATH + NEXT_HOP), "TAW 1:3/5"],
  ["ORIGIN of 0 octets", route(attribute(0x40, 1) + AS_PATH + NEXT_HOP), "TAW 1:3/5"],
  ["ORIGIN 3", route(attribute(0x40, 1, "03") + AS_PATH + NEXT_HOP), "TAW 1:3/6"],
  ["ORIGIN flagged optional", route(attribute(0xc0, 1, "00") + AS_PATH + NEXT_HOP), "TAW 1:3/4"],
  ["ORIGIN with flags 00 (CVE-2026-42285)", route(attribute(0x00, 1, "00") + AS_PATH + NEXT_HOP), "TAW 1:3/4"],
  ["ORIGIN with the partial bit: ignored", route(attribute(0x60, 1, "00") + AS_PATH + NEXT_HOP), "fine"],
  ["ORIGIN with the extended-length bit", route(attribute(0x50, 1, "00") + AS_PATH + NEXT_HOP), "fine"],
  ["ORIGIN with low flag bits: ignored", route(attribute(0x4f, 1, "00") + AS_PATH + NEXT_HOP), "fine"],
  // AS_PATH
  ["AS_PATH, unknown segment type", path("05 01 0000fde9"), "TAW 2:3/11"],
  ["AS_PATH, segment type 0", path("00 01 0000fde9"), "TAW 2:3/11"],
  ["AS_PATH, segment overruns", path("02 02 0000fde9"), "TAW 2:3/11"],
  ["AS_PATH, one octet left", path("02 01 0000fde9 02"), "TAW 2:3/11"],
  ["AS_PATH, segment of count 0", path("02 00"), "TAW 2:3/11"],
  ["AS_PATH, count 0 behind a good one", path("02 01 0000fde9 02 00"), "TAW 2:3/11"],
  ["AS_PATH of two octets on a four-octet session", path("02 01 fde9"), "TAW 2:3/11"],
  ["AS_PATH of four octets on a two-octet session", route(ORIGIN + AS_PATH + NEXT_HOP), "TAW 2:3/11", OLD],
  ["AS_PATH with AS 0", path("02 02 0000fde9 00000000"), "TAW 2:3/11"],
  ["AS_PATH with a set", path("02 01 0000fde9 01 02 0000fdea 0000fdeb"), "fine"],
  ["AS_PATH with a set, refused", path("02 01 0000fde9 01 01 0000fdea"), "TAW 2:3/11", { ...EBGP, rejectAsSets: true }],
  ["AS_PATH empty over iBGP", path(""), "fine", IBGP],
  ["AS_PATH empty over eBGP: the table's business without enforce-first-as", path(""), "fine"],
  ["AS_PATH empty, first AS enforced", path(""), "TAW 2:3/11", { ...EBGP, firstAs: 65001 }],
  ["AS_PATH, leftmost is the peer", path("02 01 0000fde9"), "fine", { ...EBGP, firstAs: 65001 }],
  ["AS_PATH, leftmost is not the peer", path("02 01 0000fdea"), "TAW 2:3/11", { ...EBGP, firstAs: 65001 }],
  ["AS_PATH, leftmost is a set", path("01 01 0000fde9"), "TAW 2:3/11", { ...EBGP, firstAs: 65001 }],
  ["confederation segment from outside", path("03 01 0000fde9 02 01 0000fdea"), "TAW 2:3/11"],
  ["confederation set from outside", path("02 01 0000fdea 04 01 0000fde9"), "TAW 2:3/11"],
  ["confederation segment from a member", path("03 01 0000fde9 02 01 0000fdea"), "fine", MEMBER],
  ["confederation segment over iBGP", path("03 01 0000fde9"), "fine", IBGP],
  ["no confederation segment first, from a member", path("02 01 0000fdea"), "TAW 2:3/11", MEMBER],
  ["empty path from a member", path(""), "TAW 2:3/11", MEMBER],
  ["AS_PATH flagged optional", route(ORIGIN + attribute(0xc0, 2, "02 01 0000fde9") + NEXT_HOP), "TAW 2:3/4"],
  // NEXT_HOP
  ["NEXT_HOP of 5 octets", route(ORIGIN + AS_PATH + attribute(0x40, 3, "c000020100")), "TAW 3:3/5"],
  ["NEXT_HOP of 0 octets", route(ORIGIN + AS_PATH + attribute(0x40, 3)), "TAW 3:3/5"],
  ["NEXT_HOP 0.0.0.0", route(ORIGIN + AS_PATH + attribute(0x40, 3, "00000000")), "TAW 3:3/8"],
  ["NEXT_HOP multicast", route(ORIGIN + AS_PATH + attribute(0x40, 3, "e0000001")), "TAW 3:3/8"],
  ["NEXT_HOP 255.255.255.255", route(ORIGIN + AS_PATH + attribute(0x50, 3, "ffffffff")), "TAW 3:3/8"],
  [
    "NEXT_HOP 0.0.0.0 without NLRI: ignored",
    update({ attributes: ORIGIN + AS_PATH + attribute(0x40, 3, "00000000") }),
    "fine",
  ],
  // MED, LOCAL_PREF
  ["MED of 3 octets", beside(attribute(0x80, 4, "000001")), "TAW 4:3/5"],
  ["MED flagged transitive", beside(attribute(0xc0, 4, "00000001")), "TAW 4:3/4"],
  ["LOCAL_PREF from eBGP", beside(attribute(0x40, 5, "00000064")), "discard 5:3/1"],
  ["LOCAL_PREF of 5 octets from eBGP", beside(attribute(0x40, 5, "0000006400")), "discard 5:3/1"],
  ["LOCAL_PREF with wrong flags from eBGP", beside(attribute(0xc0, 5, "00000064")), "discard 5:3/1"],
  [
    "LOCAL_PREF from eBGP where we take it",
    beside(attribute(0x40, 5, "00000064")),
    "fine",
    { ...EBGP, allowLocalPref: true },
  ],
  ["LOCAL_PREF over iBGP", beside(attribute(0x40, 5, "00000064")), "fine", IBGP],
  ["LOCAL_PREF of 5 octets over iBGP", beside(attribute(0x40, 5, "0000006400")), "TAW 5:3/5", IBGP],
  [
    "LOCAL_PREF of 3 octets from a member",
    route(ORIGIN + attribute(0x40, 2, "03 01 0000fde9") + NEXT_HOP + attribute(0x40, 5, "000064")),
    "TAW 5:3/5",
    MEMBER,
  ],
  // ATOMIC_AGGREGATE, AGGREGATOR
  ["ATOMIC_AGGREGATE", beside(attribute(0x40, 6)), "fine"],
  ["ATOMIC_AGGREGATE of 1 octet", beside(attribute(0x40, 6, "00")), "discard 6:3/5"],
  ["ATOMIC_AGGREGATE flagged optional", beside(attribute(0xc0, 6)), "discard 6:3/4"],
  ["AGGREGATOR", beside(attribute(0xc0, 7, "0000fde9 c0000201")), "fine"],
  ["AGGREGATOR of 6 octets on a four-octet session", beside(attribute(0xc0, 7, "fde9 c0000201")), "discard 7:3/5"],
  [
    "AGGREGATOR of 8 octets on a two-octet session",
    route(MANDATORY_OLD + attribute(0xc0, 7, "0000fde9 c0000201")),
    "discard 7:3/5",
    OLD,
  ],
  ["AGGREGATOR with AS 0", beside(attribute(0xc0, 7, "00000000 c0000201")), "discard 7:3/9"],
  ["AGGREGATOR flagged non-transitive", beside(attribute(0x80, 7, "0000fde9 c0000201")), "discard 7:3/4"],
  // communities
  ["COMMUNITY of 0 octets", beside(attribute(0xc0, 8)), "TAW 8:3/5"],
  ["COMMUNITY of 6 octets", beside(attribute(0xc0, 8, "000100010001")), "TAW 8:3/5"],
  ["COMMUNITY flagged non-transitive", beside(attribute(0x80, 8, "00010001")), "TAW 8:3/4"],
  ["COMMUNITY with the partial bit", beside(attribute(0xe0, 8, "00010001")), "fine"],
  ["EXT_COMMUNITY of 0 octets", beside(attribute(0xc0, 16)), "TAW 16:3/5"],
  ["EXT_COMMUNITY of 12 octets", beside(attribute(0xc0, 16, "00".repeat(12))), "TAW 16:3/5"],
  ["EXT_COMMUNITY of an unknown type", beside(attribute(0xc0, 16, "ff".repeat(8))), "fine"],
  ["IPv6 EXT_COMMUNITY of 0 octets", beside(attribute(0xc0, 25)), "TAW 25:3/5"],
  ["IPv6 EXT_COMMUNITY of 8 octets", beside(attribute(0xc0, 25, "00".repeat(8))), "TAW 25:3/5"],
  ["IPv6 EXT_COMMUNITY of 40 octets", beside(attribute(0xc0, 25, "00".repeat(40))), "fine"],
  ["LARGE_COMMUNITY of 0 octets", beside(attribute(0xc0, 32)), "TAW 32:3/5"],
  ["LARGE_COMMUNITY of 13 octets", beside(attribute(0xc0, 32, "00".repeat(13))), "TAW 32:3/5"],
  // reflection
  ["ORIGINATOR_ID from eBGP, any shape", beside(attribute(0x80, 9, "00")), "discard 9:3/1"],
  ["ORIGINATOR_ID over iBGP", beside(attribute(0x80, 9, "0a000001")), "fine", IBGP],
  ["ORIGINATOR_ID of 5 octets over iBGP", beside(attribute(0x80, 9, "0a00000100")), "TAW 9:3/5", IBGP],
  ["CLUSTER_LIST from eBGP, any shape", beside(attribute(0xc0, 10, "00")), "discard 10:3/1"],
  ["CLUSTER_LIST of 0 octets over iBGP", beside(attribute(0x80, 10)), "TAW 10:3/5", IBGP],
  ["CLUSTER_LIST of 6 octets over iBGP", beside(attribute(0x80, 10, "0a0000010a00")), "TAW 10:3/5", IBGP],
  ["CLUSTER_LIST over iBGP", beside(attribute(0x80, 10, "0a0000010a000002")), "fine", IBGP],
  // AS4_*
  ["AS4_PATH from a four-octet speaker", beside(attribute(0xc0, 17, "02 01 0000fde9")), "discard 17:3/1"],
  ["AS4_AGGREGATOR from a four-octet speaker", beside(attribute(0xc0, 18, "0000fde9 c0000201")), "discard 18:3/1"],
  [
    "AS4_PATH of 1 octet before AS_PATH (CVE-2026-41643)",
    message(2, `0000 000b 40 11 01 02 40 02 04 ffff dead ${TEN}`),
    "discard 17:3/4, TAW 2:3/11, TAW 1:3/3, TAW 3:3/3",
    OLD,
  ],
  ["AS4_PATH of 4 octets", route(MANDATORY_OLD + attribute(0xc0, 17, "02 01 fde9")), "discard 17:3/5", OLD],
  ["AS4_PATH of odd length", route(MANDATORY_OLD + attribute(0xc0, 17, "02 01 0000fde9 00")), "discard 17:3/11", OLD],
  [
    "AS4_PATH, unknown segment type",
    route(MANDATORY_OLD + attribute(0xc0, 17, "07 01 0000fde9")),
    "discard 17:3/11",
    OLD,
  ],
  ["AS4_PATH overruns", route(MANDATORY_OLD + attribute(0xc0, 17, "02 02 0000fde9")), "discard 17:3/11", OLD],
  ["AS4_PATH, count 0", route(MANDATORY_OLD + attribute(0xc0, 17, "02 00 02 01 0000fde9")), "discard 17:3/11", OLD],
  ["AS4_PATH with AS 0", route(MANDATORY_OLD + attribute(0xc0, 17, "02 01 00000000")), "discard 17:3/11", OLD],
  ["AS4_AGGREGATOR of 6 octets", route(MANDATORY_OLD + attribute(0xc0, 18, "fde9 c0000201")), "discard 18:3/5", OLD],
  ["AS4_AGGREGATOR with AS 0", route(MANDATORY_OLD + attribute(0xc0, 18, "00000000 c0000201")), "discard 18:3/9", OLD],
  // the others
  ["OTC of 3 octets", beside(attribute(0xc0, 35, "0000fd")), "TAW 35:3/5"],
  ["OTC of 1024 octets (2025-10)", beside(attribute(0xd0, 35, "00".repeat(1024))), "TAW 35:3/5"],
  ["OTC", beside(attribute(0xc0, 35, "0000fde9")), "fine"],
  ["AIGP", beside(attribute(0x80, 26, "01 000b 0000000000000064")), "fine"],
  ["AIGP, TLV of 10 octets", beside(attribute(0x80, 26, "01 000a 00000000000064")), "discard 26:3/9"],
  ["AIGP, TLV shorter than its header", beside(attribute(0x80, 26, "02 0002")), "discard 26:3/9"],
  ["AIGP, TLV overruns", beside(attribute(0x80, 26, "01 000b 0000")), "discard 26:3/9"],
  ["AIGP, two octets", beside(attribute(0x80, 26, "0100")), "discard 26:3/9"],
  ["AIGP of 0 octets", beside(attribute(0x80, 26)), "discard 26:3/5"],
  ["AIGP flagged transitive", beside(attribute(0xc0, 26, "01 000b 0000000000000064")), "discard 26:3/4"],
  ["PMSI_TUNNEL is passed through", beside(attribute(0xc0, 22, "00 06 000640 c0000201")), "fine"],
  ["PREFIX_SID of zeros (2025-05)", beside(attribute(0xe0, 40, "00".repeat(10))), "fine"],
  ["PREFIX_SID flagged well-known", beside(attribute(0x40, 40, "00")), "discard 40:3/4"],
  ["TUNNEL_ENCAP, junk (CVE-2023-38802)", beside(attribute(0xc0, 23, "000fffff")), "fine"],
  ["ENTROPY_LABEL, deprecated (2023-06)", beside(attribute(0xe0, 28, "00")), "fine"],
  ["ATTR_SET", beside(attribute(0xc0, 128, "0000fde9")), "fine"],
  ["attribute 255 (CVE-2019-5892)", beside(attribute(0xc0, 255, "00")), "fine"],
  ["unknown, optional non-transitive", beside(attribute(0x80, 99, "00")), "fine"],
  ["unknown of length 0", beside(attribute(0xc0, 99)), "fine"],
  ["unknown, well-known (CVE-2026-41642)", beside(attribute(0x40, 99, "00")), "TAW 99:3/2"],
  // duplicates: the first counts
  ["ORIGIN twice", beside(ORIGIN), "discard 1:3/1"],
  ["a malformed second ORIGIN", beside(attribute(0x40, 1, "0707")), "discard 1:3/1"],
  ["a malformed first ORIGIN", route(attribute(0x40, 1, "07") + MANDATORY), "TAW 1:3/6, discard 1:3/1"],
  ["an unknown one twice", beside(attribute(0xc0, 99) + attribute(0xc0, 99, "00")), "discard 99:3/1"],
  ["a refused one twice", beside(attribute(0x40, 5) + attribute(0x40, 5)), "discard 5:3/1, discard 5:3/1"],
];

describe("reactions", () => {
  test.each(ROWS)("%s", (_, octets, expected, context = EBGP) => {
    expect(outcome(octets, context)).toBe(expected);
  });

  test("data is the whole attribute, nothing for a path, the code for a missing one", () => {
    const data = (octets: Uint8Array): string =>
      (decodeMessage(octets, EBGP) as Update).faults.map((f) => toHex(f.data ?? new Uint8Array())).join();
    expect(data(beside(attribute(0x90, 4, "000001")))).toBe("90040003000001");
    expect(data(path("02 00"))).toBe("");
    expect(data(route(ORIGIN + NEXT_HOP))).toBe("02");
    expect(data(route(ORIGIN + AS_PATH + attribute(0x40, 3, "00000000")))).toBe("40030400000000");
  });

  test("thousands of faults stay few, and the strongest is among them", () => {
    const octets = update({ attributes: ORIGIN.repeat(900) + attribute(0xc0, 8), nlri: TEN });
    const { faults, verdict } = decodeMessage(octets, EBGP) as Update;
    expect(faults.length).toBeLessThanOrEqual(64);
    expect(verdict).toBe("treat-as-withdraw");
  });

  test("without a session nobody knows whether the peer may send it", () => {
    const extra =
      attribute(0x40, 5, "00000064") + attribute(0x80, 9, "0a000001") + attribute(0xc0, 17, "02 01 0000fde9");
    expect(inspectMessage(beside(extra)).findings).toEqual([]);
    expect(inspectMessage(path("03 01 0000fde9")).findings).toEqual([]);
  });
});

const ip = (text: string) => parseAddress(text)!;
/** Each attribute with its octets as RFCs recommend them to be sent. */
const WIRE: readonly [PathAttributes, string, CodecContext?][] = [
  [{ origin: 2 }, "40 01 01 02"],
  [{ asPath: [] }, "40 02 00"],
  [
    {
      asPath: [
        { type: 2, asns: [65001, 4_200_000_000] },
        { type: 1, asns: [7] },
      ],
    },
    "40 02 10 02 02 0000fde9 fa56ea00 01 01 00000007",
  ],
  [{ nextHop: ip("192.0.2.1") }, "40 03 04 c0000201"],
  [{ multiExitDisc: 0xffff_ffff }, "80 04 04 ffffffff"],
  [{ localPref: 100 }, "40 05 04 00000064", IBGP],
  [{ atomicAggregate: true }, "40 06 00"],
  [{ aggregator: { asn: 70000, address: ip("192.0.2.1") } }, "c0 07 08 00011170 c0000201"],
  [{ communities: [0xffff_ff01, 1] }, "c0 08 08 ffffff01 00000001"],
  [{ originatorId: 0x0a00_0001 }, "80 09 04 0a000001", IBGP],
  [{ clusterList: [1, 2] }, "80 0a 08 00000001 00000002", IBGP],
  [{ extCommunities: [{ hi: 0x0002_fde9, lo: 5 }] }, "c0 10 08 0002fde9 00000005"],
  [{ pmsiTunnel: hex("0006") }, "c0 16 02 0006"],
  [{ ipv6ExtCommunities: [hex("00".repeat(20))] }, `c0 19 14 ${"00".repeat(20)}`],
  [{ aigp: { metric: 100n } }, "80 1a 0b 01 000b 0000000000000064"],
  [{ aigp: { metric: 1n, otherTlvs: hex("02 0004 ff") } }, "80 1a 0f 01 000b 0000000000000001 02 0004 ff"],
  [{ largeCommunities: [{ global: 70000, local1: 1, local2: 2 }] }, "c0 20 0c 00011170 00000001 00000002"],
  [{ onlyToCustomer: 65001 }, "c0 23 04 0000fde9"],
  [{ unknown: [{ code: 99, flags: 0xc0, value: hex("ab") }] }, "c0 63 01 ab"],
  [{ communities: [1], partial: [8] }, "e0 08 04 00000001"],
];

const encode = (attributes: PathAttributes, context: CodecContext = EBGP): string => {
  const w = new ByteWriter();
  encodeAttributes(w, attributes, context);
  return toHex(w.finish());
};

describe("encoding", () => {
  test.each(WIRE)("%o", (attributes, octets, context = EBGP) => {
    expect(encode(attributes, context)).toBe(octets.replace(/\s/g, ""));
    expect(read(update({ attributes: octets }), context)).toEqual(attributes);
  });

  test("MP_REACH first, the others ascending, unknown ones among them", () => {
    const codes = (octets: Uint8Array): number[] => {
      const found: number[] = [];
      for (let at = 0; at < octets.length; at += 3 + octets[at + 2]!) found.push(octets[at + 1]!);
      return found;
    };
    const attributes: PathAttributes = {
      unknown: [
        { code: 30, flags: 0xc0, value: hex("00") },
        { code: 11, flags: 0xc0, value: hex("00") },
        { code: 200, flags: 0xc0, value: hex("00") },
      ],
      onlyToCustomer: 1,
      mpUnreach: { afi: 2, safi: 1, nlri: [] },
      mpReach: { afi: 2, safi: 1, nextHops: [ip("::1")], nlri: [] },
      origin: 0,
      communities: [1],
    };
    expect(codes(hex(encode(attributes)))).toEqual([14, 15, 1, 8, 11, 30, 35, 200]);
  });

  test("extended length only where it is needed, whatever the flags said (2010, attribute 99)", () => {
    const opaque = (length: number): PathAttributes => ({
      unknown: [{ code: 99, flags: 0xf0, value: new Uint8Array(length) }],
    });
    expect(encode(opaque(255)).slice(0, 6)).toBe("e063ff");
    expect(encode(opaque(256)).slice(0, 8)).toBe("f0630100");
  });

  test("forwarded unknown attributes: Partial set, non-transitive ones gone", () => {
    const value = hex("ab");
    const unknown = [
      { code: 98, flags: 0x80, value },
      { code: 99, flags: 0xc0, value },
      { code: 100, flags: 0xe0, value },
    ];
    expect(forwardUnknown(unknown)).toEqual([
      { code: 99, flags: 0xe0, value },
      { code: 100, flags: 0xe0, value },
    ]);
  });

  test("a value that cannot be sent is our bug", () => {
    expect(() => encode({ pmsiTunnel: new Uint8Array(65536) })).toThrow(RangeError);
  });

  test("rows are in order of code and as BIRD names them", () => {
    const rows = Object.values(ATTRIBUTES);
    expect(rows.map(({ code }) => code)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 22, 25, 26, 32, 35,
    ]);
    expect(rows.map(({ name }) => name)).toContain("atomic_aggr");
  });
});

describe("two-octet peers", () => {
  const aggregator = { asn: 70000, address: ipv4(0xc000_0201) };
  const asPath = [{ type: 2, asns: [65001, 70000] }] as const;

  test("get AS_TRANS and the AS4 attributes, and are understood", () => {
    const sent = encode({ asPath, aggregator }, OLD);
    expect(sent).toBe(
      "4002060202fde95ba0" + "c007065ba0c0000201" + "c0110a02020000fde900011170" + "c0120800011170c0000201",
    );
    expect(read(update({ attributes: sent }), OLD)).toEqual({ asPath, aggregator });
  });

  test("do not get them when nothing needs four octets", () => {
    expect(encode({ asPath: [{ type: 2, asns: [65001] }] }, OLD)).toBe("400204" + "0201fde9");
  });

  test("AS4_PATH carries no confederation segments", () => {
    const sent = encode({ asPath: [{ type: 3, asns: [65002] }, ...asPath] }, OLD);
    expect(sent).toContain("c0110a02020000fde900011170");
  });

  test("an AGGREGATOR that is not AS_TRANS makes both AS4 attributes void", () => {
    const old = attribute(0x40, 2, "02 02 fde9 5ba0");
    const as4 = attribute(0xc0, 17, "02 01 00011170") + attribute(0xc0, 18, "00011170 c0000201");
    expect(read(update({ attributes: old + attribute(0xc0, 7, "fde9 c0000201") + as4 }), OLD)).toEqual({
      asPath: [{ type: 2, asns: [65001, 23456] }],
      aggregator: { asn: 65001, address: ipv4(0xc000_0201) },
    });
    expect(read(update({ attributes: old + attribute(0xc0, 7, "5ba0 c0000201") + as4 }), OLD)).toEqual({
      asPath,
      aggregator,
    });
    expect(read(update({ attributes: old + as4 }), OLD)).toEqual({ asPath });
  });

  test("the lens shows them apart, and what they come to", () => {
    const octets = update({
      attributes: attribute(0x40, 2, "02 02 fde9 5ba0") + attribute(0xc0, 17, "02 01 00011170"),
    });
    const seen = inspectMessage(octets, { ...OLD, peer: "unknown" }).update;
    expect(seen?.attributes).toEqual({
      asPath: [{ type: 2, asns: [65001, 23456] }],
      as4Path: [{ type: 2, asns: [70000] }],
    });
    expect(seen?.effectiveAsPath).toEqual(asPath);
  });
});

describe("values", () => {
  test("large communities: duplicates are dropped by a session, shown by the lens", () => {
    const octets = beside(attribute(0xc0, 32, `${"00000001".repeat(3)}${"00000001".repeat(3)}${"00000002".repeat(3)}`));
    expect(read(octets).largeCommunities).toHaveLength(2);
    expect(inspectMessage(octets).update?.attributes.largeCommunities).toHaveLength(3);
  });

  test("communities keep order and duplicates", () => {
    expect(read(beside(attribute(0xc0, 8, "00000002 00000001 00000002"))).communities).toEqual([2, 1, 2]);
  });

  test("partial bits of known attributes are remembered, of well-known ones not", () => {
    const octets = route(attribute(0x60, 1, "00") + AS_PATH + NEXT_HOP + attribute(0xe0, 8, "00000001"));
    expect(read(octets).partial).toEqual([8]);
  });

  test("the wire list of the lens: all attributes as they stand, used or not", () => {
    const octets = beside(attribute(0x90, 99, "abcd") + attribute(0xc0, 8) + ORIGIN);
    const seen = inspectMessage(octets).update?.wire.map(({ code, flags, value, offset, used }) => [
      code,
      flags,
      toHex(value),
      offset,
      used,
    ]);
    expect(seen).toEqual([
      [1, 0x40, "00", 23, true],
      [2, 0x40, "02010000fde9", 27, true],
      [3, 0x40, "c0000201", 36, true],
      [99, 0x90, "abcd", 43, true],
      [8, 0xc0, "", 49, false],
      [1, 0x40, "00", 52, false],
    ]);
  });
});

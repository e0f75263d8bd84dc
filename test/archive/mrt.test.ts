/** MRT records of all types that are read, those that are not, and those that lie. */
import { describe, expect, test } from "vitest";
import { formatOf } from "../../protocol/archive/detect.ts";
import { MrtDecoder, type MrtEntry } from "../../protocol/archive/mrt.ts";
import { ribAttributes } from "../../protocol/archive/mrt-table.ts";
import { formatMoment, type MessageRecord, type RibRecord } from "../../protocol/archive/record.ts";
import { inspectAttributes } from "../../protocol/codec/inspect.ts";
import { addressOctets, formatAddress, formatPrefix, parseAddress } from "../../protocol/wire/address.ts";
import { attribute, join, KEEPALIVE, prefix, sequence, u16, u32, update } from "./support.ts";

const AUTO = { as4: "auto", addPath: "auto" } as const;

function record(type: number, subtype: number, ...body: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const octets = join(...body);
  return join(u32(1_700_000_000), u16(type), u16(subtype), u32(octets.length), octets);
}

/** Entries with their octets kept. */
function entries(file: Uint8Array, chunk: number = file.length || 1): MrtEntry[] {
  const all: MrtEntry[] = [];
  const decoder = new MrtDecoder(AUTO, (entry) => {
    all.push("octets" in entry ? { ...entry, octets: entry.octets.slice() } : entry);
  });
  for (let at = 0; at < file.length; at += chunk) decoder.push(file.slice(at, at + chunk));
  decoder.end();
  decoder.finish();
  return all;
}

function address(text: string): Uint8Array {
  return addressOctets(parseAddress(text)!);
}

const ATTRIBUTES = join(
  attribute(0x40, 1, [0]),
  attribute(0x40, 2, sequence([65_001, 65_002])),
  attribute(0x40, 3, [192, 0, 2, 1]),
);

/** IPv4 with a two-octet AS, IPv6 with a four-octet one. */
const PEERS = record(
  13,
  1,
  [10, 0, 0, 9],
  u16(4),
  [0x76, 0x69, 0x65, 0x77],
  u16(2),
  join([0], [10, 0, 0, 1], address("192.0.2.1"), u16(65_001)),
  join([3], [10, 0, 0, 2], address("2001:db8::1"), u32(70_000)),
);

function ribEntry(peer: number, attributes: Uint8Array, pathId?: number): Uint8Array {
  return join(
    u16(peer),
    u32(1_600_000_000),
    pathId === undefined ? [] : u32(pathId),
    u16(attributes.length),
    attributes,
  );
}

function ribText(entry: MrtEntry | undefined): string {
  const { peer, prefix: at, pathId, sequence: number, originated } = entry as RibRecord;
  const from = peer ? `${formatAddress(peer.address)} AS${peer.asn}` : "nobody";
  return `${number} ${formatPrefix(at)} ${pathId ?? "-"} from ${from} ${originated}`;
}

describe("TABLE_DUMP_V2", () => {
  test("peers and their routes", () => {
    const file = join(
      PEERS,
      record(13, 2, u32(7), prefix("10.0.0.0/8"), u16(2), ribEntry(0, ATTRIBUTES), ribEntry(1, ATTRIBUTES)),
      record(13, 4, u32(8), prefix("2001:db8::/32"), u16(1), ribEntry(1, ATTRIBUTES)),
    );
    expect(formatOf(file)).toBe("mrt");
    const all = entries(file);
    expect(all.map(ribText)).toEqual([
      "7 10.0.0.0/8 - from 192.0.2.1 AS65001 1600000000",
      "7 10.0.0.0/8 - from 2001:db8::1 AS70000 1600000000",
      "8 2001:db8::/32 - from 2001:db8::1 AS70000 1600000000",
    ]);
    expect(all.map(({ moment }) => moment.frame)).toEqual([2, 2, 3]);
    expect(entries(file, 1)).toEqual(all);
  });

  test.each([
    { subtype: 8, text: "10.0.0.0/8", afi: 1, safi: 1 },
    { subtype: 9, text: "10.0.0.0/8", afi: 1, safi: 2 },
    { subtype: 10, text: "2001:db8::/32", afi: 2, safi: 1 },
    { subtype: 11, text: "2001:db8::/32", afi: 2, safi: 2 },
  ])("path identifiers, subtype $subtype", ({ subtype, text, afi, safi }) => {
    const [entry] = entries(
      join(PEERS, record(13, subtype, u32(1), prefix(text), u16(1), ribEntry(0, ATTRIBUTES, 99))),
    );
    expect(ribText(entry)).toBe(`1 ${text} 99 from 192.0.2.1 AS65001 1600000000`);
    expect(entry).toMatchObject({ afi, safi });
  });

  describe("MP_REACH_NLRI", () => {
    const nextHop = [...address("2001:db8::1")];
    const seen = (mp: Uint8Array): ReturnType<typeof inspectAttributes> & { abbreviated: boolean } => {
      const attributes = join(ATTRIBUTES, mp, attribute(0xc0, 8, [0, 1, 0, 2]));
      const [entry] = entries(
        join(PEERS, record(13, 4, u32(1), prefix("2001:db8::/32"), u16(1), ribEntry(1, attributes))),
      );
      const { octets, context, abbreviated } = ribAttributes(entry as RibRecord, AUTO);
      return { ...inspectAttributes(octets, context), abbreviated };
    };

    test.each([
      { name: "a next hop alone", mp: attribute(0x80, 14, [16, ...nextHop]), abbreviated: true },
      { name: "with extended length", mp: join([0x90, 14, 0, 17, 16], nextHop), abbreviated: true },
      {
        name: "the whole attribute",
        mp: attribute(0x80, 14, [0, 2, 1, 16, ...nextHop, 0, ...prefix("2001:db8::/32")]),
        abbreviated: false,
      },
      {
        name: "whole, with a path id",
        mp: attribute(0x80, 14, [0, 2, 1, 16, ...nextHop, 0, ...u32(9), ...prefix("2001:db8::/32")]),
        abbreviated: false,
      },
    ])("$name", ({ mp, abbreviated }) => {
      const result = seen(mp);
      expect(result.findings).toEqual([]);
      expect(result.attributes.mpReach?.nextHops.map(formatAddress)).toEqual(["2001:db8::1"]);
      expect(result.attributes.communities).toEqual([0x0001_0002]);
      expect(result.abbreviated).toBe(abbreviated);
    });
  });

  test("AS numbers have four octets, but two where only that fits", () => {
    const two = join(attribute(0x40, 1, [0]), attribute(0x40, 2, sequence([1, 2, 3], 2)));
    const [entry] = entries(join(PEERS, record(13, 2, u32(1), prefix("10.0.0.0/8"), u16(1), ribEntry(0, two))));
    expect(ribAttributes(entry as RibRecord, AUTO).context.as4).toBe(false);
    expect(ribAttributes(entry as RibRecord, { ...AUTO, as4: "yes" }).context.as4).toBe(true);
  });

  test("a peer that no index lists is not trusted, its route is not lost", () => {
    const rib = record(13, 2, u32(1), prefix("10.0.0.0/8"), u16(1), ribEntry(700, ATTRIBUTES));
    expect(entries(join(PEERS, rib)).map(ribText)).toEqual(["1 10.0.0.0/8 - from nobody 1600000000"]);
    expect(entries(rib).map(ribText)).toEqual(["1 10.0.0.0/8 - from nobody 1600000000"]);
  });

  test.each([
    { name: "RIB_GENERIC", lie: record(13, 6, new Uint8Array(20)), what: "TABLE_DUMP_V2 subtype 6 (RIB_GENERIC)" },
    {
      name: "GEO_PEER_TABLE",
      lie: record(13, 7, new Uint8Array(20)),
      what: "TABLE_DUMP_V2 subtype 7 (GEO_PEER_TABLE)",
    },
    {
      name: "a prefix of 33 bits",
      lie: record(13, 2, u32(1), [33, 1, 2, 3, 4, 5], u16(0)),
      what: "RIB_IPV4_UNICAST record with a prefix of 33 bits",
    },
    {
      name: "fewer entries than it says",
      lie: record(13, 2, u32(1), prefix("10.0.0.0/8"), u16(9)),
      what: "RIB_IPV4_UNICAST record that is cut short",
    },
    {
      name: "an index that is cut",
      lie: record(13, 1, [10, 0, 0, 9], u16(0), u16(3)),
      what: "PEER_INDEX_TABLE that is cut short",
    },
    { name: "nothing in it", lie: record(13, 4), what: "RIB_IPV6_UNICAST record that is cut short" },
  ])("$name: said, and on with the next record", ({ lie, what }) => {
    const good = record(16, 4, u32(1), u32(2), u16(0), u16(1), address("192.0.2.1"), address("192.0.2.2"), KEEPALIVE);
    expect(entries(join(lie, good))).toMatchObject([
      { kind: "unsupported", what, moment: { frame: 1 } },
      { kind: "message" },
    ]);
  });
});

describe("TABLE_DUMP", () => {
  const old = (subtype: number, at: string, bits: number, peer: string): Uint8Array => {
    const attributes = join(attribute(0x40, 1, [0]), attribute(0x40, 2, sequence([1, 2], 2)));
    const head = join(u16(0), u16(5), address(at), [bits, 1], u32(1_500_000_000), address(peer), u16(65_001));
    return record(12, subtype, head, u16(attributes.length), attributes);
  };

  test("both families, AS numbers of two octets, no identifier", () => {
    const all = entries(join(old(1, "10.0.0.0", 8, "192.0.2.1"), old(2, "2001:db8::", 32, "2001:db8::1")));
    expect(all.map(ribText)).toEqual([
      "5 10.0.0.0/8 - from 192.0.2.1 AS65001 1500000000",
      "5 2001:db8::/32 - from 2001:db8::1 AS65001 1500000000",
    ]);
    expect((all[0] as RibRecord).peer).not.toHaveProperty("bgpId");
    expect(ribAttributes(all[0] as RibRecord, AUTO).context.as4).toBe(false);
  });

  test("of another family, or cut", () => {
    expect(entries(record(12, 5, new Uint8Array(60)))).toMatchObject([{ what: "TABLE_DUMP of address family 5" }]);
    expect(entries(record(12, 1, new Uint8Array(10)))).toMatchObject([{ what: "TABLE_DUMP record that is cut short" }]);
  });
});

describe("BGP4MP", () => {
  const UPDATE4 = update({ announced: ["10.0.0.0/8"], width: 4, path: [1, 2, 3] });
  const UPDATE2 = update({ announced: ["10.0.0.0/8"], width: 2, path: [1, 2, 3] });
  const head2 = join(u16(65_001), u16(65_002), u16(3), u16(1), address("192.0.2.1"), address("192.0.2.2"));
  const head4 = join(u32(70_001), u32(65_002), u16(3), u16(2), address("2001:db8::1"), address("2001:db8::2"));

  test.each([
    { subtype: 1, head: head2, octets: UPDATE2, as4: false, addPath: 0 },
    { subtype: 4, head: head4, octets: UPDATE4, as4: true, addPath: 0 },
    { subtype: 6, head: head2, octets: UPDATE2, as4: false, addPath: 0 },
    { subtype: 7, head: head4, octets: UPDATE4, as4: true, addPath: 0 },
    { subtype: 8, head: head2, octets: UPDATE2, as4: false, addPath: 4 },
    { subtype: 9, head: head4, octets: UPDATE4, as4: true, addPath: 4 },
    { subtype: 10, head: head2, octets: UPDATE2, as4: false, addPath: 4 },
    { subtype: 11, head: head4, octets: UPDATE4, as4: true, addPath: 4 },
    { subtype: 1, head: head2, octets: UPDATE4, as4: true, addPath: 0 }, // the collector got it wrong
    { subtype: 4, head: head4, octets: UPDATE2, as4: false, addPath: 0 },
  ])("message of subtype $subtype, as4 $as4", ({ subtype, head, octets, as4, addPath }) => {
    const [entry] = entries(record(16, subtype, head, octets));
    expect(entry).toMatchObject({ kind: "message", octets, context: { as4 } });
    expect(entry).toMatchObject(
      head === head2
        ? { src: "192.0.2.1", dst: "192.0.2.2", peerAs: 65_001, localAs: 65_002 }
        : { src: "2001:db8::1", dst: "2001:db8::2", peerAs: 70_001, localAs: 65_002 },
    );
    expect((entry as MessageRecord).context.addPathRx.size).toBe(addPath);
  });

  test("states", () => {
    expect(entries(join(record(16, 0, head2, u16(3), u16(2)), record(16, 5, head4, u16(5), u16(6))))).toMatchObject([
      { kind: "state", src: "192.0.2.1", oldState: 3, newState: 2 },
      { kind: "state", src: "2001:db8::1", oldState: 5, newState: 6, peerAs: 70_001 },
    ]);
  });

  test("with microseconds", () => {
    const [entry] = entries(record(17, 4, u32(42), head4, KEEPALIVE));
    expect(formatMoment(entry!.moment)).toBe("1700000000.000042");
    expect(entry).toMatchObject({ kind: "message", octets: KEEPALIVE });
    const [plain] = entries(record(16, 4, head4, KEEPALIVE));
    expect(formatMoment(plain!.moment)).toBe("1700000000");
  });

  test("address family 0: IPv4, or nothing but the message or the states", () => {
    const family0 = join(u16(65_001), u16(65_002), u16(0), u16(0), address("192.0.2.1"), address("192.0.2.2"));
    expect(entries(record(16, 1, family0, KEEPALIVE))).toMatchObject([{ src: "192.0.2.1", octets: KEEPALIVE }]);
    expect(entries(record(16, 1, u32(0), KEEPALIVE))).toMatchObject([{ src: "0.0.0.0", peerAs: 0, octets: KEEPALIVE }]);
    expect(entries(record(16, 0, u32(0), u16(3), u16(4)))).toMatchObject([
      { src: "0.0.0.0", oldState: 3, newState: 4 },
    ]);
  });

  test("octets behind the message are not lost", () => {
    expect(entries(record(16, 4, head4, KEEPALIVE, [1, 2, 3]))).toMatchObject([
      { octets: KEEPALIVE },
      { octets: Uint8Array.of(1, 2, 3), behind: 19 },
    ]);
  });

  test.each([
    {
      name: "another family",
      bad: record(16, 4, u32(1), u32(2), u16(0), u16(25), new Uint8Array(40)),
      what: "BGP4MP record of address family 25",
    },
    {
      name: "cut addresses",
      bad: record(16, 4, u32(1), u32(2), u16(0), u16(2), new Uint8Array(4)),
      what: "BGP4MP record that is cut short",
    },
    { name: "cut states", bad: record(16, 0, head2, u16(1)), what: "BGP4MP state change that is cut short" },
    { name: "BGP4MP_ENTRY", bad: record(16, 2, head2), what: "BGP4MP subtype 2" },
    { name: "BGP of 1999", bad: record(5, 1, new Uint8Array(40)), what: "MRT type 5 (BGP), subtype 1" },
    { name: "OSPF", bad: record(11, 0, new Uint8Array(40)), what: "MRT type 11, subtype 0" },
  ])("$name", ({ bad, what }) => {
    expect(entries(bad)).toMatchObject([{ kind: "unsupported", what }]);
  });
});

describe("the file", () => {
  const good = record(16, 4, u32(1), u32(2), u16(0), u16(1), address("192.0.2.1"), address("192.0.2.2"), KEEPALIVE);

  test("cut inside a record", () => {
    for (let length = good.length + 1; length < 2 * good.length; length++) {
      const cut = join(good, good).subarray(0, length);
      expect(() => entries(cut)).toThrow(
        expect.objectContaining({ name: "ArchiveError", record: 2, offset: good.length }),
      );
    }
  });

  test("a record of 4 GB is a lie", () => {
    const lie = join(good, u32(1), u16(13), u16(2), u32(0xffff_ffff), new Uint8Array(100));
    expect(() => entries(lie)).toThrow(expect.objectContaining({ name: "ArchiveError", record: 2 }));
  });

  test("what is none is not taken for one", () => {
    const text = Uint8Array.from(Buffer.from("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
    for (const octets of [text, new Uint8Array(64), new Uint8Array(64).fill(0xff), good.subarray(0, 11)]) {
      expect(formatOf(octets)).toBeUndefined();
    }
  });
});

/** Dumped tables as JSON lines; those whose attributes were met before are the same as those that were not. */
import { expect, test } from "vitest";
import { addressOctets, parseAddress } from "../../../protocol/wire/address.ts";
import { attribute, join, prefix, sequence, u16, u32 } from "../../archive/support.ts";
import { decode, decodeLines, linesOf } from "./run.ts";

function record(subtype: number, ...body: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const octets = join(...body);
  return join(u32(1_700_000_000), u16(13), u16(subtype), u32(octets.length), octets);
}

const address = (text: string): Uint8Array => addressOctets(parseAddress(text)!);
const PEERS = record(
  1,
  [10, 0, 0, 9],
  u16(0),
  u16(2),
  join([0], [10, 0, 0, 1], address("192.0.2.1"), u16(65_001)),
  join([3], [10, 0, 0, 2], address("2001:db8::1"), u32(70_000)),
);
const path = (...asns: number[]): Uint8Array => join(attribute(0x40, 1, [0]), attribute(0x40, 2, sequence(asns)));
const HOP4 = attribute(0x40, 3, [192, 0, 2, 1]);
const HOP6 = attribute(0x80, 14, [16, ...address("2001:db8::1")]);

function entry(peer: number, attributes: Uint8Array, pathId?: number): Uint8Array {
  return join(
    u16(peer),
    u32(1_600_000_000),
    pathId === undefined ? [] : u32(pathId),
    u16(attributes.length),
    attributes,
  );
}

test("routes of both families, with and without path identifiers", async () => {
  const file = join(
    PEERS,
    record(
      2,
      u32(7),
      prefix("10.0.0.0/8"),
      u16(1),
      entry(0, join(path(65_001, 3356), HOP4, attribute(0xc0, 8, [0, 1, 0, 2]))),
    ),
    record(10, u32(8), prefix("2001:db8::/32"), u16(1), entry(1, join(path(70_000), HOP6), 42)),
    record(2, u32(9), prefix("11.0.0.0/8"), u16(1), entry(0, join(attribute(0x40, 1, [9]), HOP4))),
  );
  expect(await decodeLines(file)).toEqual([
    {
      kind: "rib",
      frame: 2,
      ts: "1700000000",
      originated: 1_600_000_000,
      peer: { address: "192.0.2.1", asn: 65_001, bgpIdentifier: "10.0.0.1" },
      sequence: 7,
      prefix: "10.0.0.0/8",
      nextHop: "192.0.2.1",
      attributes: { origin: "IGP", asPath: "65001 3356", nextHop: "192.0.2.1", communities: ["1:2"] },
    },
    {
      kind: "rib",
      frame: 3,
      ts: "1700000000",
      originated: 1_600_000_000,
      peer: { address: "2001:db8::1", asn: 70_000, bgpIdentifier: "10.0.0.2" },
      sequence: 8,
      prefix: "2001:db8::/32",
      pathId: 42,
      nextHop: "2001:db8::1",
      attributes: { origin: "IGP", asPath: "70000", mpReachNlri: { afi: 2, safi: 1, nextHop: ["2001:db8::1"] } },
    },
    expect.objectContaining({
      prefix: "11.0.0.0/8",
      error: expect.objectContaining({ code: 3, subcode: 6, data: "40010109" }),
    }),
  ]);
});

test("repeated attributes print as they did the first time", async () => {
  const sets = Array.from({ length: 7 }, (_, i) => path(65_001, 100 + (i % 5)));
  const long = join(path(1), HOP4, attribute(0xc0, 8, new Array<number>(400).fill(3)));
  const routes = Array.from({ length: 300 }, (_, i) => {
    const set = sets[i % 7]!;
    // The same octets mean something else in another family.
    if (i % 11 === 0)
      return record(4, u32(i), prefix("2001:db8::/32"), u16(2), entry(1, join(set, HOP6)), entry(9, long));
    if (i % 13 === 0) return record(5, u32(i), prefix("2001:db8::/32"), u16(1), entry(1, join(set, HOP6)));
    return record(2, u32(i), prefix(`10.${i % 256}.0.0/16`), u16(2), entry(0, join(set, HOP4)), entry(1, long));
  });
  const file = join(PEERS, ...routes);
  const kept = await decode(["-"], [file]);
  const fresh = await decode(["--filter", "type=RIB", "-"], [file]);
  expect(kept).toEqual(fresh);
  expect(linesOf(kept.out).length).toBeGreaterThan(550);
});

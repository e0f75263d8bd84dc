/** Attribute sets of every kind that the tables keep. */
import fc from "fast-check";
import type { AsSegment } from "../../protocol/codec/as-path.ts";
import type { RouteAttributes } from "../../protocol/rib/route.ts";
import { ipv4 } from "../../protocol/wire/address.ts";

const u32: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(1, 2, 3, 0xffffff01, 0xffffff02),
  fc.integer({ min: 1, max: 0xffffffff }),
);
const asns: fc.Arbitrary<number[]> = fc.array(fc.constantFrom(1, 2, 3, 64512, 4200000000), {
  minLength: 1,
  maxLength: 5,
});
const segment: fc.Arbitrary<AsSegment> = fc.record({ type: fc.constantFrom(2 as const, 2 as const, 1 as const), asns });

/** Two sequences side by side would be read back as two, and are written as such: fine. */
export const anyPath: fc.Arbitrary<RouteAttributes> = fc.record(
  {
    origin: fc.constantFrom(0 as const, 1 as const, 2 as const),
    asPath: fc.array(segment, { maxLength: 3 }),
    nextHop: fc.constantFrom(ipv4(0x0a000002), ipv4(0x0a000003), ipv4(0xc0000201)),
    multiExitDisc: fc.nat(0xffffffff),
    localPref: fc.nat(0xffffffff),
    atomicAggregate: fc.constant(true as const),
    aggregator: fc.record({ asn: u32, address: fc.constant(ipv4(0x01020304)) }),
    communities: fc.array(u32, { minLength: 1, maxLength: 6 }),
    originatorId: u32,
    clusterList: fc.array(u32, { minLength: 1, maxLength: 3 }),
    extCommunities: fc.array(fc.record({ hi: u32, lo: u32 }), { minLength: 1, maxLength: 3 }),
    largeCommunities: fc.uniqueArray(fc.record({ global: u32, local1: u32, local2: u32 }), {
      minLength: 1,
      maxLength: 4,
      selector: ({ global, local1, local2 }) => `${global}:${local1}:${local2}`,
    }),
    unknown: fc
      .uniqueArray(
        fc.record({
          code: fc.constantFrom(20, 21, 29, 99, 200),
          flags: fc.constantFrom(0xc0, 0x80, 0xe0),
          value: fc.uint8Array({ minLength: 1, maxLength: 300 }),
        }),
        { minLength: 1, maxLength: 2, selector: ({ code }) => code },
      )
      .map((list) => list.sort((a, b) => a.code - b.code)),
  },
  { requiredKeys: ["origin", "asPath", "nextHop"] },
) as fc.Arbitrary<RouteAttributes>;

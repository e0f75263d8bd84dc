/** Anything that can be said in BGP, for fast-check. */
import fc from "fast-check";
import type { AsPath } from "../../protocol/codec/as-path.ts";
import type { PathAttributes } from "../../protocol/codec/attribute.ts";
import {
  type Capability,
  type CodecContext,
  DEFAULT_CONTEXT,
  type FamilyKey,
} from "../../protocol/codec/capability.ts";
import type { SegmentType } from "../../protocol/codec/iana.ts";
import type { Message } from "../../protocol/codec/message.ts";
import type { MpReach, MpUnreach, Nlri } from "../../protocol/codec/nlri.ts";
import type { Open } from "../../protocol/codec/open.ts";
import type { Update } from "../../protocol/codec/update.ts";
import { type Family, type IpAddress, ipv4, ipv6, type Prefix, prefixOf } from "../../protocol/wire/address.ts";

export const anyU8: fc.Arbitrary<number> = fc.nat(255);
export const anyU16: fc.Arbitrary<number> = fc.nat(0xffff);
export const anyU32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff_ffff });
const octets = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });

export const anyAddress = (family: Family): fc.Arbitrary<IpAddress> =>
  family === 4 ? anyU32.map(ipv4) : fc.tuple(anyU32, anyU32, anyU32, anyU32).map((words) => ipv6(...words));

export const anyPrefix = (family: Family): fc.Arbitrary<Prefix> =>
  fc.tuple(anyAddress(family), fc.nat(family === 4 ? 32 : 128)).map(([ip, length]) => prefixOf(ip, length));

const anyNlri = (family: Family, addPath: boolean): fc.Arbitrary<Nlri[]> =>
  fc.array(
    fc.tuple(anyPrefix(family), anyU32).map(([prefix, pathId]) => (addPath ? { prefix, pathId } : { prefix })),
    { maxLength: 8 },
  );

const families: FamilyKey[] = ["1/1", "1/2", "2/1", "2/2"];

/** A context that sends and receives alike, so that what is sent can be read back. */
export const anyContext: fc.Arbitrary<CodecContext> = fc
  .record({
    as4: fc.boolean(),
    paths: fc.uniqueArray(fc.constantFrom(...families)),
    extendedNextHop: fc.uniqueArray(fc.constantFrom<FamilyKey>("1/1", "1/2")),
  })
  .map(({ as4, paths, extendedNextHop }) => ({
    ...DEFAULT_CONTEXT,
    as4,
    peer: "ibgp",
    extendedMessages: true,
    addPathRx: new Set(paths),
    addPathTx: new Set(paths),
    extendedNextHop: new Set(extendedNextHop),
  }));

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ code: fc.constant(1 as const), afi: anyU16, safi: anyU8 }),
  fc.constantFrom({ code: 2 } as const, { code: 6 } as const, { code: 70 } as const),
  fc.record({
    code: fc.constant(5 as const),
    nextHops: fc.array(fc.record({ afi: anyU16, safi: anyU16, nextHopAfi: anyU16 }), { maxLength: 4 }),
  }),
  fc.record({
    code: fc.constant(64 as const),
    restartTime: fc.nat(4095),
    restartState: fc.boolean(),
    notification: fc.boolean(),
    families: fc.array(fc.record({ afi: anyU16, safi: anyU8, forwarding: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.record({ code: fc.constant(65 as const), asn: anyU32.filter((asn) => asn > 0) }),
  fc.record({
    code: fc.constant(69 as const),
    families: fc.array(fc.record({ afi: anyU16, safi: anyU8, mode: fc.constantFrom(1 as const, 2, 3) }), {
      maxLength: 4,
    }),
  }),
  fc.record({
    code: fc.constant(71 as const),
    families: fc.array(
      fc.record({ afi: anyU16, safi: anyU8, forwarding: fc.boolean(), staleTime: fc.nat(0xff_ffff) }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    code: fc.constant(73 as const),
    hostname: fc.string({ unit: "grapheme", maxLength: 20 }),
    domain: fc.string({ unit: "grapheme", maxLength: 20 }),
  }),
  fc.record({ code: fc.constant(75 as const), version: fc.string({ unit: "grapheme", maxLength: 20 }) }),
  fc.record({ code: fc.constantFrom(0 as const, 3, 4, 7, 66, 67, 128, 255), value: octets(255) }),
);

export const anyOpen: fc.Arbitrary<Open> = fc.record({
  type: fc.constant("open" as const),
  myAs: fc.integer({ min: 1, max: 0xffff }),
  holdTime: anyU16.filter((seconds) => seconds !== 1 && seconds !== 2),
  bgpId: anyU32.filter((id) => id !== 0),
  capabilities: fc.oneof(
    fc.array(capability, { maxLength: 10 }),
    fc.tuple(capability, fc.record({ code: fc.constant(9 as const), role: fc.nat(4) })),
  ),
});

/** Neighbouring segments of one type cannot be told from a long one by everyone: they differ. */
const anyPath = (most: number, types: readonly SegmentType[]): fc.Arbitrary<AsPath> =>
  fc.array(
    fc.record({
      type: fc.constantFrom(...types),
      asns: fc.array(fc.integer({ min: 1, max: most }), { minLength: 1, maxLength: 6 }),
    }),
    { maxLength: 4 },
  );

const sorted = (codes: number[]): number[] => [...codes].sort((a, b) => a - b);
/** Codes that have no row of their own. */
const unknownCode = fc.constantFrom(11, 12, 13, 19, 23, 28, 30, 33, 40, 99, 128, 254, 255);

const anyUnknown = fc
  .uniqueArray(fc.record({ code: unknownCode, flags: fc.constantFrom(0x80, 0xc0, 0xe0), value: octets(300) }), {
    selector: ({ code }) => code,
    minLength: 1,
    maxLength: 4,
  })
  .map((list) => list.sort((a, b) => a.code - b.code));

const anyMpReach = (context: CodecContext): fc.Arbitrary<MpReach> =>
  fc.oneof(
    fc.constantFrom<FamilyKey>(...families).chain((key) => {
      const [afi, safi] = key.split("/").map(Number) as [number, number];
      const family = afi === 1 ? 4 : 6;
      const long = family === 6 || context.extendedNextHop.has(key);
      const nextHops = long
        ? fc.tuple(anyAddress(6), fc.option(anyU32.map((w3) => ipv6(0xfe80_0000, 0, 0, w3))))
        : fc.tuple(anyAddress(4), fc.constant(null));
      return fc.record({
        afi: fc.constant(afi),
        safi: fc.constant(safi),
        nextHops: nextHops.map(([first, second]) => (second ? [first, second] : [first])),
        nlri: anyNlri(family, context.addPathRx.has(key)),
      });
    }),
    fc.record({
      afi: fc.constantFrom(1, 2, 25, 16388, 777),
      safi: fc.constantFrom(4, 70, 71, 128, 133),
      nextHops: fc.constant([]),
      nlri: fc.constant([]),
      raw: fc.record({ nextHop: octets(48), nlri: octets(60) }),
    }),
  );

const anyMpUnreach = (context: CodecContext): fc.Arbitrary<MpUnreach> =>
  anyMpReach(context).map(({ afi, safi, nlri, raw }) =>
    raw ? { afi, safi, nlri, raw: raw.nlri } : { afi, safi, nlri },
  );

/** Every attribute, each there or not. */
export const anyAttributes = (context: CodecContext): fc.Arbitrary<PathAttributes> => {
  const aggregator = fc.record({ asn: anyU32.filter((asn) => asn > 0), address: anyAddress(4) });
  // Two octets cannot carry a large AS number in a confederation segment (RFC 6793 §4.2.2), nor AS_TRANS as itself.
  const types: SegmentType[] = context.as4 ? [1, 2, 3, 4] : [1, 2];
  const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { minLength: 1, maxLength: 6 });
  return fc.record(
    {
      origin: fc.constantFrom(0 as const, 1, 2),
      asPath: anyPath(context.as4 ? 0xffff_ffff : 0x1_2000, types).map(context.as4 ? (path) => path : alternate),
      nextHop: anyAddress(4),
      multiExitDisc: anyU32,
      localPref: anyU32,
      atomicAggregate: fc.constant(true as const),
      aggregator,
      communities: list(anyU32),
      originatorId: anyU32,
      clusterList: list(anyU32),
      mpReach: anyMpReach(context),
      mpUnreach: anyMpUnreach(context),
      extCommunities: list(fc.record({ hi: anyU32, lo: anyU32 })),
      pmsiTunnel: octets(40, 1),
      ipv6ExtCommunities: list(octets(20, 20)),
      aigp: fc.record({ metric: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn) }),
      largeCommunities: fc.uniqueArray(fc.record({ global: anyU32, local1: anyU32, local2: anyU32 }), {
        minLength: 1,
        maxLength: 4,
        selector: (c) => `${c.global}:${c.local1}:${c.local2}`,
      }),
      onlyToCustomer: anyU32,
      unknown: anyUnknown,
    },
    { requiredKeys: [] },
  );
};

/** One sequence at most beside another: where the merge of AS4_PATH joins two, nobody sees the seam. */
function alternate(path: AsPath): AsPath {
  return path.filter(({ type }, i) => i === 0 || !(type === 2 && path[i - 1]?.type === 2));
}

/** Codes of the optional transitive attributes that a set may mark as partial. */
export function withPartial(attributes: PathAttributes, marked: readonly number[]): PathAttributes {
  const codes: Record<string, number> = {
    communities: 8,
    extCommunities: 16,
    pmsiTunnel: 22,
    largeCommunities: 32,
    onlyToCustomer: 35,
  };
  const partial = sorted(
    Object.keys(attributes).flatMap((key) => (marked.includes(codes[key] ?? -1) ? [codes[key]!] : [])),
  );
  return partial.length > 0 ? { ...attributes, partial } : attributes;
}

/** A well-formed UPDATE: with announced prefixes it has what is mandatory. */
export const anyUpdate = (context: CodecContext): fc.Arbitrary<Update> =>
  fc
    .record({
      withdrawn: anyNlri(4, context.addPathRx.has("1/1")),
      announced: anyNlri(4, context.addPathRx.has("1/1")),
      attributes: anyAttributes(context),
      partial: fc.subarray([8, 16, 22, 32, 35]),
    })
    .map(({ withdrawn, announced, attributes, partial }) => {
      const mandatory: PathAttributes = { origin: 0, asPath: [], nextHop: ipv4(0xc000_0201) };
      const usable: PathAttributes = { ...mandatory, ...attributes, nextHop: mandatory.nextHop! };
      const reach = usable.mpReach?.nextHops[0];
      const host = reach && reach.family === 6 && { ...reach, w0: 0x2001_0db8 };
      const next = host ? [host, ...usable.mpReach!.nextHops.slice(1)] : [ipv4(0xc000_0201)];
      const mpReach = usable.mpReach && !usable.mpReach.raw ? { mpReach: { ...usable.mpReach, nextHops: next } } : {};
      return {
        type: "update" as const,
        withdrawn,
        announced,
        attributes: withPartial({ ...usable, ...mpReach }, partial),
        faults: [],
        verdict: "none" as const,
      };
    });

/** Any well-formed message, and the context in which it is one. */
export const anyMessage: fc.Arbitrary<{ message: Message; context: CodecContext }> = anyContext.chain((context) =>
  fc
    .oneof(
      { weight: 5, arbitrary: anyUpdate(context) as fc.Arbitrary<Message> },
      { weight: 2, arbitrary: anyOpen as fc.Arbitrary<Message> },
      {
        weight: 1,
        arbitrary: fc.record({
          type: fc.constant("notification" as const),
          code: anyU8,
          subcode: anyU8,
          data: octets(300),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ type: "keepalive" as const }) },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant("route-refresh" as const), afi: anyU16, safi: anyU8, subtype: anyU8 }),
      },
    )
    .map((message) => ({ message, context })),
);

/** The octets' way out and the objects' way out lead to the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAttributes, encodeAttributes } from "../../protocol/codec/attribute.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { ACCEPT } from "../../protocol/policy/compile.ts";
import { STORED } from "../../protocol/rib/attribute-store.ts";
import { BgpExport } from "../../protocol/rib/bgp-export.ts";
import type { BgpChannelPolicy, BgpPeerPolicy, PeerClass } from "../../protocol/rib/bgp-policy.ts";
import { BlockEncoder } from "../../protocol/rib/block-encoder.ts";
import { RouteKind, type RouteSource, type Slot } from "../../protocol/rib/route.ts";
import { ByteReader, ByteWriter } from "../../protocol/wire/bytes.ts";
import { anyPath } from "./arbitraries.ts";
import { ip, net, World } from "./world.ts";

const POLICY: BgpPeerPolicy = {
  localAs: 65000,
  neighborAddress: ip("10.0.0.9"),
  localAddress: ip("10.0.0.1"),
  direct: true,
  iface: "eth0",
  onlinkCheck: true,
  rrClient: false,
  rsClient: false,
  clusterId: 0,
  allowLocalPref: false,
  allowLocalAs: 0,
  allowAsSets: true,
  enforceFirstAs: false,
  interpretCommunities: true,
  defaultMed: 0,
  defaultLocalPref: 100,
  pathMetric: true,
  medMetric: false,
  igpMetric: true,
  preferOlder: false,
  deterministicMed: false,
};
const CHANNEL: BgpChannelPolicy = {
  nextHopKeep: "off",
  nextHopSelf: "off",
  nextHopPreferGlobal: false,
  gateway: "direct",
  aigp: "off",
};

function sourceOf(id: number, internal: boolean): Omit<RouteSource, "id"> {
  return {
    protocol: `p${id}`,
    kind: RouteKind.Bgp,
    preference: 100,
    peer: {
      address: ip("10.0.0.2"),
      asn: internal ? 65000 : 65002,
      bgpId: 0x0a000002,
      localAs: 65000,
      localId: 0x0a000001,
      internal,
      confederation: false,
      rrClient: internal,
      rsClient: false,
      iface: "eth0",
    },
  };
}

const cases = fc.record({
  set: anyPath,
  peer: fc.constantFrom<PeerClass>("ebgp", "ibgp"),
  fromInside: fc.boolean(),
  as4: fc.boolean(),
  rsClient: fc.boolean(),
  allowLocalPref: fc.boolean(),
  self: fc.boolean(),
  clusterId: fc.constantFrom(0, 7),
});

describe("a plain set", () => {
  test("goes out the same by octets and by objects", () => {
    let copied = 0;
    fc.assert(
      fc.property(cases, ({ set, peer, fromInside, as4, rsClient, allowLocalPref, self, clusterId }) => {
        const world = new World();
        const context: CodecContext = { ...DEFAULT_CONTEXT, as4, peer };
        const policy = { ...POLICY, rsClient: rsClient && peer === "ebgp", allowLocalPref, clusterId };
        const channel: BgpChannelPolicy = { ...CHANNEL, nextHopSelf: self ? "on" : "off" };
        const bgpExport = new BgpExport({
          table: world.table4,
          filter: ACCEPT,
          peer,
          policy,
          channel,
          family: 4,
          extendedNextHop: false,
          localId: 0x0a000001,
          longLived: false,
        });
        const { attributes: store } = world.rib;
        const source = world.rib.addSource(sourceOf(1, fromInside));
        const id = store.intern(set);
        store.hold(id);
        if (!bgpExport.isPlain(id, source)) return;
        copied++;
        const encoder = new BlockEncoder(bgpExport, context, store);
        expect(encoder.encode(id, source, false)).toBe(true);
        const before = { ...set };
        if (bgpExport.dropsMed) delete (before as { multiExitDisc?: number }).multiExitDisc;
        const slow = bgpExport.finalize(before, before, id, source);
        const w = new ByteWriter();
        encodeAttributes(w, slow!, context);
        expect([...encoder.octets.subarray(0, encoder.length)]).toEqual([...w.finish()]);
      }),
      { numRuns: 1500 },
    );
    expect(copied).toBeGreaterThan(500);
  });

  test("a final set goes out as it was made", () => {
    fc.assert(
      fc.property(anyPath, fc.boolean(), (set, as4) => {
        const world = new World();
        const bgpExport = new BgpExport({
          table: world.table4,
          filter: ACCEPT,
          peer: "ibgp",
          policy: POLICY,
          channel: CHANNEL,
          family: 4,
          extendedNextHop: false,
          localId: 1,
          longLived: false,
        });
        const context: CodecContext = { ...DEFAULT_CONTEXT, as4, peer: "ibgp" };
        const id = world.rib.attributes.intern(set);
        const encoder = new BlockEncoder(bgpExport, context, world.rib.attributes);
        const source = world.rib.addSource(sourceOf(1, true));
        expect(encoder.encode(id, source, true)).toBe(true);
        const r = new ByteReader(encoder.octets.slice(0, encoder.length));
        const { attributes, faults } = decodeAttributes(r, as4 ? STORED : { ...STORED, as4: false });
        expect(faults).toEqual([]);
        expect(attributes).toEqual(set);
      }),
      { numRuns: 300 },
    );
  });
});

test("the verdict of a filter on an export is remembered with its set", () => {
  const world = new World();
  let runs = 0;
  const filter = {
    name: "f",
    key: "f",
    reads: { net: false, source: false, impure: false },
    run: (_net: unknown, attributes: object) => {
      runs++;
      return { ...attributes, multiExitDisc: 0 };
    },
  };
  const bgpExport = new BgpExport({
    table: world.table4,
    filter: filter as never,
    peer: "ebgp",
    policy: POLICY,
    channel: CHANNEL,
    family: 4,
    extendedNextHop: false,
    localId: 1,
    longLived: false,
  });
  const source = world.rib.addSource(sourceOf(1, false));
  const slot = world.table4.prefixes.add(net("192.0.2.0/24")) as Slot;
  const id = world.rib.attributes.intern({
    origin: 0,
    asPath: [{ type: 2, asns: [1] }],
    nextHop: ip("10.0.0.2"),
    multiExitDisc: 9,
  });
  const final = bgpExport.judge(slot, id, source);
  expect(bgpExport.judge(slot, id, source)).toBe(final);
  expect(runs).toBe(1);
  expect(world.rib.attributes.attributes(final)).toEqual({
    origin: 0,
    asPath: [{ type: 2, asns: [65000, 1] }],
    nextHop: ip("10.0.0.2"),
    multiExitDisc: 0,
  });
});

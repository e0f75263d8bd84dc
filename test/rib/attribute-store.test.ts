import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeAttributes } from "../../protocol/codec/attribute.ts";
import { DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { decodeMessage, encodeMessage } from "../../protocol/codec/message.ts";
import { AttributeScan, SetFlag } from "../../protocol/rib/attribute-scan.ts";
import { AttributeStore, SetWord, STORED } from "../../protocol/rib/attribute-store.ts";
import type { AttrId, RouteAttributes } from "../../protocol/rib/route.ts";
import { ByteWriter } from "../../protocol/wire/bytes.ts";
import { anyPath } from "./arbitraries.ts";
import { ip } from "./world.ts";

describe("attribute sets", () => {
  test("equal sets are one, unequal ones are not, and all come back as they went in", () => {
    fc.assert(
      fc.property(fc.array(anyPath, { minLength: 2, maxLength: 30 }), (sets) => {
        const store = new AttributeStore();
        const ids = sets.map((set) => {
          const id = store.intern(set);
          store.hold(id);
          return id;
        });
        for (const [i, id] of ids.entries()) {
          expect(store.attributes(id)).toEqual(sets[i]);
          expect(store.intern(structuredClone(sets[i]!))).toBe(id);
        }
        for (const id of ids) store.release(id);
        expect(store.size).toBe(0);
      }),
    );
  });

  test("what is not on the wire is part of a set", () => {
    const store = new AttributeStore();
    const base: RouteAttributes = { origin: 0, asPath: [], nextHop: ip("10.0.0.1") };
    const variants: RouteAttributes[] = [
      base,
      { ...base, preference: 200 },
      { ...base, dest: "blackhole" },
      { ...base, nextHops: [{ iface: "eth0" }] },
      { ...base, nextHops: [{ gateway: ip("10.0.0.9"), iface: "eth0" }] },
      { ...base, custom: new Map([["a", 5]]) },
      { ...base, custom: new Map([["a", 6]]) },
      { ...base, nextHop: ip("2001:db8::1") },
      { ...base, nextHop: ip("2001:db8::1"), nextHopLinkLocal: ip("fe80::1") },
    ];
    const ids = variants.map((set) => store.intern(set));
    for (const id of ids) store.hold(id);
    expect(new Set(ids).size).toBe(variants.length);
    for (const [i, id] of ids.entries()) expect(store.attributes(id)).toEqual(variants[i]);
    for (const id of ids) store.release(id);
    expect([store.size, store.nextHops.references(1)]).toEqual([0, 0]);
  });

  test("memory is used again, and given back", () => {
    const store = new AttributeStore();
    const sets = (round: number): AttrId[] => {
      const ids: AttrId[] = [];
      for (let i = 0; i < 20_000; i++) {
        const id = store.intern({
          origin: 0,
          asPath: [{ type: 2, asns: [round, i + 1, 7, 8, 9] }],
          nextHop: ip("10.0.0.1"),
        });
        store.hold(id);
        ids.push(id);
      }
      return ids;
    };
    let ids = sets(1);
    const full = store.octets;
    for (let round = 2; round < 6; round++) {
      const next = sets(round);
      for (const id of ids) store.release(id);
      ids = next;
    }
    expect(store.octets).toBeLessThan(full * 3);
    for (const id of ids.slice(10)) store.release(id);
    expect(store.octets).toBeLessThan(full / 2);
    for (const [i, id] of ids.slice(0, 10).entries()) {
      expect(store.attributes(id).asPath).toEqual([{ type: 2, asns: [5, i + 1, 7, 8, 9] }]);
    }
    for (const id of ids.slice(0, 10)) store.release(id);
    expect(store.octets).toBeLessThan(4096);
  });
});

describe("the scan and the codec", () => {
  const context = { ...DEFAULT_CONTEXT, families: new Set(["1/1" as const, "2/1" as const]) };

  test.each(["ebgp", "ibgp"] as const)("see the same in what the scan calls plain (%s)", (peer) => {
    fc.assert(
      fc.property(anyPath, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 2 }), (set, noise) => {
        const w = new ByteWriter();
        encodeAttributes(w, set, STORED);
        const octets = w.finish();
        for (const [at, value] of noise) if (octets.length > 0) octets[at % octets.length] = value;
        const scan = new AttributeScan();
        scan.internal = peer === "ibgp";
        scan.watchedAs = 3;
        scan.run(octets, 0, octets.length);
        if (scan.odd || scan.reachAt > 0 || scan.unreachAt > 0) return;
        const nlri = Uint8Array.of(8, 11);
        const message = new Uint8Array(23 + octets.length + nlri.length).fill(255, 0, 16);
        message.set([message.length >> 8, message.length & 255, 2, 0, 0, octets.length >> 8, octets.length & 255], 16);
        message.set(octets, 23);
        message.set(nlri, 23 + octets.length);
        const update = decodeMessage(message, { ...context, peer });
        if (update.type !== "update") throw new Error("no UPDATE");
        // Next hops that are nobody's are judged where the links are known.
        if (update.faults.some((fault) => fault.subcode === 8)) return;
        const missing = update.faults.every((fault) => /[Mm]issing|carries no|mandatory|without/.test(fault.reason));
        if (update.faults.length > 0) {
          // The scan leaves what must be there to its caller.
          const all = SetFlag.Origin | SetFlag.AsPath | SetFlag.NextHop;
          expect([missing, update.faults.map((f) => f.reason)]).toEqual([true, expect.anything()]);
          expect(scan.flags & all).not.toBe(all);
          return;
        }
        const { attributes: a } = update;
        const path = a.asPath ?? [];
        expect({
          origin: scan.origin,
          length: scan.pathLength,
          first: scan.firstAs,
          loops: scan.loops,
          med: scan.flags & SetFlag.Med ? scan.med : undefined,
          localPref: scan.flags & SetFlag.LocalPref ? scan.localPref : undefined,
          hop: scan.nextHop,
          originator: scan.originatorId,
          clusters: scan.clusters,
        }).toEqual({
          origin: a.origin,
          length: path.reduce((sum, { type, asns }) => sum + (type === 2 ? asns.length : 1), 0),
          first: path[0]?.type === 2 ? path[0].asns[0] : 0,
          loops: path.flatMap(({ asns }) => asns).filter((asn) => asn === 3).length,
          med: a.multiExitDisc,
          localPref: a.localPref,
          hop: a.nextHop?.w0,
          originator: a.originatorId ?? 0,
          clusters: a.clusterList?.length ?? 0,
        });
      }),
      { numRuns: 2000 },
    );
  });

  test("an encoded plain set is plain", () => {
    const octets = encodeMessage(
      {
        type: "update",
        withdrawn: [],
        attributes: {
          origin: 0,
          asPath: [{ type: 2, asns: [1, 2] }],
          nextHop: ip("10.0.0.1"),
          multiExitDisc: 5,
          communities: [0xffffff01],
          largeCommunities: [{ global: 1, local1: 2, local2: 3 }],
        },
        announced: [],
        faults: [],
        verdict: "none",
      },
      DEFAULT_CONTEXT,
    );
    const scan = new AttributeScan();
    scan.run(octets, 23, octets.length);
    expect(scan).toMatchObject({ odd: false, pathLength: 2, firstAs: 1, med: 5 });
    expect(scan.flags & SetFlag.NoExport).not.toBe(0);
    const store = new AttributeStore();
    const id = store.internBlock(octets, 23, octets.length, scan, 0, store.nextHops.index4(scan.nextHop));
    expect(store.word(id, SetWord.Path) & 0xffff).toBe(2);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { AttributeStore } from "../../protocol/rib/attribute-store.ts";
import type { RouteAttributes } from "../../protocol/rib/route.ts";
import { anyPath } from "./arbitraries.ts";
import { ip } from "./world.ts";

const changes = fc.record(
  {
    origin: fc.constantFrom(0 as const, 2 as const),
    asPath: fc.constant([{ type: 2 as const, asns: Array.from({ length: 300 }, (_, i) => i + 1) }]),
    multiExitDisc: fc.option(fc.nat(9), { nil: undefined }),
    localPref: fc.option(fc.constantFrom(90, 200), { nil: undefined }),
    communities: fc.array(fc.constantFrom(1, 2, 0xffffff01), { maxLength: 80 }),
    extCommunities: fc.array(fc.record({ hi: fc.nat(9), lo: fc.nat(9) }), { maxLength: 3 }),
    largeCommunities: fc.constantFrom([], [{ global: 1, local1: 2, local2: 3 }]),
    preference: fc.constant(150),
    originatorId: fc.constant(7),
  },
  { requiredKeys: [] },
);

/** As the store has it: no empty lists, nothing undefined; long segments cut. */
function plain(a: RouteAttributes): RouteAttributes {
  const store = new AttributeStore();
  return store.attributes(store.intern(a));
}

test("a derived set is the one that would have been stored", () => {
  fc.assert(
    fc.property(anyPath, fc.array(changes, { minLength: 1, maxLength: 6 }), (set, list) => {
      const store = new AttributeStore();
      const base = store.intern(set);
      store.hold(base);
      for (const change of list) {
        const after = { ...set, ...change } as RouteAttributes;
        const wanted = plain(
          Object.fromEntries(
            Object.entries(after).filter(
              ([, v]) => v !== undefined && !(Array.isArray(v) && v.length === 0 && v !== set.asPath),
            ),
          ) as RouteAttributes,
        );
        const id = store.derive(base, after);
        expect(store.attributes(id)).toEqual(wanted);
        expect(store.derive(base, { ...after, communities: [...(after.communities ?? [])] })).toBe(id);
        store.sweep(id);
      }
    }),
    { numRuns: 300 },
  );
});

test("a change of any attribute makes another set", () => {
  const base: { -readonly [K in keyof Required<RouteAttributes>]: RouteAttributes[K] | undefined } = {
    origin: 0,
    asPath: [],
    nextHop: ip("10.0.0.1"),
    multiExitDisc: 1,
    localPref: 1,
    atomicAggregate: undefined,
    aggregator: { asn: 1, address: ip("1.1.1.1") },
    communities: [1],
    originatorId: 1,
    clusterList: [1],
    extCommunities: [{ hi: 1, lo: 1 }],
    pmsiTunnel: Uint8Array.of(1),
    ipv6ExtCommunities: [new Uint8Array(20).fill(1)],
    aigp: { metric: 1n },
    largeCommunities: [{ global: 1, local1: 1, local2: 1 }],
    onlyToCustomer: 1,
    unknown: [{ code: 99, flags: 0xc0, value: Uint8Array.of(1) }],
    partial: undefined,
    dest: "unicast",
    nextHops: [{ iface: "a" }],
    nextHopLinkLocal: undefined,
    recursive: ip("1.1.1.1"),
    preference: 1,
    scope: 1,
    from: ip("1.1.1.1"),
    igpMetric: 1,
    kernel: { krt_metric: 1 },
    custom: new Map([["a", 1]]),
  };
  const other: typeof base = {
    origin: 1,
    asPath: [{ type: 2, asns: [1] }],
    nextHop: ip("10.0.0.2"),
    multiExitDisc: 2,
    localPref: 2,
    atomicAggregate: true,
    aggregator: { asn: 2, address: ip("1.1.1.1") },
    communities: [2],
    originatorId: 2,
    clusterList: [2],
    extCommunities: [{ hi: 2, lo: 1 }],
    pmsiTunnel: Uint8Array.of(2),
    ipv6ExtCommunities: [new Uint8Array(20).fill(2)],
    aigp: { metric: 2n },
    largeCommunities: [{ global: 2, local1: 1, local2: 1 }],
    onlyToCustomer: 2,
    unknown: [{ code: 98, flags: 0xc0, value: Uint8Array.of(1) }],
    partial: [8],
    dest: "blackhole",
    nextHops: [{ iface: "b" }],
    nextHopLinkLocal: ip("fe80::1"),
    recursive: ip("1.1.1.2"),
    preference: 2,
    scope: 2,
    from: ip("1.1.1.2"),
    igpMetric: 2,
    kernel: { krt_metric: 2 },
    custom: new Map([["a", 2]]),
  };
  const store = new AttributeStore();
  for (const start of [
    base,
    {
      ...base,
      dest: undefined,
      nextHops: undefined,
      recursive: undefined,
      preference: undefined,
      scope: undefined,
      from: undefined,
      igpMetric: undefined,
      kernel: undefined,
      custom: undefined,
    },
  ]) {
    const first = store.intern(start as RouteAttributes);
    store.hold(first);
    const whole = store.attributes(first);
    expect(store.derive(first, { ...whole })).toBe(first);
    for (const key of Object.keys(base) as (keyof RouteAttributes)[]) {
      if (key === "nextHopLinkLocal") continue; // of an IPv6 next hop alone
      const after = { ...whole, [key]: other[key] } as RouteAttributes;
      const id = store.derive(first, after);
      expect([key, id === first]).toEqual([key, false]);
      store.hold(id);
      expect(store.attributes(id)[key]).toEqual(other[key]);
    }
  }
});

test("a LOCAL_PREF that was taken away does not come back by default", () => {
  const store = new AttributeStore();
  const set = { origin: 0 as const, asPath: [] };
  const base = store.intern({ ...set, localPref: 5 });
  expect(store.attributes(store.derive(base, set))).toEqual(set);
});

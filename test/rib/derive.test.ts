import fc from "fast-check";
import { expect, test } from "vitest";
import { AttributeStore } from "../../protocol/rib/attribute-store.ts";
import type { RouteAttributes } from "../../protocol/rib/route.ts";
import { anyPath } from "./arbitraries.ts";

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

test("a LOCAL_PREF that was taken away does not come back by default", () => {
  const store = new AttributeStore();
  const set = { origin: 0 as const, asPath: [] };
  const base = store.intern({ ...set, localPref: 5 });
  expect(store.attributes(store.derive(base, set))).toEqual(set);
});

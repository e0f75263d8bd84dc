import { describe, expect, test } from "vitest";
import type { PathAttributes } from "../../protocol/codec/attribute.ts";
import { decidingStep, LADDER } from "../../protocol/rib/decision.ts";
import { net, Peer, type PeerOptions, World } from "./world.ts";

const PREFIX = "192.0.2.0/24";

interface Side {
  readonly peer?: Partial<PeerOptions>;
  readonly attributes?: PathAttributes;
}

/** Two peers, the first of which is to win by this step. */
const cases: readonly { step: string; a: Side; b: Side }[] = [
  { step: "preference", a: { peer: { options: { preference: 120 } } }, b: { attributes: { localPref: 900 } } },
  {
    step: "long-lived stale",
    a: { attributes: { asPath: [{ type: 2, asns: [65001, 1, 2, 3] }] } },
    b: { attributes: { communities: [0xffff0006] } },
  },
  {
    step: "local preference",
    a: {
      peer: { asn: 65000, channel: { gateway: "direct" } },
      attributes: { localPref: 200, asPath: [{ type: 2, asns: [1, 2, 3] }] },
    },
    b: {},
  },
  { step: "resolvability", a: {}, b: { peer: { asn: 65000 }, attributes: { localPref: 900 } } },
  { step: "AS path length", a: {}, b: { attributes: { asPath: [{ type: 2, asns: [65002, 7] }] } } },
  {
    step: "origin",
    a: { attributes: { asPath: [{ type: 1, asns: [65001, 1, 2] }] } },
    b: { attributes: { origin: 2, asPath: [{ type: 2, asns: [65002] }] } },
  },
  {
    step: "MED",
    a: { peer: { asn: 65009 }, attributes: { multiExitDisc: 5 } },
    b: { peer: { asn: 65009 }, attributes: { multiExitDisc: 6 } },
  },
  {
    step: "MED",
    a: { peer: { policy: { medMetric: true } }, attributes: { multiExitDisc: 5 } },
    b: { attributes: { multiExitDisc: 6 } },
  },
  {
    step: "MED",
    a: { peer: { asn: 65009 }, attributes: { multiExitDisc: 5 } },
    b: { peer: { asn: 65009, policy: { defaultMed: 9 } } },
  },
  {
    step: "external over internal",
    a: { attributes: { asPath: [{ type: 2, asns: [65001] }] } },
    b: { peer: { asn: 65000, channel: { gateway: "direct" } }, attributes: { asPath: [{ type: 2, asns: [1] }] } },
  },
  { step: "IGP metric", a: { peer: { channel: { cost: 5 } } }, b: { peer: { channel: { cost: 6 } } } },
  { step: "router ID", a: { peer: { id: "1.1.1.1" } }, b: { peer: { id: "200.1.1.1" } } },
  {
    step: "cluster list length",
    a: { peer: { asn: 65000, id: "1.1.1.1", channel: { gateway: "direct" } }, attributes: { originatorId: 7 } },
    b: {
      peer: { asn: 65000, id: "1.1.1.1", channel: { gateway: "direct" } },
      attributes: { originatorId: 7, clusterList: [5] },
    },
  },
  { step: "neighbor address", a: { peer: { id: "1.1.1.1" } }, b: { peer: { id: "1.1.1.1" } } },
];

describe.each(cases)("$step", ({ step, a, b }) => {
  test.each([
    ["in order", false],
    ["the loser first", true],
  ])("%s", (_name, reverse) => {
    const world = new World();
    const peers = [
      new Peer(world, { address: "10.0.0.2", asn: 65001, ...a.peer }).up(),
      new Peer(world, { address: "10.0.0.3", asn: 65002, ...b.peer }).up(),
    ];
    const announce = [
      () => peers[0]!.announce([PREFIX], a.attributes),
      () => peers[1]!.announce([PREFIX], b.attributes),
    ];
    for (const each of reverse ? announce.reverse() : announce) each();
    const slot = world.table4.find(net(PREFIX))!;
    const [first, second] = world.table4.candidates(slot);
    expect(world.table4.best(slot)?.source.protocol).toBe("p10.0.0.2");
    const deciding = decidingStep(first!, second!);
    expect(deciding?.step.name).toBe(step);
    expect(deciding!.order).toBeGreaterThan(0);
    expect(deciding!.step.value(first!)).not.toBe("");
    expect(world.table4.routes(slot).map((view) => view.best)).toEqual([true, false]);
  });
});

test("path metric off leaves the length out", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001, policy: { pathMetric: false } }).up();
  const b = new Peer(world, { address: "10.0.0.3", asn: 65002, policy: { pathMetric: false } }).up();
  a.announce([PREFIX], { asPath: [{ type: 2, asns: [65001, 1, 2, 3] }] });
  b.announce([PREFIX], { origin: 1 });
  expect(world.table4.best(world.table4.find(net(PREFIX))!)?.source.protocol).toBe("p10.0.0.2");
});

test("prefer older keeps what is best, until it goes", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001, policy: { preferOlder: true } }).up();
  const b = new Peer(world, { address: "10.0.0.3", asn: 65002, policy: { preferOlder: true } }).up();
  const best = (): string => world.table4.best(world.table4.find(net(PREFIX))!)!.source.protocol;
  b.announce([PREFIX]);
  a.announce([PREFIX]);
  expect(best()).toBe("p10.0.0.3");
  b.withdraw([PREFIX]);
  expect(best()).toBe("p10.0.0.2");
  b.announce([PREFIX]);
  expect(best()).toBe("p10.0.0.2");
});

test("deterministic MED: the order of arrival does not matter", () => {
  const paths = [
    { address: "10.0.0.2", asn: 65001, med: 10, id: "3.3.3.3" },
    { address: "10.0.0.3", asn: 65002, med: 0, id: "2.2.2.2" },
    { address: "10.0.0.4", asn: 65001, med: 5, id: "4.4.4.4" },
  ];
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
    [1, 0, 2],
  ];
  const results = orders.map((order) => {
    const world = new World();
    const peers = paths.map(({ address, asn, id }) =>
      new Peer(world, { address, asn, id, policy: { deterministicMed: true } }).up(),
    );
    for (const i of order) peers[i]!.announce([PREFIX], { multiExitDisc: paths[i]!.med });
    return world.table4.best(world.table4.find(net(PREFIX))!)!.source.protocol;
  });
  expect(new Set(results)).toEqual(new Set(["p10.0.0.3"]));
});

test("every step has a name of its own", () => {
  expect(new Set(LADDER.map((step) => step.name)).size).toBe(LADDER.length);
});

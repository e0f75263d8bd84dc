import { describe, expect, test } from "vitest";
import { ACCEPT, type CompiledFilter, REJECT } from "../../protocol/policy/compile.ts";
import type { ExportChange } from "../../protocol/rib/channel.ts";
import type { Net, RouteAttributes } from "../../protocol/rib/route.ts";
import { RouteKind } from "../../protocol/rib/route.ts";
import { formatPrefix } from "../../protocol/wire/address.ts";
import { ip, net, Peer, World } from "./world.ts";

function filter(
  key: string,
  run: (net: Net, a: RouteAttributes) => RouteAttributes | undefined,
  reads = {},
): CompiledFilter {
  const all = { net: true, source: false, impure: false, ...reads };
  return { name: "(unnamed)", key, reads: all, writes: new Set(), run };
}

const NOT_24 = filter("not24", (n, a) => (n.length === 24 ? undefined : a));
const NETS = ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24"];

function lines(changes: readonly ExportChange[]): string[] {
  return changes.map((c) => `${c.attributes ? "+" : "-"}${formatPrefix(c.net)} ${c.source.protocol}`);
}

describe("import", () => {
  test("a changed filter judges again what was received", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, importFilter: NOT_24 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    a.announce(NETS);
    b.pull();
    expect([...b.table.keys()]).toEqual(["10.0.0.0/8"]);
    expect(a.channel.counters).toMatchObject({
      imported: 1,
      filtered: 2,
      importUpdates: { received: 3, filtered: 2, accepted: 1 },
    });
    expect([...a.channel.filteredRoutes()].map((r) => formatPrefix(r.net))).toEqual(NETS.slice(1));
    a.channel.reconfigure({ importFilter: ACCEPT });
    world.settle();
    b.pull();
    expect([...b.table.keys()].sort()).toEqual(NETS);
    expect(b.needless).toEqual([]);
    expect(a.refreshes).toEqual([]);
    a.channel.reconfigure({ importFilter: NOT_24 });
    world.settle();
    b.pull();
    expect([...b.table.keys()]).toEqual(["10.0.0.0/8"]);
  });

  test("import none forgets, and asks for the routes when it ends", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, importFilter: REJECT }).up();
    a.announce(NETS);
    expect(a.channel.counters).toMatchObject({ imported: 0, importUpdates: { received: 3, filtered: 3 } });
    expect(world.rib.prefixes("ipv4").size).toBe(0);
    a.channel.reconfigure({ importFilter: ACCEPT });
    expect(a.refreshes).toEqual(["1/1"]);
  });

  test("a route that is announced again unchanged is ignored", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    a.announce(NETS);
    a.announce(NETS);
    a.withdraw(["203.0.113.0/24"]);
    expect(a.channel.counters.importUpdates).toEqual({
      received: 6,
      rejected: 0,
      filtered: 0,
      ignored: 3,
      accepted: 3,
    });
    expect(a.channel.counters.importWithdraws).toEqual({ received: 1, rejected: 0, ignored: 1, accepted: 0 });
  });

  test.each([
    ["importLimit", 2],
    ["receiveLimit", 2],
  ] as const)("%s block", (kind, imported) => {
    const world = new World();
    const hits: string[] = [];
    const a = new Peer(world, {
      address: "10.0.0.2",
      asn: 65001,
      options: { [kind]: { count: 2, action: "block" } },
    }).up();
    a.channel.onLimit = (...hit) => hits.push(hit.join(" "));
    a.announce(NETS);
    expect(a.channel.counters).toMatchObject({ imported, importUpdates: { received: 3, rejected: 1, accepted: 2 } });
    expect(hits).toEqual([`${kind.replace("Limit", "")} block 2`]);
    a.withdraw([NETS[0]!]);
    a.announce([NETS[2]!]);
    expect(a.channel.counters.imported).toBe(2);
  });

  test("import limit warn lets all in", () => {
    const world = new World();
    const a = new Peer(world, {
      address: "10.0.0.2",
      asn: 65001,
      options: { importLimit: { count: 1, action: "warn" } },
    }).up();
    const hits: string[] = [];
    a.channel.onLimit = (...hit) => hits.push(hit.join(" "));
    a.announce(NETS);
    expect([a.channel.counters.imported, hits]).toEqual([3, ["import warn 1"]]);
  });
});

describe("export", () => {
  test("export limit block: the first stay current, the rest wait for room", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, {
      address: "10.0.0.3",
      asn: 65002,
      options: { exportLimit: { count: 2, action: "block" } },
    }).up();
    const hits: string[] = [];
    b.channel.onLimit = (...hit) => hits.push(hit.join(" "));
    a.announce(NETS);
    b.pull();
    expect([...b.table.keys()]).toEqual(NETS.slice(0, 2));
    a.announce([NETS[0]!], { multiExitDisc: 7, communities: [5] });
    b.pull();
    expect(b.table.get(NETS[0]!)).toContain("communities [5]");
    a.withdraw([NETS[1]!]);
    b.pull();
    expect([...b.table.keys()].sort()).toEqual([NETS[0]!, NETS[2]!]);
    expect(hits).toEqual(["export block 2"]);
    expect(b.channel.counters.exported).toBe(2);
  });

  test("a kernel drains what changes", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const kernel = world.channel({ protocol: "kernel1", kind: RouteKind.Inherit, preference: 10 });
    let told = 0;
    kernel.onExport = () => told++;
    a.announce(NETS);
    expect(told).toBe(1);
    const changes = kernel.drain(2);
    expect(lines(changes)).toEqual(["+10.0.0.0/8 p10.0.0.2", "+192.0.2.0/24 p10.0.0.2"]);
    expect(changes[0]!.attributes).toMatchObject({
      dest: "unicast",
      nextHops: [{ gateway: ip("10.0.0.2"), iface: "eth0" }],
    });
    a.withdraw([NETS[2]!, NETS[0]!]);
    expect(lines(kernel.drain(10))).toEqual(["-10.0.0.0/8 p10.0.0.2"]);
    expect(kernel.counters.exported).toBe(1);
    kernel.announce(net("203.0.113.0/24"), { dest: "unicast" });
    expect(lines(kernel.drain(10))).toEqual([]);
    kernel.reconfigure({ exportFilter: NOT_24 });
    expect(lines(kernel.drain(10))).toEqual(["-192.0.2.0/24 p10.0.0.2"]);
    kernel.close();
    expect(kernel.counters.exported).toBe(0);
    a.down();
    world.settle();
    expect(world.rib.attributes.size).toBe(0);
  });

  test("merge paths: equal routes of several peers share the traffic", () => {
    const world = new World();
    const peers = ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map((address, i) =>
      new Peer(world, { address, asn: 65001 + i, policy: { medMetric: i === 2 } }).up(),
    );
    const kernel = world.channel({ protocol: "kernel1", kind: RouteKind.Inherit, mergePaths: 2 });
    peers[0]!.announce(["10.0.0.0/8"]);
    kernel.drain(9);
    peers[1]!.announce(["10.0.0.0/8"]);
    const [change] = kernel.drain(9);
    expect(change?.attributes?.nextHops?.map((hop) => hop.gateway)).toEqual([ip("10.0.0.2"), ip("10.0.0.3")]);
    peers[2]!.announce(["10.0.0.0/8"]);
    expect(kernel.drain(9)[0]?.attributes?.nextHops).toHaveLength(2);
    peers[0]!.withdraw(["10.0.0.0/8"]);
    expect(kernel.drain(9)[0]?.attributes?.nextHops?.map((hop) => hop.gateway)).toEqual([
      ip("10.0.0.3"),
      ip("10.0.0.4"),
    ]);
    peers[1]!.announce(["10.0.0.0/8"], { origin: 1 });
    expect(kernel.drain(9)[0]?.attributes?.nextHops?.map((hop) => hop.gateway)).toEqual([ip("10.0.0.4")]);
  });

  test("what a peer gets, and why not", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002, exportFilter: NOT_24 }).up();
    a.announce(["10.0.0.0/8"], { communities: [0xffffff01] });
    a.announce(["192.0.2.0/24", "198.18.0.0/15"], { multiExitDisc: 6 });
    b.pull();
    const view = (text: string) => b.channel.exportedView(world.table4.find(net(text))!);
    expect(view("10.0.0.0/8")).toEqual({ verdict: "not eligible", reason: "community NO_EXPORT" });
    expect(view("192.0.2.0/24")).toEqual({ verdict: "rejected" });
    expect(view("198.18.0.0/15")).toMatchObject({ verdict: "exported", attributes: { origin: 0 } });
    expect(view("198.18.0.0/15").attributes).not.toHaveProperty("multiExitDisc");
    expect(a.channel.exportedView(world.table4.find(net("10.0.0.0/8"))!)).toMatchObject({ verdict: "not eligible" });
  });
});

test("preference changes while the channel is up", () => {
  const world = new World();
  const one = world.channel({ protocol: "s1", preference: 200 });
  const two = world.channel({ protocol: "s2", preference: 100 });
  for (const channel of [one, two]) channel.announce(net("10.0.0.0/8"), { dest: "blackhole" });
  const best = (): string => world.table4.best(world.table4.find(net("10.0.0.0/8"))!)!.source.protocol;
  expect(best()).toBe("s1");
  two.reconfigure({ preference: 300 });
  world.settle();
  expect([best(), one.counters.preferred, two.counters.preferred]).toEqual(["s2", 0, 1]);
});

test("bogus prefixes stay out", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
  a.announce(["127.0.0.0/24", "224.0.0.0/4", "0.0.0.0/0", "169.254.0.0/16"]);
  expect(a.logged).toContain("Ignoring bogus route 127.0.0.0/24 received via p10.0.0.2");
  expect([...world.table4.walk(0).slots].map((slot) => formatPrefix(world.table4.prefixes.net(slot)))).toEqual([
    "0.0.0.0/0",
  ]);
});

test("routes leave in slices, and the end is told", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
  const many = Array.from({ length: 20_000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`);
  for (let i = 0; i < many.length; i += 800) a.announce(many.slice(i, i + 800));
  let flushed = 0;
  a.channel.onFlushed = () => flushed++;
  a.down();
  expect([a.channel.state, flushed, world.table4.routeCount > 0]).toEqual(["FLUSHING", 0, true]);
  world.settle();
  expect([a.channel.state, flushed, world.table4.routeCount]).toEqual(["DOWN", 1, 0]);
});

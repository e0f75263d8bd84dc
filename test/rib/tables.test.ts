/** Recursive next hops, pipes, ROA tables, graceful restart. */
import { describe, expect, test } from "vitest";
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import { ACCEPT, REJECT } from "../../protocol/policy/compile.ts";
import { makePipe } from "../../protocol/rib/pipe.ts";
import { NO_ROUTE, RouteKind } from "../../protocol/rib/route.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { formatPrefix } from "../../protocol/wire/address.ts";
import { ip, net, Peer, World } from "./world.ts";

const NET = "192.0.2.0/24";

describe("recursive next hops", () => {
  function internal(world: World, address: string, extra = {}): Peer {
    return new Peer(world, { address, asn: 65000, channel: { gateway: "recursive", ...extra } }).up();
  }
  function best(world: World, text = NET) {
    return world.table4.best(world.table4.find(net(text))!)!;
  }

  test("packets go where the route to the next hop goes, and follow it", () => {
    const world = new World();
    const a = internal(world, "10.9.9.9");
    a.announce([NET], { nextHop: ip("10.9.9.9") });
    expect(best(world).attributes).toMatchObject({ dest: "unreachable", nextHops: [] });
    const fixed = world.channel({ protocol: "s1" });
    fixed.announce(net("10.9.0.0/16"), { dest: "unicast", nextHops: [{ gateway: ip("10.0.0.7"), iface: "eth0" }] });
    const kernel = world.channel({ protocol: "k", kind: RouteKind.Inherit });
    kernel.drain(99);
    world.settle();
    expect(best(world).attributes).toMatchObject({
      dest: "unicast",
      nextHops: [{ gateway: ip("10.0.0.7"), iface: "eth0" }],
    });
    expect(kernel.drain(99).map((c) => formatPrefix(c.net))).toContain(NET);
    fixed.announce(net("10.9.9.0/24"), { dest: "unicast", nextHops: [{ iface: "eth1" }] });
    world.settle();
    expect(best(world).attributes.nextHops).toEqual([{ gateway: ip("10.9.9.9"), iface: "eth1" }]);
    expect(kernel.drain(99).map((c) => formatPrefix(c.net))).toContain(NET);
    fixed.withdraw(net("10.9.9.0/24"));
    fixed.withdraw(net("10.9.0.0/16"));
    world.settle();
    expect(best(world).attributes.dest).toBe("unreachable");
  });

  test("a peer is never reached through what it says itself", () => {
    const world = new World();
    const a = internal(world, "10.9.9.9");
    a.announce([NET, "10.9.9.9/32", "0.0.0.0/0"], { nextHop: ip("10.9.9.9") });
    world.settle();
    expect(best(world).attributes.dest).toBe("unreachable");
    world
      .channel({ protocol: "s1", preference: 1 })
      .announce(net("10.0.0.0/8"), { dest: "unicast", nextHops: [{ iface: "eth1" }] });
    world.settle();
    expect(best(world).attributes).toMatchObject({
      dest: "unicast",
      nextHops: [{ gateway: ip("10.9.9.9"), iface: "eth1" }],
    });
  });

  test("the nearer exit wins, and a reachable one before one that is not", () => {
    const world = new World();
    const fixed = world.channel({ protocol: "s1" });
    fixed.announce(net("10.1.0.0/16"), { dest: "unicast", nextHops: [{ iface: "eth1" }], igpMetric: 10 });
    const a = internal(world, "10.1.0.1");
    const b = internal(world, "10.2.0.1");
    b.announce([NET], { nextHop: ip("10.2.0.1"), localPref: 500 });
    a.announce([NET], { nextHop: ip("10.1.0.1") });
    expect(best(world).source.protocol).toBe("p10.1.0.1");
    fixed.announce(net("10.2.0.0/16"), { dest: "unicast", nextHops: [{ iface: "eth2" }], igpMetric: 5 });
    world.settle();
    expect(best(world).source.protocol).toBe("p10.2.0.1");
    b.announce([NET], { nextHop: ip("10.2.0.1") });
    expect(best(world).source.protocol).toBe("p10.2.0.1");
    fixed.announce(net("10.2.0.0/16"), { dest: "unicast", nextHops: [{ iface: "eth2" }], igpMetric: 50 });
    world.settle();
    expect(best(world).source.protocol).toBe("p10.1.0.1");
  });

  test("a static recursive route follows, too", () => {
    const world = new World();
    const fixed = world.channel({ protocol: "s1" });
    fixed.announce(net("203.0.113.0/24"), { recursive: ip("10.9.9.9") });
    expect(best(world, "203.0.113.0/24").attributes.dest).toBe("unreachable");
    const kernel = world.channel({ protocol: "k", kind: RouteKind.Inherit });
    kernel.drain(99);
    fixed.announce(net("10.9.9.0/24"), { dest: "unicast", nextHops: [{ iface: "eth1" }] });
    world.settle();
    expect(kernel.drain(99).map((c) => formatPrefix(c.net))).toContain("203.0.113.0/24");
    expect(best(world, "203.0.113.0/24").attributes).toMatchObject({
      nextHops: [{ gateway: ip("10.9.9.9"), iface: "eth1" }],
    });
  });
});

describe("pipes", () => {
  function pipe(
    world: World,
    table: Table,
    peerTable: Table,
    protocol: string,
    importFilter = ACCEPT,
    exportFilter = ACCEPT,
  ) {
    const source = world.rib.addSource({ protocol, kind: RouteKind.Pipe, preference: 0 });
    const options = {
      name: "main",
      protocol,
      table,
      source,
      importFilter,
      exportFilter,
      preference: 0,
      keepFiltered: false,
    };
    const ends = makePipe(options, peerTable);
    for (const end of ends) end.open();
    return ends;
  }

  function extra(world: World, name: string): Table {
    return world.rib.addTable({ name, netType: "ipv4", sorted: false, trie: false });
  }

  test("routes go both ways, keep their origin, and run in no circle", () => {
    const world = new World();
    const [t1, t2] = [extra(world, "t1"), extra(world, "t2")];
    const fixed = world.channel({ protocol: "s1" });
    const other = world.channel({ protocol: "s2", table: t1 });
    fixed.announce(net("10.0.0.0/8"), { dest: "blackhole" });
    other.announce(net("20.0.0.0/8"), { dest: "blackhole" });
    const pipes = [pipe(world, world.table4, t1, "p1"), pipe(world, t1, t2, "p2"), pipe(world, t2, world.table4, "p3")];
    world.settle();
    const names = (table: Table): string[] =>
      table
        .walk(0)
        .slots.flatMap((slot) => table.routes(slot).map((r) => `${formatPrefix(r.net)} ${r.source.protocol}`))
        .sort();
    for (const table of [world.table4, t1, t2]) {
      expect(new Set(names(table))).toEqual(new Set(["10.0.0.0/8 s1", "20.0.0.0/8 s2"]));
    }
    expect(pipes[0]![0].counters).toMatchObject({ imported: 1, exported: 1 });
    fixed.withdraw(net("10.0.0.0/8"));
    world.settle();
    for (const table of [world.table4, t1, t2]) expect(new Set(names(table))).toEqual(new Set(["20.0.0.0/8 s2"]));
    for (const end of pipes.flat()) end.close();
    world.settle();
    expect([names(world.table4), names(t2)]).toEqual([[], []]);
    other.close();
    world.settle();
    expect([world.rib.attributes.size, world.rib.prefixes("ipv4").size]).toEqual([0, 0]);
  });

  test("filters work on the way, and a change of them passes on differences", () => {
    const world = new World();
    const t1 = extra(world, "t1");
    const fixed = world.channel({ protocol: "s1" });
    const [p] = pipe(world, world.table4, t1, "p1", REJECT);
    fixed.announce(net("10.0.0.0/8"), { dest: "blackhole" });
    world.settle();
    expect(t1.routeCount).toBe(1);
    p.reconfigure({ exportFilter: REJECT });
    world.settle();
    expect(t1.routeCount).toBe(0);
    p.reconfigure({ exportFilter: ACCEPT });
    world.settle();
    expect(t1.routeCount).toBe(1);
  });

  test("all routes of a prefix are carried, and the shortest of several ways is kept", () => {
    const world = new World();
    const [t1, t2] = [extra(world, "t1"), extra(world, "t2")];
    const statics = ["s1", "s2"].map((protocol) => world.channel({ protocol }));
    const direct = pipe(world, world.table4, t1, "p1");
    const around = [pipe(world, world.table4, t2, "p2"), pipe(world, t2, t1, "p3")];
    for (const each of statics) each.announce(net("10.0.0.0/8"), { dest: "blackhole" });
    world.settle();
    const there = (): string[] => {
      const slot = t1.find(net("10.0.0.0/8"));
      const routes = slot === undefined ? [] : t1.routes(slot);
      return routes.map((r) => `${r.source.protocol} ${r.source.via?.tables.join()}`).sort();
    };
    expect(there()).toEqual(["s1 master4,t1", "s2 master4,t1"]);
    for (const end of direct) end.close();
    world.settle();
    expect(there()).toEqual(["s1 master4,t2,t1", "s2 master4,t2,t1"]);
    for (const end of direct) end.open();
    world.settle();
    expect(there()).toEqual(["s1 master4,t1", "s2 master4,t1"]);
    expect(direct[1].counters).toMatchObject({ imported: 2, preferred: 1 });
    expect(around.map(([main, peer]) => [main.counters.imported, peer.counters.imported])).toEqual([
      [0, 2],
      [0, 0],
    ]);
    statics[0]!.reconfigure({ preference: 100 });
    statics[1]!.withdraw(net("10.0.0.0/8"));
    world.settle();
    expect(t1.best(t1.find(net("10.0.0.0/8"))!)!.preference).toBe(100);
    for (const end of [direct, ...around].flat()) end.close();
    for (const each of statics) each.close();
    world.settle();
    expect([world.rib.attributes.size, world.rib.prefixes("ipv4").size]).toEqual([0, 0]);
  });

  test("a limit on the way in keeps routes out and is told of", () => {
    const world = new World();
    const t1 = extra(world, "t1");
    const fixed = world.channel({ protocol: "s1" });
    const [main, peer] = pipe(world, world.table4, t1, "p1");
    const hits: string[] = [];
    peer.onLimit = (kind, action, count) => hits.push(`${kind} ${action} ${count}`);
    peer.reconfigure({ importLimit: { count: 2, action: "block" } });
    for (const text of ["10.0.0.0/8", "20.0.0.0/8", "30.0.0.0/8"]) fixed.announce(net(text), { dest: "blackhole" });
    world.settle();
    expect([t1.routeCount, main.counters.exported, hits]).toEqual([2, 2, ["import block 2"]]);
  });

  test("a peer does not get its own route back through a pipe", () => {
    const world = new World();
    const t1 = extra(world, "t1");
    pipe(world, world.table4, t1, "p1");
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002, options: { table: t1 } }).up();
    a.announce([NET]);
    world.settle();
    for (const peer of [a, b]) peer.pull();
    expect(b.table.get(NET)).toBe("origin 0, path 65000 65001, via 10.0.0.2");
    b.announce(["10.1.0.0/16"]);
    world.settle();
    for (const peer of [a, b]) peer.pull();
    expect([...a.table.keys()]).toEqual(["10.1.0.0/16"]);
    expect([...b.table.keys()]).toEqual([NET]);
  });
});

describe("ROA tables", () => {
  const roa = (prefix: string, maxLength: number, asn: number) => ({ ...net(prefix), maxLength, asn });

  test.each([
    ["10.0.0.0/8", 65001, 1],
    ["10.1.0.0/16", 65001, 1],
    ["10.1.1.0/24", 65001, 2],
    ["10.1.0.0/16", 65002, 2],
    ["10.1.0.0/16", 0, 2],
    ["11.0.0.0/8", 65001, 0],
    ["0.0.0.0/0", 65001, 0],
    ["20.0.0.0/8", 0, 2],
  ])("%s from AS %i", (prefix, asn, state) => {
    const world = new World();
    const table = world.rib.addTable({ name: "r4", netType: "roa4", sorted: false, trie: false });
    const rpki = world.channel({ protocol: "rpki1", kind: RouteKind.Rpki, table });
    rpki.announce(roa("10.0.0.0/8", 16, 65001), {});
    rpki.announce(roa("10.0.0.0/8", 8, 65009), {});
    rpki.announce(roa("20.0.0.0/8", 8, 0), {});
    expect(world.rib.roaCheck("r4", net(prefix), asn)).toBe(state);
  });

  test("a change judges imported and exported routes again", () => {
    const world = new World();
    const table = world.rib.addTable({ name: "r4", netType: "roa4", sorted: false, trie: false });
    const rpki = world.channel({ protocol: "rpki1", kind: RouteKind.Rpki, table });
    const valid: CompiledFilter = {
      name: "(unnamed)",
      key: "valid",
      reads: { net: true, source: false, impure: true },
      writes: new Set(),
      run: (n, a, _s, env) => (env.roaCheck("r4", n, a.asPath?.[0]?.asns[0] ?? 0) === 1 ? a : undefined),
    };
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, importFilter: valid }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    const c = new Peer(world, { address: "10.0.0.4", asn: 65003, exportFilter: valid }).up();
    a.announce([NET]);
    b.announce(["198.51.100.0/24"]);
    const look = (): string[][] => {
      world.settle();
      for (const peer of [b, c]) peer.pull();
      return [[...b.table.keys()].sort(), [...c.table.keys()].sort()];
    };
    expect(look()).toEqual([[], []]);
    rpki.announce(roa(NET, 24, 65001), {});
    rpki.announce(roa("198.51.100.0/24", 24, 65002), {});
    expect(look()).toEqual([[NET], [NET, "198.51.100.0/24"]]);
    rpki.withdraw(roa(NET, 24, 65001));
    expect(look()).toEqual([[], ["198.51.100.0/24"]]);
  });
});

describe("graceful restart", () => {
  test("routes stay, stale, until they are announced again or dropped", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    a.announce([NET, "10.1.0.0/16"]);
    b.pull();
    a.down(true);
    world.settle();
    b.pull();
    expect([a.channel.state, b.table.size]).toEqual(["START", 2]);
    expect(world.table4.best(world.table4.find(net(NET))!)!.stale).toBe(true);
    a.up();
    a.announce([NET]);
    a.channel.dropStale();
    world.settle();
    b.pull();
    expect([...b.table.keys()]).toEqual([NET]);
    expect(b.needless).toEqual([]);
    a.down(true);
    a.channel.dropStale();
    world.settle();
    b.pull();
    expect([a.channel.state, b.table.size]).toEqual(["DOWN", 0]);
  });

  test("long-lived: depreferenced, or gone where that is not wanted", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    a.announce([NET]);
    a.announce(["10.1.0.0/16"], { communities: [0xffff0007] });
    b.announce([NET], { asPath: [{ type: 2, asns: [65002, 1, 2, 3] }] });
    a.down(true);
    const { attributes: store } = world.rib;
    a.channel.longLivedStale((id) => {
      const set = store.attributes(id);
      if (set.communities?.includes(0xffff0007)) return NO_ROUTE;
      return store.intern({ ...set, communities: [...(set.communities ?? []), 0xffff0006] });
    });
    world.settle();
    expect(world.table4.routeCount).toBe(2);
    const [first, second] = world.table4.routes(world.table4.find(net(NET))!);
    expect([first?.source.protocol, second?.stale]).toEqual(["p10.0.0.3", true]);
    a.up();
    a.announce([NET]);
    expect(world.table4.best(world.table4.find(net(NET))!)!.source.protocol).toBe("p10.0.0.2");
  });
});

test("walks in slices find every route once", () => {
  const world = new World();
  const fixed = world.channel({ protocol: "s1" });
  for (let i = 0; i < 10_000; i++)
    fixed.announce(net(`${10 + (i % 40)}.${i >> 8}.${i & 255}.0/24`), { dest: "blackhole" });
  const seen = new Set<string>();
  let inside = 0;
  for (let at: number | undefined = 0; at !== undefined; ) {
    const { slots, next }: { slots: readonly number[]; next: number | undefined } = world.table4.walk(at);
    for (const slot of slots) seen.add(formatPrefix(world.table4.prefixes.net(slot as never)));
    at = next;
  }
  for (let at: number | undefined = 0; at !== undefined; ) {
    const { slots, next }: { slots: readonly number[]; next: number | undefined } = world.table4.walkIn(
      net("10.0.0.0/8"),
      at,
    );
    inside += slots.length;
    at = next;
  }
  expect([seen.size, inside, world.table4.netCount]).toEqual([10_000, 250, 10_000]);
});

import { describe, expect, test } from "vitest";
import { RouteKind } from "../../protocol/rib/route.ts";
import { ip, net, Peer, World } from "./world.ts";

describe("two external peers", () => {
  test("a route goes from one to the other, not back", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65002 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65003 }).up();
    a.pull();
    b.pull();
    expect([a.endsOfRib, b.endsOfRib]).toEqual([1, 1]);
    a.announce(["192.0.2.0/24", "198.51.100.0/24"], { multiExitDisc: 5, communities: [0x00010002] });
    a.pull();
    b.pull();
    expect([...a.table]).toEqual([]);
    const line = "origin 0, path 65000 65002, via 10.0.0.2, communities [65538]";
    expect([...b.table]).toEqual([
      ["192.0.2.0/24", line],
      ["198.51.100.0/24", line],
    ]);
    a.withdraw(["192.0.2.0/24"]);
    b.pull();
    expect([...b.table.keys()]).toEqual(["198.51.100.0/24"]);
    a.down();
    world.settle();
    b.pull();
    expect([...b.table.keys()]).toEqual([]);
    expect(world.table4.routeCount).toBe(0);
    expect(world.rib.attributes.size).toBe(0);
    expect(world.rib.prefixes("ipv4").size).toBe(0);
  });

  test("the best route wins, and the loser comes back when it goes", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65002 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65003 }).up();
    const c = new Peer(world, { address: "10.0.0.4", asn: 65004 }).up();
    a.announce(["192.0.2.0/24"], { asPath: [{ type: 2, asns: [65002, 1] }] });
    c.pull();
    b.announce(["192.0.2.0/24"]);
    for (const peer of [a, b, c]) peer.pull();
    expect(c.table.get("192.0.2.0/24")).toBe("origin 0, path 65000 65003, via 10.0.0.3");
    expect(a.table.get("192.0.2.0/24")).toBe("origin 0, path 65000 65003, via 10.0.0.3");
    expect(b.table.size).toBe(0);
    b.withdraw(["192.0.2.0/24"]);
    for (const peer of [a, b, c]) peer.pull();
    expect(c.table.get("192.0.2.0/24")).toBe("origin 0, path 65000 65002 1, via 10.0.0.2");
    expect(a.table.size).toBe(0);
    expect(b.table.get("192.0.2.0/24")).toBe("origin 0, path 65000 65002 1, via 10.0.0.2");
  });

  test("a static route is announced with our own address", () => {
    const world = new World();
    const fixed = world.channel({ protocol: "static1", kind: RouteKind.Static });
    fixed.announce(net("100.64.0.0/10"), { dest: "unicast", nextHops: [{ iface: "tailscale0" }] });
    const a = new Peer(world, { address: "10.0.0.2", asn: 65002 }).up();
    a.pull();
    expect([...a.table]).toEqual([["100.64.0.0/10", "origin 0, path 65000, via 10.0.0.1"]]);
    expect(a.endsOfRib).toBe(1);
    fixed.withdraw(net("100.64.0.0/10"));
    a.pull();
    expect(a.table.size).toBe(0);
    expect(a.channel.counters.exported).toBe(0);
  });

  test("IPv6", () => {
    const world = new World();
    const a = new Peer(world, { address: "2001:db8::2", asn: 65002, family: 6 }).up();
    const b = new Peer(world, { address: "2001:db8::3", asn: 65003, family: 6 }).up();
    b.pull();
    expect(b.endsOfRib).toBe(1);
    a.announce(["2001:db8:1::/48", "2001:db8:2::/48"]);
    b.pull();
    expect([...b.table]).toEqual([
      ["2001:db8:1::/48", "origin 0, path 65000 65002, via 2001:db8::2"],
      ["2001:db8:2::/48", "origin 0, path 65000 65002, via 2001:db8::2"],
    ]);
    a.withdraw(["2001:db8:1::/48"]);
    b.pull();
    expect([...b.table.keys()]).toEqual(["2001:db8:2::/48"]);
  });
});

test("next hops are interned and freed", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65002 }).up();
  a.announce(["192.0.2.0/24"], { nextHop: ip("10.0.0.77") });
  expect(world.table4.best(world.table4.find(net("192.0.2.0/24"))!)!.attributes.nextHops).toEqual([
    { gateway: ip("10.0.0.77"), iface: "eth0" },
  ]);
  a.withdraw(["192.0.2.0/24"]);
  expect(world.rib.attributes.size).toBe(0);
});

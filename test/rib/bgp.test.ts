import { describe, expect, test } from "vitest";
import { Role } from "../../protocol/codec/iana.ts";
import { decodeMessage, encodeMessage } from "../../protocol/codec/message.ts";
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import { RouteKind } from "../../protocol/rib/route.ts";
import { parseAddress } from "../../protocol/wire/address.ts";
import { ip, net, Peer, split, World } from "./world.ts";

const NET = "192.0.2.0/24";

function pair(): { world: World; a: Peer; b: Peer } {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
  const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
  return { world, a, b };
}

describe("what comes in", () => {
  test("a peer's own route that goes is no withdrawal to it", () => {
    const { a, b } = pair();
    a.announce([NET]);
    b.pull();
    a.withdraw([NET]);
    for (const peer of [a, b]) peer.pull();
    expect(a.channel.counters.exportWithdraws).toEqual({ received: 1, accepted: 0 });
    expect(b.channel.counters.exportWithdraws).toEqual({ received: 1, accepted: 1 });
  });

  test("our own AS in the path: as withdrawn, without a word", () => {
    const { world, a } = pair();
    a.announce([NET]);
    a.announce([NET], { asPath: [{ type: 2, asns: [65001, 65000] }] });
    expect([world.table4.routeCount, a.logged]).toEqual([0, []]);
    expect(a.channel.counters.importWithdraws).toMatchObject({ received: 1, accepted: 1 });
  });

  test("allow local as lets so many through", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, policy: { allowLocalAs: 1 } }).up();
    a.announce([NET], { asPath: [{ type: 2, asns: [65001, 65000] }] });
    expect(world.table4.routeCount).toBe(1);
    a.announce([NET], { asPath: [{ type: 2, asns: [65001, 65000, 65000] }] });
    expect(world.table4.routeCount).toBe(0);
  });

  test("a malformed attribute treats the routes as withdrawn, and says so", () => {
    const { world, a } = pair();
    a.announce([NET, "10.1.0.0/16"]);
    const octets = encodeMessage(a.update([NET]), a.context);
    octets[octets.indexOf(0x40, 23) + 3] = 7; // ORIGIN
    a.session.receiveUpdate(octets);
    expect(world.table4.routeCount).toBe(1);
    expect(a.logged.at(-1)).toBe(`Invalid route ${NET} withdrawn`);
    expect(a.session.faults).toBe(1);
  });

  test("what cannot be read at all ends the session and touches nothing", () => {
    const { world, a } = pair();
    a.announce([NET]);
    const octets = encodeMessage(a.update(["10.1.0.0/16"]), a.context);
    octets[octets.length - 3] = 77; // prefix length
    expect(() => a.session.receiveUpdate(octets)).toThrow();
    expect(world.table4.routeCount).toBe(1);
  });

  test.each([
    ["0.0.0.0", "zero address"],
    ["10.0.0.1", "address 10.0.0.1 is local"],
    ["192.0.2.99", "address 192.0.2.99 not directly reachable"],
  ])("next hop %s", (hop, words) => {
    const { world, a } = pair();
    world.rib.setLinkOracle({
      neighbor: (address) => {
        if (address.w0 >>> 8 !== 0x0a0000) return undefined;
        return { iface: "eth0", own: address.w0 === 0x0a000001 };
      },
    });
    world.rib.linkChanged();
    a.announce([NET], { nextHop: ip(hop) });
    expect(world.table4.routeCount).toBe(0);
    expect(a.logged).toEqual([`Invalid NEXT_HOP attribute - ${words}`, `Invalid route ${NET} withdrawn`]);
    a.announce([NET], { nextHop: ip("10.0.0.77") });
    expect(world.table4.routeCount).toBe(1);
  });

  test("LOCAL_PREF from outside is dropped and has no default in its place", () => {
    const { world, a } = pair();
    a.announce([NET], { localPref: 500 });
    const best = world.table4.best(world.table4.find(net(NET))!)!;
    expect(best.attributes).not.toHaveProperty("localPref");
    a.announce([NET]);
    expect(world.table4.best(world.table4.find(net(NET))!)!.attributes.localPref).toBe(100);
  });

  test("the same prefix withdrawn and announced in one message is announced", () => {
    const { world, a } = pair();
    const update = a.update([NET]);
    if (update.type !== "update") throw new Error();
    a.send({ ...update, withdrawn: update.announced });
    expect(world.table4.routeCount).toBe(1);
  });

  test("IPv4 and IPv6 in one message", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 });
    const update = a.update([NET]);
    if (update.type !== "update") throw new Error();
    a.up();
    const context = { ...a.context, families: "any" as const };
    const mpReach = { afi: 2, safi: 1, nextHops: [ip("2001:db8::2")], nlri: [{ prefix: net("2001:db8:1::/48") }] };
    a.session.receiveUpdate(encodeMessage({ ...update, attributes: { ...update.attributes, mpReach } }, context));
    expect([world.table4.routeCount, world.table6.routeCount]).toEqual([1, 0]);
  });

  test("an unknown transitive attribute goes on with the Partial bit, another does not go on", () => {
    const { a, b } = pair();
    const value = Uint8Array.of(1, 2, 3);
    a.announce([NET], {
      unknown: [
        { code: 21, flags: 0xc0, value },
        { code: 29, flags: 0x80, value },
        { code: 201, flags: 0xc0, value },
      ],
    });
    b.pull();
    const update = b.received.find((m) => m.type === "update" && m.announced.length > 0);
    expect(update?.type === "update" && update.attributes.unknown).toEqual([
      { code: 21, flags: 0xe0, value },
      { code: 201, flags: 0xe0, value },
    ]);
  });
});

describe("what goes out", () => {
  test("bgp_med = 0 in the export filter puts it on the wire", () => {
    const world = new World();
    const exportFilter: CompiledFilter = {
      name: "(unnamed)",
      key: "med0",
      reads: { net: false, source: false, impure: false },
      writes: new Set(),
      run: (_net, a) => ({ ...a, multiExitDisc: 0 }),
    };
    world.channel({ protocol: "tailscale" }).announce(net("100.64.0.0/10"), { nextHops: [{ iface: "tailscale0" }] });
    const a = new Peer(world, { address: "10.0.0.2", asn: 65000, localAs: 65001, exportFilter }).up();
    const octets = a.session.pull(65536)!;
    const [first] = split(octets);
    expect(Buffer.from(first!).toString("hex").slice(32)).toBe(
      "00350200000" + "01b400101004002060201" + "0000fde9" + "4003040a000001" + "80040400000000" + "0a6440",
    );
  });

  test("a route reflector adds originator and cluster", () => {
    const world = new World();
    const a = new Peer(world, {
      address: "10.0.0.2",
      asn: 65000,
      policy: { rrClient: true },
      channel: { gateway: "direct" },
    }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65000, channel: { gateway: "direct" } }).up();
    const c = new Peer(world, { address: "10.0.0.4", asn: 65000, channel: { gateway: "direct" } }).up();
    a.announce([NET]);
    b.announce(["198.51.100.0/24"]);
    for (const peer of [a, b, c]) peer.pull();
    const line = "origin 0, path , via 10.0.0.2, localPref 100, originatorId 167772162, clusterList [167772161]";
    expect([...c.table]).toEqual([[NET, line]]);
    expect([...b.table]).toEqual([[NET, line]]);
    expect([...a.table.keys()]).toEqual(["198.51.100.0/24"]);
    c.announce(["203.0.113.0/24"], { clusterList: [0x0a000001] });
    c.announce(["203.0.113.0/24"], { originatorId: 0x0a000001 });
    expect(world.table4.find(net("203.0.113.0/24"))).toBeUndefined();
  });

  test("a route server's client sees through", () => {
    const world = new World();
    const a = new Peer(world, {
      address: "10.0.0.2",
      asn: 65001,
      policy: { rsClient: true },
      channel: { nextHopKeep: "on" },
    }).up();
    const b = new Peer(world, {
      address: "10.0.0.3",
      asn: 65002,
      policy: { rsClient: true },
      channel: { nextHopKeep: "on" },
    }).up();
    a.announce([NET], { multiExitDisc: 9 });
    b.pull();
    expect(b.table.get(NET)).toBe("origin 0, path 65001, via 10.0.0.2, multiExitDisc 9");
  });

  test("next hop self, next hop address", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002, channel: { nextHopSelf: "on" } }).up();
    const c = new Peer(world, {
      address: "10.0.0.4",
      asn: 65003,
      channel: { nextHopSelf: "ebgp", nextHopAddress: ip("10.0.0.200") },
    }).up();
    const d = new Peer(world, { address: "10.0.0.5", asn: 65004, policy: { direct: false, iface: undefined } }).up();
    a.announce([NET]);
    for (const peer of [b, c, d]) peer.pull();
    expect([b, c, d].map((peer) => peer.table.get(NET)?.match(/via (\S+)/)?.[1])).toEqual([
      "10.0.0.1",
      "10.0.0.200",
      "10.0.0.1",
    ]);
  });

  test("a static gateway on the shared subnet goes as third party", () => {
    const { world, a, b } = pair();
    const fixed = world.channel({ protocol: "static1" });
    fixed.announce(net("10.50.0.0/24"), { dest: "unicast", nextHops: [{ gateway: ip("10.0.0.99"), iface: "eth0" }] });
    fixed.announce(net("10.51.0.0/24"), { dest: "unicast", nextHops: [{ gateway: ip("10.0.0.3"), iface: "eth0" }] });
    for (const peer of [a, b]) peer.pull();
    expect(a.table.get("10.50.0.0/24")).toBe("origin 0, path 65000, via 10.0.0.99");
    expect(a.table.get("10.51.0.0/24")).toBe("origin 0, path 65000, via 10.0.0.3");
    expect(b.table.has("10.51.0.0/24")).toBe(false); // it is the next hop itself
    expect([a.channel.counters.exported, b.channel.counters.exported]).toEqual([2, 1]);
  });

  test("roles: a leak does not come in, and OTC goes along (RFC 9234)", () => {
    const world = new World();
    const up = new Peer(world, { address: "10.0.0.2", asn: 65001, policy: { role: Role.Customer } }).up();
    const down = new Peer(world, { address: "10.0.0.3", asn: 65002, policy: { role: Role.Provider } }).up();
    const other = new Peer(world, { address: "10.0.0.4", asn: 65003, policy: { role: Role.Customer } }).up();
    up.announce([NET]);
    for (const peer of [down, other]) peer.pull();
    expect(down.table.get(NET)).toBe("origin 0, path 65000 65001, via 10.0.0.2, onlyToCustomer 65001");
    expect(other.table.size).toBe(0);
    down.announce(["198.51.100.0/24"], { onlyToCustomer: 5 });
    expect(world.table4.find(net("198.51.100.0/24"))).toBeUndefined();
    expect(down.logged[0]).toContain("Route leak");
    down.announce(["198.51.100.0/24"]);
    for (const peer of [up, other]) peer.pull();
    expect(up.table.get("198.51.100.0/24")).toBe("origin 0, path 65000 65002, via 10.0.0.3");
  });

  test("many prefixes fill messages to the limit", () => {
    const { a, b } = pair();
    const many = Array.from({ length: 3000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`);
    for (let i = 0; i < many.length; i += 900) a.announce(many.slice(i, i + 900));
    b.pull();
    const updates = b.received.filter((m) => m.type === "update" && m.announced.length > 0);
    expect(b.table.size).toBe(3000);
    expect(updates.length).toBeLessThanOrEqual(5);
    b.received.length = 0;
    for (let i = 0; i < many.length; i += 900) a.withdraw(many.slice(i, i + 900));
    b.pull();
    expect([b.table.size, b.received.length]).toEqual([0, 4]);
  });

  test("attributes that no message can hold: the prefix is withdrawn where it was announced", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, context: { extendedMessages: true } }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    a.announce([NET]);
    b.pull();
    expect(b.table.has(NET)).toBe(true);
    a.announce([NET], { communities: Array.from({ length: 2000 }, (_, i) => i + 1) });
    b.pull();
    expect(b.table.has(NET)).toBe(false);
    expect(b.logged.some((line) => line.includes("too long"))).toBe(true);
    a.announce([NET]);
    b.pull();
    expect(b.table.has(NET)).toBe(true);
  });

  test("ROUTE-REFRESH: everything once more, between BoRR and EoRR if both know them, and never twice at once", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002, session: { enhancedRefresh: true } }).up();
    a.announce([NET, "10.1.0.0/16"]);
    b.pull();
    b.received.length = 0;
    for (let i = 0; i < 500; i++) b.session.receiveRefresh({ type: "route-refresh", afi: 1, safi: 1, subtype: 0 });
    b.pull();
    const kinds = b.received.map((m) => (m.type === "route-refresh" ? `refresh ${m.subtype}` : m.type));
    expect(kinds).toEqual(["refresh 1", "update", "refresh 2", "refresh 1", "update", "refresh 2"]);
    b.session.receiveRefresh({ type: "route-refresh", afi: 2, safi: 1, subtype: 0 });
    expect(b.session.pull(9999)).toBeUndefined();
  });

  test("BoRR and EoRR from the peer: what it does not repeat goes", () => {
    const { world, a } = pair();
    a.announce([NET, "10.1.0.0/16"]);
    a.session.receiveRefresh({ type: "route-refresh", afi: 1, safi: 1, subtype: 2 });
    world.settle();
    expect(world.table4.routeCount).toBe(2);
    a.session.receiveRefresh({ type: "route-refresh", afi: 1, safi: 1, subtype: 1 });
    a.announce([NET]);
    expect(world.table4.routeCount).toBe(2);
    a.session.receiveRefresh({ type: "route-refresh", afi: 1, safi: 1, subtype: 2 });
    world.settle();
    expect(world.table4.routeCount).toBe(1);
  });
});

describe("add-path (RFC 7911)", () => {
  const addPath = { addPathTx: new Set(["1/1" as const]), addPathRx: new Set(["1/1" as const]) };

  test("all routes of a prefix go out, each with an id of its own", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const b = new Peer(world, { address: "10.0.0.3", asn: 65002 }).up();
    const c = new Peer(world, { address: "10.0.0.4", asn: 65003, context: addPath }).up();
    a.announce([NET]);
    b.announce([NET], { asPath: [{ type: 2, asns: [65002, 9] }] });
    c.pull();
    expect([...c.table.values()].sort()).toEqual([
      "origin 0, path 65000 65001, via 10.0.0.2",
      "origin 0, path 65000 65002 9, via 10.0.0.3",
    ]);
    expect(c.channel.counters.exported).toBe(2);
    a.withdraw([NET]);
    c.pull();
    expect([...c.table.values()]).toEqual(["origin 0, path 65000 65002 9, via 10.0.0.3"]);
    b.down();
    world.settle();
    c.pull();
    expect([c.table.size, world.rib.prefixes("ipv4").size, world.rib.attributes.size]).toEqual([0, 0, 0]);
    expect(c.needless).toEqual([]);
  });

  test("several paths of one peer are several routes", () => {
    const world = new World();
    const a = new Peer(world, { address: "10.0.0.2", asn: 65001, context: addPath }).up();
    const c = new Peer(world, { address: "10.0.0.4", asn: 65003 }).up();
    const send = (pathId: number, asns: number[] | undefined): void => {
      const update = a.update([NET], { asPath: [{ type: 2, asns: asns ?? [1] }] });
      if (update.type !== "update") throw new Error();
      const nlri = [{ prefix: net(NET), pathId }];
      a.send(asns ? { ...update, announced: nlri } : { ...update, attributes: {}, announced: [], withdrawn: nlri });
    };
    send(1, [65001, 1]);
    send(2, [65001]);
    send(2, [65001]);
    c.pull();
    expect(world.table4.routeCount).toBe(2);
    expect(world.table4.routes(world.table4.find(net(NET))!).map((r) => r.pathId)).toEqual([2, 1]);
    expect(c.table.get(NET)).toBe("origin 0, path 65000 65001, via 10.0.0.2");
    send(2, undefined);
    c.pull();
    expect(c.table.get(NET)).toBe("origin 0, path 65000 65001 1, via 10.0.0.2");
    a.down();
    world.settle();
    c.pull();
    expect([world.table4.routeCount, world.rib.attributes.size]).toEqual([0, 0]);
  });
});

describe("IPv6 and next hops of the other kind", () => {
  test("an own link-local goes along on a shared link", () => {
    const world = new World();
    const v6 = world.channel({ protocol: "s6", table: world.table6 });
    v6.announce(net("2001:db8:5::/48"), { dest: "blackhole" });
    const a = new Peer(world, {
      address: "2001:db8::2",
      asn: 65001,
      family: 6,
      policy: { nextHop6: ip("2001:db8::1"), linkLocal: ip("fe80::1") },
    }).up();
    a.pull();
    expect(a.table.get("2001:db8:5::/48")).toBe("origin 0, path 65000, via 2001:db8::1 fe80::1");
  });

  test("IPv4 routes over an IPv6 session (RFC 8950)", () => {
    const world = new World();
    world.channel({ protocol: "s4" }).announce(net(NET), { dest: "blackhole" });
    const context = { extendedNextHop: new Set(["1/1" as const]) };
    const a = new Peer(world, { address: "2001:db8::2", asn: 65001, family: 4, context }).up();
    a.pull();
    expect(a.endsOfRib).toBe(1);
    expect(a.table.get(NET)).toBe("origin 0, path 65000, via 2001:db8::1");
  });

  test("IPv6 End-of-RIB is 29 octets", () => {
    const world = new World();
    const a = new Peer(world, { address: "2001:db8::2", asn: 65001, family: 6 }).up();
    const octets = a.session.pull(9999)!;
    expect(octets.length).toBe(29);
    expect(decodeMessage(octets, a.context)).toMatchObject({
      type: "update",
      attributes: { mpUnreach: { afi: 2, safi: 1 } },
    });
  });
});

test("a peer with two-octet AS numbers gets AS4_PATH", () => {
  const world = new World();
  const a = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
  const b = new Peer(world, { address: "10.0.0.3", asn: 65002, context: { as4: false } }).up();
  a.announce([NET], { asPath: [{ type: 2, asns: [65001, 4200000001] }] });
  b.pull();
  expect(b.table.get(NET)).toBe("origin 0, path 65000 65001 4200000001, via 10.0.0.2");
  b.announce(["10.1.0.0/16"], { asPath: [{ type: 2, asns: [65002, 4200000001] }] });
  a.pull();
  expect(a.table.get("10.1.0.0/16")).toBe("origin 0, path 65000 65002 4200000001, via 10.0.0.3");
});

test("a source of another kind keeps its kind in the view", () => {
  const world = new World();
  world.channel({ protocol: "direct1", kind: RouteKind.Device, preference: 240 }).announce(net("10.0.0.0/24"), {
    nextHops: [{ iface: "eth0" }],
  });
  const view = world.table4.best(world.table4.find(net("10.0.0.0/24"))!)!;
  expect([view.source.kind, view.preference, view.since, view.best]).toEqual([RouteKind.Device, 240, world.now, true]);
  expect(parseAddress("10.0.0.1")).toBeDefined();
});

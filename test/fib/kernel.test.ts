import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KernelEvent, KernelRoute } from "../../fib/index.ts";
import { FakeKernel, OperState, RouteProtocol, RouteTable } from "../../fib/index.ts";
import { ip, ours, prefix, rounds, wanted } from "./support.ts";

let kernel: FakeKernel;
beforeEach(() => {
  kernel = new FakeKernel();
});
afterEach(() => kernel.close());

describe("links and addresses", () => {
  test("are told as they are", async () => {
    const lo = kernel.addLink({ name: "lo", loopback: true, mtu: 65536 });
    const tun = kernel.addLink({ name: "tailscale0", kind: "tun", pointToPoint: true, mtu: 1280 });
    const eth = kernel.addLink({ name: "eth0", mac: "02:00:00:00:00:01", adminUp: false });
    expect(await kernel.links()).toEqual([lo, tun, eth]);
    expect(tun).toMatchObject({ index: 2, operState: OperState.Unknown, adminUp: true, lowerUp: true, noArp: true });
    expect(eth).toMatchObject({ index: 3, operState: OperState.Down, adminUp: false, lowerUp: false });
    const v4 = kernel.addAddress(2, { ip: ip("100.64.0.1"), length: 32 });
    const v6 = kernel.addAddress(2, { ip: ip("fd7a:115c:a1e0::1"), length: 128 });
    const peer = kernel.addAddress(2, { ip: ip("169.254.6.2"), length: 32, peer: ip("169.254.6.1"), scope: 253 });
    expect(await kernel.addresses()).toEqual([v4, v6, peer]);
  });

  test("changes are heard in order, without a timer", async () => {
    const heard: KernelEvent[] = [];
    const watch = await kernel.watch({ routes: false }, (event) => heard.push(event));
    const up = kernel.addLink({ name: "tailscale0", kind: "tun", pointToPoint: true });
    const address = kernel.addAddress(up.index, { ip: ip("100.64.0.1"), length: 32 });
    const down = kernel.setLink(up.index, { adminUp: false });
    const renamed = kernel.setLink(up.index, { name: "ts1" });
    kernel.removeLink(up.index);
    await Promise.resolve();
    expect(heard).toEqual([
      { type: "link", link: up },
      { type: "address", address },
      { type: "link", link: down },
      { type: "link", link: renamed },
      { type: "address-gone", address },
      { type: "link-gone", index: up.index, name: "ts1" },
    ]);
    expect(down.operState).toBe(OperState.Down);
    watch.close();
    kernel.addLink({ name: "eth1" });
    await Promise.resolve();
    expect(heard).toHaveLength(6);
  });

  test("a lost event leads to one reading of everything, and none is lost after it", async () => {
    const heard: KernelEvent[] = [];
    await kernel.watch({ routes: false }, (event) => heard.push(event));
    kernel.overflow(true);
    const eth = kernel.addLink({ name: "eth0" });
    const address = kernel.addAddress(eth.index, { ip: ip("192.0.2.1"), length: 24 });
    kernel.overflow(false);
    const other = kernel.addLink({ name: "eth1" });
    await rounds();
    const last = kernel.setLink(other.index, { adminUp: false });
    await rounds();
    expect(heard).toEqual([
      { type: "link", link: other },
      { type: "resync", links: [eth, other], addresses: [address] },
      { type: "link", link: last },
    ]);
  });

  test("a dump is asked again while the kernel says that it was interrupted", async () => {
    const eth = kernel.addLink({ name: "eth0" });
    kernel.interruptDumps(3);
    expect(await kernel.links()).toEqual([eth]);
  });

  test("after close nothing is answered", async () => {
    await kernel.close();
    await expect(kernel.links()).rejects.toMatchObject({ code: "EPIPE" });
  });
});

describe("routes", () => {
  const gateway = (): KernelRoute => route("198.51.100.0/24", { nextHops: [{ gateway: ip("192.0.2.9") }] });

  beforeEach(() => {
    const eth = kernel.addLink({ name: "eth0" });
    kernel.addAddress(eth.index, { ip: ip("192.0.2.1"), length: 24 });
  });

  test("are installed, replaced, deleted and found", async () => {
    expect(await kernel.apply([{ op: "install", route: gateway() }])).toEqual([]);
    const kept = { ...gateway(), scope: 0, nextHops: [{ gateway: ip("192.0.2.9"), link: 1 }] };
    expect(await kernel.routes({ table: RouteTable.Main, protocol: RouteProtocol.Bird })).toEqual([kept]);
    expect(await kernel.lookup(ip("198.51.100.7"))).toEqual(kept);
    expect(await kernel.apply([{ op: "replace", route: route("198.51.100.0/24", { kind: "blackhole" }) }])).toEqual([]);
    expect(await kernel.lookup(ip("198.51.100.7"))).toMatchObject({ kind: "blackhole", nextHops: [] });
    expect(await kernel.apply([{ op: "delete", route: gateway() }])).toEqual([]);
    expect(await kernel.lookup(ip("198.51.100.7"))).toBeUndefined();
  });

  test.each<[string, Partial<KernelRoute>]>([
    ["metrics", { kind: "unreachable", mtu: 1400, advmss: 1360, metrics: { initcwnd: 20, lock: 4 }, metric: 7 }],
    ["congestion control", { kind: "prohibit", congestionControl: "reno" }],
    ["table beyond 255", { kind: "blackhole", table: 1_000_000 }],
    ["realm, source and TOS", { nextHops: [{ link: 1 }], realm: 5, prefSrc: ip("192.0.2.1"), tos: 16, scope: 253 }],
    ["onlink", { nextHops: [{ gateway: ip("203.0.113.1"), link: 1, onlink: true }] }],
    ["IPv4 via IPv6", { nextHops: [{ gateway: ip("fe80::1"), link: 1 }] }],
    [
      "multipath",
      {
        nextHops: [
          { gateway: ip("192.0.2.2"), link: 1, weight: 256 },
          { gateway: ip("fe80::1"), link: 1, onlink: true },
        ],
      },
    ],
  ])("carries %s there and back", async (_, change) => {
    const sent = route("198.51.100.0/24", { scope: 0, ...change });
    expect(await kernel.apply([{ op: "install", route: sent }])).toEqual([]);
    expect(await kernel.routes({ protocol: RouteProtocol.Bird })).toEqual([sent]);
  });

  test("a failure names its change, the others are done", async () => {
    const changes = [
      { op: "install" as const, route: gateway() },
      { op: "install" as const, route: route("10.0.0.0/8", { nextHops: [{ gateway: ip("203.0.113.1") }] }) },
      { op: "install" as const, route: gateway() },
      { op: "delete" as const, route: route("10.1.0.0/16", {}) },
      { op: "install" as const, route: route("10.2.0.0/16", { kind: "blackhole" }) },
    ];
    expect(await kernel.apply(changes)).toEqual([
      { change: changes[1], index: 1, errno: 101, code: "ENETUNREACH", message: "Network is unreachable" },
      { change: changes[2], index: 2, errno: 17, code: "EEXIST", message: "File exists" },
      { change: changes[3], index: 3, errno: 3, code: "ESRCH", message: "No such process" },
    ]);
    expect(await kernel.routes({ protocol: RouteProtocol.Bird })).toHaveLength(2);
  });

  test("a deletion spares the route of another protocol", async () => {
    kernel.addRoute({ ...gateway(), protocol: RouteProtocol.Static });
    expect(await kernel.apply([{ op: "delete", route: gateway() }])).toMatchObject([{ code: "ESRCH" }]);
    expect(kernel.at(prefix("198.51.100.0/24"))).toHaveLength(1);
  });

  test("a batch larger than a datagram arrives whole and in order", async () => {
    const changes = Array.from({ length: 5000 }, (_, i) => ({
      op: "install" as const,
      route: route(`10.${i >> 8}.${i & 255}.0/24`, {
        nextHops: [{ gateway: ip(i === 4321 ? "8.8.8.8" : "192.0.2.9") }],
      }),
    }));
    expect(await kernel.apply(changes)).toMatchObject([{ index: 4321, code: "ENETUNREACH" }]);
    expect(await kernel.routes({ protocol: RouteProtocol.Bird })).toHaveLength(4999);
  });

  test("what others do is heard, what we do is not", async () => {
    const heard: KernelEvent[] = [];
    expect((await kernel.watch({ routes: true }, (event) => heard.push(event))).routes).toBe(true);
    await kernel.apply([{ op: "install", route: gateway() }]);
    const foreign = { ...gateway(), protocol: RouteProtocol.Static };
    kernel.addRoute(foreign);
    kernel.removeRoute(foreign);
    await rounds();
    const kept = { ...foreign, scope: 0, nextHops: [{ gateway: ip("192.0.2.9"), link: 1 }] };
    expect(heard).toEqual([
      { type: "route", route: kept, replaced: true },
      { type: "route-gone", route: kept },
    ]);
  });

  test("IPv4 routes go with their link in silence, IPv6 ones are told", async () => {
    const heard: KernelEvent[] = [];
    kernel.addAddress(1, { ip: ip("2001:db8::1"), length: 64 });
    await kernel.apply([
      { op: "install", route: gateway() },
      { op: "install", route: route("2001:db8:1::/48", { nextHops: [{ gateway: ip("2001:db8::9") }] }) },
    ]);
    await rounds();
    await kernel.watch({ routes: true }, (event) => heard.push(event));
    kernel.setLink(1, { adminUp: false });
    await rounds();
    expect(kernel.table).toEqual([]);
    const gone = heard.filter((event) => event.type === "route-gone").map((event) => event.route.prefix.family);
    expect(gone).toEqual([6, 6]);
  });
});

function route(text: string, change: Partial<KernelRoute>): KernelRoute {
  return ours(wanted(text, { kind: "unicast" }), change);
}

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FibOptions, FibRepair, RouteFailure } from "../../fib/index.ts";
import { Errno, FakeKernel, Fib, RouteProtocol, RouteTable } from "../../fib/index.ts";
import { formatPrefix } from "../../protocol/wire/address.ts";
import { ip, lines, ours, prefix, rounds, via, wanted } from "./support.ts";

let kernel: FakeKernel;
let eth: number;
let failures: RouteFailure[];
let repairs: FibRepair[];

beforeEach(() => {
  kernel = new FakeKernel();
  eth = kernel.addLink({ name: "eth0" }).index;
  kernel.addAddress(eth, { ip: ip("192.0.2.1"), length: 24 });
  failures = [];
  repairs = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await kernel.close();
});

function newFib(options: Partial<FibOptions> = {}): Fib {
  return new Fib(kernel, {
    family: 4,
    table: RouteTable.Main,
    onFailures: (some) => failures.push(...some),
    onRepair: (repair) => repairs.push(repair),
    onTrouble: (error) => expect.fail(error.message),
    ...options,
  });
}

async function started(options: Partial<FibOptions> = {}): Promise<Fib> {
  const fib = newFib(options);
  await fib.start();
  return fib;
}

function table(protocol: number = RouteProtocol.Bird): string[] {
  return lines(kernel.table.filter((route) => route.protocol === protocol));
}

function words(list: readonly RouteFailure[]): string[] {
  return list.map(({ change, code }) => `${change.op} ${formatPrefix(change.route.prefix)} ${code}`);
}

describe("wanted routes", () => {
  test("come, change and go; what is set within a turn goes out as one", async () => {
    const fib = await started();
    fib.set(via("10.1.0.0/16", "192.0.2.8"));
    fib.set(via("10.1.0.0/16", "192.0.2.9"));
    fib.set(wanted("10.2.0.0/16"));
    expect(fib.status(prefix("10.1.0.0/16"), 32)).toEqual({ state: "pending" });
    await fib.settled();
    expect(table()).toEqual([
      "10.1.0.0/16 via 192.0.2.9 proto 12 metric 32",
      "10.2.0.0/16 blackhole proto 12 metric 32",
    ]);
    expect(kernel.requests).toBe(2);
    expect(fib.status(prefix("10.1.0.0/16"), 32)).toEqual({ state: "installed" });
    fib.set(via("10.1.0.0/16", "192.0.2.9"));
    fib.unset(prefix("10.2.0.0/16"), 32);
    await fib.settled();
    expect(table()).toEqual(["10.1.0.0/16 via 192.0.2.9 proto 12 metric 32"]);
    expect(kernel.requests).toBe(3);
    expect(fib.status(prefix("10.2.0.0/16"), 32)).toEqual({ state: "absent" });
    expect(failures).toEqual([]);
  });

  test("of one prefix stand beside each other with different metrics", async () => {
    const fib = await started();
    fib.set(wanted("10.0.0.0/8", { metric: 1 }));
    fib.set(wanted("10.0.0.0/8", { metric: 0, kind: "prohibit" }));
    await fib.settled();
    fib.unset(prefix("10.0.0.0/8"), 1);
    await fib.settled();
    expect(table()).toEqual(["10.0.0.0/8 prohibit proto 12 metric 0"]);
  });

  test("of IPv6 with metric 0 are known by the kernel's 1024", async () => {
    const fib = await started({ family: 6 });
    fib.set(wanted("2001:db8::/32", { metric: 0 }));
    await fib.scan();
    expect(table()).toEqual(["2001:db8::/32 blackhole proto 12 metric 1024"]);
    expect(fib.status(prefix("2001:db8::/32"), 0)).toEqual({ state: "installed" });
    fib.unset(prefix("2001:db8::/32"), 0);
    await fib.settled();
    expect(table()).toEqual([]);
  });

  test("are sent before the microtask queue is empty: no timer delays them", async () => {
    const fib = await started();
    fib.set(wanted("10.0.0.0/8"));
    await Promise.resolve();
    expect(table()).toHaveLength(1);
  });

  test("changed while a request is under way follow it", async () => {
    const fib = await started();
    fib.set(via("10.0.0.0/8", "192.0.2.8"));
    await Promise.resolve(); // sent
    fib.set(via("10.0.0.0/8", "192.0.2.9"));
    fib.set(wanted("10.9.0.0/16"));
    fib.unset(prefix("10.9.0.0/16"), 32);
    await fib.settled();
    expect(table()).toEqual(["10.0.0.0/8 via 192.0.2.9 proto 12 metric 32"]);
  });
});

describe("restart", () => {
  const old = ours(via("10.1.0.0/16", "192.0.2.8"));
  const changed = ours(via("10.2.0.0/16", "192.0.2.8"));
  const stale = ours(via("10.3.0.0/16", "192.0.2.8"));

  beforeEach(() => {
    for (const route of [old, changed, stale]) kernel.addRoute(route);
  });

  test("takes over its own routes, touches only what differs, removes the rest at the sweep", async () => {
    const fib = newFib();
    fib.set(via("10.1.0.0/16", "192.0.2.8"));
    await fib.start();
    fib.set(via("10.2.0.0/16", "192.0.2.9"));
    await fib.settled();
    expect(kernel.requests).toBe(1);
    expect(fib.status(stale.prefix, 32)).toEqual({ state: "leftover" });
    expect(table()).toHaveLength(3);
    fib.sweep();
    await fib.settled();
    expect(table()).toEqual([
      "10.1.0.0/16 via 192.0.2.8 proto 12 metric 32",
      "10.2.0.0/16 via 192.0.2.9 proto 12 metric 32",
    ]);
    expect(repairs).toEqual([]);
  });

  test("waits for a table that cannot be read yet", async () => {
    const troubles: string[] = [];
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    kernel.interruptDumps(14); // the links' dump, then more than a reading bears
    const fib = newFib({ onTrouble: (error) => troubles.push(error.message) });
    const ready = fib.start();
    for (let i = 0; i < 60; i++) {
      await rounds(2);
      vi.advanceTimersByTime(1000);
    }
    await ready;
    expect(troubles).toEqual(["the tables change faster than they can be read"]);
    expect(fib.status(old.prefix, 32)).toEqual({ state: "leftover" });
  });

  test("a scan before the sweep leaves them alone", async () => {
    const fib = await started();
    await fib.scan();
    expect(table()).toHaveLength(3);
  });

  test("closing removes all of ours, or nothing", async () => {
    const kept = await started();
    kept.set(wanted("10.9.0.0/16"));
    await kept.settled();
    await kept.close({ keep: true });
    expect(table()).toHaveLength(4);
    const fib = await started();
    kernel.addRoute(ours(via("172.16.0.0/12", "192.0.2.8"), { protocol: RouteProtocol.Static }));
    await fib.close({ keep: false });
    expect(table()).toEqual([]);
    expect(table(RouteProtocol.Static)).toHaveLength(1);
    fib.set(wanted("10.8.0.0/16"));
    await rounds();
    expect(table()).toEqual([]);
  });
});

describe("what others do", () => {
  let fib: Fib;
  const route = via("10.0.0.0/8", "192.0.2.9");
  const line = "10.0.0.0/8 via 192.0.2.9 proto 12 metric 32";
  const foreign = ours(via("10.0.0.0/8", "192.0.2.7"), { protocol: RouteProtocol.Static });

  beforeEach(async () => {
    fib = await started();
    fib.set(route);
    await fib.settled();
  });

  test.each<[string, FibRepair["what"], () => void]>([
    ["a route deleted by others is put back", "missing", () => kernel.removeRoute(ours(route))],
    ["a route changed by others is set right", "changed", () => kernel.addRoute(ours(wanted("10.0.0.0/8")))],
    ["a route with our protocol id that is not ours goes", "alien", () => kernel.addRoute(ours(wanted("10.7.0.0/16")))],
  ])("%s", async (_, what, disturb) => {
    disturb();
    await rounds();
    expect(table()).toEqual([line]);
    expect(repairs.map((repair) => repair.what)).toEqual([what]);
  });

  test("the same when no event came, at the next scan", async () => {
    kernel.overflow(true);
    kernel.removeRoute(ours(route));
    kernel.addRoute(ours(wanted("10.7.0.0/16")));
    await fib.scan();
    expect(table()).toEqual([line]);
    expect(repairs.map((repair) => repair.what).sort()).toEqual(["alien", "missing"]);
  });

  test("the same when events were lost, as soon as that shows", async () => {
    kernel.overflow(true);
    kernel.removeRoute(ours(route));
    kernel.overflow(false);
    kernel.addLink({ name: "eth9" });
    await rounds(12);
    expect(table()).toEqual([line]);
  });

  test("who takes our route's place keeps it, until he leaves it", async () => {
    kernel.addRoute(foreign);
    await rounds();
    expect(table()).toEqual([]);
    expect(table(RouteProtocol.Static)).toEqual(["10.0.0.0/8 via 192.0.2.7 proto 4 metric 32"]);
    expect(words(failures)).toEqual(["install 10.0.0.0/8 EEXIST"]);
    expect(fib.status(route.prefix, 32)).toMatchObject({ state: "failed", failure: { message: "File exists" } });
    fib.set(via("10.0.0.0/8", "192.0.2.10"));
    await fib.scan();
    expect(table(RouteProtocol.Static)).toHaveLength(1);
    expect(failures).toHaveLength(1);
    kernel.removeRoute(foreign);
    await rounds();
    expect(table()).toEqual(["10.0.0.0/8 via 192.0.2.10 proto 12 metric 32"]);
  });

  test("a place that was taken before we came is not taken over", async () => {
    const other = ours(via("172.16.0.0/12", "192.0.2.7"), { protocol: RouteProtocol.Static });
    kernel.addRoute(other);
    fib.set(via("172.16.0.0/12", "192.0.2.9"));
    await rounds();
    expect(words(failures)).toEqual(["install 172.16.0.0/12 EEXIST"]);
    fib.unset(prefix("172.16.0.0/12"), 32);
    await rounds();
    expect(table(RouteProtocol.Static)).toEqual(["172.16.0.0/12 via 192.0.2.7 proto 4 metric 32"]);
  });

  test("who fights for a place is not fought without end", async () => {
    const before = kernel.requests;
    for (let i = 0; i < 100; i++) {
      if (table().length > 0) kernel.removeRoute(ours(route));
      await rounds(2);
    }
    expect(kernel.requests - before).toBeLessThan(20);
  });

  test("other tables are none of our business", async () => {
    const elsewhere = ours(wanted("10.7.0.0/16"), { table: 52 });
    kernel.addRoute(elsewhere);
    await fib.scan();
    expect(table()).toContain("10.7.0.0/16 blackhole proto 12 metric 32");
  });
});

describe("links", () => {
  test("down: the routes that went in silence are missed, and come back with the link", async () => {
    const fib = await started();
    fib.set(via("10.0.0.0/8", "192.0.2.9"));
    await fib.settled();
    kernel.setLink(eth, { adminUp: false });
    await rounds(12);
    expect(fib.status(prefix("10.0.0.0/8"), 32)).toMatchObject({ state: "failed", failure: { code: "ENETUNREACH" } });
    kernel.setLink(eth, { adminUp: true });
    await rounds(12);
    expect(fib.status(prefix("10.0.0.0/8"), 32)).toEqual({ state: "installed" });
    expect(table()).toHaveLength(1);
    expect(words(failures)).toEqual(["install 10.0.0.0/8 ENETUNREACH"]);
  });

  test("gone and back with another index: named by index it is ENODEV until set anew", async () => {
    const fib = await started();
    const tun = { name: "tun0", pointToPoint: true } as const;
    const first = kernel.addLink(tun).index;
    const route = wanted("10.0.0.0/8", { kind: "unicast", nextHops: [{ link: first }] });
    fib.set(route);
    await fib.settled();
    kernel.removeLink(first);
    await rounds(12);
    expect(words(failures)).toEqual(["install 10.0.0.0/8 ENODEV"]);
    const second = kernel.addLink(tun).index;
    fib.set({ ...route, nextHops: [{ link: second }] });
    await rounds();
    expect(fib.status(route.prefix, 32)).toEqual({ state: "installed" });
  });

  test("an address makes a gateway reachable", async () => {
    const fib = await started();
    fib.set(via("10.0.0.0/8", "203.0.113.9"));
    await fib.settled();
    expect(words(failures)).toEqual(["install 10.0.0.0/8 ENETUNREACH"]);
    kernel.addAddress(eth, { ip: ip("203.0.113.1"), length: 24 });
    await rounds();
    expect(table()).toEqual(["10.0.0.0/8 via 203.0.113.9 proto 12 metric 32"]);
  });
});

describe("refusals", () => {
  test("a replacement refused leaves no wrong way behind", async () => {
    const fib = await started();
    fib.set(via("10.0.0.0/8", "192.0.2.9"));
    await fib.settled();
    fib.set(via("10.0.0.0/8", "203.0.113.9"));
    await fib.settled();
    expect(table()).toEqual([]);
    expect(words(failures)).toEqual(["replace 10.0.0.0/8 ENETUNREACH"]);
    expect(fib.status(prefix("10.0.0.0/8"), 32)).toMatchObject({ state: "failed" });
    fib.set(via("10.0.0.0/8", "192.0.2.9"));
    await fib.settled();
    expect(table()).toHaveLength(1);
  });

  test("a part of what is wanted stays while the whole is refused", async () => {
    const fib = await started();
    fib.set(via("10.0.0.0/8", "192.0.2.9"));
    await fib.settled();
    fib.set(via("10.0.0.0/8", "192.0.2.9", "203.0.113.9"));
    await fib.settled();
    expect(table()).toEqual(["10.0.0.0/8 via 192.0.2.9 proto 12 metric 32"]);
  });

  test("are tried again after a while, and told once", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const fib = await started();
    kernel.refuse(() => Errno.ENOBUFS);
    fib.set(wanted("10.1.0.0/16"));
    await fib.settled();
    kernel.refuse(({ route }) => (formatPrefix(route.prefix) === "10.1.0.0/16" ? Errno.ENOBUFS : undefined));
    fib.set(wanted("10.2.0.0/16"));
    await fib.settled();
    vi.advanceTimersByTime(500);
    await fib.settled();
    expect(words(failures)).toEqual(["install 10.1.0.0/16 ENOBUFS"]);
    kernel.refuse(undefined);
    fib.set(wanted("10.3.0.0/16"));
    await fib.settled();
    vi.advanceTimersByTime(500);
    await fib.settled();
    expect(table()).toHaveLength(3);
    expect(fib.failures()).toEqual([]);
  });

  test("for want of a right: no request is made again before the next scan", async () => {
    const fib = await started();
    kernel.refuse(() => Errno.EPERM);
    fib.set(wanted("10.1.0.0/16"));
    await fib.settled();
    const { requests } = kernel;
    fib.set(wanted("10.2.0.0/16"));
    kernel.setLink(eth, { adminUp: false });
    kernel.setLink(eth, { adminUp: true });
    await rounds(12);
    expect(kernel.requests).toBe(requests);
    expect(words(failures)).toEqual(["install 10.1.0.0/16 EPERM"]); // speaks for all
    expect(words(fib.failures())).toEqual(["install 10.1.0.0/16 EPERM", "install 10.2.0.0/16 EPERM"]);
    kernel.refuse(undefined);
    await fib.scan();
    expect(table()).toHaveLength(2);
  });
});

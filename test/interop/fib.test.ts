/** The real kernel: what fib/ sends is understood, what others do is seen, and nothing is lost in a burst. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FibOptions, FibRepair, Kernel, KernelEvent, RouteFailure, WantedRoute } from "../../fib/index.ts";
import { Fib, openKernel, RouteTable } from "../../fib/index.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import { ip, ours, prefix, via, wanted } from "../fib/support.ts";
import { enter, ipRoutes, lines, sh, shAside, withoutNetAdmin } from "./fib-lab.ts";
import { Lab, noNamespaces, sleep, until } from "./support/netns.ts";

const missing = noNamespaces();

describe.skipIf(missing)(`the kernel by netlink${missing ? `: ${missing}` : ""}`, () => {
  let lab: Lab;
  let leave: (() => void) | undefined;
  let kernel: Kernel;
  let names: Map<number, string>;
  let failures: RouteFailure[];
  let repairs: FibRepair[];

  beforeAll(() => {
    lab = new Lab();
    const here = lab.namespace("fib");
    const there = lab.namespace("far");
    lab.connect(here, there, {
      addresses: [
        ["192.0.2.1/24", "2001:db8::1/64"],
        ["192.0.2.9/24", "2001:db8::9/64"],
      ],
    });
    lab.connect(here, there, { addresses: [["198.51.100.1/24", "2001:db8:1::1/64"], "198.51.100.9/24"] });
    leave = enter(here);
  });
  afterAll(async () => {
    leave?.();
    await lab.close();
  });
  beforeEach(async () => {
    failures = [];
    repairs = [];
    kernel = await openKernel();
    names = new Map((await kernel.links()).map((link) => [link.index, link.name]));
  });
  afterEach(async () => {
    await kernel.close();
    sh(
      "ip route flush proto 12; ip -6 route flush proto 12; ip route flush proto static; ip -6 route flush proto static",
    );
  });

  const indexOf = (name: string): number => [...names].find(([, other]) => other === name)?.[0] ?? 0;

  async function started(options: Partial<FibOptions> = {}): Promise<Fib> {
    const fib = new Fib(kernel, {
      family: 4,
      table: RouteTable.Main,
      onFailures: (some) => failures.push(...some),
      onRepair: (repair) => repairs.push(repair),
      ...options,
    });
    await fib.start();
    return fib;
  }

  const table = (family: 4 | 6 = 4): string[] => ipRoutes(family).filter((line) => line.includes("proto 12 "));

  test("links and addresses are those of `ip`", async () => {
    const links: { ifindex: number; ifname: string; mtu: number; flags: string[]; link_type: string }[] = JSON.parse(
      sh("ip -j link"),
    );
    expect((await kernel.links()).map((link) => [link.index, link.name, link.mtu, link.adminUp])).toEqual(
      links.map((link) => [link.ifindex, link.ifname, link.mtu, link.flags.includes("UP")]),
    );
    const addresses: { ifindex: number; addr_info: { local: string; prefixlen: number }[] }[] = JSON.parse(
      sh("ip -j address"),
    );
    expect(
      (await kernel.addresses()).map((one) => `${one.link} ${formatAddress(one.ip)}/${one.length}`).sort(),
    ).toEqual(
      addresses.flatMap((link) => link.addr_info.map((one) => `${link.ifindex} ${one.local}/${one.prefixlen}`)).sort(),
    );
  });

  test.each<[string, Partial<WantedRoute>]>([
    ["a blackhole", { kind: "blackhole" }],
    ["unreachable", { kind: "unreachable" }],
    ["prohibit", { kind: "prohibit" }],
    ["a gateway", { nextHops: [{ gateway: ip("192.0.2.9"), link: 2 }] }],
    ["a link", { nextHops: [{ link: 2 }], scope: 253 }],
    ["onlink", { nextHops: [{ gateway: ip("203.0.113.1"), link: 2, onlink: true }] }],
    ["IPv4 via IPv6", { nextHops: [{ gateway: ip("2001:db8::9"), link: 2 }] }],
    ["MTU, MSS and windows", { kind: "unreachable", mtu: 1400, advmss: 1360, metrics: { initcwnd: 20, initrwnd: 30 } }],
    [
      "a locked MTU, congestion control",
      { kind: "unreachable", mtu: 1400, metrics: { lock: 4 }, congestionControl: "reno" },
    ],
    ["realm, source, TOS", { nextHops: [{ link: 2 }], scope: 253, realm: 7, prefSrc: ip("192.0.2.1"), tos: 16 }],
    [
      "weighted multipath",
      {
        nextHops: [
          { gateway: ip("192.0.2.9"), link: 2, weight: 3 },
          { gateway: ip("198.51.100.9"), link: 3 },
        ],
      },
    ],
    ["metric 0", { kind: "blackhole", metric: 0 }],
  ])("%s is understood, shown again and deleted", async (_, change) => {
    names = new Map([...names].sort(([a], [b]) => a - b));
    const [, first, second] = [...names.keys()];
    const nextHops = (change.nextHops ?? []).map((hop) => ({ ...hop, link: hop.link === 2 ? first! : second! }));
    const route = ours(wanted("10.0.0.0/8", { kind: "unicast", scope: 0, ...change, nextHops }));
    expect(await kernel.apply([{ op: "install", route }])).toEqual([]);
    expect(await kernel.routes({ table: RouteTable.Main, protocol: 12 })).toEqual([route]);
    expect(
      await kernel.apply([
        { op: "replace", route: ours(wanted("10.0.0.0/8", { metric: route.metric, tos: route.tos ?? 0 })) },
      ]),
    ).toEqual([]);
    expect(await kernel.apply([{ op: "delete", route }])).toEqual([]);
    expect(table()).toEqual([]);
  });

  test("IPv6: gateways, multipath, sinks, and metric 0 is 1024", async () => {
    const fib = await started({ family: 6 });
    const [a, b] = [indexOf("eth0"), indexOf("eth1")];
    const hop = (gateway: string, link: number, weight = 1): WantedRoute["nextHops"][0] => ({
      gateway: ip(gateway),
      link,
      weight,
    });
    fib.set(wanted("2001:db8:a::/48", { kind: "unicast", nextHops: [hop("2001:db8::9", a)] }));
    fib.set(wanted("2001:db8:b::/48", { kind: "unicast", nextHops: [hop("2001:db8::9", a, 2), hop("fe80::1", b)] }));
    fib.set(wanted("2001:db8:c::/48", { kind: "unreachable" }));
    fib.set(wanted("2001:db8:d::/48", { metric: 0 }));
    await fib.settled();
    expect(table(6)).toEqual([
      "2001:db8:a::/48 2001:db8::9%eth0 proto 12 metric 32",
      "2001:db8:b::/48 2001:db8::9%eth0 weight 2, fe80::1%eth1 weight 1 proto 12 metric 32",
      "2001:db8:c::/48 unreachable proto 12 metric 32",
      "2001:db8:d::/48 blackhole proto 12 metric 1024",
    ]);
    await fib.scan();
    expect(repairs).toEqual([]);
    sh("ip -6 route del 2001:db8:b::/48 nexthop via 2001:db8::9 dev eth0; ip -6 route del 2001:db8:a::/48");
    await until("both are put back", () => table(6).length === 4 && table(6)[1]?.includes(", "));
    await fib.close({ keep: false });
    expect(table(6)).toEqual([]);
    expect(failures).toEqual([]);
  });

  test("the kernel's own words come with a failure", async () => {
    const change = { op: "install" as const, route: ours(via("10.0.0.0/8", "203.0.113.1")) };
    expect(await kernel.apply([change])).toMatchObject([
      { index: 0, code: "ENETUNREACH", message: "Nexthop has invalid gateway" },
    ]);
    const nowhere = { ...change.route, nextHops: [{ link: 9999 }] };
    expect(await kernel.apply([{ op: "install", route: nowhere }])).toMatchObject([{ code: "ENODEV" }]);
    sh("ip route add 10.0.0.0/8 via 192.0.2.9 proto static metric 32");
    const taken = ours(via("10.0.0.0/8", "192.0.2.9"));
    expect(await kernel.apply([{ op: "install", route: taken }])).toMatchObject([{ code: "EEXIST" }]);
    expect(await kernel.apply([{ op: "delete", route: taken }])).toMatchObject([{ code: "ESRCH" }]);
    expect(ipRoutes(4)).toContain("10.0.0.0/8 192.0.2.9%eth0 proto 4 metric 32");
  });

  test("without CAP_NET_ADMIN it still sees, and says once what it may not", async () => {
    const back = withoutNetAdmin();
    try {
      const poor = await openKernel();
      expect(await poor.links()).toHaveLength(3);
      const fib = new Fib(poor, { family: 4, table: RouteTable.Main, onFailures: (some) => failures.push(...some) });
      await fib.start();
      expect(fib.watching).toBe(true);
      fib.set(wanted("10.1.0.0/16"));
      await fib.settled();
      fib.set(wanted("10.1.0.0/16", { kind: "unreachable" }));
      await fib.settled();
      expect(failures.map(({ code, message }) => [code, message])).toEqual([["EPERM", "Operation not permitted"]]);
      await poor.close();
    } finally {
      back();
    }
  });

  test("a route deleted, changed or stolen by others", async () => {
    const fib = await started();
    const route = wanted("10.0.0.0/8", {
      kind: "unicast",
      nextHops: [{ gateway: ip("192.0.2.9"), link: indexOf("eth0") }],
    });
    const line = "10.0.0.0/8 192.0.2.9%eth0 proto 12 metric 32";
    fib.set(route);
    await fib.settled();
    sh("ip route del 10.0.0.0/8");
    await until("it is back", () => table().includes(line));
    sh("ip route replace 10.0.0.0/8 via 198.51.100.9 metric 32 proto 12");
    await until("it is right again", () => table().includes(line));
    sh("ip route append 10.0.0.0/8 via 198.51.100.9 metric 32 proto 12");
    await until("the second one is gone", () => table().length === 1 && table().includes(line));
    sh("ip route add 10.7.0.0/16 via 198.51.100.9 proto 12");
    await until("the alien is gone", () => table().length === 1);
    expect(repairs.map(({ what }) => what)).toEqual(["missing", "changed", "changed", "alien"]);
    expect(failures).toEqual([]);
    sh("ip route replace 10.0.0.0/8 via 198.51.100.9 metric 32 proto static");
    await until("it is noticed", () => failures.length > 0);
    expect(failures).toMatchObject([{ code: "EEXIST", message: "File exists" }]);
    expect(ipRoutes(4)).toContain("10.0.0.0/8 198.51.100.9%eth1 proto 4 metric 32");
    sh("ip route del 10.0.0.0/8 proto static");
    await until("it is back", () => table().includes(line));
  });

  test("a link down, up, gone and back", async () => {
    sh(
      "ip link add tl0 type veth peer name tl1; ip link set tl1 up; ip link set tl0 up; ip addr add 203.0.113.1/24 dev tl0",
    );
    const fib = await started();
    const line = "10.0.0.0/8 203.0.113.9%tl0 proto 12 metric 32";
    fib.set(via("10.0.0.0/8", "203.0.113.9"));
    await fib.settled();
    sh("ip link set tl0 down");
    await until("the loss is noticed", () => fib.status(prefix("10.0.0.0/8"), 32).state === "failed");
    sh("ip link set tl0 up");
    await until("it is back", () => table().includes(line));
    sh("ip addr del 203.0.113.1/24 dev tl0");
    await until("the loss is noticed", () => fib.status(prefix("10.0.0.0/8"), 32).state === "failed");
    sh("ip addr add 203.0.113.1/24 dev tl0");
    await until("it is back", () => table().includes(line));
    sh("ip link del tl0");
    await until("the loss is noticed", () => fib.status(prefix("10.0.0.0/8"), 32).state === "failed");
    sh(
      "ip link add tl0 type veth peer name tl1; ip link set tl1 up; ip link set tl0 up; ip addr add 203.0.113.1/24 dev tl0",
    );
    await until("it is back", () => table().includes(line));
    expect(repairs).toEqual([]);
    sh("ip link del tl0");
  });

  test("events of a TUN come, with the state UNKNOWN that it has while it is up", async () => {
    const heard: KernelEvent[] = [];
    await kernel.watch({ routes: false }, (event) => heard.push(event));
    sh(
      "ip tuntap add ts9 mode tun; ip link set ts9 up; ip link set ts9 down; ip link set ts9 name ts8; ip link del ts8",
    );
    const gone = (event: KernelEvent): boolean => event.type === "link-gone";
    await until("all are heard", () => heard.some(gone));
    const links = heard.flatMap((event) => (event.type === "link" ? event.link : []));
    expect(links.some((link) => link.name === "ts9" && link.kind === "tun" && link.adminUp)).toBe(true);
    expect(links.at(-1)).toMatchObject({ name: "ts8", adminUp: false });
    expect(heard.filter(gone)).toMatchObject([{ name: "ts8" }]);
  });

  // 60,000 at once: more than the receive buffer takes when it is small, and none too many when it is not.
  test.each([
    ["the default receive buffer", undefined, false],
    ["a small one", 32_768, true],
  ])("60,000 foreign routes in a burst while the loop is busy, with %s", async (_, rcvbuf, overflows) => {
    await kernel.close();
    kernel = await openKernel(rcvbuf === undefined ? {} : { rcvbuf });
    let resyncs = 0;
    await kernel.watch({ routes: true }, (event) => {
      if (event.type === "resync") resyncs++;
    });
    const fib = await started({ onForeign: () => undefined });
    fib.set(via("172.16.0.0/12", "192.0.2.9"));
    await fib.settled();
    const burst = (verb: string): string =>
      Array.from(
        { length: 60_000 },
        (_, i) => `route ${verb} 20.${i >> 8}.${i & 255}.0/24 via 192.0.2.9 proto static`,
      ).join("\n");
    const file = join(lab.directory, "burst");
    for (const [verb, count] of [
      ["add", 60_000],
      ["del", 0],
    ] as const) {
      writeFileSync(file, burst(verb));
      sh(`ip -batch ${file}`); // this thread waits: nothing is read meanwhile
      const learned = (): number => [...fib.foreign()].flat().filter((route) => route.protocol === 4).length;
      await until(`${count} are known`, () => learned() === count, 30_000);
    }
    expect(resyncs > 0).toBe(overflows);
    expect(table()).toEqual(["172.16.0.0/12 192.0.2.9%eth0 proto 12 metric 32"]);
  });

  test.each([1, 20_261_121, 987_654_321])(
    "chaos from outside (seed %i) ends in what is wanted, and in what others wanted",
    async (seed) => {
      const random = generator(seed);
      const fib = await started({ onForeign: () => undefined });
      const gateways = ["192.0.2.9", "198.51.100.9"] as const;
      const mine = new Map<string, WantedRoute>();
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
      const anyPrefix = (): string => `10.${Math.floor(random() * 60)}.0.0/16`;
      const wish = (): void => {
        const text = anyPrefix();
        if (random() < 0.3) {
          mine.delete(text);
          fib.unset(prefix(text), 32);
        } else {
          const route = random() < 0.2 ? wanted(text) : via(text, pick(gateways));
          mine.set(text, route);
          fib.set(route);
        }
      };
      const meddle = (): string => {
        const verb = pick(["add", "del", "replace", "change", "append"]);
        const proto = pick(["12", "12", "static", "boot"]);
        const metric = pick([32, 32, 50]);
        return `ip route ${verb} ${anyPrefix()} via ${pick(gateways)} metric ${metric} proto ${proto} 2>/dev/null || true`;
      };
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 10; i++) wish();
        if (round % 3 === 0) await sleep(1);
        const meddling = shAside(Array.from({ length: 12 }, meddle).join("\n"));
        for (let i = 0; i < 5; i++) {
          wish();
          await sleep(1);
        }
        await meddling;
        if (round === 30) sh("ip link set eth1 down; ip link set eth1 up");
        if (round % 5 === 0) await sleep(20);
      }
      await sleep(1500); // those who were fought over too often have waited a second
      await until("nothing moves any more", async () => {
        await fib.settled();
        return fib.failures().every(({ code }) => code === "EEXIST");
      });
      const shown = ipRoutes(4).filter((line) => line.startsWith("10."));
      const others = shown.filter((line) => !line.includes("proto 12 "));
      const taken = new Set(others.filter((line) => line.endsWith(" metric 32")).map((line) => line.split(" ")[0]!));
      // All of ours is as wanted; what is missing of it is in a place that somebody else took.
      const all = lines(
        [...mine.values()].map((route) => withLink(ours(route), indexOf)),
        names,
      );
      const actual = shown.filter((line) => line.includes("proto 12 "));
      const place = (line: string): string => line.split(" ")[0] ?? "";
      expect(all).toEqual(expect.arrayContaining(actual));
      expect(all.filter((line) => !actual.includes(line) && !taken.has(place(line)))).toEqual([]);
      expect(actual.length).toBeGreaterThan(10);
      const foreign = lines([...fib.foreign()].flat(), names).filter((line) => line.startsWith("10."));
      expect(foreign).toEqual(others);
      expect(others.length).toBeGreaterThan(5);
    },
  );
});

function withLink(route: ReturnType<typeof ours>, indexOf: (name: string) => number): ReturnType<typeof ours> {
  const nextHops = route.nextHops.map((hop) => {
    const name = hop.gateway && formatAddress(hop.gateway) === "192.0.2.9" ? "eth0" : "eth1";
    return { ...hop, link: indexOf(name) };
  });
  return { ...route, nextHops };
}

/** Uniform in [0, 1), the same for the same seed (a linear congruence). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

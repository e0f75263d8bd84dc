/**
 * Packets over routes that a Fib put into the kernel: client - router - A or B - server. The test's own
 * thread is the router.
 */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Kernel, WantedRoute } from "../../fib/index.ts";
import { Fib, openKernel, RouteTable } from "../../fib/index.ts";
import { ip, wanted } from "../fib/support.ts";
import { enter, sh } from "./fib-lab.ts";
import { Lab, type Namespace, noNamespaces, sleep } from "./support/netns.ts";

const missing = noNamespaces();

describe.skipIf(missing)(`traffic${missing ? `: ${missing}` : ""}`, () => {
  let lab: Lab;
  let client: Namespace;
  let leave: (() => void) | undefined;
  let kernel: Kernel;
  let link: { readonly a: number; readonly b: number };

  beforeAll(async () => {
    lab = new Lab();
    client = lab.namespace("cl");
    const router = lab.namespace("ro");
    const a = lab.namespace("a");
    const b = lab.namespace("b");
    const server = lab.namespace("se");
    const names = (near: string, far: string): { names: [string, string] } => ({ names: [near, far] });
    lab.connect(client, router, {
      addresses: [
        ["10.0.0.2/24", "fd00::2/64"],
        ["10.0.0.1/24", "fd00::1/64"],
      ],
      ...names("uplink", "to-cl"),
    });
    lab.connect(router, a, {
      addresses: [
        ["10.1.0.1/24", "fd01::1/64"],
        ["10.1.0.2/24", "fd01::2/64"],
      ],
      ...names("to-a", "uplink"),
    });
    lab.connect(router, b, {
      addresses: [
        ["10.2.0.1/24", "fd02::1/64"],
        ["10.2.0.2/24", "fd02::2/64"],
      ],
      ...names("to-b", "uplink"),
    });
    lab.connect(a, server, {
      addresses: [
        ["10.3.0.1/24", "fd03::1/64"],
        ["10.3.0.2/24", "fd03::2/64"],
      ],
      ...names("inner", "from-a"),
    });
    lab.connect(b, server, {
      addresses: [
        ["10.4.0.1/24", "fd04::1/64"],
        ["10.4.0.2/24", "fd04::2/64"],
      ],
      ...names("inner", "from-b"),
    });
    server.ip("addr", "add", "172.20.0.1/32", "dev", "lo");
    server.ip("addr", "add", "fd20::1/128", "dev", "lo");
    server.ip("route", "add", "default", "via", "10.3.0.1");
    server.ip("-6", "route", "add", "default", "via", "fd03::1");
    client.ip("route", "add", "default", "via", "10.0.0.1");
    client.ip("-6", "route", "add", "default", "via", "fd00::1");
    for (const [way, net] of [
      [a, "3"],
      [b, "4"],
    ] as const) {
      way.ip("route", "add", "172.20.0.0/16", "via", `10.${net}.0.2`);
      way.ip("-6", "route", "add", "fd20::/64", "via", `fd0${net}::2`);
    }
    a.ip("route", "add", "10.0.0.0/24", "via", "10.1.0.1");
    a.ip("-6", "route", "add", "fd00::/64", "via", "fd01::1");
    leave = enter(router);
    const indexes = new Map((await (await openKernel()).links()).map((one) => [one.name, one.index]));
    link = { a: indexes.get("to-a") ?? 0, b: indexes.get("to-b") ?? 0 };
  });
  afterAll(async () => {
    leave?.();
    await lab.close();
  });
  beforeEach(async () => {
    kernel = await openKernel();
  });
  afterEach(async () => {
    await kernel.close();
    sh("ip route flush proto 12; ip -6 route flush proto 12");
    sh("ip rule del pref 5270 && ip route flush table 52 || true"); // not there in most tests
  });

  const viaA = (): WantedRoute["nextHops"][0] => ({ gateway: ip("10.1.0.2"), link: link.a });
  const viaB = (): WantedRoute["nextHops"][0] => ({ gateway: ip("10.2.0.2"), link: link.b });
  const to = (...nextHops: WantedRoute["nextHops"]): WantedRoute =>
    wanted("172.20.0.0/16", { kind: "unicast", nextHops });

  async function started(table: number = RouteTable.Main, family: 4 | 6 = 4): Promise<Fib> {
    const fib = new Fib(kernel, { family, table, onFailures: (some) => expect.fail(some[0]?.message) });
    await fib.start();
    return fib;
  }

  /** Every 10 ms. @returns how many of the pings were lost when `work` and the rest of the time are over */
  async function pingDuring(target: string, work: () => Promise<void>): Promise<number> {
    const ping = client.spawn("ping", ["-n", "-q", "-i", "0.01", "-c", "120", "-W", "1", target]);
    let text = "";
    ping.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const over = new Promise((resolve) => ping.on("close", resolve));
    await sleep(300);
    await work();
    await over;
    const found = /(\d+) packets transmitted, (\d+) received/.exec(text);
    if (!found) throw new Error(`ping says ${text}`);
    return Number(found[1]) - Number(found[2]);
  }

  const answers = (target: string): boolean => {
    try {
      client.run("ping", "-n", "-q", "-c", "1", "-W", "1", target);
      return true;
    } catch {
      return false; // ping exits 1 without an answer
    }
  };

  test("moves from one path to the other without losing a ping", async () => {
    const fib = await started();
    fib.set(to(viaA()));
    await fib.settled();
    expect(answers("172.20.0.1")).toBe(true);
    const lost = await pingDuring("172.20.0.1", async () => {
      for (const hop of [viaB(), viaA(), viaB()]) {
        fib.set(to(hop));
        await fib.settled();
        await sleep(100);
      }
    });
    console.log(`path changed three times: ${lost} of 120 pings lost`);
    expect(lost).toBe(0);
    await fib.close({ keep: false });
    expect(answers("172.20.0.1")).toBe(false);
  });

  test("goes on over a crash and a restart", async () => {
    const first = await started();
    first.set(to(viaA()));
    first.set(wanted("172.21.0.0/16", { kind: "unicast", nextHops: [viaA()] }));
    await first.settled();
    const lost = await pingDuring("172.20.0.1", async () => {
      await kernel.close(); // no farewell: the routes stay behind
      await sleep(100);
      kernel = await openKernel();
      const second = await started();
      second.set(to(viaA()));
      await second.settled();
      second.sweep();
      await second.settled();
    });
    console.log(`crash and restart: ${lost} of 120 pings lost`);
    expect(lost).toBe(0);
    expect(sh("ip route show proto 12")).toMatch(/^172\.20\.0\.0\/16 .*\n$/);
  });

  test("repairs what somebody deleted before many pings are lost", async () => {
    const fib = await started();
    fib.set(to(viaA()));
    await fib.settled();
    const lost = await pingDuring("172.20.0.1", async () => {
      sh("ip route del 172.20.0.0/16");
    });
    console.log(`route deleted by others: ${lost} of 120 pings lost`);
    expect(lost).toBeLessThanOrEqual(3);
  });

  test("spreads over two paths by weight", async () => {
    sh("echo 1 > /proc/sys/net/ipv4/fib_multipath_hash_policy");
    const fib = await started();
    fib.set(to({ ...viaA(), weight: 3 }, viaB()));
    await fib.settled();
    const before = [sentBy("to-a"), sentBy("to-b")] as const;
    client.run("bash", "-c", "for p in {2000..2399}; do echo x > /dev/udp/172.20.0.1/$p; done 2>/dev/null; true");
    const [a, b] = [sentBy("to-a") - before[0], sentBy("to-b") - before[1]];
    console.log(`400 flows over weights 3 and 1: ${a} and ${b}`);
    expect(a + b).toBeGreaterThanOrEqual(400);
    expect(b).toBeGreaterThan(60);
    expect(a).toBeGreaterThan(b * 2);
  });

  test("ends in a blackhole, or answers that it is prohibited", async () => {
    const fib = await started();
    fib.set(to(viaA()));
    fib.set(wanted("172.20.0.1/32"));
    await fib.settled();
    expect(answers("172.20.0.1")).toBe(false);
    fib.set(wanted("172.20.0.1/32", { kind: "prohibit" }));
    await fib.settled();
    expect(() => client.run("sh", "-c", "ping -n -c 1 -W 1 172.20.0.1 | grep -q 'Packet filtered'")).not.toThrow();
    fib.unset(wanted("172.20.0.1/32").prefix, 32);
    await fib.settled();
    expect(answers("172.20.0.1")).toBe(true);
  });

  test("IPv6, by a gateway", async () => {
    const fib = await started(RouteTable.Main, 6);
    fib.set(wanted("fd20::/64", { kind: "unicast", nextHops: [{ gateway: ip("fd01::2"), link: link.a }] }));
    await fib.settled();
    const lost = await pingDuring("fd20::1", async () => {
      fib.set(wanted("fd20::/64", { kind: "unicast", nextHops: [{ gateway: ip("fd02::2"), link: link.b }] }));
      await fib.settled();
    });
    console.log(`IPv6 path changed: ${lost} of 120 pings lost`);
    expect(lost).toBe(0);
  });

  test("a table of its own by a rule, as tailscaled has it", async () => {
    sh("ip rule add pref 5270 lookup 52");
    const main = await started();
    main.set(wanted("172.20.0.0/16"));
    await main.settled();
    expect(answers("172.20.0.1")).toBe(false);
    const fib = await started(52);
    fib.set(to(viaA()));
    await fib.settled();
    expect(answers("172.20.0.1")).toBe(true);
    expect(await kernel.lookup(ip("172.20.0.1"))).toMatchObject({ table: 52, protocol: 12, nextHops: [viaA()] });
    await fib.close({ keep: false });
    expect(await kernel.routes({ table: 52 })).toEqual([]);
    expect(answers("172.20.0.1")).toBe(false);
  });
});

function sentBy(name: string): number {
  const line = readFileSync("/proc/thread-self/net/dev", "utf8")
    .split("\n")
    .find((text) => text.trim().startsWith(`${name}:`));
  return Number(line?.split(":")[1]?.trim().split(/\s+/)[9] ?? Number.NaN);
}

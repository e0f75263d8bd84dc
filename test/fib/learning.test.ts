import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FibOptions, KernelRoute } from "../../fib/index.ts";
import { FakeKernel, Fib, RouteProtocol, RouteTable } from "../../fib/index.ts";
import { ip, lines, ours, rounds, via, wanted } from "./support.ts";

let kernel: FakeKernel;

beforeEach(() => {
  kernel = new FakeKernel();
  kernel.addAddress(kernel.addLink({ name: "eth0" }).index, { ip: ip("192.0.2.1"), length: 24 });
});
afterEach(() => kernel.close());

async function started(options: Partial<FibOptions>): Promise<Fib> {
  const fib = new Fib(kernel, { family: 4, table: RouteTable.Main, ...options });
  await fib.start();
  return fib;
}

describe("learning", () => {
  let heard: string[];
  const listen = (_: unknown, routes: readonly KernelRoute[]): void => {
    heard.push(lines(routes).join("; "));
  };
  const low = ours(via("10.0.0.0/8", "192.0.2.7"), { protocol: RouteProtocol.Static, metric: 10 });
  const high = ours(via("10.0.0.0/8", "192.0.2.8"), { protocol: RouteProtocol.Boot, metric: 20 });

  beforeEach(() => {
    heard = [];
  });

  test("hears what is there, and every change of it", async () => {
    kernel.addRoute(high);
    const fib = await started({ onForeign: listen });
    expect(heard).toEqual(["192.0.2.0/24  proto 2 metric 0", "10.0.0.0/8 via 192.0.2.8 proto 3 metric 20"]);
    heard = [];
    kernel.addRoute(low);
    fib.set(wanted("10.0.0.0/8"));
    kernel.removeRoute(high);
    await rounds();
    kernel.removeRoute(low);
    await rounds();
    const [a, b] = ["10.0.0.0/8 via 192.0.2.7 proto 4 metric 10", "10.0.0.0/8 via 192.0.2.8 proto 3 metric 20"];
    expect(heard).toEqual([`${a}; ${b}`, a, ""]);
    expect([...fib.foreign()]).toHaveLength(1);
  });

  test("a reading tells only what differs", async () => {
    const fib = await started({ onForeign: listen });
    kernel.addRoute(low);
    await rounds();
    kernel.overflow(true);
    kernel.addRoute(high);
    kernel.removeRoute(low);
    heard = [];
    await fib.scan();
    expect(heard).toEqual(["10.0.0.0/8 via 192.0.2.8 proto 3 metric 20"]);
  });

  test("default routes of others are told without learning, too", async () => {
    const own = ours(via("0.0.0.0/0", "192.0.2.7"), { protocol: RouteProtocol.Boot, metric: 100 });
    kernel.addRoute(own);
    const told: string[][] = [];
    const fib = await started({ onDefaults: (routes) => void told.push(lines(routes)) });
    expect(told).toEqual([["0.0.0.0/0 via 192.0.2.7 proto 3 metric 100"]]);
    fib.set(wanted("0.0.0.0/0")); // ours is no other's
    kernel.addRoute(low);
    await rounds();
    expect(told).toHaveLength(1);
    kernel.removeRoute(own);
    await rounds();
    expect(told[1]).toEqual([]);
  });
});

import { expect, test } from "vitest";
import type { KernelRoute, WantedRoute } from "../../fib/index.ts";
import { parseAddress, parsePrefix } from "../../protocol/wire/address.ts";
import { harm } from "../../src/protocols/kernel-guard.ts";

function route(prefix: string, gateway: string, metric = 32): WantedRoute {
  return {
    prefix: parsePrefix(prefix)!,
    metric,
    kind: "unicast",
    nextHops: [{ gateway: parseAddress(gateway)!, link: 2 }],
  };
}
function foreign(prefix: string, metric: number): KernelRoute {
  return { ...route(prefix, "10.9.9.1", metric), table: 254, protocol: 3 };
}
const NEAR = [
  { address: parseAddress("10.0.0.2")!, connected: parsePrefix("10.0.0.0/24")!, iface: "eth0" },
  { address: parseAddress("fd00::2")!, connected: parsePrefix("fd00::/64")!, iface: "eth0" },
];

test.each([
  ["0.0.0.0/0", "10.0.0.2", 32, [foreign("0.0.0.0/0", 100)], "default"],
  ["::/0", "fd00::2", 32, [foreign("::/0", 1024)], "default"],
  ["::/0", "fd00::2", 32, [foreign("0.0.0.0/0", 1024)], undefined],
  ["0.0.0.0/0", "10.0.0.2", 32, [foreign("0.0.0.0/0", 0)], undefined],
  ["0.0.0.0/0", "10.0.0.2", 32, [], undefined],
  ["10.0.0.2/32", "10.0.0.3", 32, [], "eth0"],
  ["10.0.0.0/25", "10.0.0.3", 32, [], "eth0"],
  ["10.0.0.2/32", "10.0.0.2", 32, [], undefined],
  ["10.0.0.128/25", "10.0.0.3", 32, [], undefined],
  ["10.0.0.0/24", "10.0.0.3", 32, [], undefined],
  ["10.0.0.0/8", "10.0.0.3", 32, [], undefined],
  ["fd00::/64", "fd00::3", 32, [], "eth0"],
  ["fd00::/64", "fd00::3", 512, [], undefined],
] as const)("%s via %s metric %d", (prefix, gateway, metric, defaults, expected) => {
  const reason = harm(route(prefix, gateway, metric), defaults, NEAR);
  if (expected === undefined) expect(reason).toBeUndefined();
  else expect(reason).toContain(expected);
});

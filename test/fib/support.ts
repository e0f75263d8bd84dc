import type { KernelRoute, WantedRoute } from "../../fib/index.ts";
import { RouteProtocol, RouteTable } from "../../fib/index.ts";
import type { IpAddress, Prefix } from "../../protocol/wire/address.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../protocol/wire/address.ts";

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is no prefix`);
  return parsed;
}

/** Metric 32, blackhole, if nothing else is said. */
export function wanted(text: string, change: Partial<WantedRoute> = {}): WantedRoute {
  return { prefix: prefix(text), metric: 32, kind: "blackhole", nextHops: [], ...change };
}

export function via(text: string, ...gateways: readonly string[]): WantedRoute {
  return wanted(text, { kind: "unicast", nextHops: gateways.map((gateway) => ({ gateway: ip(gateway) })) });
}

/** In the main table, with BIRD's protocol id. */
export function ours(route: WantedRoute, change: Partial<KernelRoute> = {}): KernelRoute {
  return { ...route, table: RouteTable.Main, protocol: RouteProtocol.Bird, ...change };
}

/** `10.0.0.0/8 via 192.0.2.1 proto 12 metric 32`, in order of prefix and metric. */
export function lines(routes: Iterable<KernelRoute>): string[] {
  return [...routes].map(line).sort();
}

function line(route: KernelRoute): string {
  const hops = route.nextHops.map((hop) =>
    [hop.gateway && `via ${formatAddress(hop.gateway)}`, hop.weight && `weight ${hop.weight}`]
      .filter(Boolean)
      .join(" "),
  );
  const target = route.kind === "unicast" ? hops.join(" ") : route.kind;
  return `${formatPrefix(route.prefix)} ${target} proto ${route.protocol} metric ${route.metric}`;
}

/** A few rounds of the event loop: answers, events, and the look for drops behind them. */
export async function rounds(count = 6): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

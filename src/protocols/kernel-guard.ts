/**
 * What a peer must not do to the machine it talks to by an announcement alone: take over somebody else's default
 * route, or lead the way to a configured neighbour away from the link it is on. Either cuts the machine off.
 */
import type { KernelRoute, WantedRoute } from "../../fib/index.ts";
import {
  type IpAddress,
  isInside,
  type Prefix,
  prefixOf,
  sameAddress,
  samePrefix,
} from "../../protocol/wire/address.ts";
import type { Interfaces } from "./device.ts";
import type { Protocol } from "./protocol.ts";

/** A neighbour on a link of ours, and the connected prefix that leads there. */
interface Near {
  readonly address: IpAddress;
  readonly connected: Prefix;
  readonly iface: string;
}

export function nearPeers(protocols: readonly Protocol[], interfaces: Interfaces): Near[] {
  const near: Near[] = [];
  for (const { config } of protocols) {
    const address = config.kind === "bgp" ? config.neighborAddress : undefined;
    if (!address) continue;
    for (const { name, addresses } of interfaces.list()) {
      for (const { ip, length } of addresses) {
        const connected = prefixOf(ip, length);
        if (ip.family === address.family && isInside(address, connected))
          near.push({ address, connected, iface: name });
      }
    }
  }
  return near;
}

/** @returns why this route of a peer stays out, if it would win over what leads there now */
export function harm(route: WantedRoute, defaults: readonly KernelRoute[], near: readonly Near[]): string | undefined {
  const { prefix, metric } = route;
  if (prefix.length === 0) {
    const taken = defaults.some((other) => other.prefix.family === prefix.family && other.metric > metric);
    return taken ? "it would take the place of another default route" : undefined;
  }
  for (const { address, connected, iface } of near) {
    if (prefix.family !== address.family || prefix.length < connected.length || !isInside(address, prefix)) continue;
    // An IPv4 link's own route has metric 0 and stays first; an IPv6 one has 256.
    if (samePrefix(prefix, connected) && (prefix.family === 4 || metric > CONNECTED_6)) continue;
    if (route.nextHops.every(({ gateway }) => gateway && sameAddress(gateway, address))) continue;
    return `it would lead the way to a neighbour away from ${iface}`;
  }
  return undefined;
}

const CONNECTED_6 = 256;

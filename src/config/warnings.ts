/** What is legal, but surely wrong: told, and nothing more. */

import { matchesShell } from "../../protocol/policy/shell-pattern.ts";
import {
  covers,
  formatPrefix,
  type IpAddress,
  isInside,
  type Prefix,
  parsePrefix,
  sameAddress,
} from "../../protocol/wire/address.ts";
import type { BgpConfig, Config, ConfigMessage, Place, ProtocolConfig, StaticConfig, StaticRoute } from "./schema.ts";

export interface Surroundings {
  /** Addresses of this host, where they are known. */
  readonly ownAddresses?: readonly IpAddress[] | undefined;
  /** Look into filters too, which means compiling them all. */
  readonly filters?: boolean | undefined;
}

type Checked = Pick<Config, "protocols">;

export function findWarnings(config: Checked, surroundings: Surroundings): ConfigMessage[] {
  const warnings: ConfigMessage[] = [];
  const warn = (place: Place, text: string): void => {
    warnings.push({ place, text });
  };
  for (const protocol of config.protocols) {
    checkName(protocol, warn);
    if (protocol.kind === "bgp") checkSession(protocol, surroundings, warn);
    if (protocol.kind === "static") checkRoutes(protocol, config, warn);
  }
  checkTailscale(config, warn);
  return warnings;
}

type Warn = (place: Place, text: string) => void;

/** `birdc disable NAME` takes a plain word. */
function checkName({ name, place }: ProtocolConfig, warn: Warn): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  warn(place, `protocol '${name}': 'enable ${name}' and 'disable ${name}' reach it only with the name in apostrophes`);
}

function checkSession(bgp: BgpConfig, { ownAddresses = [], filters }: Surroundings, warn: Warn): void {
  const { neighborAddress: neighbor, localAddress: local, name, place } = bgp;
  if (neighbor && ((local && sameAddress(local, neighbor)) || ownAddresses.some((own) => sameAddress(own, neighbor)))) {
    warn(place, `protocol ${name}: the neighbor is our own address`);
  }
  const cloud = CLOUDS.get(bgp.neighborAs);
  for (const channel of bgp.channels) {
    if (cloud && channel.exportFilter.name === "ACCEPT" && !channel.exportLimit) {
      warn(
        channel.place,
        `protocol ${name}: export all towards ${cloud.name}, which ends the session beyond ${cloud.limit} routes; say what to export, or export limit ${cloud.limit} action block`,
      );
    }
    if (filters && channel.importFilter.writes.has("bgp_med")) {
      warn(
        channel.place,
        `protocol ${name}: bgp_med set in an import filter tells the neighbor nothing; meant for export?`,
      );
    }
  }
}

/** Peers that are known by their AS, and what they take from us (routes of one family). */
const CLOUDS: ReadonlyMap<number, { readonly name: string; readonly limit: number }> = new Map([
  [7224, { name: "AWS Direct Connect", limit: 100 }],
  [64512, { name: "an AWS gateway", limit: 100 }],
  [65515, { name: "Azure Route Server or VPN gateway", limit: 4000 }],
  [12076, { name: "Azure ExpressRoute", limit: 4000 }],
]);

function checkRoutes(protocol: StaticConfig, config: Checked, warn: Warn): void {
  const patterns = config.protocols
    .flatMap((other) => (other.kind === "device" ? other.interfaces : []))
    .flatMap((entry) => entry.patterns)
    .filter((pattern) => pattern.name !== undefined);
  if (patterns.length === 0) return;
  for (const { net, nextHops, place } of protocol.routes) {
    for (const { iface } of nextHops) {
      const first = patterns.find((pattern) => iface !== undefined && matchesShell(pattern.name ?? "", iface));
      if (iface === undefined || (first && !first.negative)) continue;
      warn(place, `route ${formatPrefix(net)}: no interface pattern of protocol device allows "${iface}"`);
    }
  }
}

/** tailscaled says `enable tailscale` and `disable tailscale`, and no other name. */
function checkTailscale({ protocols }: Checked, warn: Warn): void {
  const statics = protocols.filter((protocol) => protocol.kind === "static");
  const isNamed = protocols.some(({ name }) => name === "tailscale");
  for (const protocol of statics) {
    const route = protocol.routes.find(({ nextHops }) => nextHops.some(({ iface }) => iface === "tailscale0"));
    if (route && !isNamed) {
      warn(
        protocol.place,
        `protocol ${protocol.name}: 'disable tailscale', as tailscaled says, does not reach a protocol of this name`,
      );
    }
  }
  const route = statics.flatMap(({ routes }) => routes).find(isTailnet6);
  const sessions = protocols.filter((protocol) => protocol.kind === "bgp");
  const hasIpv6 = sessions.some(({ channels }) => channels.some(({ netType }) => netType === "ipv6"));
  if (route && sessions.length > 0 && !hasIpv6) {
    warn(route.place, `route ${formatPrefix(route.net)}: no BGP session has an ipv6 channel to announce it`);
  }
}

function isTailnet6({ net }: StaticRoute): boolean {
  return covers(TAILNET6, net) || isInside(TAILNET6, net);
}

const TAILNET6 = parsePrefix("fd7a:115c:a1e0::/48") as Prefix;

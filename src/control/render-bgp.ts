/** A BGP session in `show protocols all`. */
import { type Capability, familyKey, isUnknownCapability } from "../../protocol/codec/capability.ts";
import { CapabilityCode } from "../../protocol/codec/iana.ts";
import { formatAddress, formatDotted, formatPrefix, isLinkLocal } from "../../protocol/wire/address.ts";
import type { BgpStatus, Countdown } from "../protocols/protocol.ts";
import { isoTime } from "./json.ts";

/** @param why in words, why there is no session; a line of ours, which bird does not have */
export function bgpLines(status: BgpStatus, why: string | undefined): string[] {
  const lines = [`  BGP state:          ${status.fsm}`];
  const add = (label: string, value: string | number | undefined): void => {
    if (value !== undefined) lines.push(`    ${label.padEnd(18)}${value}`);
  };
  const { neighborAddress: address, neighborRange: range } = status;
  if (address) {
    const iface = isLinkLocal(address) && status.neighborIface ? `%${status.neighborIface}` : "";
    add("Neighbor address:", formatAddress(address) + iface);
  } else add("Neighbor range:", range && formatPrefix(range));
  if (status.neighborPort !== BGP_PORT) add("Neighbor port:", status.neighborPort);
  add("Neighbor AS:", status.neighborAs);
  add("Local AS:", status.localAs);
  add("Error wait:", countdown(status.errorWait));
  add("Connect delay:", countdown(status.connectDelay));
  if (status.fsm === "Established") {
    add("Neighbor ID:", status.neighborId === undefined ? undefined : formatDotted(status.neighborId));
    lines.push("    Local capabilities", ...capabilityLines(status.localCapabilities ?? []));
    lines.push("    Neighbor capabilities", ...capabilityLines(status.neighborCapabilities ?? []));
    add("Session:", status.session);
    add("Source address:", status.sourceAddress && formatAddress(status.sourceAddress));
    add("Hold timer:", countdown(status.holdTimer));
    add("Keepalive timer:", countdown(status.keepaliveTimer));
  } else {
    add("Last error:", status.lastError);
    add("Why:", why);
  }
  if (status.pending?.length) add("Next session:", `${status.pending.join(", ")} changed`);
  return lines;
}

/** `165.504/240` */
function countdown(timer: Countdown | undefined): string | undefined {
  return timer && `${timer.left.toFixed(3)}/${Number.isInteger(timer.total) ? timer.total : timer.total.toFixed(3)}`;
}

/** Grouped and ordered as bird prints them, whatever their order on the wire. */
function capabilityLines(capabilities: readonly Capability[]): string[] {
  const lines: string[] = [];
  for (const print of CAPABILITIES) lines.push(...print(capabilities).map((line) => `      ${line}`));
  return lines;
}

type Printer = (capabilities: readonly Capability[]) => string[];

/** The capabilities of one code; a peer may send one several times. */
function all<C extends Capability["code"]>(
  capabilities: readonly Capability[],
  code: C,
): Extract<Capability, { readonly code: C }>[] {
  return capabilities.filter(
    (capability): capability is Extract<Capability, { readonly code: C }> =>
      !isUnknownCapability(capability) && capability.code === code,
  );
}

const CAPABILITIES: readonly Printer[] = [
  (list) => {
    const families = all(list, CapabilityCode.Multiprotocol);
    return families.length > 0 ? ["Multiprotocol", `  AF announced:${names(families)}`] : [];
  },
  (list) => (all(list, CapabilityCode.RouteRefresh).length > 0 ? ["Route refresh"] : []),
  (list) => {
    const rows = all(list, CapabilityCode.ExtendedNextHop).flatMap((capability) => capability.nextHops);
    return rows.length > 0
      ? ["Extended next hop", `  IPv6 nexthop:${names(rows.filter((r) => r.nextHopAfi === 2))}`]
      : [];
  },
  (list) => (all(list, CapabilityCode.ExtendedMessage).length > 0 ? ["Extended message"] : []),
  (list) => {
    const last = all(list, CapabilityCode.GracefulRestart).at(-1);
    if (!last) return [];
    if (last.families.length === 0) return ["Graceful restart"];
    return [
      "Graceful restart",
      `  Restart time: ${last.restartTime}`,
      ...(last.restartState ? ["  Restart recovery"] : []),
      `  AF supported:${names(last.families)}`,
      `  AF preserved:${names(last.families.filter((family) => family.forwarding))}`,
    ];
  },
  (list) => (all(list, CapabilityCode.FourOctetAs).length > 0 ? ["4-octet AS numbers"] : []),
  (list) => {
    const rows = all(list, CapabilityCode.AddPath).flatMap((capability) => capability.families);
    if (rows.length === 0) return [];
    const mode = (bit: number): string => names(rows.filter((row) => (row.mode & bit) !== 0));
    return ["ADD-PATH", `  RX:${mode(1)}`, `  TX:${mode(2)}`];
  },
  (list) => (all(list, CapabilityCode.EnhancedRouteRefresh).length > 0 ? ["Enhanced refresh"] : []),
  (list) => {
    const last = all(list, CapabilityCode.LongLivedGracefulRestart).at(-1);
    if (!last) return [];
    if (last.families.length === 0) return ["Long-lived graceful restart"];
    return [
      "Long-lived graceful restart",
      `  LL stale time: ${Math.max(...last.families.map((family) => family.staleTime))}`,
      `  AF supported:${names(last.families.filter((family) => family.staleTime > 0))}`,
      `  AF preserved:${names(last.families.filter((family) => family.forwarding))}`,
    ];
  },
  (list) => all(list, CapabilityCode.Fqdn).map(({ hostname }) => `Hostname: ${hostname}`),
  (list) => all(list, CapabilityCode.Role).map(({ role }) => `Role: ${ROLES[role] ?? role}`),
];

/** ` ipv4 ipv6`, each with the blank before it. */
function names(families: readonly { readonly afi: number; readonly safi: number }[]): string {
  return [...new Set(families.map(({ afi, safi }) => FAMILIES[familyKey(afi, safi)] ?? `<${afi}/${safi}>`))]
    .map((name) => ` ${name}`)
    .join("");
}

export function bgpJson(status: BgpStatus, why: string | undefined): unknown {
  return {
    state: status.fsm,
    neighborAddress: status.neighborAddress && formatAddress(status.neighborAddress),
    neighborInterface: status.neighborIface,
    neighborRange: status.neighborRange && formatPrefix(status.neighborRange),
    neighborPort: status.neighborPort,
    neighborAs: status.neighborAs,
    localAs: status.localAs,
    neighborId: status.neighborId === undefined ? undefined : formatDotted(status.neighborId),
    connectDelay: status.connectDelay,
    errorWait: status.errorWait,
    lastError: status.lastError,
    why,
    pending: status.pending,
    establishedAt: status.established === undefined ? undefined : isoTime(status.established),
    session: status.session,
    sourceAddress: status.sourceAddress && formatAddress(status.sourceAddress),
    holdTimer: status.holdTimer,
    keepaliveTimer: status.keepaliveTimer,
    sendHoldTimer: status.sendHoldTimer,
    localCapabilities: status.localCapabilities && capabilityNames(status.localCapabilities),
    neighborCapabilities: status.neighborCapabilities && capabilityNames(status.neighborCapabilities),
    nextHops: Object.fromEntries([...status.nextHops].map(([name, hops]) => [name, hops.map(formatAddress)])),
    messages: { received: status.counters.received, sent: status.counters.sent },
    faults: status.counters.faults,
    sessions: status.counters.sessions,
  };
}

function capabilityNames(capabilities: readonly Capability[]): string[] {
  return capabilityLines(capabilities).map((line) => line.trim());
}

const BGP_PORT = 179;
const ROLES = ["provider", "rs_server", "rs_client", "customer", "peer"] as const;
const FAMILIES: Readonly<Record<string, string>> = {
  "1/1": "ipv4",
  "2/1": "ipv6",
  "1/2": "ipv4-mc",
  "2/2": "ipv6-mc",
  "1/4": "ipv4-mpls",
  "2/4": "ipv6-mpls",
  "1/128": "vpn4-mpls",
  "2/128": "vpn6-mpls",
  "1/129": "vpn4-mc",
  "2/129": "vpn6-mc",
  "1/133": "flow4",
  "2/133": "flow6",
};

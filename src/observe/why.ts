/**
 * Why a prefix is where it is, or is not: who sent it, what each filter made of it and by which line, how
 * its next hop was found, which step of the decision chose, who got it, what the kernel has of it.
 */

import { formatNet } from "../../protocol/policy/scalars.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import { compare, decidingStep } from "../../protocol/rib/decision.ts";
import type { Rib } from "../../protocol/rib/rib.ts";
import { NO_ROUTE, type Slot } from "../../protocol/rib/route.ts";
import type { RouteView } from "../../protocol/rib/route-view.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { formatAddress, formatPrefix, type IpAddress, type Prefix } from "../../protocol/wire/address.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { type FilterTrace, traceFilter } from "./filter-trace.ts";

/** What an explanation draws on. */
export interface WhyTarget {
  readonly rib: Rib;
  protocols(): readonly Protocol[];
}

/** A finding; `depth` indents it below the one it belongs to. */
export interface Finding {
  readonly depth: number;
  readonly text: string;
}

/**
 * @param net a prefix, or an address: then the longest prefix that holds it
 * @param peer only what this protocol sent and got
 */
export function* explain(target: WhyTarget, net: IpAddress | Prefix, peer?: Protocol): Generator<Finding> {
  const type = net.family === 4 ? "ipv4" : "ipv6";
  const tables = [...target.rib.tables()].filter((table) => table.netType === type);
  for (const table of tables) {
    if (peer && !peer.channels.some((channel) => channel.table === table)) continue;
    yield* explainIn(target, table, net, peer);
  }
}

function* explainIn(target: WhyTarget, table: Table, net: IpAddress | Prefix, peer?: Protocol): Generator<Finding> {
  const slot = "length" in net ? table.find(net) : table.longestMatch(net);
  const channels = channelsOf(target, table, peer);
  if (slot === undefined) {
    yield at(0, `${nameOf(net)} is not in table ${table.name}`);
    yield* neverIn(table, net, channels);
    return;
  }
  yield at(0, `${formatNet(table.prefixes.net(slot))} in table ${table.name}`);
  const views = table.routes(slot);
  for (const view of views) {
    if (peer && view.source.protocol !== peer.name) continue;
    yield* explainRoute(target, table, view);
  }
  yield* rejectedHere(channels, slot);
  yield* explainChoice(table, slot, views);
  for (const entry of channels) yield* explainExport(target, entry, slot, views[0]);
}

interface Entry {
  readonly protocol: Protocol;
  readonly channel: Channel;
}

function channelsOf(target: WhyTarget, table: Table, peer: Protocol | undefined): Entry[] {
  const protocols = peer ? [peer] : target.protocols();
  return protocols.flatMap((protocol) =>
    protocol.channels.flatMap((channel) => (channel.table === table ? [{ protocol, channel }] : [])),
  );
}

/** Nobody's route got in: it was rejected, or it never came. */
function* neverIn(table: Table, net: IpAddress | Prefix, channels: readonly Entry[]): Generator<Finding> {
  const slot = "length" in net ? table.prefixes.find(net) : undefined;
  const before = slot === undefined ? [] : [...rejectedHere(channels, slot)];
  yield* before;
  if (before.length === 0) yield at(1, "never received, or withdrawn since");
  const cover = table.longestMatch(net);
  if (cover !== undefined && "length" in net) {
    yield at(1, `packets to it follow ${formatNet(table.prefixes.net(cover))}, which is there`);
  }
  for (const { protocol, channel } of channels) {
    const words = silentChannel(protocol, channel);
    if (words) yield at(1, `${protocol.name}: ${words}`);
  }
}

/** Why a channel may have swallowed a route without a trace. */
function silentChannel(protocol: Protocol, channel: Channel): string | undefined {
  if (protocol.state === "down") return "is down";
  if (channel.state !== "UP") return `channel ${channel.name} is ${channel.state.toLowerCase()}`;
  const { rejected, filtered } = channel.counters.importUpdates;
  const { importFilter, keepFiltered } = channel.options;
  if (rejected + filtered === 0) return undefined;
  const kept = keepFiltered ? "" : " and did not keep it; `import keep filtered` would show it";
  return `has turned away ${rejected + filtered} updates (${filtered} by filter ${importFilter.name})${kept}`;
}

/** Routes of this prefix that an import filter rejected and the channel kept. */
function* rejectedHere(channels: readonly Entry[], slot: Slot): Generator<Finding> {
  for (const { protocol, channel } of channels) {
    if (!channel.options.keepFiltered) continue;
    for (const view of channel.filteredRoutes()) {
      if (view.slot !== slot) continue;
      yield at(1, `received from ${protocol.name}, but not taken`);
      yield* filterFindings("import", channel.options.importFilter.name, importTrace(channel, view));
    }
  }
}

function importTrace(channel: Channel, view: RouteView): FilterTrace {
  const { core } = channel.table;
  return traceFilter(channel.options.importFilter, view.net, view.attributes, view.source, core.env.filterEnv);
}

function* explainRoute(target: WhyTarget, table: Table, view: RouteView): Generator<Finding> {
  const { source, attributes } = view;
  const { peer } = source;
  const whom = peer ? ` (${formatAddress(peer.address)}, AS ${peer.asn})` : "";
  const stale = view.stale ? ", stale since its session was lost" : "";
  yield at(1, `received from ${source.protocol}${whom}${stale}${view.best ? ", the best route" : ""}`);
  const protocol = target.protocols().find((one) => one.name === source.protocol);
  const channel = protocol?.channels.find((one) => one.table === table);
  if (channel) {
    const { importFilter } = channel.options;
    const received = receivedAttributes(channel, view);
    const trace = traceFilter(importFilter, view.net, received ?? attributes, source, table.core.env.filterEnv);
    yield* filterFindings("import", importFilter.name, trace);
  }
  yield* explainNextHop(target, table, view);
}

/** What came, where the filter changed it and the original is still known. */
function receivedAttributes(channel: Channel, view: RouteView): RouteView["attributes"] | undefined {
  const kept = channel.received(view.slot, view.pathId);
  return kept === NO_ROUTE ? undefined : channel.table.core.attributes.attributes(kept);
}

function* filterFindings(direction: "import" | "export", name: string, trace: FilterTrace): Generator<Finding> {
  const verdict = trace.accepted ? "accepted" : "rejected";
  const where = trace.place ? ` at ${trace.place}` : "";
  yield at(2, `${direction} filter ${name}: ${verdict}${where}`);
  if (trace.error) yield at(3, `run-time error: ${trace.error}`);
  if (trace.saw.length > 0) yield at(3, `it saw ${trace.saw.join(", ")}`);
}

function* explainNextHop(target: WhyTarget, table: Table, view: RouteView): Generator<Finding> {
  const { attributes } = view;
  const dest = attributes.dest ?? "unicast";
  const hops = (attributes.nextHops ?? []).map((hop) =>
    hop.gateway ? `via ${formatAddress(hop.gateway)} on ${hop.iface ?? "?"}` : `dev ${hop.iface ?? "?"}`,
  );
  const wanted = attributes.nextHop ?? attributes.recursive;
  if (!wanted || !view.isRecursive) {
    if (dest === "unicast" && hops.length > 0) yield at(2, `packets go ${hops.join(" and ")}`);
    else if (dest !== "unicast") yield at(2, `packets are dropped: ${dest}`);
    return;
  }
  const igp = igpTable(target, table, view);
  const slot = igp?.longestMatch(wanted);
  const way = slot === undefined ? undefined : igp?.best(slot);
  if (!way) yield at(2, `next hop ${formatAddress(wanted)} has no route in ${igp?.name ?? table.name}: unreachable`);
  else {
    const found = `${formatNet(way.net)} of ${way.source.protocol}`;
    yield at(2, `next hop ${formatAddress(wanted)} resolved by ${found}: ${hops.join(" and ") || dest}`);
  }
}

function igpTable(target: WhyTarget, table: Table, view: RouteView): Table | undefined {
  const protocol = target.protocols().find((one) => one.name === view.source.protocol);
  return protocol?.channels.find((one) => one.table === table)?.options.igpTable ?? table;
}

/** Which step of the decision told the best route from each other one. */
function* explainChoice(table: Table, slot: Slot, views: readonly RouteView[]): Generator<Finding> {
  const [winner, ...others] = table.candidates(slot);
  if (!winner || others.length === 0) return;
  const name = views[0]?.source.protocol ?? "?";
  for (const other of others) {
    const found = decidingStep(winner, other);
    if (!found) continue;
    const { step } = found;
    const groups = compare(winner, other) < 0 ? " (chosen first within its neighbour AS: deterministic med)" : "";
    yield at(
      1,
      `${name} is better than ${other.source.protocol} by ${step.name}: ${step.value(winner)} against ${step.value(other)}${groups}`,
    );
  }
}

/** What a channel did with the best route. */
function* explainExport(
  target: WhyTarget,
  { protocol, channel }: Entry,
  slot: Slot,
  best: RouteView | undefined,
): Generator<Finding> {
  if (!best || SILENT.has(protocol.proto)) return;
  if (protocol.state === "down") return yield at(1, `not sent to ${protocol.name}: it is down`);
  const view = channel.exportedView(slot);
  const { exportFilter } = channel.options;
  if (view.verdict === "not eligible") {
    if (best.source.protocol === protocol.name) return;
    return yield at(1, `not sent to ${protocol.name}: ${view.reason ?? "not eligible"}`);
  }
  yield at(1, `${view.verdict === "exported" ? "sent to" : "not sent to"} ${protocol.name}`);
  const { filterEnv } = target.rib;
  yield* filterFindings(
    "export",
    exportFilter.name,
    traceFilter(exportFilter, best.net, best.attributes, best.source, filterEnv),
  );
  const more = view.verdict === "exported" ? protocol.explain?.(best.net) : undefined;
  if (more) yield at(2, more);
}

function nameOf(net: IpAddress | Prefix): string {
  return "length" in net ? formatPrefix(net) : formatAddress(net);
}

function at(depth: number, text: string): Finding {
  return { depth, text };
}

/** Protocols that take no routes. */
const SILENT: ReadonlySet<string> = new Set(["Static", "Direct", "Device", "RPKI", "BFD"]);

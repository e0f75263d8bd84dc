/** A channel in `show protocols all`: filters, limits, counters. */
import type { Channel } from "../../protocol/rib/channel.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import type { BgpChannelConfig, ChannelConfig, ProtocolConfig } from "../config/schema.ts";
import type { BgpStatus } from "../protocols/protocol.ts";

export function channelLines(channel: Channel, config: ProtocolConfig, status: BgpStatus | undefined): string[] {
  const { options, state } = channel;
  const own = config.channels.find((one) => one.name === channel.name);
  const nextHops = status?.nextHops.get(channel.name);
  return [
    `  Channel ${channel.name}`,
    `    State:          ${state}`,
    `    Table:          ${channel.table.name}`,
    `    Preference:     ${options.preference}`,
    `    Input filter:   ${options.importFilter.name}`,
    `    Output filter:  ${options.exportFilter.name}`,
    ...limitLines(channel),
    ...(state === "UP" ? routeLines(channel) : []),
    ...(state === "UP" && nextHops?.length ? [`    BGP Next hop:   ${nextHops.map(formatAddress).join(" ")}`] : []),
    ...(own?.bgp ? igpLines(own, own.bgp) : []),
  ];
}

function limitLines(channel: Channel): string[] {
  return LIMITS.flatMap(([kind, label]) => {
    const limit = channel.options[`${kind}Limit`];
    if (!limit) return [];
    const hit = channel.limitHit(kind) ? " [HIT]" : "";
    return [`    ${label.padEnd(16)}${limit.count}${hit}`, `      Action:       ${limit.action}`];
  });
}

function routeLines(channel: Channel): string[] {
  const { imported, filtered, exported, preferred } = channel.counters;
  const kept = channel.options.keepFiltered ? ` ${filtered} filtered,` : "";
  return [
    `    Routes:         ${imported} imported,${kept} ${exported} exported, ${preferred} preferred`,
    "    Route change stats:     received   rejected   filtered    ignored   accepted",
    ...counterRows(channel).map((row) => `  ${row}`),
  ];
}

/** The four rows of counters, with `---` where a cell has no meaning. */
export function counterRows(channel: Channel): string[] {
  const { importUpdates: iu, importWithdraws: iw, exportUpdates: eu, exportWithdraws: ew } = channel.counters;
  return [
    row("Import updates:", [iu.received, iu.rejected, iu.filtered, iu.ignored, iu.accepted]),
    row("Import withdraws:", [iw.received, iw.rejected, "---", iw.ignored, iw.accepted]),
    row("Export updates:", [eu.received, eu.rejected, eu.filtered, "---", eu.accepted]),
    row("Export withdraws:", [ew.received, "---", "---", "---", ew.accepted]),
  ];
}

export function row(label: string, cells: readonly (number | string)[]): string {
  return `    ${label.padEnd(19)}${cells.map((cell) => String(cell).padStart(11)).join("")}`;
}

/** Where recursive next hops are looked up. */
function igpLines(channel: ChannelConfig, bgp: BgpChannelConfig): string[] {
  if (bgp.gateway !== "recursive") return bgp.baseTable ? [`    Base table:     ${bgp.baseTable}`] : [];
  const isIpv6 = channel.netType.startsWith("ipv6") || channel.netType.startsWith("vpn6");
  const ipv4 = isIpv6 ? undefined : (bgp.igpTable ?? channel.table);
  const ipv6 = isIpv6 ? (bgp.igpTable6 ?? bgp.igpTable ?? channel.table) : bgp.igpTable6;
  return [
    ...(ipv4 === undefined ? [] : [`    IGP IPv4 table: ${ipv4}`]),
    ...(ipv6 === undefined ? [] : [`    IGP IPv6 table: ${ipv6}`]),
    ...(bgp.baseTable ? [`    Base table:     ${bgp.baseTable}`] : []),
  ];
}

export function channelJson(channel: Channel): unknown {
  const { options, counters } = channel;
  return {
    name: channel.name,
    state: channel.state,
    table: channel.table.name,
    preference: options.preference,
    importFilter: options.importFilter.name,
    exportFilter: options.exportFilter.name,
    receiveLimit: options.receiveLimit,
    importLimit: options.importLimit,
    exportLimit: options.exportLimit,
    routes: {
      imported: counters.imported,
      filtered: options.keepFiltered ? counters.filtered : undefined,
      exported: counters.exported,
      preferred: counters.preferred,
    },
    importUpdates: counters.importUpdates,
    importWithdraws: counters.importWithdraws,
    exportUpdates: counters.exportUpdates,
    exportWithdraws: counters.exportWithdraws,
  };
}

const LIMITS = [
  ["receive", "Receive limit:"],
  ["import", "Import limit:"],
  ["export", "Export limit:"],
] as const;

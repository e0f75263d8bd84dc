/** Channels from configuration: what is the same for every protocol but bgp, which has its own kind. */
import { Channel, type ChannelOptions } from "../../protocol/rib/channel.ts";
import { RouteKind } from "../../protocol/rib/route.ts";
import type { ChannelConfig, ProtocolConfig } from "../config/schema.ts";
import type { ProtocolContext } from "./protocol.ts";

const KINDS: Partial<Record<ProtocolConfig["kind"], RouteKind>> = {
  static: RouteKind.Static,
  direct: RouteKind.Device,
  kernel: RouteKind.Inherit,
  rpki: RouteKind.Rpki,
};

/** Makes the channel, with a route source of its own, closed. */
export function channelFor(context: ProtocolContext, protocol: ProtocolConfig, config: ChannelConfig): Channel {
  const table = context.rib.table(config.table);
  if (!table) throw new Error(`${protocol.name}: no table ${config.table}`); // the loader has checked it
  const source = context.rib.addSource({
    protocol: protocol.name,
    kind: KINDS[protocol.kind] ?? RouteKind.Static,
    preference: config.preference,
  });
  const igp = protocol.kind === "static" ? [protocol.igpTable, protocol.igpTable6] : [];
  const [igpTable, igpTable6] = igp.map((name) => (name === undefined ? undefined : context.rib.table(name)));
  return new Channel({
    ...channelOptions(config),
    protocol: protocol.name,
    table,
    source,
    igpTable,
    igpTable6,
    mergePaths: protocol.kind === "kernel" ? protocol.mergePaths : false,
  });
}

/** Changes what can change while the channel is up: filters, limits, preference. */
export function reconfigureChannel(channel: Channel, config: ChannelConfig | undefined, soft: boolean): void {
  if (config) channel.reconfigure(channelOptions(config), { soft });
}

/** What a channel takes from its configuration, tables and source aside. */
export function channelOptions(config: ChannelConfig): Omit<ChannelOptions, "protocol" | "table" | "source"> {
  return {
    name: config.name,
    importFilter: config.importFilter,
    exportFilter: config.exportFilter,
    preference: config.preference,
    keepFiltered: config.importKeepFiltered,
    importLimit: config.importLimit,
    receiveLimit: config.receiveLimit,
    exportLimit: config.exportLimit,
    rpkiReload: config.rpkiReload,
  };
}

/** What a bgp block means to the state machine and to the sockets. */
import { hostname } from "node:os";
import type { AddPathMode } from "../../../protocol/codec/capability.ts";
import { CeaseSubcode, Role } from "../../../protocol/codec/iana.ts";
import type { OfferedFamily, OpenConfig } from "../../../protocol/fsm/negotiate.ts";
import type { PeerConfig } from "../../../protocol/fsm/peer-state.ts";
import type { NetType } from "../../../protocol/rib/route.ts";
import { prefixOf, width } from "../../../protocol/wire/address.ts";
import type { BgpConfig, CeaseReason, ChannelConfig, RoleName } from "../../config/schema.ts";
import type { ListenOptions, SocketOptions } from "../../transport/tcp.ts";
import type { ProtocolContext } from "../protocol.ts";

/** The address family of a channel (RFC 4760). */
export const FAMILIES: Partial<Record<NetType, { readonly afi: number; readonly safi: number }>> = {
  ipv4: { afi: 1, safi: 1 },
  ipv6: { afi: 2, safi: 1 },
  "ipv4-multicast": { afi: 1, safi: 2 },
  "ipv6-multicast": { afi: 2, safi: 2 },
  "ipv4-mpls": { afi: 1, safi: 4 },
  "ipv6-mpls": { afi: 2, safi: 4 },
  vpn4: { afi: 1, safi: 128 },
  vpn6: { afi: 2, safi: 128 },
  flow4: { afi: 1, safi: 133 },
  flow6: { afi: 2, safi: 133 },
};

export function peerConfig(
  config: BgpConfig,
  context: ProtocolContext,
  restarting: boolean,
): Omit<PeerConfig, "jitter"> {
  const ms = (seconds: number): number => seconds * 1000;
  return {
    open: openConfig(config, context, restarting),
    passive: config.passive || config.neighborRange !== undefined,
    ...(config.connectDelayTime !== undefined && { connectDelayMs: ms(config.connectDelayTime) }),
    ...(config.connectRetryTime !== undefined && { connectRetryMs: ms(config.connectRetryTime) }),
    ...(config.errorWaitTime && {
      errorWaitMs: [ms(config.errorWaitTime[0]), ms(config.errorWaitTime[1])] as const,
    }),
    errorForgetMs: ms(config.errorForgetTime),
    startupHoldMs: ms(config.startupHoldTime),
    disableAfterError: config.disableAfterError,
    disableAfterCease: new Set([...config.disableAfterCease].map((reason) => CEASES[reason])),
  };
}

export function socketOptions(config: BgpConfig): SocketOptions {
  const hops = config.multihop ?? 1;
  return {
    ttl: config.ttlSecurity ? 255 : hops,
    ...(config.ttlSecurity && { minTtl: 256 - hops }),
    ...(config.password !== undefined && { md5: config.password }),
    ...(config.vrf !== undefined && config.vrf !== "" && { device: config.vrf }),
    ...(config.freeBind && { freeBind: true }),
  };
}

/** Whose connections are ours; undefined: nobody's. */
export function listenOptions(config: BgpConfig): Omit<ListenOptions, "log"> | undefined {
  const { neighborAddress, neighborRange, localAddress, localPort, strictBind, iface } = config;
  const from = neighborRange ?? (neighborAddress && prefixOf(neighborAddress, width(neighborAddress.family)));
  return (
    from && {
      ...socketOptions(config),
      from,
      port: localPort,
      ...(localAddress && { local: localAddress }),
      ...(strictBind && { strict: true }),
      ...(iface !== undefined && { iface }),
    }
  );
}

function openConfig(config: BgpConfig, context: ProtocolContext, restarting: boolean): OpenConfig {
  return {
    localAs: config.localAs,
    localId: config.routerId ?? context.routerId(),
    peerAs: config.neighborAs,
    ...(config.neighborKind && { peerKind: config.neighborKind }),
    ...(config.confederation !== undefined && { confederation: config.confederation }),
    confederationMember: config.confederationMember,
    holdTime: config.holdTime,
    minHoldTime: config.minHoldTime,
    ...(config.keepaliveTime !== undefined && { keepaliveTime: config.keepaliveTime }),
    minKeepaliveTime: config.minKeepaliveTime,
    families: config.channels.flatMap((channel) => offered(config, channel)),
    capabilities: config.capabilities,
    routeRefresh: config.enableRouteRefresh,
    as4: config.enableAs4,
    extendedMessages: config.enableExtendedMessages,
    ...(config.advertiseHostname && { hostname: context.config().hostname ?? hostname() }),
    gracefulRestart: config.gracefulRestart,
    restartTime: config.gracefulRestartTime,
    restarting,
    longLived: config.longLivedGracefulRestart,
    ...(config.localRole && { role: ROLES[config.localRole] }),
    requireRoles: config.requireRoles,
    enforceFirstAs: config.enforceFirstAs,
    allowLocalPref: config.allowLocalPref,
    rejectAsSets: !config.allowAsSets,
  };
}

function offered(config: BgpConfig, channel: ChannelConfig): OfferedFamily[] {
  const family = FAMILIES[channel.netType];
  const { bgp } = channel;
  if (!family || !bgp) return [];
  const addPath = ADD_PATH[bgp.addPaths];
  const longLived = bgp.longLivedGracefulRestart ?? config.longLivedGracefulRestart === "on";
  return [
    {
      ...family,
      mandatory: bgp.mandatory,
      ...(addPath && { addPath }),
      extendedNextHop: bgp.extendedNextHop,
      gracefulRestart: bgp.gracefulRestart ?? config.gracefulRestart === "on",
      ...(longLived && { staleTime: bgp.longLivedStaleTime ?? config.longLivedStaleTime }),
    },
  ];
}

const ADD_PATH: Readonly<Record<"off" | "rx" | "tx" | "both", AddPathMode | undefined>> = {
  off: undefined,
  rx: 1,
  tx: 2,
  both: 3,
};

export const ROLES: Readonly<Record<RoleName, Role>> = {
  provider: Role.Provider,
  rs_server: Role.Rs,
  rs_client: Role.RsClient,
  customer: Role.Customer,
  peer: Role.Peer,
};

const CEASES: Readonly<Record<CeaseReason, number>> = {
  cease: CeaseSubcode.Unspecific,
  "prefix limit hit": CeaseSubcode.MaximumPrefixes,
  "administrative shutdown": CeaseSubcode.AdministrativeShutdown,
  "peer deconfigured": CeaseSubcode.PeerDeconfigured,
  "administrative reset": CeaseSubcode.AdministrativeReset,
  "connection rejected": CeaseSubcode.ConnectionRejected,
  "configuration change": CeaseSubcode.OtherConfigurationChange,
  "connection collision": CeaseSubcode.ConnectionCollision,
  "out of resources": CeaseSubcode.OutOfResources,
};

/** Typed configurations without a file: what bird.conf's defaults come to, with what a scenario changes. */
import { ACCEPT } from "../../protocol/policy/compile.ts";
import { Scope } from "../../protocol/policy/symbols.ts";
import type { NetType } from "../../protocol/rib/route.ts";
import type { Prefix } from "../../protocol/wire/address.ts";
import type {
  BgpChannelConfig,
  BgpConfig,
  ChannelConfig,
  Config,
  Place,
  ProtocolCommon,
  ProtocolConfig,
  StaticConfig,
  TableConfig,
} from "../config/schema.ts";

const PLACE: Place = { file: "simulation", line: 1, column: 1 };

export function channelConfig(netType: "ipv4" | "ipv6", change: Partial<ChannelConfig> = {}): ChannelConfig {
  return {
    name: netType,
    netType,
    table: netType === "ipv4" ? "master4" : "master6",
    preference: 100,
    importFilter: ACCEPT,
    exportFilter: ACCEPT,
    importKeepFiltered: false,
    rpkiReload: true,
    debug: new Set(),
    place: PLACE,
    ...change,
  };
}

export function bgpChannelConfig(change: Partial<BgpChannelConfig> = {}): BgpChannelConfig {
  return {
    mandatory: false,
    nextHopKeep: "off",
    nextHopSelf: "off",
    nextHopPreferGlobal: false,
    gateway: "direct",
    importTable: false,
    exportTable: false,
    secondary: false,
    validate: false,
    extendedNextHop: false,
    addPaths: "off",
    aigp: "off",
    ...change,
  };
}

export function bgpConfig(change: Partial<BgpConfig> & Pick<BgpConfig, "name" | "localAs" | "neighborAs">): BgpConfig {
  return {
    ...common(change.name),
    kind: "bgp",
    channels: [channelConfig("ipv4", { bgp: bgpChannelConfig() })],
    localPort: 179,
    neighborPort: 179,
    internal: change.localAs === change.neighborAs,
    dynamicName: "dynbgp",
    dynamicDigits: 0,
    onlinkCheck: true,
    strictBind: false,
    freeBind: false,
    checkLink: false,
    ttlSecurity: false,
    passive: false,
    rrClient: false,
    rsClient: false,
    allowLocalPref: false,
    allowLocalAs: 0,
    allowAsSets: true,
    enforceFirstAs: false,
    enableRouteRefresh: true,
    enableAs4: true,
    enableExtendedMessages: false,
    capabilities: true,
    advertiseHostname: false,
    gracefulRestart: "aware",
    gracefulRestartTime: 120,
    longLivedGracefulRestart: "aware",
    longLivedStaleTime: 3600,
    interpretCommunities: true,
    disableAfterError: false,
    disableAfterCease: new Set(),
    holdTime: 240,
    minHoldTime: 0,
    startupHoldTime: 240,
    minKeepaliveTime: 0,
    errorForgetTime: 300,
    pathMetric: true,
    medMetric: false,
    igpMetric: true,
    preferOlder: false,
    deterministicMed: false,
    defaultMed: 0,
    defaultLocalPref: 100,
    requireRoles: false,
    confederationMember: false,
    ...change,
  };
}

/** Blackhole routes: reachable wherever they are announced, and no interface is needed. */
export function staticConfig(name: string, prefixes: readonly Prefix[]): StaticConfig {
  return {
    ...common(name),
    kind: "static",
    channels: [channelConfig("ipv4", { preference: 200 })],
    checkLink: false,
    routes: prefixes.map((net) => ({ net, destination: "blackhole", nextHops: [], place: PLACE })),
  };
}

export function speakerConfig(routerId: number, protocols: readonly ProtocolConfig[]): Config {
  const format = { format: "%F %T.%3f" };
  return {
    file: PLACE.file,
    files: [],
    routerId,
    log: [],
    debugProtocols: new Set(),
    debugChannels: new Set(),
    debugCommands: 0,
    debugLatency: false,
    debugLatencyLimitMs: 0,
    watchdogWarningMs: 0,
    watchdogTimeoutMs: 0,
    mrtdump: new Set(),
    gracefulRestartWait: 240,
    timeformat: { route: format, protocol: format, base: format, log: format },
    tables: [table("master4", "ipv4"), table("master6", "ipv6")],
    protocols,
    filters: new Map(),
    symbols: [],
    scope: new Scope(),
    linnet: { hooks: [], recording: { bytes: 0 } },
    warnings: [],
  };
}

function common(name: string): Omit<ProtocolCommon, "channels"> {
  return { name, disabled: false, debug: new Set(), mrtdump: new Set(), place: PLACE };
}

function table(name: string, netType: NetType): TableConfig {
  return { name, netType, sorted: false, trie: false };
}

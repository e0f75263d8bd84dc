/**
 * The typed configuration: what bird.conf and linnet.conf say, with every default filled in, so that
 * the protocols need no second look. Times are seconds as in the file, unless the name ends in `Ms`.
 */
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { Scope } from "../../protocol/policy/symbols.ts";
import type { Destination, Net, NetType, NextHop, RouteAttributes } from "../../protocol/rib/route.ts";
import type { IpAddress, Prefix } from "../../protocol/wire/address.ts";

/** A place in a configuration file; lines and columns count from 1, as bird's do. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type LogClass = "debug" | "trace" | "info" | "remote" | "warning" | "error" | "auth" | "fatal" | "bug";

export interface LogTarget {
  readonly kind: "syslog" | "stderr" | "file" | "json";
  /** syslog: the tag, `bird` by default; file: the path. */
  readonly name?: string;
  /** `log "file" SIZE "backup"`. */
  readonly limit?: { readonly bytes: number; readonly backup: string };
  readonly classes: ReadonlySet<LogClass>;
  readonly place: Place;
}

export type DebugFlag = "states" | "routes" | "filters" | "interfaces" | "events" | "packets";
export type MrtFlag = "states" | "messages";

/** One element of an interface list: `"eth*"`, `-"lo"`, `10.0.0.0/8`, or both; the first that matches decides. */
export interface InterfacePattern {
  readonly negative: boolean;
  readonly name?: string;
  readonly prefix?: Prefix;
}

export interface TimeFormat {
  readonly format: string;
  /** `timeformat x "a" limit "b"`: seconds up to which `format` is used, then `older`. */
  readonly limit?: number;
  readonly older?: string;
}

export interface TableConfig {
  readonly name: string;
  readonly netType: NetType;
  readonly sorted: boolean;
  readonly trie: boolean;
  readonly place?: Place;
}

export interface LimitConfig {
  readonly count: number;
  readonly action: "warn" | "block" | "restart" | "disable";
}

export interface ChannelConfig {
  /** `ipv4`, `ipv6`, `ipv4-mc`...: the name that `show protocols all` prints. */
  readonly name: string;
  readonly netType: NetType;
  readonly table: string;
  readonly preference: number;
  readonly importFilter: CompiledFilter;
  readonly exportFilter: CompiledFilter;
  readonly importKeepFiltered: boolean;
  readonly rpkiReload: boolean;
  readonly importLimit?: LimitConfig;
  readonly receiveLimit?: LimitConfig;
  readonly exportLimit?: LimitConfig;
  readonly debug: ReadonlySet<DebugFlag>;
  readonly place: Place;
  /** Only in protocol bgp. */
  readonly bgp?: BgpChannelConfig;
}

/** `on`, `off`, or for one kind of session. */
export type NextHopSwitch = "off" | "on" | "ibgp" | "ebgp";

export interface BgpChannelConfig {
  readonly mandatory: boolean;
  readonly nextHopKeep: NextHopSwitch;
  readonly nextHopSelf: NextHopSwitch;
  readonly nextHopAddress?: IpAddress;
  readonly nextHopPreferGlobal: boolean;
  readonly gateway: "direct" | "recursive";
  readonly igpTable?: string;
  readonly igpTable6?: string;
  readonly importTable: boolean;
  readonly exportTable: boolean;
  readonly secondary: boolean;
  readonly validate: boolean;
  readonly baseTable?: string;
  readonly extendedNextHop: boolean;
  readonly addPaths: "off" | "rx" | "tx" | "both";
  readonly aigp: "off" | "on" | "originate";
  readonly cost?: number;
  readonly gracefulRestart?: boolean;
  readonly longLivedGracefulRestart?: boolean;
  readonly longLivedStaleTime?: number;
  readonly missingLladdr?: "self" | "drop" | "ignore";
}

export interface ProtocolCommon {
  readonly name: string;
  readonly disabled: boolean;
  readonly debug: ReadonlySet<DebugFlag>;
  readonly mrtdump: ReadonlySet<MrtFlag>;
  readonly routerId?: number;
  readonly description?: string;
  /** "" for `vrf default`. */
  readonly vrf?: string;
  readonly channels: readonly ChannelConfig[];
  readonly place: Place;
}

export interface DeviceConfig extends ProtocolCommon {
  readonly kind: "device";
  readonly scanTime: number;
  readonly interfaces: readonly { readonly patterns: readonly InterfacePattern[]; readonly preferred?: IpAddress }[];
}

export interface DirectConfig extends ProtocolCommon {
  readonly kind: "direct";
  readonly interfaces: readonly InterfacePattern[];
  readonly checkLink: boolean;
}

export interface KernelConfig extends ProtocolCommon {
  readonly kind: "kernel";
  readonly persist: boolean;
  readonly learn: boolean;
  readonly gracefulRestart: boolean;
  readonly scanTime: number;
  readonly kernelTable: number;
  readonly metric: number;
  readonly mergePaths: false | number;
  readonly netlinkRxBuffer?: number;
}

export interface StaticNextHop extends NextHop {
  readonly bfd?: boolean;
}

export interface StaticRoute {
  readonly net: Net;
  readonly destination: Destination | "recursive" | "none";
  readonly nextHops: readonly StaticNextHop[];
  readonly recursive?: IpAddress;
  /** The statements of its `{ }` block, applied to the route before import. */
  readonly block?: CompiledFilter;
  /** What the route carries without its block. */
  readonly attributes?: RouteAttributes;
  readonly place: Place;
}

export interface StaticConfig extends ProtocolCommon {
  readonly kind: "static";
  readonly checkLink: boolean;
  readonly igpTable?: string;
  readonly igpTable6?: string;
  readonly routes: readonly StaticRoute[];
}

export interface PipeConfig extends ProtocolCommon {
  readonly kind: "pipe";
  readonly peerTable: string;
}

export interface BfdOptions {
  readonly intervalMs?: number;
  readonly minRxMs: number;
  readonly minTxMs: number;
  readonly idleTxMs: number;
  readonly multiplier: number;
  readonly passive: boolean;
  readonly authentication:
    | "none"
    | "simple"
    | "keyed md5"
    | "meticulous keyed md5"
    | "keyed sha1"
    | "meticulous keyed sha1";
  readonly passwords: readonly PasswordConfig[];
}

export interface PasswordConfig {
  readonly password: string;
  readonly id: number;
  /** Seconds since 1970; Infinity if never. */
  readonly generateFrom: number;
  readonly generateTo: number;
  readonly acceptFrom: number;
  readonly acceptTo: number;
}

export interface BfdNeighborConfig {
  readonly address: IpAddress;
  readonly iface?: string;
  readonly local?: IpAddress;
  readonly multihop: boolean;
}

export interface BfdConfig extends ProtocolCommon {
  readonly kind: "bfd";
  readonly interfaces: readonly { readonly patterns: readonly InterfacePattern[]; readonly options: BfdOptions }[];
  readonly multihop?: BfdOptions;
  readonly neighbors: readonly BfdNeighborConfig[];
  readonly accept: {
    readonly ipv4: boolean;
    readonly ipv6: boolean;
    readonly direct: boolean;
    readonly multihop: boolean;
  };
  readonly strictBind: boolean;
}

export type CeaseReason =
  | "cease"
  | "prefix limit hit"
  | "administrative shutdown"
  | "peer deconfigured"
  | "administrative reset"
  | "connection rejected"
  | "configuration change"
  | "connection collision"
  | "out of resources";

export type RoleName = "provider" | "rs_server" | "rs_client" | "customer" | "peer";

export interface BgpConfig extends ProtocolCommon {
  readonly kind: "bgp";
  readonly localAs: number;
  readonly localAddress?: IpAddress;
  readonly localPort: number;
  readonly neighborAddress?: IpAddress;
  readonly neighborRange?: Prefix;
  readonly neighborPort: number;
  readonly neighborAs: number;
  /** `neighbor ... external`: any other AS; with `neighborAs` 0. */
  readonly neighborKind?: "internal" | "external";
  readonly internal: boolean;
  readonly iface?: string;
  readonly dynamicName: string;
  readonly dynamicDigits: number;
  /** undefined: direct; else the TTL. */
  readonly multihop?: number;
  /** linnet.conf: TTL 1 without the on-link test, for NICs with a /32. */
  readonly onlinkCheck: boolean;
  readonly strictBind: boolean;
  readonly freeBind: boolean;
  readonly checkLink: boolean;
  readonly bfd?: { readonly graceful: boolean; readonly options?: Partial<BfdOptions> };
  readonly ttlSecurity: boolean;
  readonly password?: string;
  readonly passive: boolean;
  readonly rrClient: boolean;
  readonly rrClusterId?: number;
  readonly rsClient: boolean;
  readonly allowLocalPref: boolean;
  readonly allowLocalAs: number;
  readonly allowAsSets: boolean;
  readonly enforceFirstAs: boolean;
  readonly enableRouteRefresh: boolean;
  readonly enableAs4: boolean;
  readonly enableExtendedMessages: boolean;
  readonly capabilities: boolean;
  readonly advertiseHostname: boolean;
  readonly gracefulRestart: "off" | "aware" | "on";
  readonly gracefulRestartTime: number;
  readonly longLivedGracefulRestart: "off" | "aware" | "on";
  readonly longLivedStaleTime: number;
  readonly interpretCommunities: boolean;
  readonly disableAfterError: boolean;
  readonly disableAfterCease: ReadonlySet<CeaseReason>;
  readonly holdTime: number;
  readonly minHoldTime: number;
  readonly startupHoldTime: number;
  /** undefined: a third of the negotiated hold time. */
  readonly keepaliveTime?: number;
  readonly minKeepaliveTime: number;
  /** The following are undefined unless the file says them: then linnet's own, quicker schedule holds. */
  readonly connectDelayTime?: number;
  readonly connectRetryTime?: number;
  readonly errorWaitTime?: readonly [number, number];
  readonly errorForgetTime: number;
  readonly pathMetric: boolean;
  readonly medMetric: boolean;
  readonly igpMetric: boolean;
  readonly preferOlder: boolean;
  readonly deterministicMed: boolean;
  readonly defaultMed: number;
  readonly defaultLocalPref: number;
  readonly localRole?: RoleName;
  readonly requireRoles: boolean;
  readonly confederation?: number;
  readonly confederationMember: boolean;
}

export interface RpkiConfig extends ProtocolCommon {
  readonly kind: "rpki";
  readonly remote: string;
  readonly port: number;
  readonly localAddress?: IpAddress;
  readonly refresh: number;
  readonly refreshKeep: boolean;
  readonly retry: number;
  readonly retryKeep: boolean;
  readonly expire: number;
  readonly expireKeep: boolean;
  readonly ignoreMaxLength: boolean;
}

export interface MrtConfig extends ProtocolCommon {
  readonly kind: "mrt";
  /** A table's name or a pattern. */
  readonly table: string;
  readonly filename: string;
  readonly period: number;
  readonly filter: CompiledFilter;
  readonly alwaysAddPath: boolean;
}

/** Accepted as a block, never run, shown as `down` with `not implemented`. */
export interface ForeignConfig extends ProtocolCommon {
  readonly kind: "foreign";
  /** As BIRD prints it: `OSPF`, `RIP`, `Babel`, `RAdv`, `Perf`, `L3VPN`, `Aggregator`. */
  readonly proto: string;
}

export type ProtocolConfig =
  | DeviceConfig
  | DirectConfig
  | KernelConfig
  | StaticConfig
  | PipeConfig
  | BgpConfig
  | BfdConfig
  | RpkiConfig
  | MrtConfig
  | ForeignConfig;

/** A line of `show symbols`. */
export interface SymbolInfo {
  readonly name: string;
  /** `protocol`, `routing table`, `filter`, `function`, `constant`, `template`, ... as bird prints it. */
  readonly kind: string;
}

/** What only linnet.conf can say. */
export interface LinnetOptions {
  /** `log json;` and its target are in `Config.log`. */
  readonly identity?: { readonly syslogTag?: string };
  readonly hooks: readonly HookConfig[];
  readonly recording: { readonly bytes: number; readonly directory?: string };
}

export interface HookConfig {
  readonly name: string;
  readonly argv: readonly string[];
  readonly on: "route" | "session";
  readonly where?: CompiledFilter;
  readonly protocols: readonly string[];
  readonly tables: readonly string[];
  readonly timeoutMs: number;
  readonly retries: number;
  readonly place: Place;
}

export interface Config {
  /** Path as given to -c. */
  readonly file: string;
  /** Every file read, for reload watchers and messages. */
  readonly files: readonly string[];
  readonly routerId?: number;
  readonly routerIdFrom?: readonly InterfacePattern[];
  readonly hostname?: string;
  readonly log: readonly LogTarget[];
  readonly debugProtocols: ReadonlySet<DebugFlag>;
  readonly debugChannels: ReadonlySet<DebugFlag>;
  readonly debugCommands: number;
  readonly debugLatency: boolean;
  readonly debugLatencyLimitMs: number;
  readonly watchdogWarningMs: number;
  readonly watchdogTimeoutMs: number;
  readonly mrtdumpFile?: string;
  readonly mrtdump: ReadonlySet<MrtFlag>;
  readonly gracefulRestartWait: number;
  readonly timeformat: Readonly<Record<"route" | "protocol" | "base" | "log", TimeFormat>>;
  /** master4 and master6 first, then in the order of definition. */
  readonly tables: readonly TableConfig[];
  /** In the order of definition: that of `show protocols`. */
  readonly protocols: readonly ProtocolConfig[];
  readonly filters: ReadonlyMap<string, CompiledFilter>;
  readonly symbols: readonly SymbolInfo[];
  /** Every name that the file defines, for filters and expressions given at run time. */
  readonly scope: Scope;
  readonly linnet: LinnetOptions;
  /** Legal, but surely wrong or not run: printed at load and by `check`. */
  readonly warnings: readonly ConfigMessage[];
}

export interface ConfigMessage {
  readonly place: Place;
  readonly text: string;
  /** What else there is to say, on a line of its own: how BIRD 2 writes it. */
  readonly hint?: string;
}

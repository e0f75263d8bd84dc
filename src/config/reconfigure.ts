/**
 * Old configuration against new: what each protocol has to do about it, field by field. One table a
 * kind of protocol says what a change of each field costs; a field without a row does not compile.
 *
 *   live     takes effect at once, without touching a session
 *   pending  goes into the next OPEN; the session that is up stays, and shows what waits
 *   restart  the protocol goes down and comes up anew
 */
import type {
  BfdConfig,
  BgpChannelConfig,
  BgpConfig,
  ChannelConfig,
  Config,
  DeviceConfig,
  DirectConfig,
  ForeignConfig,
  KernelConfig,
  MrtConfig,
  PipeConfig,
  ProtocolCommon,
  ProtocolConfig,
  RpkiConfig,
  StaticConfig,
} from "./schema.ts";

export type Effect = "live" | "pending" | "restart";

export interface FieldChange {
  /** As bird.conf calls it; of a channel `ipv4: export`. */
  readonly field: string;
  readonly effect: Effect;
}

export interface ProtocolDifference {
  readonly kind: "unchanged" | "changed" | "restart" | "added" | "removed";
  readonly fields: readonly FieldChange[];
}

export interface ConfigDifference {
  /** By name; protocols of both configurations. */
  readonly protocols: ReadonlyMap<string, ProtocolDifference>;
}

/** Only what differs in meaning counts: places, comments and unused definitions do not. */
export function compareConfigs(before: Config, after: Config): ConfigDifference {
  const old = new Map(before.protocols.map((protocol) => [protocol.name, protocol]));
  const result = new Map<string, ProtocolDifference>();
  for (const next of after.protocols) {
    const previous = old.get(next.name);
    old.delete(next.name);
    result.set(next.name, previous ? compareProtocol(previous, next) : { kind: "added", fields: [] });
  }
  for (const name of old.keys()) result.set(name, { kind: "removed", fields: [] });
  if (before.routerId === after.routerId) return { protocols: result };
  return { protocols: withRouterId(result, after) };
}

export function compareProtocol(before: ProtocolConfig, after: ProtocolConfig): ProtocolDifference {
  if (before.kind !== after.kind) return { kind: "restart", fields: [{ field: "protocol", effect: "restart" }] };
  const fields = [...compareFields(before, after, rows(after.kind)), ...compareChannels(before, after)];
  if (fields.length === 0) return { kind: "unchanged", fields };
  return { kind: fields.some((change) => change.effect === "restart") ? "restart" : "changed", fields };
}

/** Lines for `configure check` and the log: `bgp1: hold time (applies to the next session)`. */
export function describeDifference(difference: ConfigDifference): string[] {
  const lines: string[] = [];
  for (const [name, { kind, fields }] of difference.protocols) {
    if (kind === "unchanged") continue;
    if (kind === "added" || kind === "removed") lines.push(`${name}: ${kind}`);
    for (const { field, effect } of fields) lines.push(`${name}: ${field} (${WORDS[effect]})`);
  }
  return lines;
}

/**
 * What the log says of a change that resets nothing: BIRD's words for channels that are open and whose filters
 * differ, ours for what has to wait. @param open the names of the protocol's channels that are up
 */
export function changeLines(
  name: string,
  { fields }: ProtocolDifference,
  open: ReadonlySet<string>,
  soft: boolean,
): string[] {
  const lines: string[] = [];
  for (const channel of open) {
    const is = (...words: string[]): boolean =>
      fields.some(({ field, effect }) => effect === "live" && words.some((word) => field === `${channel}: ${word}`));
    const imports = is("import", "preference");
    const exports = is("export");
    if (soft && imports) lines.push(`Channel ${name}.${channel} changed import`);
    if (soft && exports) lines.push(`Channel ${name}.${channel} changed export`);
    if (!soft && (imports || exports)) lines.push(`Reloading channel ${name}.${channel}`);
  }
  const pending = fields.filter(({ effect }) => effect === "pending").map(({ field }) => field);
  if (open.size > 0 && pending.length > 0) lines.push(`${name}: for the next session: ${pending.join(", ")}`);
  return lines;
}

const WORDS: Readonly<Record<Effect, string>> = {
  live: "without reset",
  pending: "applies to the next session",
  restart: "resets the protocol",
};

type Row = readonly [effect: Effect | ((before: unknown, after: unknown) => Effect), name: string];
type Rows<T> = { readonly [K in Exclude<keyof T, keyof ProtocolCommon | "kind">]-?: Row };

/** `disabled` is the speaker's own business; channels and place are compared elsewhere or not at all. */
const COMMON: { readonly [K in Exclude<keyof ProtocolCommon, "name" | "place" | "channels" | "disabled">]-?: Row } = {
  debug: ["live", "debug"],
  mrtdump: ["live", "mrtdump"],
  routerId: ["restart", "router id"],
  description: ["live", "description"],
  vrf: ["restart", "vrf"],
};

const BGP: Rows<BgpConfig> = {
  localAs: ["restart", "local as"],
  localAddress: ["restart", "local address"],
  localPort: ["restart", "local port"],
  neighborAddress: ["restart", "neighbor address"],
  neighborRange: ["restart", "neighbor range"],
  neighborPort: ["restart", "neighbor port"],
  neighborAs: ["restart", "neighbor as"],
  neighborKind: ["restart", "neighbor internal/external"],
  internal: ["restart", "neighbor internal/external"],
  iface: ["restart", "interface"],
  dynamicName: ["live", "dynamic name"],
  dynamicDigits: ["live", "dynamic name digits"],
  multihop: ["restart", "direct/multihop"],
  onlinkCheck: ["restart", "onlink check"],
  strictBind: ["restart", "strict bind"],
  freeBind: ["restart", "free bind"],
  checkLink: ["live", "check link"],
  bfd: ["live", "bfd"],
  ttlSecurity: ["restart", "ttl security"],
  // Another key goes into the sockets that are open; a session cannot change between signed and plain.
  password: [(before, after) => ((before === undefined) === (after === undefined) ? "live" : "restart"), "password"],
  passive: ["live", "passive"],
  rrClient: ["restart", "rr client"],
  rrClusterId: ["restart", "rr cluster id"],
  rsClient: ["restart", "rs client"],
  allowLocalPref: ["restart", "allow bgp_local_pref"],
  allowLocalAs: ["restart", "allow local as"],
  allowAsSets: ["restart", "allow as sets"],
  enforceFirstAs: ["restart", "enforce first as"],
  enableRouteRefresh: ["pending", "enable route refresh"],
  enableAs4: ["pending", "enable as4"],
  enableExtendedMessages: ["pending", "enable extended messages"],
  capabilities: ["pending", "capabilities"],
  advertiseHostname: ["pending", "advertise hostname"],
  gracefulRestart: ["pending", "graceful restart"],
  gracefulRestartTime: ["pending", "graceful restart time"],
  longLivedGracefulRestart: ["pending", "long lived graceful restart"],
  longLivedStaleTime: ["pending", "long lived stale time"],
  interpretCommunities: ["restart", "interpret communities"],
  disableAfterError: ["live", "disable after error"],
  disableAfterCease: ["live", "disable after cease"],
  holdTime: ["pending", "hold time"],
  minHoldTime: ["pending", "min hold time"],
  startupHoldTime: ["pending", "startup hold time"],
  keepaliveTime: ["pending", "keepalive time"],
  minKeepaliveTime: ["pending", "min keepalive time"],
  connectDelayTime: ["live", "connect delay time"],
  connectRetryTime: ["live", "connect retry time"],
  errorWaitTime: ["live", "error wait time"],
  errorForgetTime: ["live", "error forget time"],
  pathMetric: ["restart", "path metric"],
  medMetric: ["restart", "med metric"],
  igpMetric: ["restart", "igp metric"],
  preferOlder: ["restart", "prefer older"],
  deterministicMed: ["restart", "deterministic med"],
  defaultMed: ["restart", "default bgp_med"],
  defaultLocalPref: ["restart", "default bgp_local_pref"],
  localRole: ["restart", "local role"],
  requireRoles: ["pending", "require roles"],
  confederation: ["restart", "confederation"],
  confederationMember: ["restart", "confederation member"],
};

const DEVICE: Rows<DeviceConfig> = {
  scanTime: ["live", "scan time"],
  interfaces: ["live", "interface"],
};

const DIRECT: Rows<DirectConfig> = {
  interfaces: ["live", "interface"],
  checkLink: ["live", "check link"],
};

const KERNEL: Rows<KernelConfig> = {
  persist: ["live", "persist"],
  learn: ["live", "learn"],
  gracefulRestart: ["live", "graceful restart"],
  scanTime: ["live", "scan time"],
  kernelTable: ["live", "kernel table"],
  metric: ["live", "metric"],
  mergePaths: ["restart", "merge paths"],
  netlinkRxBuffer: ["live", "netlink rx buffer"],
};

const STATIC: Rows<StaticConfig> = {
  checkLink: ["live", "check link"],
  igpTable: ["restart", "igp table"],
  igpTable6: ["restart", "igp table"],
  routes: ["live", "route"],
};

const PIPE: Rows<PipeConfig> = { peerTable: ["restart", "peer table"] };

const BFD: Rows<BfdConfig> = {
  interfaces: ["live", "interface"],
  multihop: ["live", "multihop"],
  neighbors: ["live", "neighbor"],
  accept: ["restart", "accept"],
  strictBind: ["restart", "strict bind"],
};

const RPKI: Rows<RpkiConfig> = {
  remote: ["restart", "remote"],
  port: ["restart", "port"],
  localAddress: ["restart", "local address"],
  refresh: ["live", "refresh"],
  refreshKeep: ["live", "refresh keep"],
  retry: ["live", "retry"],
  retryKeep: ["live", "retry keep"],
  expire: ["live", "expire"],
  expireKeep: ["live", "expire keep"],
  ignoreMaxLength: ["restart", "ignore max length"],
};

const MRT: Rows<MrtConfig> = {
  table: ["restart", "table"],
  filename: ["restart", "filename"],
  period: ["restart", "period"],
  filter: ["restart", "filter"],
  alwaysAddPath: ["restart", "always add path"],
};

/** Nothing of it runs, so nothing of it can change. */
const FOREIGN: Rows<ForeignConfig> = { proto: ["restart", "protocol"] };

const KINDS: Readonly<Record<ProtocolConfig["kind"], Readonly<Record<string, Row>>>> = {
  bgp: BGP,
  device: DEVICE,
  direct: DIRECT,
  kernel: KERNEL,
  static: STATIC,
  pipe: PIPE,
  bfd: BFD,
  rpki: RPKI,
  mrt: MRT,
  foreign: FOREIGN,
};

const CHANNEL: { readonly [K in Exclude<keyof ChannelConfig, "name" | "place" | "bgp">]-?: Row } = {
  netType: ["restart", "net type"],
  table: ["restart", "table"],
  preference: ["live", "preference"],
  importFilter: ["live", "import"],
  exportFilter: ["live", "export"],
  importKeepFiltered: ["live", "import keep filtered"],
  rpkiReload: ["live", "rpki reload"],
  importLimit: ["live", "import limit"],
  receiveLimit: ["live", "receive limit"],
  exportLimit: ["live", "export limit"],
  debug: ["live", "debug"],
};

const BGP_CHANNEL: { readonly [K in keyof BgpChannelConfig]-?: Row } = {
  mandatory: ["pending", "mandatory"],
  nextHopKeep: ["restart", "next hop keep"],
  nextHopSelf: ["restart", "next hop self"],
  nextHopAddress: ["restart", "next hop address"],
  nextHopPreferGlobal: ["restart", "next hop prefer global"],
  gateway: ["restart", "gateway"],
  igpTable: ["restart", "igp table"],
  igpTable6: ["restart", "igp table"],
  importTable: ["restart", "import table"],
  exportTable: ["restart", "export table"],
  secondary: ["restart", "secondary"],
  validate: ["restart", "validate"],
  baseTable: ["restart", "base table"],
  extendedNextHop: ["pending", "extended next hop"],
  addPaths: ["pending", "add paths"],
  aigp: ["restart", "aigp"],
  cost: ["restart", "cost"],
  gracefulRestart: ["pending", "graceful restart"],
  longLivedGracefulRestart: ["pending", "long lived graceful restart"],
  longLivedStaleTime: ["pending", "long lived stale time"],
  missingLladdr: ["restart", "missing lladdr"],
};

function rows(kind: ProtocolConfig["kind"]): Readonly<Record<string, Row>> {
  return { ...COMMON, ...KINDS[kind] };
}

function compareFields(
  before: object,
  after: object,
  table: Readonly<Record<string, Row>>,
  prefix = "",
): FieldChange[] {
  const changes: FieldChange[] = [];
  for (const [key, [effect, name]] of Object.entries(table)) {
    const a = Reflect.get(before, key);
    const b = Reflect.get(after, key);
    if (isSame(a, b)) continue;
    changes.push({ field: `${prefix}${name}`, effect: typeof effect === "function" ? effect(a, b) : effect });
  }
  return changes;
}

function compareChannels(before: ProtocolCommon, after: ProtocolCommon): FieldChange[] {
  const names = new Set([...before.channels, ...after.channels].map((channel) => channel.name));
  const changes: FieldChange[] = [];
  for (const name of names) {
    const a = before.channels.find((channel) => channel.name === name);
    const b = after.channels.find((channel) => channel.name === name);
    if (!a || !b) {
      changes.push({ field: `${name}: channel`, effect: "restart" });
      continue;
    }
    changes.push(...compareFields(a, b, CHANNEL, `${name}: `));
    if (a.bgp && b.bgp) changes.push(...compareFields(a.bgp, b.bgp, BGP_CHANNEL, `${name}: `));
  }
  return changes;
}

/** Sessions speak under the router id: another one means another OPEN, now. */
function withRouterId(
  differences: ReadonlyMap<string, ProtocolDifference>,
  config: Config,
): Map<string, ProtocolDifference> {
  const change: FieldChange = { field: "router id", effect: "restart" };
  const result = new Map(differences);
  for (const protocol of config.protocols) {
    const known = result.get(protocol.name);
    if (protocol.kind !== "bgp" || protocol.routerId !== undefined || !known || known.kind === "added") continue;
    result.set(protocol.name, { kind: "restart", fields: [...known.fields, change] });
  }
  return result;
}

/** Deep equality by meaning: filters by their key, sets and maps by content, places not at all. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if ("run" in a && "run" in b && "key" in a && "key" in b) return a.key === b.key;
  if (a instanceof Set && b instanceof Set) return a.size === b.size && [...a].every((item) => b.has(item));
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => isSame(value, b.get(key)));
  }
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  keys.delete("place");
  return [...keys].every((key) => isSame(Reflect.get(a, key), Reflect.get(b, key)));
}

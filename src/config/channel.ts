/** Channels: what every protocol's `ipv4 { ... }` can say. */
import { checkType } from "../../protocol/policy/checker.ts";
import {
  ACCEPT,
  type CompiledFilter,
  compileFilter,
  compileWhere,
  REJECT,
  UNNAMED,
} from "../../protocol/policy/compile.ts";
import { parseBody } from "../../protocol/policy/parse-statement.ts";
import { parseTerm } from "../../protocol/policy/parse-term.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import { Type } from "../../protocol/policy/types.ts";
import type { NetType } from "../../protocol/rib/route.ts";
import type { ConfigDraft, Draft, FullDraft } from "./draft.ts";
import { parseFlags, parseNumber, parseSwitch, parseWord, startsNumber } from "./options.ts";
import type { BgpChannelConfig, ChannelConfig, DebugFlag, LimitConfig, ProtocolCommon, TableConfig } from "./schema.ts";

/** A channel while it is read; what is undefined gets its default when the protocol is complete. */
export interface ChannelDraft
  extends Omit<FullDraft<ChannelConfig>, "table" | "importFilter" | "exportFilter" | "bgp"> {
  table: string | undefined;
  importFilter: CompiledFilter | undefined;
  exportFilter: CompiledFilter | undefined;
  bgp: Draft<Partial<BgpChannelConfig>> | undefined;
  /** Copied from a template: to be named once more is no error. */
  inherited: boolean;
}

/** Any protocol while it is read. */
export interface ProtocolDraft extends Omit<FullDraft<ProtocolCommon>, "channels"> {
  channels: ChannelDraft[];
}

/** Of this protocol's channels. */
export interface ChannelRules {
  readonly preference: number;
  /** One channel only: another one of another type is an error. */
  readonly single?: true;
  /** Names of the channels that it may have; left out: any. */
  readonly only?: ReadonlySet<string>;
  /** Options beside the common ones; true if one was read. */
  readonly option?: (c: ConfigDraft, channel: ChannelDraft) => boolean;
}

/** `ipv4`, `ipv6 sadr`, `roa4` ...: after the check that one begins here. */
export function parseNetType(p: Parser): { name: string; netType: NetType } {
  const [name, netType] = parseWord(p, NET_TYPES);
  if (name === "ipv6" && p.accept(T.SADR)) return { name: "ipv6-sadr", netType: "ipv6-sadr" };
  return { name, netType };
}

export function startsChannel(p: Parser): boolean {
  return p.isKind(NET_TYPES);
}

/** A whole channel, up to but without the `;` behind it. */
export function parseChannel(c: ConfigDraft, owner: ProtocolDraft, rules: ChannelRules): void {
  const { name, netType } = parseNetType(c.p);
  const channel = openChannel(c, owner, name, netType, rules);
  parseChannelBlock(c, channel, rules);
}

export function openChannel(
  c: ConfigDraft,
  owner: ProtocolDraft,
  name: string,
  netType: NetType,
  rules: ChannelRules,
): ChannelDraft {
  const { p } = c;
  const known = owner.channels.find((channel) => channel.name === name);
  if (known?.inherited) {
    known.inherited = false;
    return known;
  }
  if (known) p.failLater(`Multiple ${name} channels`);
  else if (rules.only && !rules.only.has(name)) p.failLater("Unsupported channel type");
  else if (rules.single && owner.channels.length > 0) p.failLater("Different channel type");
  const channel: ChannelDraft = {
    name,
    netType,
    table: c.defaultTables.get(tableType(netType)),
    preference: rules.preference,
    importFilter: undefined,
    exportFilter: undefined,
    importKeepFiltered: false,
    rpkiReload: true,
    importLimit: undefined,
    receiveLimit: undefined,
    exportLimit: undefined,
    bgp: undefined,
    debug: c.globals.debugChannels,
    place: p.here,
    inherited: false,
  };
  owner.channels.push(channel);
  return channel;
}

export function parseChannelBlock(c: ConfigDraft, channel: ChannelDraft, rules: ChannelRules): void {
  const { p, surrounding } = c;
  c.surrounding = { ...surrounding, isChannel: true };
  if (p.accept(T["{"])) {
    while (!p.accept(T["}"])) {
      if (p.peek() === T.END) {
        p.wantMany();
        p.unexpected();
      }
      p.recover(() => {
        if (!rules.option?.(c, channel) && !parseChannelOption(c, channel)) p.unexpected();
        p.expect(T[";"]);
      });
    }
  } else if (!p.is(T[";"])) p.unexpected();
  c.surrounding = surrounding;
  if (channel.table === undefined) p.fail("Routing table not specified");
}

/** True if one was read; else what could stand here is noted. */
export function parseChannelOption(c: ConfigDraft, channel: ChannelDraft): boolean {
  const { p } = c;
  if (p.accept(T.IMPORT)) return parseImport(c, channel);
  if (p.accept(T.EXPORT)) return parseExport(c, channel);
  if (p.accept(T.RECEIVE)) {
    p.expect(T.LIMIT);
    setLimit(channel, "receiveLimit", parseLimit(p));
    return true;
  }
  if (p.accept(T.TABLE)) {
    channel.table = parseTable(c, tableType(channel.netType)).name;
    return true;
  }
  if (p.accept(T.PREFERENCE)) {
    const preference = parseNumber(p);
    if (preference > 0xffff) p.fail(`Value ${preference} out of range (0-65535)`);
    channel.preference = preference;
    return true;
  }
  if (p.accept(T.RPKI)) {
    p.expect(T.RELOAD);
    channel.rpkiReload = parseSwitch(p);
    return true;
  }
  if (p.accept(T.DEBUG)) {
    channel.debug = parseFlags(p, DEBUG_FLAGS);
    return true;
  }
  return false;
}

function parseImport(c: ConfigDraft, channel: ChannelDraft): true {
  const { p } = c;
  if (p.accept(T.KEEP)) {
    p.expect(T.FILTERED);
    channel.importKeepFiltered = parseSwitch(p);
  } else if (p.accept(T.LIMIT)) setLimit(channel, "importLimit", parseLimit(p));
  else if (channel.bgp && p.accept(T.TABLE)) channel.bgp.importTable = parseSwitch(p);
  else channel.importFilter = parsePolicy(c);
  return true;
}

function parseExport(c: ConfigDraft, channel: ChannelDraft): true {
  const { p } = c;
  if (p.accept(T.LIMIT)) setLimit(channel, "exportLimit", parseLimit(p));
  else if (channel.bgp && p.accept(T.TABLE)) channel.bgp.exportTable = parseSwitch(p);
  else channel.exportFilter = parsePolicy(c);
  return true;
}

/** `all`, `none`, `filter ...`, `where ...`. */
export function parsePolicy(c: ConfigDraft): CompiledFilter {
  const p: Parser = c.p;
  if (p.accept(T.ALL)) return ACCEPT;
  if (p.accept(T.NONE)) return REJECT;
  if (p.accept(T.FILTER)) return parseFilterReference(c);
  if (p.accept(T.WHERE)) return parseWhere(p);
  p.wantMany();
  p.unexpected();
}

/** After `filter`: a name or a body. */
export function parseFilterReference(c: ConfigDraft): CompiledFilter {
  const { p } = c;
  if (p.peek() !== T.CF_SYM_KNOWN) {
    p.wantMany();
    return compileFilter(UNNAMED, parseBody(p));
  }
  const { symbol } = p;
  if (symbol.kind !== "filter") p.fail("Filter name required");
  p.take();
  return c.filters.get(symbol.name) ?? ACCEPT;
}

/** After `where`. */
export function parseWhere(p: Parser): CompiledFilter {
  const condition = parseTerm(p);
  p.semantic(() => checkType(condition, Type.Bool, 1, "CONDITION", p.here), undefined);
  return compileWhere(condition, p.here);
}

/** A table's name. @param netType which type it has to hold; left out: any */
export function parseTable(c: Pick<ConfigDraft, "p" | "tables">, netType?: NetType): TableConfig {
  const p: Parser = c.p;
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  const table = c.tables.get(symbol.name);
  if (symbol.kind !== "table" || !table) p.fail("Table name required");
  if (netType !== undefined && table.netType !== netType) p.fail("Incompatible table type");
  p.take();
  return table;
}

/** `10 action block`, `off`. */
export function parseLimit(p: Parser): LimitConfig | undefined {
  if (p.accept(T.OFF)) return undefined;
  if (!startsNumber(p)) p.unexpected();
  const count = parseNumber(p);
  return { count, action: p.accept(T.ACTION) ? parseWord(p, ACTIONS) : "disable" };
}

function setLimit(
  channel: ChannelDraft,
  which: "importLimit" | "receiveLimit" | "exportLimit",
  limit: LimitConfig | undefined,
): void {
  channel[which] = limit;
}

/** What the file does not say. */
export function finishChannel(channel: ChannelDraft, bgp?: BgpChannelConfig): ChannelConfig {
  const { name, netType, preference, importKeepFiltered, rpkiReload, debug, place } = channel;
  const { importLimit, receiveLimit, exportLimit } = channel;
  return {
    name,
    netType,
    table: channel.table ?? "",
    preference,
    importFilter: channel.importFilter ?? ACCEPT,
    exportFilter: channel.exportFilter ?? REJECT,
    importKeepFiltered,
    rpkiReload,
    debug,
    place,
    ...(importLimit ? { importLimit } : {}),
    ...(receiveLimit ? { receiveLimit } : {}),
    ...(exportLimit ? { exportLimit } : {}),
    ...(bgp ? { bgp } : {}),
  };
}

/** A template's channels, each as it was there. */
export function copyChannels(channels: readonly ChannelDraft[]): ChannelDraft[] {
  return channels.map((channel) => ({
    ...channel,
    bgp: channel.bgp && { ...channel.bgp },
    inherited: true,
  }));
}

/** Labelled and multicast routes share the tables of their family. */
export function tableType(netType: NetType): NetType {
  switch (netType) {
    case "ipv4-multicast":
    case "ipv4-mpls":
      return "ipv4";
    case "ipv6-multicast":
    case "ipv6-mpls":
      return "ipv6";
    default:
      return netType;
  }
}

const NET_TYPES: ReadonlyMap<Token, readonly [string, NetType]> = new Map<Token, readonly [string, NetType]>([
  [T.IPV4, ["ipv4", "ipv4"]],
  [T.IPV6, ["ipv6", "ipv6"]],
  [T.VPN4, ["vpn4", "vpn4"]],
  [T.VPN6, ["vpn6", "vpn6"]],
  [T.ROA4, ["roa4", "roa4"]],
  [T.ROA6, ["roa6", "roa6"]],
  [T.FLOW4, ["flow4", "flow4"]],
  [T.FLOW6, ["flow6", "flow6"]],
  [T.MPLS, ["mpls", "mpls"]],
]);

export const DEBUG_FLAGS: ReadonlyMap<Token, DebugFlag> = new Map<Token, DebugFlag>([
  [T.STATES, "states"],
  [T.ROUTES, "routes"],
  [T.FILTERS, "filters"],
  [T.INTERFACES, "interfaces"],
  [T.EVENTS, "events"],
  [T.PACKETS, "packets"],
]);

const ACTIONS: ReadonlyMap<Token, LimitConfig["action"]> = new Map<Token, LimitConfig["action"]>([
  [T.WARN, "warn"],
  [T.BLOCK, "block"],
  [T.RESTART, "restart"],
  [T.DISABLE, "disable"],
]);

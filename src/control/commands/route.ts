/** The grammar of `show route`: options in any order, and which tables they come to. */
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T, type TokenName } from "../../../protocol/policy/tokens.ts";
import type { Channel } from "../../../protocol/rib/channel.ts";
import type { Table } from "../../../protocol/rib/table.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import { channelName } from "../channel-name.ts";
import type { Action, Command, CommandContext } from "../command.ts";
import type { ControlTarget } from "../daemon.ts";
import { commandFilter, commandWhere } from "../expressions.ts";
import { net, netIfAny, netOrAddress } from "../net.ts";
import { type Address, type ExportMode, type ShowRoute, type Source, showRoute, showRouteJson } from "../show-route.ts";
import { protocolOf } from "../symbols.ts";
import { CommandError, symbol } from "../words.ts";

export const ROUTE_COMMANDS: readonly Command[] = [{ words: ["SHOW", "ROUTE"], parse }];

/** What has been read so far. */
type Options = {
  -readonly [K in keyof Omit<ShowRoute, "sources" | "address">]: ShowRoute[K];
} & {
  address: Address | undefined;
  sources: Source[];
  /** `table all`: tables that do not fit other options are left out, as of the default ones. */
  tables: "default" | "all" | "named";
  exporter: Protocol | undefined;
  channel: Channel | undefined;
};

function parse(p: Parser, { target }: CommandContext): Action {
  const options: Options = {
    sources: [],
    tables: "default",
    address: undefined,
    filter: undefined,
    protocol: undefined,
    mode: undefined,
    exporter: undefined,
    channel: undefined,
    all: false,
    primary: false,
    filtered: false,
    output: "rows",
  };
  while (!p.is(T.END)) {
    if (parseAddress(p, options)) continue;
    const read = OPTIONS.find(([token]) => p.accept(T[token]))?.[1] ?? p.unexpected();
    read(p, target, options);
  }
  const what: ShowRoute = { ...options, sources: resolve(target, options) };
  return { text: (reply) => showRoute(target, what, reply), json: (reply) => showRouteJson(target, what, reply) };
}

type Read = (p: Parser, target: ControlTarget, options: Options) => void;

const OPTIONS: readonly (readonly [TokenName, Read])[] = [
  ["TABLE", readTable],
  ["FILTER", (p, target, options) => setFilter(p, options, () => commandFilter(p, target))],
  ["WHERE", (p, _target, options) => setFilter(p, options, () => commandWhere(p))],
  ["ALL", (_p, _target, options) => void (options.all = true)],
  ["PRIMARY", (p, _target, options) => exclusive(p, options, "primary")],
  ["FILTERED", (p, _target, options) => exclusive(p, options, "filtered")],
  ["EXPORT", readExport],
  ["PREEXPORT", (p, target, options) => readMode(p, target, options, "preexport")],
  ["NOEXPORT", (p, target, options) => readMode(p, target, options, "noexport")],
  ["EXPORTED", (p, target, options) => readMode(p, target, options, "exported")],
  ["IMPORT", (p, target, options) => readSide(p, target, options, "import")],
  ["PROTOCOL", readProtocol],
  ["STATS", (_p, _target, options) => void (options.output = "stats")],
  ["COUNT", (_p, _target, options) => void (options.output = "count")],
];

function setFilter(p: Parser, options: Options, read: () => ShowRoute["filter"]): void {
  if (options.filter) p.fail("Filter specified twice");
  options.filter = read();
}

function exclusive(p: Parser, options: Options, which: "primary" | "filtered"): void {
  if (which === "filtered" ? options.primary || options.mode : options.filtered)
    p.fail("Incompatible show route options");
  options[which] = true;
}

function readTable(p: Parser, target: ControlTarget, options: Options): void {
  const found = symbol(p);
  if (found) {
    const table = found.kind === "table" ? target.rib.table(found.name) : undefined;
    if (!table) throw new CommandError("Table name required");
    options.sources.push({ table, title: table.name, named: true });
    options.tables = "named";
    return;
  }
  p.expect(T.ALL);
  for (const table of target.rib.tables()) options.sources.push({ table, title: table.name, named: true });
  options.tables = "all";
}

function readExport(p: Parser, target: ControlTarget, options: Options): void {
  if (p.is(T.TABLE)) return readSide(p, target, options, "export");
  readMode(p, target, options, "export");
}

/** `export P`, `export P.ipv4` */
function readMode(p: Parser, target: ControlTarget, options: Options, mode: ExportMode): void {
  const found = symbol(p) ?? p.unexpected();
  const protocol = protocolOf(target, found);
  if (options.mode) p.fail("Export specified twice");
  if (options.filtered) p.fail("Incompatible show route options");
  options.mode = mode;
  if (p.accept(T["."])) options.channel = channelOf(p, protocol);
  options.exporter = protocol;
}

/** `import table P.C`: what a channel keeps of its own. */
function readSide(p: Parser, target: ControlTarget, options: Options, side: "import" | "export"): void {
  p.expect(T.TABLE);
  const found = symbol(p) ?? p.unexpected();
  p.expect(T["."]);
  const protocol = protocolOf(target, found);
  const channel = channelOf(p, protocol);
  const has = side === "import" ? channel.options.importTable : channel.options.exportTable;
  if (!has) throw new CommandError(`No ${side} table in channel ${protocol.name}.${channel.name}`);
  options.sources.push({ table: channel.table, title: side, named: true, channel, side });
  options.tables = "named";
}

function readProtocol(p: Parser, target: ControlTarget, options: Options): void {
  const found = symbol(p) ?? p.unexpected();
  const protocol = protocolOf(target, found);
  if (options.protocol) p.fail("Protocol specified twice");
  options.protocol = protocol;
}

function channelOf(p: Parser, protocol: Protocol): Channel {
  const name = channelName(p);
  const channel = protocol.channels.find((one) => one.name === name);
  if (!channel) throw new CommandError(`Channel ${protocol.name}.${name} not found`);
  return channel;
}

/** A prefix, `for` a prefix or address, `in` a prefix; whether one came. */
function parseAddress(p: Parser, options: Options): boolean {
  const read = (): Address | undefined => {
    if (p.accept(T.FOR)) return { kind: "for", ip: netOrAddress(p) };
    if (p.accept(T.IN)) return { kind: "in", prefix: net(p) };
    const exact = netIfAny(p);
    return exact && { kind: "exact", net: exact };
  };
  const address = read();
  if (!address) return false;
  if (options.address) p.fail("Only one prefix expected");
  options.address = address;
  return true;
}

/** Which tables the options come to; errors as bird's, found when everything is read. */
function resolve(target: ControlTarget, options: Options): Source[] {
  const given = options.sources.length > 0 ? options.sources : implied(target, options);
  const sources = given.flatMap((source) => fitting(source, options));
  if (sources.length === 0) throw new CommandError("No valid tables");
  return sources;
}

function implied(target: ControlTarget, options: Options): Source[] {
  if (options.channel) return [ofTable(options.channel.table, options.channel)];
  if (options.exporter) {
    const { exporter } = options;
    const up = exporter.channels.filter((channel) => channel.state === "UP" && takesRoutes(exporter));
    return up.map((channel) => ofTable(channel.table, channel));
  }
  if (options.protocol)
    return [...new Set(options.protocol.channels.map((channel) => channel.table))].map((table) => ofTable(table));
  return defaultTables(target).map((table) => ofTable(table));
}

/** Those that routes can be exported to; a static protocol takes none. */
function takesRoutes(protocol: Protocol): boolean {
  return protocol.proto !== "Static" && protocol.proto !== "Direct" && protocol.proto !== "RPKI";
}

function ofTable(table: Table, channel?: Channel): Source {
  return { table, title: table.name, named: false, ...(channel ? { channel } : {}) };
}

/** The first table of each kind. */
function defaultTables(target: ControlTarget): Table[] {
  const first = new Map<string, Table>();
  for (const table of target.rib.tables()) if (!first.has(table.netType)) first.set(table.netType, table);
  return NET_TYPES.flatMap((type) => first.get(type) ?? []);
}

/** The table with the channel that views it; nothing if it does not fit and was not asked for by name. */
function fitting(source: Source, options: Options): Source[] {
  const isNamed = options.tables === "named" && options.sources.length > 0;
  const { table } = source;
  let { channel } = source;
  if (options.mode && !source.side && !channel) {
    const candidates = options.channel ? [options.channel] : (options.exporter?.channels ?? []);
    channel = candidates.find((one) => one.table === table && one.state === "UP");
    if (!channel) {
      if (isNamed) throw new CommandError(`No export channel for table ${table.name}`);
      return [];
    }
  }
  if (options.address && !addressFits(options.address, table)) {
    if (isNamed) throw new CommandError(`Incompatible type of prefix/ip for table ${table.name}`);
    return [];
  }
  const isDeaf = options.exporter !== undefined && !takesRoutes(options.exporter);
  return [{ ...source, ...(channel ? { channel } : {}), ...(isDeaf ? { deaf: true } : {}) }];
}

function addressFits(address: Address, table: Table): boolean {
  const wanted = address.kind === "exact" ? address.net : address.kind === "in" ? address.prefix : address.ip;
  if ("netType" in wanted) return false; // of a kind that we have no tables for
  return table.netType === `${"asn" in wanted ? "roa" : "ipv"}${wanted.family}`;
}

const NET_TYPES = [
  "ipv4",
  "ipv6",
  "vpn4",
  "vpn6",
  "roa4",
  "roa6",
  "flow4",
  "flow6",
  "ipv4-multicast",
  "ipv6-multicast",
  "ipv4-mpls",
  "ipv6-mpls",
  "mpls",
] as const;

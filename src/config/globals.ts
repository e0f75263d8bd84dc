/** Options outside of protocols: router id, log, debug, times, tables. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { NetType } from "../../protocol/rib/route.ts";
import { DEBUG_FLAGS, parseNetType, startsChannel } from "./channel.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import {
  parseFlagList,
  parseFlags,
  parseId,
  parseLiteral,
  parseNumber,
  parsePatterns,
  parseSwitch,
  parseText,
  parseTime,
  parseTimeMs,
  parseWord,
  startsNumber,
} from "./options.ts";
import { MRT_FLAGS } from "./protocol.ts";
import type { LogClass, LogTarget, TableConfig, TimeFormat } from "./schema.ts";

/** Reads one global option with its `;`; false if none begins here. */
export function parseGlobal(c: ConfigDraft): boolean {
  const { p } = c;
  const option = OPTIONS.get(p.peek());
  if (option) {
    p.take();
    option(c);
    return true;
  }
  if (!startsChannel(p)) return false;
  parseTableDefinition(c);
  return true;
}

type Option = (c: ConfigDraft) => void;

/** An option that ends with `;`. */
function ended(option: Option): Option {
  return (c) => {
    option(c);
    c.p.expect(T[";"]);
  };
}

function parseRouterId(c: ConfigDraft): void {
  const { p, globals } = c;
  p.expect(T.ID);
  if (p.accept(T.FROM)) globals.routerIdFrom = parsePatterns(p);
  else globals.routerId = parseId(p);
}

/** `log syslog [name "x"] | stderr | "file" [SIZE "backup"] all | { classes }` */
function parseLog(c: ConfigDraft): void {
  const { p, globals } = c;
  const place = p.here;
  const target: Draft<Omit<LogTarget, "classes">> = { kind: "syslog", place };
  if (p.accept(T.SYSLOG)) {
    if (p.accept(T.NAME)) target.name = parseText(p);
  } else if (p.accept(T.STDERR)) target.kind = "stderr";
  else {
    target.kind = "file";
    target.name = parseText(p);
    if (startsNumber(p)) target.limit = { bytes: parseNumber(p), backup: parseText(p) };
    p.peek(); // bird opens the file only after looking at the next token, and complains there
    target.place = p.here;
  }
  globals.log = [...globals.log, { ...target, classes: parseLogClasses(p) }];
}

export function parseLogClasses(p: Parser): ReadonlySet<LogClass> {
  if (p.accept(T.ALL)) return new Set(LOG_CLASSES.values());
  p.expect(T["{"]);
  return parseFlagList(p, LOG_CLASSES);
}

function parseDebug(c: ConfigDraft): void {
  const { p, globals } = c;
  if (p.accept(T.PROTOCOLS)) globals.debugProtocols = parseFlags(p, DEBUG_FLAGS);
  else if (p.accept(T.CHANNELS)) globals.debugChannels = parseFlags(p, DEBUG_FLAGS);
  else if (p.accept(T.COMMANDS)) globals.debugCommands = parseNumber(p);
  else {
    p.expect(T.LATENCY);
    if (p.accept(T.LIMIT)) globals.debugLatencyLimitMs = parseTimeMs(p);
    else globals.debugLatency = parseSwitch(p);
  }
}

function parseWatchdog(c: ConfigDraft): void {
  const { p, globals } = c;
  if (p.accept(T.WARNING)) globals.watchdogWarningMs = parseTimeMs(p);
  else {
    p.expect(T.TIMEOUT);
    globals.watchdogTimeoutMs = parseTimeMs(p);
  }
}

function parseMrtdump(c: ConfigDraft): void {
  const { p, globals } = c;
  c.warn(p.here, "mrtdump of messages is not implemented yet, nothing is written (protocol mrt is)");
  if (p.accept(T.PROTOCOLS)) globals.mrtdump = parseFlags(p, MRT_FLAGS);
  else globals.mrtdumpFile = parseText(p);
}

function parseGracefulRestart(c: ConfigDraft): void {
  const { p, globals } = c;
  p.expect(T.RESTART);
  p.expect(T.WAIT);
  globals.gracefulRestartWait = parseNumber(p);
}

/** `route|protocol|base|log "format" [LIMIT "older"]`, or `iso long|short [ms|us]` */
function parseTimeFormat(c: ConfigDraft): void {
  const { p, globals } = c;
  const which = parseWord(p, TIME_WHICH);
  globals.timeformat = { ...globals.timeformat, [which]: p.accept(T.ISO) ? parseIso(p) : parseFormat(p) };
}

function parseFormat(p: Parser): TimeFormat {
  const format = parseLiteral(p);
  if (!startsNumber(p)) return { format };
  return { format, limit: parseNumber(p), older: parseLiteral(p) };
}

function parseIso(p: Parser): TimeFormat {
  const isShort = p.accept(T.SHORT);
  if (!isShort) p.expect(T.LONG);
  const digits = p.accept(T.MS) ? ".%3f" : p.accept(T.US) ? ".%6f" : "";
  return isShort ? isoShort(digits) : { format: `%F %T${digits}` };
}

/** The time today, the date of older things. @param digits behind the seconds */
export function isoShort(digits: string): TimeFormat {
  return { format: `%T${digits}`, limit: ISO_SHORT_SECONDS, older: "%F" };
}

/** `ipv4 table NAME [{ options }]`; the `;` is not asked for, as in bird. */
function parseTableDefinition(c: ConfigDraft): void {
  const { p } = c;
  const { netType } = parseNetType(p);
  p.expect(T.TABLE);
  const name = p.name();
  const place = p.here;
  const known = c.tables.get(name);
  const isPredefined = PREDEFINED.get(name) === netType;
  if (!isPredefined && c.scope.has(name)) p.fail(`Symbol '${name}' already defined`);
  const table: Draft<TableConfig> = { name, netType, sorted: false, trie: known?.trie ?? false, place };
  c.addTable(table);
  if (p.accept(T.SORTED)) table.sorted = true;
  if (!p.accept(T["{"])) return;
  while (!p.accept(T["}"])) {
    parseTableOption(p, table);
    p.expect(T[";"]);
  }
}

function parseTableOption(p: Parser, table: Draft<TableConfig>): void {
  if (p.accept(T.SORTED)) table.sorted = parseSwitch(p);
  else if (p.accept(T.TRIE)) {
    table.trie = parseSwitch(p);
    if (table.trie && !TRIES.has(table.netType)) p.fail(`Trie option not supported for ${table.netType} table`);
  } else if (p.accept(T.GC)) parseGc(p);
  else if (p.accept(T.MIN) || p.accept(T.MAX)) {
    p.expect(T.SETTLE);
    p.expect(T.TIME);
    parseTime(p);
  } else {
    p.wantMany();
    p.unexpected();
  }
}

/** Our tables free what is gone at once: checked, and of no effect. */
function parseGc(p: Parser): void {
  if (p.accept(T.THRESHOLD)) {
    parseNumber(p);
    return;
  }
  p.expect(T.PERIOD);
  if (parseTime(p) > 3600) p.fail("GC period must be at most 3600 s");
}

/** They are there, and may be defined all the same, for their options. */
const PREDEFINED: ReadonlyMap<string, NetType> = new Map<string, NetType>([
  ["master4", "ipv4"],
  ["master6", "ipv6"],
]);

const TRIES: ReadonlySet<NetType> = new Set<NetType>(["ipv4", "ipv6", "vpn4", "vpn6", "roa4", "roa6", "ipv6-sadr"]);

const TIME_WHICH: ReadonlyMap<Token, "route" | "protocol" | "base" | "log"> = new Map<
  Token,
  "route" | "protocol" | "base" | "log"
>([
  [T.ROUTE, "route"],
  [T.PROTOCOL, "protocol"],
  [T.BASE, "base"],
  [T.LOG, "log"],
]);

/** bird's idea of "today": 20 hours. */
const ISO_SHORT_SECONDS = 20 * 3600;

const LOG_CLASSES: ReadonlyMap<Token, LogClass> = new Map<Token, LogClass>([
  [T.DEBUG, "debug"],
  [T.TRACE, "trace"],
  [T.INFO, "info"],
  [T.REMOTE, "remote"],
  [T.WARNING, "warning"],
  [T.ERROR, "error"],
  [T.AUTH, "auth"],
  [T.FATAL, "fatal"],
  [T.BUG, "bug"],
]);

const OPTIONS: ReadonlyMap<Token, Option> = new Map<Token, Option>([
  [T.ROUTER, ended(parseRouterId)],
  [T.LOG, ended(parseLog)],
  // bird asks for no semicolon here.
  [T.DEBUG, parseDebug],
  [T.WATCHDOG, parseWatchdog],
  [T.MRTDUMP, ended(parseMrtdump)],
  [
    T.HOSTNAME,
    ended(({ p, globals }) => {
      globals.hostname = parseText(p);
    }),
  ],
  [T.GRACEFUL, ended(parseGracefulRestart)],
  [T.TIMEFORMAT, ended(parseTimeFormat)],
]);

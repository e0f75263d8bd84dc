/**
 * linnet.conf: what bird does not know, in the same language, in a file of its own beside bird.conf, so
 * that bird.conf stays bird's and one can go back. Names of bird.conf are known here.
 *
 *   identity { syslog tag "linnet"; };
 *   log json ["file"] [all | { classes }];
 *   recording { size 4 MB; directory "/var/lib/linnet"; };
 *   hook NAME { on route; command "/usr/local/bin/move", "arg"; where net = 10.0.0.0/8; timeout 10 s; };
 *   protocol NAME { onlink check off; };
 */

import type { LexerHost, SourceFile } from "../../protocol/policy/lexer.ts";
import { Parser } from "../../protocol/policy/parser.ts";
import { T } from "../../protocol/policy/tokens.ts";
import { parseTable, parseWhere } from "./channel.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import { parseLogClasses } from "./globals.ts";
import { parseNumber, parseSwitch, parseText, parseTimeMs } from "./options.ts";
import type { BgpConfig, HookConfig, LinnetOptions, ProtocolConfig } from "./schema.ts";

/** Reads the file into what bird.conf has made; errors go where bird.conf's go. */
export function parseLinnetConfig(c: ConfigDraft, file: SourceFile, include: LexerHost["include"]): void {
  const p = new Parser(file, c.scope, include);
  p.onError = (error) => c.report(error);
  while (!p.is(T.END)) {
    if (p.accept(T[";"])) continue;
    p.recover(() => {
      parseStatement(c, p);
      // Behind a block it may be left out, as in bird.conf.
      if (!p.is(T.END)) p.accept(T[";"]);
    });
  }
}

function parseStatement(c: ConfigDraft, p: Parser): void {
  const name = word(p);
  if (Object.hasOwn(STATEMENTS, name)) {
    p.take();
    STATEMENTS[name as keyof typeof STATEMENTS](c, p);
    return;
  }
  if (NOT_YET.has(name)) p.fail(`${name}: not yet implemented`);
  p.fail(`linnet.conf: unknown statement ${name || "here"}`);
}

/** The letters that stand here, keyword or not; "" if it is no word. */
function word(p: Parser): string {
  const token = p.peek();
  const isSymbol = token === T.CF_SYM_KNOWN || token === T.CF_SYM_UNDEFINED;
  return isSymbol || /^[a-z]/i.test(p.text) ? p.text : "";
}

function acceptWord(p: Parser, wanted: string): boolean {
  const token = p.peek();
  if (token === T.TEXT || token === T.NUM || word(p) !== wanted) return false;
  p.take();
  return true;
}

function expectWord(p: Parser, wanted: string): void {
  if (!acceptWord(p, wanted)) p.fail(`${wanted} expected`);
}

/** `{ option; ... }` @param option reads one; false if none begins here */
function parseBlock(p: Parser, option: () => boolean): void {
  p.expect(T["{"]);
  while (!p.accept(T["}"])) {
    if (p.accept(T[";"])) continue;
    if (!option()) p.fail(`linnet.conf: unknown option ${word(p) || "here"}`);
    p.expect(T[";"]);
  }
}

function parseIdentity(c: ConfigDraft, p: Parser): void {
  parseBlock(p, () => {
    if (!acceptWord(p, "syslog")) return false;
    expectWord(p, "tag");
    change(c, { identity: { syslogTag: parseText(p) } });
    return true;
  });
}

/** `log json [FILE] [all | { classes }];`: to standard error if no file is named. */
function parseLog(c: ConfigDraft, p: Parser): void {
  const place = p.here;
  expectWord(p, "json");
  const name = p.is(T.TEXT) || p.is(T.CF_SYM_KNOWN) ? parseText(p) : undefined;
  const classes = p.is(T[";"]) ? ALL_CLASSES : parseLogClasses(p);
  c.globals.log = [...c.globals.log, { kind: "json", ...(name === undefined ? {} : { name }), classes, place }];
}

function parseRecording(c: ConfigDraft, p: Parser): void {
  parseBlock(p, () => {
    const { recording } = c.globals.linnet;
    if (acceptWord(p, "size")) {
      change(c, { recording: { ...recording, bytes: parseSize(p) } });
      return true;
    }
    if (!acceptWord(p, "directory")) return false;
    change(c, { recording: { ...recording, directory: parseText(p) } });
    return true;
  });
}

/** `65536`, `64 kB`, `4 MB`. */
function parseSize(p: Parser): number {
  const number = parseNumber(p);
  const scale = acceptWord(p, "kB") ? 1 << 10 : acceptWord(p, "MB") ? 1 << 20 : 1;
  const bytes = number * scale;
  if (bytes > LARGEST_RECORDING) p.failAhead(`Recording size must be at most ${LARGEST_RECORDING >> 20} MB`);
  return bytes;
}

type HookDraft = Draft<Omit<HookConfig, "on">> & { on?: HookConfig["on"] };

function parseHook(c: ConfigDraft, p: Parser): void {
  const name = p.is(T.TEXT) ? parseText(p) : p.name();
  const place = p.here;
  const hook: HookDraft = { name, argv: [], protocols: [], tables: [], timeoutMs: HOOK_TIMEOUT_MS, retries: 3, place };
  if (c.globals.linnet.hooks.some((other) => other.name === name)) p.fail(`Hook '${name}' already defined`);
  parseBlock(p, () => parseHookOption(c, p, hook));
  const { on } = hook;
  if (on === undefined) p.fail(`hook ${name}: on route or on session must be set`);
  if (hook.argv.length === 0) p.fail(`hook ${name}: command must be set`);
  if (on === "session" && (hook.where || hook.tables.length > 0))
    p.fail(`hook ${name}: where and table are about routes`);
  change(c, { hooks: [...c.globals.linnet.hooks, { ...hook, on }] });
}

function parseHookOption(c: ConfigDraft, p: Parser, hook: HookDraft): boolean {
  if (acceptWord(p, "on")) {
    if (acceptWord(p, "route")) hook.on = "route";
    else {
      expectWord(p, "session");
      hook.on = "session";
    }
  } else if (acceptWord(p, "command")) hook.argv = parseList(p, () => parseText(p));
  else if (acceptWord(p, "where")) hook.where = parseWhere(p);
  else if (acceptWord(p, "protocol"))
    hook.protocols = [...hook.protocols, ...parseList(p, () => parseProtocolName(c, p).name)];
  else if (acceptWord(p, "table"))
    hook.tables = [...hook.tables, ...parseList(p, () => parseTable(tablesOf(c, p)).name)];
  else if (acceptWord(p, "timeout")) hook.timeoutMs = parseTimeMs(p);
  else if (acceptWord(p, "retries")) hook.retries = parseNumber(p);
  else return false;
  return true;
}

/** The same names, another text. */
function tablesOf(c: ConfigDraft, p: Parser): Pick<ConfigDraft, "p" | "tables"> {
  return { p, tables: c.tables };
}

function parseList<V>(p: Parser, item: () => V): V[] {
  const items = [item()];
  while (p.accept(T[","])) items.push(item());
  return items;
}

/** Options of a protocol that bird has no words for. */
function parseProtocolOptions(c: ConfigDraft, p: Parser): void {
  const protocol = parseProtocolName(c, p);
  const index = c.protocols.indexOf(protocol);
  parseBlock(p, () => {
    if (!acceptWord(p, "onlink")) return false;
    expectWord(p, "check");
    if (protocol.kind !== "bgp") p.fail(`protocol ${protocol.name} is no BGP session`);
    const onlinkCheck = parseSwitch(p);
    c.protocols[index] = { ...(c.protocols[index] as BgpConfig), onlinkCheck };
    return true;
  });
}

function parseProtocolName(c: ConfigDraft, p: Parser): ProtocolConfig {
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  const protocol = c.protocols.find(({ name }) => name === symbol.name);
  if (!protocol) p.fail("Protocol name required");
  p.take();
  return protocol;
}

function change(c: ConfigDraft, options: Partial<LinnetOptions>): void {
  c.globals.linnet = { ...c.globals.linnet, ...options };
}

const STATEMENTS = {
  identity: parseIdentity,
  log: parseLog,
  recording: parseRecording,
  hook: parseHook,
  protocol: parseProtocolOptions,
} as const;

/** Known by name, so that nobody takes silence for consent. */
const NOT_YET: ReadonlySet<string> = new Set(["http", "health", "follow", "metrics", "cluster"]);

const ALL_CLASSES = new Set(["debug", "trace", "info", "remote", "warning", "error", "auth", "fatal", "bug"] as const);
const HOOK_TIMEOUT_MS = 10_000;
const LARGEST_RECORDING = 256 << 20;

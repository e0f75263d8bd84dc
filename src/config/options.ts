/** Values that options take: numbers, switches, times, texts, addresses, interface lists. */

import { parsePrefixTail, plainIp, takeIp } from "../../protocol/policy/parse-net.ts";
import { parseInteger } from "../../protocol/policy/parse-set.ts";
import { parseTerm } from "../../protocol/policy/parse-term.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { Constant } from "../../protocol/policy/tree.ts";
import { Type } from "../../protocol/policy/types.ts";
import { type IpAddress, ipv4, type Prefix } from "../../protocol/wire/address.ts";
import type { InterfacePattern } from "./schema.ts";

/** A number, a constant's, or `( expression )`. */
export function parseNumber(p: Parser): number {
  if (!startsNumber(p)) p.unexpected();
  if (p.accept(T["("])) {
    const value = parseInteger(p, parseTerm);
    p.expect(T[")"]);
    return value;
  }
  if (p.peek() === T.NUM) {
    const value = p.number;
    p.take();
    return value;
  }
  const constant = constantOf(p, Type.Int);
  if (!constant) p.fail("Number constant expected");
  p.take();
  return constant.value as number;
}

export function startsNumber(p: Parser): boolean {
  return p.is(T.NUM) || p.is(T.CF_SYM_KNOWN) || p.is(T["("]);
}

/** What the symbol that stands there is, if it is a constant of one of these types. */
function constantOf(p: Parser, ...types: readonly Type[]): Constant | undefined {
  const { symbol } = p;
  return symbol.kind === "constant" && types.includes(symbol.term.type) ? symbol.term : undefined;
}

/** `on`, `yes`, a number but 0; `off`, `no`, 0; nothing means on. */
export function parseSwitch(p: Parser): boolean {
  if (startsNumber(p)) return parseNumber(p) !== 0;
  if (p.accept(T.ON) || p.accept(T.YES)) return true;
  return !(p.accept(T.OFF) || p.accept(T.NO));
}

/** Seconds, whole or not: `5 s`, `100 ms`, `20 us`. */
export function parseTime(p: Parser): number {
  const value = parseNumber(p);
  if (p.accept(T.S)) return value;
  if (p.accept(T.MS)) return value / 1000;
  p.expect(T.US);
  return value / 1_000_000;
}

export function parseTimeMs(p: Parser): number {
  return parseTime(p) * 1000;
}

/** A string or a constant's. */
export function parseText(p: Parser): string {
  if (!p.is(T.TEXT) && !p.is(T.CF_SYM_KNOWN)) p.unexpected();
  if (p.peek() === T.TEXT) return takeText(p);
  const constant = constantOf(p, Type.String);
  if (!constant) p.fail("String constant expected");
  p.take();
  return constant.value as string;
}

/** A string as it stands there. */
export function parseLiteral(p: Parser): string {
  if (!p.is(T.TEXT)) p.unexpected();
  return takeText(p);
}

export function takeText(p: Parser): string {
  const { text } = p;
  p.take();
  return text;
}

/** An address or a constant's. */
export function parseAddress(p: Parser): IpAddress {
  if (!startsAddress(p)) p.unexpected();
  if (p.peek() !== T.CF_SYM_KNOWN) return plainIp(takeIp(p));
  const constant = constantOf(p, Type.Ip);
  if (!constant) p.fail("IP address constant expected");
  p.take();
  return constant.value as IpAddress;
}

export function startsAddress(p: Parser): boolean {
  return p.is(T.IP4) || p.is(T.IP6) || p.is(T.CF_SYM_KNOWN);
}

/** `%eth0` behind a link-local address. */
export function parseScope(p: Parser): string | undefined {
  if (!p.accept(T["%"])) return undefined;
  return p.name();
}

/** An IP prefix or a constant's. */
export function parseNetwork(p: Parser): Prefix {
  if (!startsAddress(p)) p.unexpected();
  if (p.peek() !== T.CF_SYM_KNOWN) return parsePrefixTail(p, takeIp(p));
  const constant = constantOf(p, Type.Net);
  if (!constant) p.fail("IP network constant expected");
  p.take();
  return constant.value as Prefix;
}

/** A router id: a number, an IPv4 address, or a constant's. */
export function parseId(p: Parser): number {
  if (!p.is(T.IP4) && !startsNumber(p)) p.unexpected();
  const token = p.peek();
  if (token === T.IP4) {
    const value = p.number;
    p.take();
    return value;
  }
  if (token !== T.CF_SYM_KNOWN) return parseNumber(p);
  const constant = constantOf(p, Type.Int, Type.Ip, Type.Quad);
  const ip = constant?.type === Type.Ip ? (constant.value as IpAddress) : ipv4((constant?.value as number) ?? 0);
  if (!constant || ip.family !== 4) p.fail("Number or IPv4 address constant expected");
  p.take();
  return ip.w0;
}

/** `"eth*", -"lo", "eth*" 10.0.0.0/8, 192.168.0.0/16` */
export function parsePatterns(p: Parser, allowNets = true): InterfacePattern[] {
  const patterns: InterfacePattern[] = [];
  do patterns.push(parsePattern(p, allowNets));
  while (p.accept(T[","]));
  return patterns;
}

function parsePattern(p: Parser, allowNets: boolean): InterfacePattern {
  const negative = p.accept(T["-"]);
  if (p.is(T.TEXT)) {
    const name = takeText(p);
    if (!startsAddress(p)) return { negative, name };
    const prefix = parseMask(p);
    if (!allowNets) p.failAhead("Interface name/mask expected, not IP prefix");
    return { negative, name, prefix };
  }
  const prefix = parseMask(p);
  if (!allowNets) p.failAhead("Interface name/mask expected, not IP prefix");
  return { negative, prefix };
}

/** A prefix, or an address for itself. */
function parseMask(p: Parser): Prefix {
  if (!startsAddress(p)) p.unexpected();
  if (p.peek() === T.CF_SYM_KNOWN) {
    const constant = constantOf(p, Type.Net, Type.Ip);
    if (!constant) p.fail("IP address or network constant expected");
    p.take();
    const value = constant.value as Prefix;
    return "length" in value ? value : host(value);
  }
  const ip = takeIp(p);
  return p.is(T["/"]) ? parsePrefixTail(p, ip) : host(ip);
}

function host(ip: IpAddress): Prefix {
  return { ...ip, length: ip.family === 4 ? 32 : 128 };
}

/** `all`, `off`, or `{ a, b }` of these words. */
export function parseFlags<F extends string>(p: Parser, words: ReadonlyMap<Token, F>): ReadonlySet<F> {
  if (p.accept(T.ALL)) return new Set(words.values());
  if (p.accept(T.OFF)) return new Set();
  p.expect(T["{"]);
  return parseFlagList(p, words);
}

/** After `{`, up to and with `}`. */
export function parseFlagList<F extends string>(p: Parser, words: ReadonlyMap<Token, F>): ReadonlySet<F> {
  const flags = new Set<F>();
  do {
    if (!p.isKind(words)) p.unexpected();
    flags.add(words.get(p.peek()) as F);
    p.take();
  } while (p.accept(T[","]));
  p.expect(T["}"]);
  return flags;
}

/** One of these words. */
export function parseWord<V>(p: Parser, words: ReadonlyMap<Token, V>): V {
  if (!p.isKind(words)) p.unexpected();
  const value = words.get(p.peek()) as V;
  p.take();
  return value;
}

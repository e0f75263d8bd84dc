/**
 * Sets and their elements, as set literals and `case` labels write them:
 * `[1, 2..5]`, `[(65001, 1..5), (*, 3)]`, `[(rt, 1, *)]`, `[(1, 2, *)]`, `[10.0.0.0/8{16,24}]`.
 */
import { type IpAddress, ipv4, width } from "../wire/address.ts";
import { constant } from "./checker.ts";
import { type EcKind, ecConstructor } from "./instructions.ts";
import { parsePrefixTail, plainIp, takeIp } from "./parse-net.ts";
import type { Parser } from "./parser.ts";
import { type PrefixPattern, PrefixSet, validLengths } from "./prefix-set.ts";
import { type Interval, ValueSet } from "./sets.ts";
import { T } from "./tokens.ts";
import type { Constant, Term } from "./tree.ts";
import { isEnum, Type } from "./types.ts";

/** After `[`. */
export function parseSet(p: Parser, parseTerm: TermParser): Constant {
  if (p.accept(T["]"])) return constant(Type.Set, new ValueSet([]));
  if (p.is(T.IP4) || p.is(T.IP6)) {
    const ip = takeIp(p);
    if (p.is(T["/"])) return parsePrefixSet(p, ip);
    return parseItems(p, parseTerm, singleOrRange(p, parseTerm, { type: Type.Ip, value: plainIp(ip) }));
  }
  return parseItems(p, parseTerm, parseSetItem(p, parseTerm));
}

/** The rest of a set of values, up to and with `]`. */
function parseItems(p: Parser, parseTerm: TermParser, first: readonly Interval[]): Constant {
  const items = [...first];
  while (p.accept(T[","])) items.push(...parseSetItem(p, parseTerm));
  p.expect(T["]"]);
  return constant(Type.Set, new ValueSet(items));
}

/** The elements between `[` and `]` of a path mask: numbers only. */
export function parseNumberSet(p: Parser, parseTerm: TermParser): ValueSet {
  const items = [...parseSetItem(p, parseTerm)];
  while (p.accept(T[","])) items.push(...parseSetItem(p, parseTerm));
  p.expect(T["]"]);
  return new ValueSet(items);
}

export function parseSetItem(p: Parser, parseTerm: TermParser): readonly Interval[] {
  if (p.accept(T["("])) return parseTuple(p, parseTerm, true);
  return singleOrRange(p, parseTerm, parseAtom(p, true));
}

/** A label of `case`: no symbols, since a statement may begin with one. */
export function parseCaseItem(p: Parser, parseTerm: TermParser): readonly Interval[] {
  if (p.accept(T["("])) return parseTuple(p, parseTerm, false);
  return singleOrRange(p, parseTerm, parseAtom(p, false));
}

/** Whether a `case` label begins here. */
export function startsCaseItem(p: Parser): boolean {
  return p.is(T.NUM) || p.is(T["("]) || p.is(T.IP4) || p.is(T.IP6) || p.is(T.ENUM) || p.is(T.VPN_RD);
}

/** The grammar of expressions, which needs sets and which sets need. */
export type TermParser = (p: Parser) => Term;

interface Atom {
  readonly type: Type;
  readonly value: unknown;
}

function singleOrRange(p: Parser, parseTerm: TermParser, from: Atom): readonly Interval[] {
  if (!p.accept(T.DDOT)) return [{ type: from.type, from: from.value, to: from.value }];
  const to = p.accept(T["("]) ? parenthesized(p, parseTerm) : parseAtom(p, true);
  return [{ type: from.type, from: from.value, to: to.type === from.type ? to.value : from.value }];
}

function parseAtom(p: Parser, symbols: boolean): Atom {
  const token = p.peek();
  if (token === T.NUM) return taken(p, Type.Int, p.number);
  if (token === T.IP4) return taken(p, Type.Ip, ipv4(p.number));
  if (token === T.IP6) return taken(p, Type.Ip, plainIp(p.ip));
  if (token === T.ENUM) return taken(p, p.constant.type, p.constant.value);
  if (token === T.VPN_RD) return taken(p, Type.Rd, { hi: p.number, lo: p.lexer.low });
  if (symbols && token === T.CF_SYM_KNOWN) {
    const { symbol } = p;
    if (symbol.kind !== "constant") p.fail("Constant name required");
    const { type, value } = symbol.term;
    if (!isElement(type)) p.fail(`${symbol.name}: set-incompatible type`);
    return taken(p, type, value);
  }
  p.wantMany();
  p.unexpected();
}

function taken(p: Parser, type: Type, value: unknown): Atom {
  p.take();
  return { type, value };
}

function parenthesized(p: Parser, parseTerm: TermParser): Atom {
  const term = parseTerm(p);
  p.expect(T[")"]);
  if (term.kind !== "constant" || !isElement(term.type)) p.fail("Set-incompatible type");
  return term;
}

function isElement(type: Type): boolean {
  return ELEMENTS.has(type) || isEnum(type);
}

const ELEMENTS: ReadonlySet<Type> = new Set([Type.Int, Type.Pair, Type.Quad, Type.Ip, Type.Ec, Type.Lc, Type.Rd]);

/** A part of a tuple; `*` stands for all. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly kind: "one" | "range" | "all";
}

/** After `(`: a pair, an extended or a large community, each with ranges, or an expression in parentheses. */
function parseTuple(p: Parser, parseTerm: TermParser, symbols: boolean): readonly Interval[] {
  const kind = parseEcKind(p);
  if (kind !== undefined) return parseEcItem(p, parseTerm, kind);
  if (p.accept(T["*"])) {
    p.expect(T[","]);
    return parseBehindFirst(p, parseTerm, ALL);
  }
  const term = parseTerm(p);
  if (p.accept(T[")"])) {
    if (term.kind !== "constant" || !isElement(term.type)) p.fail("Set-incompatible type");
    return symbols || p.is(T.DDOT)
      ? singleOrRange(p, parseTerm, term)
      : [{ type: term.type, from: term.value, to: term.value }];
  }
  if (p.is(T[","]) || p.is(T.DDOT)) {
    const from = integer(p, term);
    const first = p.accept(T.DDOT) ? { from, to: parseInteger(p, parseTerm), kind: "range" as const } : one(from);
    p.expect(T[","]);
    return parseBehindFirst(p, parseTerm, first);
  }
  p.unexpected();
}

/** After `(first,`. */
function parseBehindFirst(p: Parser, parseTerm: TermParser, first: Part): readonly Interval[] {
  if (p.accept(T["*"])) {
    if (p.accept(T[")"])) return pairs(p, first, ALL);
    p.expect(T[","]);
    p.expect(T["*"]);
    p.expect(T[")"]);
    return [large(first, ALL, ALL)];
  }
  const second = parsePart(p, parseTerm);
  if (p.accept(T[")"])) return parseAfterPair(p, parseTerm, first, second);
  if (first.kind !== "one" || !p.accept(T[","])) p.unexpected();
  if (second.kind === "range") {
    p.expect(T["*"]);
    p.expect(T[")"]);
    return [large(first, second, ALL)];
  }
  const third = p.accept(T["*"]) ? ALL : parsePart(p, parseTerm);
  p.expect(T[")"]);
  if (third.kind !== "one" || !p.accept(T.DDOT)) return [large(first, second, third)];
  const end = parsePlainTuple(p, parseTerm, 3);
  return [{ type: Type.Lc, from: lc(first.from, second.from, third.from), to: lc(end[0], end[1], end[2]) }];
}

/** After a pair's `)`: perhaps `..(c, d)`. */
function parseAfterPair(p: Parser, parseTerm: TermParser, first: Part, second: Part): readonly Interval[] {
  const items = pairs(p, first, second);
  if (first.kind !== "one" || second.kind !== "one" || !p.accept(T.DDOT)) return items;
  const [asn, data] = parsePlainTuple(p, parseTerm, 2);
  if (asn < first.from || (asn === first.from && data < second.from)) p.fail(WRONG_ORDER);
  return [{ type: Type.Pair, from: first.from * 65536 + second.from, to: bounded(p, asn) * 65536 + bounded(p, data) }];
}

/** `(1, 2)`, `(1, 2, 3)`: no ranges. */
function parsePlainTuple(p: Parser, parseTerm: TermParser, count: 2 | 3): [number, number, number] {
  p.expect(T["("]);
  const values: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    if (i > 0) p.expect(T[","]);
    values[i] = parseInteger(p, parseTerm);
  }
  p.expect(T[")"]);
  return values;
}

function parsePart(p: Parser, parseTerm: TermParser): Part {
  const from = parseInteger(p, parseTerm);
  return p.accept(T.DDOT) ? { from, to: parseInteger(p, parseTerm), kind: "range" } : one(from);
}

/** A constant number, as any expression. */
export function parseInteger(p: Parser, parseTerm: TermParser): number {
  return integer(p, parseTerm(p));
}

function integer(p: Parser, term: { readonly kind: string; readonly type: Type }): number {
  const { kind, type, value } = term as Constant;
  if (kind === "constant" && type === Type.Int) return value as number;
  p.failAhead("Integer expression expected");
  return 0;
}

function one(value: number): Part {
  return { from: value, to: value, kind: "one" };
}

function pairs(p: Parser, first: Part, second: Part): readonly Interval[] {
  const [firstTo, secondTo] = [pairTo(first), pairTo(second)];
  for (const value of [first.from, firstTo, second.from, secondTo]) bounded(p, value);
  if (first.from > firstTo || second.from > secondTo) p.fail(WRONG_ORDER);
  const interval = (asn: number, to: number): Interval => ({
    type: Type.Pair,
    from: asn * 65536 + second.from,
    to: to * 65536 + secondTo,
  });
  // All second parts: one stretch of numbers. Else one for each first part.
  if (first.from === firstTo || (second.from === 0 && secondTo === 0xffff)) return [interval(first.from, firstTo)];
  return Array.from({ length: firstTo - first.from + 1 }, (_, i) => interval(first.from + i, first.from + i));
}

function pairTo(part: Part): number {
  return part.kind === "all" ? 0xffff : part.to;
}

function bounded(p: Parser, value: number): number {
  if (value > 0xffff) p.fail(`Value ${value} out of range (0-65535)`);
  return value;
}

function large(first: Part, second: Part, third: Part): Interval {
  return {
    type: Type.Lc,
    from: lc(first.from, second.from, third.from),
    to: lc(first.to, second.to, third.to),
  };
}

function lc(global: number, local1: number, local2: number): { global: number; local1: number; local2: number } {
  return { global, local1, local2 };
}

/** `rt`, `ro`, `unknown 0x4`, `generic`; undefined if none stands here. */
export function parseEcKind(p: Parser): EcKind | undefined {
  if (p.accept(T.RT)) return ROUTE_TARGET;
  if (p.accept(T.RO)) return ROUTE_ORIGIN;
  if (p.accept(T.GENERIC)) return "generic";
  if (!p.accept(T.UNKNOWN)) return undefined;
  if (!p.is(T.NUM)) p.unexpected();
  const kind = p.number;
  p.take();
  return kind;
}

/** After `(rt`: `, key, value)` with a range or `*` as value. */
function parseEcItem(p: Parser, parseTerm: TermParser, kind: EcKind): readonly Interval[] {
  p.expect(T[","]);
  const key = parseInteger(p, parseTerm);
  p.expect(T[","]);
  const wide = key > 0xffff && kind !== "generic";
  const value: Part = p.accept(T["*"])
    ? { from: 0, to: wide ? 0xffff : 0xffff_ffff, kind: "all" }
    : parsePart(p, parseTerm);
  p.expect(T[")"]);
  if (wide) bounded(p, value.to);
  const make = (number: number): unknown =>
    p.attempt(() =>
      ecConstructor(kind)
        .resolve([Type.Int, Type.Int])
        ?.run(key as never, number as never),
    );
  return [{ type: Type.Ec, from: make(value.from), to: make(value.to) }];
}

function parsePrefixSet(p: Parser, first: IpAddress): Constant {
  const patterns: PrefixPattern[] = [];
  for (let ip = first; ; ) {
    const pattern = parsePattern(p, ip);
    const closed = p.is(T["]"]);
    if (pattern.prefix.family !== first.family) p.fail("Mixed IPv4/IPv6 prefixes in prefix set");
    patterns.push(pattern);
    if (closed) break;
    p.expect(T[","]);
    if (!p.is(T.IP4) && !p.is(T.IP6)) p.unexpected();
    ip = takeIp(p);
  }
  p.take();
  return constant(Type.PrefixSet, new PrefixSet(patterns));
}

function parsePattern(p: Parser, ip: IpAddress): PrefixPattern {
  const prefix = parsePrefixTail(p, ip);
  const { length } = prefix;
  if (p.accept(T["+"])) return { prefix, low: length, high: width(prefix.family) };
  if (p.accept(T["-"])) return { prefix, low: 0, high: length };
  if (!p.accept(T["{"])) return { prefix, low: length, high: length };
  const low = parsePlainNumber(p);
  p.expect(T[","]);
  const high = parsePlainNumber(p);
  p.expect(T["}"]);
  if (!validLengths(prefix, low, high)) p.fail(`Invalid prefix pattern range: {${low}, ${high}}`);
  return { prefix, low, high };
}

function parsePlainNumber(p: Parser): number {
  if (!p.is(T.NUM)) p.unexpected();
  const value = p.number;
  p.take();
  return value;
}

const ALL: Part = { from: 0, to: 0xffff_ffff, kind: "all" };
const WRONG_ORDER = "From value cannot be higher that To value in pair sets";
const ROUTE_TARGET = 2;
const ROUTE_ORIGIN = 3;

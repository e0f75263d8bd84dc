/**
 * The operators and built-in functions of the filter language: one row each, with the name that bird's
 * messages use, the types it takes, and what it does. `Void` among the types says "any"; then `resolve`
 * finds what to do for the types at hand, at load where they are known, else while running.
 */
import { type AsPath, firstAs, pathLength, prepend } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import { SegmentType } from "../codec/iana.ts";
import type { Net } from "../rib/route.ts";
import { type IpAddress, prefixOf, width } from "../wire/address.ts";
import { Fault } from "./error.ts";
import type { Instruction, Resolution } from "./instruction.ts";
import { LIST_INSTRUCTIONS } from "./instructions-list.ts";
import { matchResolution, Unsuited } from "./match.ts";
import { EMPTY_LIST } from "./run.ts";
import { compareScalars, isOrdered, type OtherNet } from "./scalars.ts";
import { isNumeric, NetTypeNumber, Type } from "./types.ts";
import { formatValue, sameValue } from "./values.ts";

function plain(name: string, args: readonly Type[], type: Type, run: (...values: never[]) => unknown): Instruction {
  const resolution = { type, run };
  return { name, args, result: type, mismatch: "", resolve: () => resolution };
}

/** By the type of the first argument. */
function byType(
  name: string,
  result: Type,
  mismatch: string,
  rows: readonly (readonly [Type, (value: never) => unknown])[],
): Instruction {
  const table = new Map(rows.map(([type, run]) => [type, { type: result, run }]));
  return { name, args: [Type.Void], result, mismatch, resolve: ([type]) => table.get(type as Type) };
}

/** @param test by bird's order of the two: -1, 0, 1, and for strings the distance of the letters that differ */
function ordering(name: string, test: (order: number) => boolean): Instruction {
  const mismatch = "Can't compare values of incompatible types";
  const resolve = ([a, b]: readonly Type[]): Resolution | undefined => {
    // Void comes before all else.
    if (a === Type.Void || b === Type.Void) return fixedOrder(test, a === b ? 0 : a === Type.Void ? -1 : 1);
    if (a === Type.Quad && b === Type.Ip) return order(Type.Quad, test, same, quad);
    if (a === Type.Ip && b === Type.Quad) return order(Type.Quad, test, quad, same);
    if (a !== b || a === undefined || !isOrdered(a)) return undefined;
    if (isNumeric(a)) return { type: Type.Bool, run: (x: number, y: number) => test(x < y ? -1 : x > y ? 1 : 0) };
    if (a !== Type.String) return order(a, test, same, same);
    // As bird has it, which takes strcmp for one of -1, 0 and 1.
    return { type: Type.Bool, run: (x: string, y: string) => test(distance(x, y)) };
  };
  return { name, args: [Type.Void, Type.Void], result: Type.Bool, sameTypes: true, mismatch, resolve };
}

type Convert = (value: unknown) => unknown;

function order(type: Type, test: (order: number) => boolean, left: Convert, right: Convert): Resolution {
  return { type: Type.Bool, run: (a, b) => test(Math.sign(compareScalars(type, left(a), right(b)) ?? 0)) };
}

function fixedOrder(test: (order: number) => boolean, sign: number): Resolution {
  return { type: Type.Bool, run: () => test(sign) };
}

function distance(a: string, b: string): number {
  for (let i = 0; ; i++) {
    const difference = (a.charCodeAt(i) || 0) - (b.charCodeAt(i) || 0);
    if (difference !== 0 || i >= a.length) return difference;
  }
}

const same: Convert = (value) => value;
const quad: Convert = (value) => (value as IpAddress).w0;

function equality(name: string, wanted: boolean): Instruction {
  const resolve = ([a, b]: readonly Type[]): Resolution => {
    const [typeA, typeB] = [a ?? Type.Void, b ?? Type.Void];
    return { type: Type.Bool, run: (x, y) => sameValue(typeA, x, typeB, y) === wanted };
  };
  return { name, args: [Type.Void, Type.Void], result: Type.Bool, mismatch: "", resolve };
}

function matching(name: string, wanted: boolean, mismatch: string): Instruction {
  const resolve = ([a, b]: readonly Type[]): Resolution | undefined => {
    const test = matchResolution(a ?? Type.Void, b ?? Type.Void);
    if (!test) return undefined;
    const run = wanted ? test : (x: never, y: never): boolean => !test(x, y);
    if (b !== Type.Set && a !== Type.Ip) return { type: Type.Bool, run };
    return { type: Type.Bool, run: telling(run, mismatch) };
  };
  return { name, args: [Type.Void, Type.Void], result: Type.Bool, mismatch, resolve };
}

/** Sets and lists say only while running that they do not suit. */
function telling(test: (x: never, y: never) => boolean, mismatch: string): (x: never, y: never) => boolean {
  return (x, y) => {
    try {
      return test(x, y);
    } catch (thrown) {
      throw thrown instanceof Unsuited ? new Fault(mismatch) : thrown;
    }
  };
}

/** An extended community's subtype: route target, route origin, or any other; generic is the whole upper word. */
export type EcKind = number | "generic";

/** `(rt, key, value)`: one instruction for each kind. */
export function ecConstructor(kind: EcKind): Instruction {
  const resolve = ([keyType]: readonly Type[]): Resolution => ({
    type: Type.Ec,
    run: (key: unknown, value: number) => extended(kind, keyType ?? Type.Void, key, value),
  });
  return {
    name: "EC_CONSTRUCT",
    detail: String(kind),
    args: [Type.Void, Type.Int],
    result: Type.Ec,
    mismatch: "",
    resolve,
  };
}

function extended(kind: EcKind, keyType: Type, key: unknown, value: number): ExtCommunity {
  const isIp = keyType === Type.Ip && (key as IpAddress).family === 4;
  const address = isIp || keyType === Type.Quad;
  if (!address && keyType !== Type.Int) {
    const got = keyType.toString(16).padStart(2, "0");
    throw new Fault(`Argument 1 of EC constructor must be integer or IPv4 address, got 0x${got}`);
  }
  const number = isIp ? (key as IpAddress).w0 : (key as number);
  if (kind === "generic") return { hi: number, lo: value };
  if (!address && number <= 0xffff) return { hi: ((kind << 16) | number) >>> 0, lo: value };
  if (value > 0xffff) {
    const what = address ? "IP-address key" : "4-byte ASN";
    throw new Fault(`4-byte value ${value} can't be used with ${what} in extended community`);
  }
  const form = address ? 0x0100_0000 : 0x0200_0000;
  return { hi: (form | (kind << 16) | (number >>> 16)) >>> 0, lo: ((number << 16) | value) >>> 0 };
}

function pair(asn: number, data: number): number {
  if (asn > 0xffff || data > 0xffff) throw new Fault("Can't operate with value out of bounds in pair constructor");
  return asn * 0x1_0000 + data;
}

function divide(a: number, b: number): number {
  if (b === 0) throw new Fault("Mother told me not to divide by 0");
  return Math.trunc(a / b);
}

function netType(net: Net | OtherNet): number {
  if ("netType" in net) return net.netType;
  if ("asn" in net) return net.family === 4 ? NetTypeNumber.Roa4 : NetTypeNumber.Roa6;
  return net.family === 4 ? NetTypeNumber.Ip4 : NetTypeNumber.Ip6;
}

/** Of a ROA only. */
function roa(net: Net): { readonly maxLength: number; readonly asn: number } {
  if (!("asn" in net)) throw new Fault("ROA expected");
  return net;
}

function unsupported(message: string): () => never {
  return () => {
    throw new Fault(message);
  };
}

/** The origin before any aggregation: the last AS of the sequences ahead of the first set. */
function lastNonaggregated(path: AsPath): number {
  let last = 0;
  for (const { type, asns } of path) {
    if (type === SegmentType.AsSet || type === SegmentType.AsConfedSet) break;
    last = asns.at(-1) ?? last;
  }
  return last;
}

/** bird's `.last`: 0 where the path ends in a set. */
function last(path: AsPath): number {
  const segment = path.at(-1);
  if (!segment || segment.type === SegmentType.AsSet || segment.type === SegmentType.AsConfedSet) return 0;
  return segment.asns.at(-1) ?? 0;
}

function mask(ip: IpAddress, length: number): IpAddress {
  // Beyond its width bird's shift starts over.
  const bits = length > width(ip.family) && ip.family === 4 ? ((length - 1) & 31) + 1 : length;
  const { family, w0, w1, w2, w3 } = prefixOf(ip, Math.min(bits, width(ip.family)));
  return { family, w0, w1, w2, w3 };
}

const { Int, Bool, Void, Net: NetT, Ip, Path, Lc, Pair } = Type;

export type InstructionName =
  | "ADD"
  | "SUBTRACT"
  | "MULTIPLY"
  | "DIVIDE"
  | "NOT"
  | "EQ"
  | "NEQ"
  | "LT"
  | "LTE"
  | "MATCH"
  | "NOT_MATCH"
  | "DEFINED"
  | "PAIR_CONSTRUCT"
  | "LC_CONSTRUCT"
  | "TYPE"
  | "IS_V4"
  | "IP"
  | "LENGTH"
  | "ROA_MAXLEN"
  | "ASN"
  | "NET_SRC"
  | "NET_DST"
  | "ROUTE_DISTINGUISHER"
  | "AS_PATH_FIRST"
  | "AS_PATH_LAST"
  | "AS_PATH_LAST_NAG"
  | "PAIR_DATA"
  | "LC_DATA1"
  | "LC_DATA2"
  | "IP_MASK"
  | "PATH_PREPEND"
  | "FORMAT"
  | "FROM_HEX"
  | "CLIST_ADD"
  | "CLIST_DEL"
  | "CLIST_FILTER"
  | "MIN"
  | "MAX";

export const INSTRUCTIONS: { readonly [K in InstructionName]: Instruction } = {
  ADD: plain("ADD", [Int, Int], Int, (a: number, b: number) => (a + b) >>> 0),
  SUBTRACT: plain("SUBTRACT", [Int, Int], Int, (a: number, b: number) => (a - b) >>> 0),
  MULTIPLY: plain("MULTIPLY", [Int, Int], Int, (a: number, b: number) => Math.imul(a, b) >>> 0),
  DIVIDE: plain("DIVIDE", [Int, Int], Int, divide),
  NOT: plain("NOT", [Bool], Bool, (a: boolean) => !a),
  EQ: equality("EQ", true),
  NEQ: equality("NEQ", false),
  LT: ordering("LT", (sign) => sign === -1),
  LTE: ordering("LTE", (sign) => sign !== 1),
  MATCH: matching("MATCH", true, "~ applied on unknown type pair"),
  NOT_MATCH: matching("NOT_MATCH", false, "!~ applied on unknown type pair"),
  DEFINED: {
    name: "DEFINED",
    args: [Void],
    result: Bool,
    mismatch: "",
    resolve: ([type]: readonly Type[]): Resolution => ({
      type: Bool,
      run: (value: unknown) => type !== Void && value !== EMPTY_LIST,
    }),
  },
  PAIR_CONSTRUCT: plain("PAIR_CONSTRUCT", [Int, Int], Pair, pair),
  LC_CONSTRUCT: plain("LC_CONSTRUCT", [Int, Int, Int], Lc, (global: number, local1: number, local2: number) => ({
    global,
    local1,
    local2,
  })),
  TYPE: byType("TYPE", Type.EnumNetType, "Can't determine type of this item", [[NetT, netType]]),
  IS_V4: plain("IS_V4", [Ip], Bool, (ip: IpAddress) => ip.family === 4),
  IP: plain("IP", [NetT], Ip, ({ family, w0, w1, w2, w3 }: Net) => ({ family, w0, w1, w2, w3 })),
  LENGTH: byType("LENGTH", Int, "Prefix, path, clist or eclist expected", [
    [NetT, (net: Net) => net.length],
    [Path, pathLength],
    [Type.Clist, (list: readonly number[]) => list.length],
    [Type.Eclist, (list: readonly ExtCommunity[]) => list.length],
    [Type.Lclist, (list: readonly LargeCommunity[]) => list.length],
  ]),
  ROA_MAXLEN: plain("ROA_MAXLEN", [NetT], Int, (net: Net) => roa(net).maxLength),
  ASN: byType("ASN", Int, "Net, pair or lc expected", [
    [NetT, (net: Net) => roa(net).asn],
    [Pair, (value: number) => value >>> 16],
    [Lc, (value: LargeCommunity) => value.global],
  ]),
  NET_SRC: plain("NET_SRC", [NetT], NetT, unsupported("Flow or SADR expected")),
  NET_DST: plain("NET_DST", [NetT], NetT, unsupported("Flow or SADR expected")),
  ROUTE_DISTINGUISHER: plain("ROUTE_DISTINGUISHER", [NetT], Type.Rd, unsupported("VPN address expected")),
  AS_PATH_FIRST: plain("AS_PATH_FIRST", [Path], Int, (path: AsPath) => firstAs(path) ?? 0),
  AS_PATH_LAST: plain("AS_PATH_LAST", [Path], Int, last),
  AS_PATH_LAST_NAG: plain("AS_PATH_LAST_NAG", [Path], Int, lastNonaggregated),
  PAIR_DATA: plain("PAIR_DATA", [Pair], Int, (value: number) => value & 0xffff),
  LC_DATA1: plain("LC_DATA1", [Lc], Int, (value: LargeCommunity) => value.local1),
  LC_DATA2: plain("LC_DATA2", [Lc], Int, (value: LargeCommunity) => value.local2),
  IP_MASK: plain("IP_MASK", [Ip, Int], Ip, mask),
  PATH_PREPEND: plain("PATH_PREPEND", [Path, Int], Path, (path: AsPath, asn: number) => prepend(path, asn)),
  FORMAT: {
    name: "FORMAT",
    args: [Void],
    result: Type.String,
    mismatch: "",
    resolve: ([type]: readonly Type[]): Resolution => ({
      type: Type.String,
      run: (value: unknown) => formatValue(type ?? Void, value),
    }),
  },
  /** Of newer birds: the octets that a string of hexadecimal digits means. */
  FROM_HEX: plain("FROM_HEX", [Type.String], Type.Bytes, fromHex),
  ...LIST_INSTRUCTIONS,
};

function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[:\s]/g, "");
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw new Fault("Invalid hex string");
  return Uint8Array.from(digits.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}

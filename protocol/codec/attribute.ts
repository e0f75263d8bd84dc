/**
 * The attribute list of an UPDATE: the walk over it, with the order of checks of RFC 7606, and the
 * list to send.
 *
 *   | flags 1 | code 1 | length 1, or 2 with the extended-length bit | value |   (octets), repeated
 */
import { type ByteReader, ByteWriter, ShortRead } from "../wire/bytes.ts";
import { withoutConfederation } from "./as-path.ts";
import { ATTRIBUTES, type AttributeCodec, type AttributeKey, type Mutable } from "./attribute-table.ts";
import type { CodecContext } from "./capability.ts";
import { type AttributeFault, addFault, type Fault, inOctets, Malformed, type Severity, survivable } from "./error.ts";
import { AttributeCode, attributeName, ErrorCode, Flags, UpdateSubcode } from "./iana.ts";
import { type PathAttributes, settleAttributes, type UnknownAttribute } from "./path-attributes.ts";

export { ATTRIBUTES, type AttributeCodec, type AttributeKey } from "./attribute-table.ts";
export {
  type Aggregator,
  type Aigp,
  forwardUnknown,
  mergeAs4,
  type PathAttributes,
  settleAttributes,
  type UnknownAttribute,
} from "./path-attributes.ts";

/** An attribute as it stands in the list, for tools. */
export interface WireAttribute {
  readonly code: number;
  /** As received, all eight bits. */
  readonly flags: number;
  /** A view of the message. */
  readonly value: Uint8Array;
  /** Of its flags octet, from the start of the marker. */
  readonly offset: number;
  /** Neither malformed nor a repetition: it is in the decoded set. */
  readonly used: boolean;
}

/** A list as it was read, before anybody reacts to its faults. */
export interface WalkedAttributes {
  /** As on the wire: AS4_PATH not merged. */
  readonly attributes: PathAttributes;
  /** In wire order. */
  readonly faults: readonly Fault[];
  /** The list could not be read to its end. */
  readonly cut: boolean;
  /** Codes that were there, malformed ones too. */
  readonly seen: CodeSet;
}

/** Attribute codes: bits for the usual ones, since every UPDATE needs such a set. */
export class CodeSet {
  #low = 0;
  #high = 0;
  #others: Set<number> | undefined;

  has(code: number): boolean {
    if (code < 32) return (this.#low & (1 << code)) !== 0;
    if (code < 64) return (this.#high & (1 << (code - 32))) !== 0;
    return this.#others?.has(code) ?? false;
  }

  /** @returns false if it was there before */
  add(code: number): boolean {
    if (this.has(code)) return false;
    if (code < 32) this.#low |= 1 << code;
    else if (code < 64) this.#high |= 1 << (code - 32);
    else (this.#others ??= new Set()).add(code);
    return true;
  }
}

/** MP_REACH_NLRI and MP_UNREACH_NLRI first (RFC 7606 §5.1), then ascending by code (RFC 4271 §5). */
export function encodeAttributes(w: ByteWriter, attributes: PathAttributes, context: CodecContext): void {
  const a = context.as4 ? attributes : splitAs4(attributes);
  const unknown = [...(a.unknown ?? [])].sort((x, y) => x.code - y.code);
  let next = 0;
  for (const row of SENDING_ORDER) {
    const value = a[row.key];
    if (value === undefined) continue;
    // The MP attributes come first whatever their code.
    if (!MP_KEYS.has(row.key))
      while (next < unknown.length && unknown[next]!.code < row.codec.code) encodeUnknown(w, unknown[next++]!);
    const octets = new ByteWriter(64);
    (row.codec as AttributeCodec<unknown>).encode(octets, value, context);
    const partial = a.partial?.includes(row.codec.code) ? Flags.Partial : 0;
    writeAttribute(w, row.codec.flags | partial, row.codec.code, octets.finish());
  }
  while (next < unknown.length) encodeUnknown(w, unknown[next++]!);
}

/**
 * Reads an attribute list to the reader's end.
 * @throws NotificationError for what ends the session in any UPDATE; an UPDATE without reachable
 * NLRI escalates further (see update.ts)
 */
export function decodeAttributes(
  r: ByteReader,
  context: CodecContext,
): { attributes: PathAttributes; faults: readonly AttributeFault[] } {
  const { attributes, faults } = walkAttributes(r, context);
  return { attributes: settleAttributes(attributes, context), faults: survivable(faults) };
}

/** Where the first attribute of a code begins, in a list that has one. */
export function attributeOffset(octets: Uint8Array, start: number, code: number): number {
  let at = start;
  while (at + 3 < octets.length && octets[at + 1] !== code) {
    const wide = (octets[at]! & Flags.ExtendedLength) !== 0;
    at += wide ? 4 + (octets[at + 2]! << 8) + octets[at + 3]! : 3 + octets[at + 2]!;
  }
  return at;
}

/** The walk itself; never throws. @param wire gets each attribute as it stands, if given */
export function walkAttributes(r: ByteReader, context: CodecContext, wire?: WireAttribute[]): WalkedAttributes {
  const walk: Walk = {
    context,
    found: {},
    unknown: undefined,
    partial: undefined,
    faults: [],
    seen: new CodeSet(),
    wire,
  };
  let cut = false;
  while (r.left > 0 && !cut) cut = !walkOne(r, walk);
  const { found, unknown, partial } = walk;
  if (unknown) found.unknown = unknown.sort((a, b) => a.code - b.code);
  if (partial) found.partial = partial.sort((a, b) => a - b);
  return { attributes: found, faults: walk.faults, cut, seen: walk.seen };
}

interface Walk {
  readonly context: CodecContext;
  readonly found: Mutable<PathAttributes>;
  unknown: UnknownAttribute[] | undefined;
  partial: number[] | undefined;
  readonly faults: Fault[];
  readonly seen: CodeSet;
  readonly wire: WireAttribute[] | undefined;
}

/** One attribute; false if the list cannot be read on (RFC 7606 §4). */
function walkOne(r: ByteReader, walk: Walk): boolean {
  const offset = r.at;
  const { left } = r;
  const flags = r.peek();
  const wide = (flags & Flags.ExtendedLength) !== 0;
  if (left < (wide ? 4 : 3)) {
    const reason = `${inOctets(left)} left in the attribute list, too few for an attribute`;
    fault(walk, "treat-as-withdraw", 0, UpdateSubcode.MalformedAttributeList, reason, offset);
    return false;
  }
  r.skip(1);
  const code = r.u8();
  const length = wide ? r.u16() : r.u8();
  if (length > r.left) {
    overrun(walk, code, length, r.left, offset);
    return false;
  }
  const start = r.at;
  const outer = r.enter(length);
  const used = walk.seen.add(code) ? readOne(r, walk, flags, code, offset) : repeated(walk, code, offset);
  r.leave(outer);
  walk.wire?.push({ code, flags, value: r.between(start, start + length), offset, used });
  return true;
}

/** Checks and takes the first attribute of its code, whose value `r` is in; false if it is not used. */
function readOne(r: ByteReader, walk: Walk, flags: number, code: number, offset: number): boolean {
  const row = ROWS[code];
  const end = r.at + r.left;
  if (row === undefined) return takeUnknown(r, walk, flags, code, offset);
  const refused = row.refuse?.(walk.context);
  if (refused) {
    fault(walk, "attribute-discard", code, UpdateSubcode.MalformedAttributeList, refused, offset);
    return false;
  }
  const value = conflict(row, flags, r.left) ?? decodeValue(row, r, walk.context);
  if (value instanceof Malformed) {
    // Whatever is wrong with the MP attributes is an optional attribute error (RFC 4760 §7).
    const subcode = row.onMalformed === "session-reset" ? UpdateSubcode.OptionalAttribute : value.subcode;
    fault(walk, row.onMalformed, code, subcode, value.reason, value.offset ?? offset, r.between(offset, end));
    return false;
  }
  row.put(walk.found, value);
  if ((flags & Flags.Partial) !== 0 && row.flags === (Flags.Optional | Flags.Transitive))
    (walk.partial ??= []).push(code);
  return true;
}

/** Flags (RFC 7606 §3(c)), then length (RFC 4271 §6.3). Partial where it does not belong is ignored. */
function conflict(row: AttributeCodec<unknown>, flags: number, left: number): Malformed | undefined {
  const { code } = row;
  if (((flags ^ row.flags) & (Flags.Optional | Flags.Transitive)) !== 0) {
    const reason = `${attributeName(code)} is flagged ${kind(flags)}, must be ${kind(row.flags)}`;
    return new Malformed(UpdateSubcode.AttributeFlags, reason);
  }
  if (row.length !== undefined && left !== row.length) {
    return new Malformed(
      UpdateSubcode.AttributeLength,
      `${attributeName(code)} of ${inOctets(left)}, must be ${row.length}`,
    );
  }
  if (row.item !== undefined && (left === 0 || left % row.item !== 0)) {
    const must = left === 0 ? "must not be empty" : `must be a multiple of ${row.item}`;
    return new Malformed(UpdateSubcode.AttributeLength, `${attributeName(code)} of ${inOctets(left)}, ${must}`);
  }
  return undefined;
}

/** A row that reads beyond its value has found a malformed one. */
function decodeValue(row: AttributeCodec<unknown>, value: ByteReader, context: CodecContext): unknown {
  try {
    return row.decode(value, context);
  } catch (error) {
    if (!(error instanceof ShortRead)) throw error;
    return new Malformed(
      UpdateSubcode.AttributeLength,
      `${attributeName(row.code)} is too short: ${error.message}`,
      value.at,
    );
  }
}

/**
 * Not looked into. An attribute that claims to be well-known and is not known (RFC 4271 §6.3) costs
 * its routes, not the session: deployed speakers agree on that.
 */
function takeUnknown(r: ByteReader, walk: Walk, flags: number, code: number, offset: number): boolean {
  if ((flags & Flags.Optional) === 0) {
    const known = attributeName(code) !== `attribute ${code}`;
    const severity = DISCARD_IF_MALFORMED.has(code) ? "attribute-discard" : "treat-as-withdraw";
    const subcode = known ? UpdateSubcode.AttributeFlags : UpdateSubcode.UnrecognizedWellKnown;
    const reason = `${attributeName(code)} is flagged well-known, and we do not know it`;
    fault(walk, severity, code, subcode, reason, offset, r.between(offset, r.at + r.left));
    return false;
  }
  const kept = flags & (Flags.Optional | Flags.Transitive | Flags.Partial);
  (walk.unknown ??= []).push({ code, flags: kept, value: r.copy(r.left) });
  return true;
}

/** RFC 7606 §3(g): the first counts, even when the rest is malformed; but not for the NLRI. */
function repeated(walk: Walk, code: number, offset: number): false {
  const mp = code === AttributeCode.MpReachNlri || code === AttributeCode.MpUnreachNlri;
  const severity = mp ? "session-reset" : "attribute-discard";
  fault(
    walk,
    severity,
    code,
    UpdateSubcode.MalformedAttributeList,
    `${attributeName(code)} stands twice in the message`,
    offset,
  );
  return false;
}

/** The list's last attribute does not end with it. With the NLRI in it nothing can be withdrawn (RFC 7606 §3(j)). */
function overrun(walk: Walk, code: number, length: number, left: number, offset: number): void {
  const mp = code === AttributeCode.MpReachNlri || code === AttributeCode.MpUnreachNlri;
  const reason = `${attributeName(code)} of ${inOctets(length)} overruns the attribute list: ${left} are left`;
  if (mp) fault(walk, "session-reset", code, UpdateSubcode.OptionalAttribute, reason, offset);
  else fault(walk, "treat-as-withdraw", code, UpdateSubcode.MalformedAttributeList, reason, offset);
}

function fault(
  walk: Walk,
  severity: Severity,
  attribute: number,
  subcode: number,
  reason: string,
  offset: number,
  whole?: Uint8Array,
): void {
  const base = { severity, attribute, code: ErrorCode.Update, subcode, reason, offset };
  addFault(walk.faults, whole && CARRY_ATTRIBUTE.has(subcode) ? { ...base, data: whole.slice() } : base);
}

function writeAttribute(w: ByteWriter, flags: number, code: number, value: Uint8Array): void {
  if (value.length > 0xffff) throw new RangeError(`${attributeName(code)} of ${inOctets(value.length)}`);
  if (value.length > 255)
    w.u8(flags | Flags.ExtendedLength)
      .u8(code)
      .u16(value.length);
  else
    w.u8(flags & ~Flags.ExtendedLength)
      .u8(code)
      .u8(value.length);
  w.bytes(value);
}

/** Copied, with a length of our own (the incident of attribute 99: the old length octet was kept). */
function encodeUnknown(w: ByteWriter, { code, flags, value }: UnknownAttribute): void {
  writeAttribute(w, flags & (Flags.Optional | Flags.Transitive | Flags.Partial), code, value);
}

/** Towards a two-octet speaker: what AS_TRANS hides goes into AS4_PATH and AS4_AGGREGATOR (RFC 6793 §4.2.2). */
function splitAs4(a: PathAttributes): PathAttributes {
  const path = a.asPath?.some(({ asns }) => asns.some((asn) => asn > 0xffff)) ? a.asPath : undefined;
  const wideAggregator = a.aggregator && a.aggregator.asn > 0xffff ? a.aggregator : undefined;
  const as4Path = a.as4Path ?? (path && withoutConfederation(path));
  const as4Aggregator = a.as4Aggregator ?? wideAggregator;
  return {
    ...a,
    ...(as4Path && as4Path.length > 0 ? { as4Path } : {}),
    ...(as4Aggregator ? { as4Aggregator } : {}),
  };
}

function kind(flags: number): string {
  if ((flags & Flags.Optional) === 0)
    return (flags & Flags.Transitive) === 0 ? "neither optional nor transitive" : "well-known";
  return (flags & Flags.Transitive) === 0 ? "optional non-transitive" : "optional transitive";
}

/** By code: the row of the attribute that has it. */
const ROWS: readonly (AttributeCodec<unknown> | undefined)[] = (() => {
  const rows = new Array<AttributeCodec<unknown> | undefined>(256).fill(undefined);
  for (const row of Object.values(ATTRIBUTES)) rows[row.code] = row as AttributeCodec<unknown>;
  return rows;
})();

const MP_KEYS: ReadonlySet<AttributeKey> = new Set(["mpReach", "mpUnreach"]);

const SENDING_ORDER: readonly { readonly key: AttributeKey; readonly codec: AttributeCodec<never> }[] = (
  Object.keys(ATTRIBUTES) as AttributeKey[]
)
  .map((key) => ({ key, codec: ATTRIBUTES[key] as AttributeCodec<never> }))
  .sort((a, b) => Number(MP_KEYS.has(b.key)) - Number(MP_KEYS.has(a.key)) || a.codec.code - b.codec.code);

/** Subcodes whose data is the whole attribute (RFC 4271 §6.3). */
const CARRY_ATTRIBUTE: ReadonlySet<number> = new Set([
  UpdateSubcode.UnrecognizedWellKnown,
  UpdateSubcode.AttributeFlags,
  UpdateSubcode.AttributeLength,
  UpdateSubcode.InvalidOrigin,
  UpdateSubcode.InvalidNextHop,
  UpdateSubcode.OptionalAttribute,
]);

/** Not looked into, but their RFCs say what a malformed one costs: RFC 8669 §6, RFC 9552 §8.2.2, RFC 9012 §13. */
const DISCARD_IF_MALFORMED: ReadonlySet<number> = new Set([
  AttributeCode.PrefixSid,
  AttributeCode.BgpLs,
  AttributeCode.TunnelEncapsulation,
]);

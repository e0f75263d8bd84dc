/**
 * What an UPDATE itself tells about how it is to be read, for those who have not seen the OPENs: the width of AS numbers,
 * and whether prefixes have path identifiers. Finds the parts by their lengths only; judging them is the codec's work.
 */
import { type FamilyKey, familyKey } from "../codec/capability.ts";
import { Afi, AttributeCode, MessageType, Safi, SegmentType } from "../codec/iana.ts";
import { HEADER_LENGTH } from "../codec/message.ts";
import { u16be, u32be } from "./input.ts";

/** A part of some octets: from `start` up to `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The value of an attribute, and where its flags are. */
export interface AttributeSpan extends Span {
  readonly head: number;
}

/** The attributes that matter here, where they are. */
export interface Found {
  asPath?: AttributeSpan;
  aggregator?: AttributeSpan;
  as4Path?: AttributeSpan;
  mpReach?: AttributeSpan;
  mpUnreach?: AttributeSpan;
}

/** Whether AS numbers have four octets, and whether that is the only way to read them. */
export interface WidthGuess {
  readonly as4: boolean;
  readonly sure: boolean;
}

/** Where the attributes of a whole UPDATE are; undefined if it is none, or its lengths do not fit. */
export function attributesOf(message: Uint8Array): Span | undefined {
  if (message[18] !== MessageType.Update || message.length < 23) return undefined;
  const at = HEADER_LENGTH + 2 + u16be(message, HEADER_LENGTH);
  if (at + 2 > message.length) return undefined;
  const end = at + 2 + u16be(message, at);
  return end <= message.length ? { start: at + 2, end } : undefined;
}

/** The first of each, as far as the list of attributes can be walked. */
export function findAttributes(o: Uint8Array, { start, end }: Span): Found {
  const found: Found = {};
  for (let at = start; at + 3 <= end; ) {
    const extended = (o[at]! & EXTENDED_LENGTH) !== 0;
    if (extended && at + 4 > end) break;
    const value = at + (extended ? 4 : 3);
    const stop = value + (extended ? u16be(o, at + 2) : o[at + 2]!);
    if (stop > end) break;
    const name = WANTED.get(o[at + 1]!);
    if (name) found[name] ??= { head: at, start: value, end: stop };
    at = stop;
  }
  return found;
}

/** Whether AS_PATH segments of this width fill the attribute exactly: by lengths alone, whatever the numbers are. */
export function pathFits(o: Uint8Array, { start, end }: Span, width: 2 | 4): boolean {
  let at = start;
  while (at + 2 <= end) {
    const type = o[at]!;
    const count = o[at + 1]!;
    if (type < SegmentType.AsSet || type > SegmentType.AsConfedSet || count === 0) return false;
    at += 2 + count * width;
  }
  return at === end;
}

/** For a stream of which no OPEN was seen. */
export function guessWidth(o: Uint8Array, found: Found): WidthGuess {
  const { asPath, aggregator, as4Path } = found;
  const two = asPath !== undefined && asPath.end > asPath.start && pathFits(o, asPath, 2);
  const four = asPath !== undefined && asPath.end > asPath.start && pathFits(o, asPath, 4);
  if (two !== four) return { as4: four, sure: true };
  const length = aggregator ? aggregator.end - aggregator.start : 0;
  if (length === 6 || length === 8) return { as4: length === 8, sure: false };
  return { as4: !two || (!as4Path && allPlausible(o, asPath!)), sure: false };
}

/** For MRT, whose record type should tell: the other width only where that alone fits. */
export function correctWidth(o: Uint8Array, { asPath }: Found, as4: boolean): boolean {
  if (!asPath || pathFits(o, asPath, as4 ? 4 : 2)) return as4;
  return pathFits(o, asPath, as4 ? 2 : 4) ? !as4 : as4;
}

/** The families whose prefixes in this UPDATE can only be read with path identifiers (RFC 7911 §3). */
export function pathIdFamilies(message: Uint8Array, attributes: Span, found: Found): readonly FamilyKey[] {
  const plain =
    prefixesFit(message, HEADER_LENGTH + 2, attributes.start - 2, 32, 0) &&
    prefixesFit(message, attributes.end, message.length, 32, 0) &&
    !found.mpReach &&
    !found.mpUnreach;
  if (plain) return NO_FAMILIES;
  const parts = new Map<FamilyKey, Part[]>();
  for (const part of partsOf(message, attributes, found)) {
    const bits = addressBits(part.afi, part.safi);
    if (bits === undefined) continue;
    const key = familyKey(part.afi, part.safi);
    parts.set(key, [...(parts.get(key) ?? []), part]);
  }
  return [...parts.keys()].filter((key) => {
    const fits = (idOctets: number) => (part: Part) =>
      prefixesFit(message, part.start, part.end, addressBits(part.afi, part.safi)!, idOctets);
    return !parts.get(key)!.every(fits(0)) && parts.get(key)!.every(fits(4));
  });
}

interface Part extends Span {
  readonly afi: number;
  readonly safi: number;
}

/** Where an UPDATE has prefixes, as far as they can be found. */
function partsOf(message: Uint8Array, attributes: Span, { mpReach, mpUnreach }: Found): Part[] {
  const ipv4 = { afi: Afi.Ipv4, safi: Safi.Unicast };
  const parts: Part[] = [
    { ...ipv4, start: HEADER_LENGTH + 2, end: attributes.start - 2 },
    { ...ipv4, start: attributes.end, end: message.length },
  ];
  if (mpReach && mpReach.end - mpReach.start >= 5) {
    const start = mpReach.start + 5 + message[mpReach.start + 3]!;
    if (start <= mpReach.end) parts.push({ ...familyAt(message, mpReach.start), start, end: mpReach.end });
  }
  if (mpUnreach && mpUnreach.end - mpUnreach.start >= 3) {
    parts.push({ ...familyAt(message, mpUnreach.start), start: mpUnreach.start + 3, end: mpUnreach.end });
  }
  return parts;
}

/** Undefined for families whose prefixes are something else. */
export function addressBits(afi: number, safi: number): 32 | 128 | undefined {
  if (safi !== Safi.Unicast && safi !== Safi.Multicast) return undefined;
  return afi === Afi.Ipv4 ? 32 : afi === Afi.Ipv6 ? 128 : undefined;
}

/** Sixteen octets of ones. */
export function isMarker(o: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 16; i++) if (o[i] !== 0xff) return false;
  return true;
}

/** @param idOctets before each prefix: 0 or 4 */
export function prefixesFit(o: Uint8Array, start: number, end: number, bits: number, idOctets: number): boolean {
  let at = start;
  while (at + idOctets < end) {
    const length = o[at + idOctets]!;
    if (length > bits) return false;
    at += idOctets + 1 + ((length + 7) >> 3);
  }
  return at === end;
}

/** Numbers as they are given out: a path of two-octet ones read as four-octet ones has others. */
function allPlausible(o: Uint8Array, { start, end }: Span): boolean {
  for (let at = start; at + 2 <= end; ) {
    const stop = at + 2 + o[at + 1]! * 4;
    for (let as = at + 2; as < stop; as += 4) if (u32be(o, as) >= UNLIKELY_AS) return false;
    at = stop;
  }
  return true;
}

function familyAt(o: Uint8Array, at: number): { afi: number; safi: number } {
  return { afi: u16be(o, at), safi: o[at + 2]! };
}

const NO_FAMILIES: readonly FamilyKey[] = [];
const EXTENDED_LENGTH = 0x10;
/** High halves from here on are rather two-octet numbers of their own. */
const UNLIKELY_AS = 64 << 16;
const WANTED = new Map<number, keyof Found>([
  [AttributeCode.AsPath, "asPath"],
  [AttributeCode.Aggregator, "aggregator"],
  [AttributeCode.As4Path, "as4Path"],
  [AttributeCode.MpReachNlri, "mpReach"],
  [AttributeCode.MpUnreachNlri, "mpUnreach"],
]);

/**
 * A quick look at messages and attribute lists, for counting: no objects, no text (bench/decode.ts pays for it).
 *
 * It knows only what is plainly sound and common. Whatever it does not know, or does not like, it leaves to the codec's
 * `inspectMessage` and `inspectAttributes`: a fast twin of them, held to them by tests, never a second opinion.
 */
import type { CodecContext } from "../codec/capability.ts";
import { Afi, AttributeCode, Flags, MessageType, Origin, Safi, SegmentType } from "../codec/iana.ts";
import { HEADER_LENGTH } from "../codec/message.ts";
import { u16be, u32be } from "./input.ts";

/** How many prefixes an UPDATE announces and withdraws, in all families that are decoded. */
export interface Counts {
  announced: number;
  withdrawn: number;
}

/** @returns false if the message has to be looked at properly; `into` then means nothing */
export function glanceAtMessage(o: Uint8Array, context: CodecContext, into: Counts): boolean {
  into.announced = into.withdrawn = 0;
  if (o.length < HEADER_LENGTH || u16be(o, 16) !== o.length) return false;
  for (let i = 0; i < 16; i++) if (o[i] !== 0xff) return false;
  if (o[18] === MessageType.Keepalive) return o.length === HEADER_LENGTH;
  // Path identifiers are rare: left to the codec.
  return o[18] === MessageType.Update && context.addPathRx.size === 0 && glanceAtUpdate(o, context.as4, into);
}

/**
 * Whether an attribute list has no fault.
 * @param abbreviated MP_REACH_NLRI may be a next hop alone, as in dumped tables (RFC 6396 §4.3.4)
 */
export function glanceAtAttributes(
  o: Uint8Array,
  start: number,
  end: number,
  as4: boolean,
  abbreviated: boolean,
): boolean {
  SEEN.codes = SEEN.reachable = SEEN.unreachable = 0;
  return walk(o, start, end, as4, abbreviated);
}

function glanceAtUpdate(o: Uint8Array, as4: boolean, into: Counts): boolean {
  if (o.length < HEADER_LENGTH + 4) return false;
  const withdrawnEnd = HEADER_LENGTH + 2 + u16be(o, HEADER_LENGTH);
  if (withdrawnEnd + 2 > o.length) return false;
  const end = withdrawnEnd + 2 + u16be(o, withdrawnEnd);
  if (end > o.length) return false;
  const withdrawn = countPrefixes(o, HEADER_LENGTH + 2, withdrawnEnd, 32);
  const announced = countPrefixes(o, end, o.length, 32);
  if (withdrawn < 0 || announced < 0) return false;
  if (!glanceAtAttributes(o, withdrawnEnd + 2, end, as4, false)) return false;
  const mandatory = announced > 0 ? MANDATORY : SEEN.reachable > 0 ? MANDATORY_MP : 0;
  if ((SEEN.codes & mandatory) !== mandatory) return false;
  into.announced = announced + SEEN.reachable;
  into.withdrawn = withdrawn + SEEN.unreachable;
  return true;
}

/** What the last walk saw: one for all, so that nothing is made for each message. */
const SEEN = {
  /** Bit n: attribute n; bit 0: attribute 32. */
  codes: 0,
  reachable: 0,
  unreachable: 0,
};

function walk(o: Uint8Array, start: number, end: number, as4: boolean, abbreviated: boolean): boolean {
  let at = start;
  while (at < end) {
    const flags = o[at]!;
    const wide = (flags & Flags.ExtendedLength) !== 0;
    const value = at + (wide ? 4 : 3);
    if (value > end) return false;
    const code = o[at + 1]!;
    const stop = value + (wide ? u16be(o, at + 2) : o[at + 2]!);
    // A word has 32 bits: code 32 is remembered as code 0, which nobody has.
    const bit = code === AttributeCode.LargeCommunity ? 1 : 1 << code;
    if (stop > end || code > 32 || (SEEN.codes & bit) !== 0) return false;
    SEEN.codes |= bit;
    if ((flags & (Flags.Optional | Flags.Transitive)) !== EXPECTED[code]) return false;
    if (!sound(o, code, value, stop, as4, abbreviated)) return false;
    at = stop;
  }
  return true;
}

function sound(o: Uint8Array, code: number, start: number, end: number, as4: boolean, abbreviated: boolean): boolean {
  const length = end - start;
  switch (code) {
    case AttributeCode.Origin:
      return length === 1 && o[start]! <= Origin.Incomplete;
    case AttributeCode.AsPath:
      return soundPath(o, start, end, as4 ? 4 : 2);
    case AttributeCode.NextHop:
      return length === 4 && usable(o[start]!);
    case AttributeCode.MultiExitDisc:
    case AttributeCode.LocalPref:
    case AttributeCode.OriginatorId:
      return length === 4;
    case AttributeCode.AtomicAggregate:
      return length === 0;
    case AttributeCode.Aggregator:
      return as4 ? length === 8 && u32be(o, start) !== 0 : length === 6 && u16be(o, start) !== 0;
    case AttributeCode.Communities:
    case AttributeCode.ClusterList:
      return length > 0 && length % 4 === 0;
    case AttributeCode.ExtendedCommunities:
      return length > 0 && length % 8 === 0;
    case AttributeCode.LargeCommunity:
      return length > 0 && length % 12 === 0;
    case AttributeCode.MpReachNlri:
      return abbreviated && o[start] === length - 1 ? soundNextHop(length - 1) : soundReach(o, start, end);
    case AttributeCode.MpUnreachNlri:
      return soundUnreach(o, start, end);
    default:
      return false;
  }
}

function soundPath(o: Uint8Array, start: number, end: number, width: 2 | 4): boolean {
  let at = start;
  while (at + 2 <= end) {
    const type = o[at]!;
    const count = o[at + 1]!;
    const stop = at + 2 + count * width;
    if (type < SegmentType.AsSet || type > SegmentType.AsConfedSet || count === 0 || stop > end) return false;
    for (let as = at + 2; as < stop; as += width) if ((width === 4 ? u32be(o, as) : u16be(o, as)) === 0) return false;
    at = stop;
  }
  return at === end;
}

function soundReach(o: Uint8Array, start: number, end: number): boolean {
  if (end - start < 5) return false;
  const bits = bitsOf(o, start);
  const hop = o[start + 3]!;
  const nlri = start + 5 + hop;
  if (bits === 0 || nlri > end || !(bits === 32 ? hop === 4 : soundNextHop(hop))) return false;
  const count = countPrefixes(o, nlri, end, bits);
  SEEN.reachable = count;
  return count >= 0;
}

function soundUnreach(o: Uint8Array, start: number, end: number): boolean {
  if (end - start < 3) return false;
  const bits = bitsOf(o, start);
  const count = bits === 0 ? -1 : countPrefixes(o, start + 3, end, bits);
  SEEN.unreachable = count;
  return count >= 0;
}

/** Address bits of a family that is decoded, else 0. */
function bitsOf(o: Uint8Array, at: number): 0 | 32 | 128 {
  const safi = o[at + 2]!;
  if (safi !== Safi.Unicast && safi !== Safi.Multicast) return 0;
  const afi = u16be(o, at);
  return afi === Afi.Ipv4 ? 32 : afi === Afi.Ipv6 ? 128 : 0;
}

function soundNextHop(length: number): boolean {
  return length === 16 || length === 32;
}

/** @returns -1 if they do not fill the field exactly */
function countPrefixes(o: Uint8Array, start: number, end: number, bits: number): number {
  let count = 0;
  let at = start;
  while (at < end) {
    const length = o[at]!;
    if (length > bits) return -1;
    at += 1 + ((length + 7) >> 3);
    count++;
  }
  return at === end ? count : -1;
}

/** First octets of addresses that are surely a host's. */
function usable(first: number): boolean {
  return first > 0 && first < 224 && first !== 127;
}

/** Flags by code, for the attributes that are looked into; -1 for the others. */
const EXPECTED: Int16Array = (() => {
  const expected = new Int16Array(33).fill(-1);
  const both = Flags.Optional | Flags.Transitive;
  for (const code of [1, 2, 3, 5, 6]) expected[code] = Flags.Transitive;
  for (const code of [4, 9, 10, 14, 15]) expected[code] = Flags.Optional;
  for (const code of [7, 8, 16, 32]) expected[code] = both;
  return expected;
})();
const MANDATORY_MP = (1 << AttributeCode.Origin) | (1 << AttributeCode.AsPath);
const MANDATORY = MANDATORY_MP | (1 << AttributeCode.NextHop);

/**
 * Reachability: prefixes with their path ids, next hops, MP_REACH_NLRI and MP_UNREACH_NLRI
 * (RFC 4271 §4.3, RFC 4760, RFC 7911, RFC 8950).
 *
 *   prefix           | [path id 4] | length in bits 1 | octets as many as hold them |
 *   MP_REACH_NLRI    | AFI 2 | SAFI 1 | length 1 | next hop n | reserved 1 | prefixes |
 *   MP_UNREACH_NLRI  | AFI 2 | SAFI 1 | prefixes |
 *
 * IPv4 and IPv6, unicast and multicast, are decoded; any other family is framed and carried as
 * octets (`nlri-text.ts` shows what is in them).
 */
import { addressFrom, addressOctets, type Family, type IpAddress, type Prefix, prefixOf } from "../wire/address.ts";
import { type ByteReader, type ByteWriter, ShortRead } from "../wire/bytes.ts";
import { type CodecContext, type FamilyRef, familyKey } from "./capability.ts";
import { inOctets, Malformed } from "./error.ts";
import { Afi, familyName, Safi, UpdateSubcode } from "./iana.ts";

export interface Nlri {
  readonly prefix: Prefix;
  /** Only in a family that uses add-path (RFC 7911). */
  readonly pathId?: number;
}

export interface MpReach {
  readonly afi: number;
  readonly safi: number;
  /** One, or two with a link-local one (RFC 2545 §3). */
  readonly nextHops: readonly IpAddress[];
  readonly nlri: readonly Nlri[];
  /** Of a family that is not decoded; then the two above are empty. */
  readonly raw?: { readonly nextHop: Uint8Array; readonly nlri: Uint8Array };
}

export interface MpUnreach {
  readonly afi: number;
  readonly safi: number;
  readonly nlri: readonly Nlri[];
  /** Of a family that is not decoded. */
  readonly raw?: Uint8Array;
}

/** The family of a decoded AFI and SAFI: 4, 6, or undefined for what is carried as octets. */
export function plainFamily(afi: number, safi: number): Family | undefined {
  if (safi !== Safi.Unicast && safi !== Safi.Multicast) return undefined;
  return afi === Afi.Ipv4 ? 4 : afi === Afi.Ipv6 ? 6 : undefined;
}

/** @param addPath the family's NLRI carry path ids; one that has none is sent with 0 */
export function encodeNlri(w: ByteWriter, { prefix, pathId }: Nlri, addPath: boolean): void {
  if (addPath) w.u32(pathId ?? 0);
  w.u8(prefix.length);
  for (let i = 0; i * 8 < prefix.length; i++) {
    const word = i < 4 ? prefix.w0 : i < 8 ? prefix.w1 : i < 12 ? prefix.w2 : prefix.w3;
    w.u8((word >>> (24 - 8 * (i & 3))) & 0xff);
  }
}

/**
 * Reads prefixes to the reader's end. Bits behind a prefix's length are cleared (RFC 4271 §4.3).
 * @param into gets what is readable, also when the rest is not
 * @returns what is wrong, if something is: a prefix that cannot be, or is cut (RFC 7606 §5.3)
 */
export function decodeNlri(r: ByteReader, family: Family, addPath: boolean, into: Nlri[]): Malformed | undefined {
  const most = family === 4 ? 32 : 128;
  while (r.left > 0) {
    const at = r.at;
    if (addPath && r.left < 5) return badPrefix(`${inOctets(r.left)} left, too few for a path id and a prefix`, at);
    const pathId = addPath ? r.u32() : 0;
    const length = r.u8();
    if (length > most) return badPrefix(`IPv${family} prefix of ${length} bits`, at);
    const octets = (length + 7) >>> 3;
    if (octets > r.left)
      return badPrefix(`prefix of ${length} bits is cut: ${r.left} of ${inOctets(octets)} there`, at);
    const prefix = readPrefix(r, family, length, octets);
    into.push(addPath ? { prefix, pathId } : { prefix });
  }
  return undefined;
}

export function encodeMpReach(w: ByteWriter, mp: MpReach, context: CodecContext): void {
  w.u16(mp.afi).u8(mp.safi);
  if (mp.raw) {
    w.u8(mp.raw.nextHop.length).bytes(mp.raw.nextHop).u8(0).bytes(mp.raw.nlri);
    return;
  }
  const nextHop = mp.nextHops.map((ip) => nextHopOctets(ip, mp.afi));
  w.u8(nextHop.reduce((sum, octets) => sum + octets.length, 0));
  for (const octets of nextHop) w.bytes(octets);
  w.u8(0);
  const addPath = context.addPathTx.has(familyKey(mp.afi, mp.safi));
  for (const nlri of mp.nlri) encodeNlri(w, nlri, addPath);
}

export function decodeMpReach(r: ByteReader, context: CodecContext): MpReach | Malformed {
  const start = r.at;
  const rib = context.ribFamily;
  // Files in the wild have the whole attribute too; it never begins with its own length.
  if (rib && r.left > 0 && r.peek() === r.left - 1) return ribMpReach(r, rib, context);
  if (r.left < 5) return badMp(`MP_REACH_NLRI of ${inOctets(r.left)}, at least 5 are needed`, start);
  const afi = r.u16();
  const safi = r.u8();
  const length = r.u8();
  // The reserved octet behind the next hop has to be there too.
  if (length + 1 > r.left) return badMp(`next hop of ${inOctets(length)} reaches beyond MP_REACH_NLRI`, start + 3);
  const family = wanted(afi, safi, context);
  if (family === undefined) {
    const nextHop = r.copy(length);
    r.skip(1);
    return { afi, safi, nextHops: [], nlri: [], raw: { nextHop, nlri: r.copy(r.left) } };
  }
  const nextHops = decodeNextHops(r.sub(length), afi, safi, context);
  if (nextHops instanceof Malformed) return nextHops;
  r.skip(1); // reserved: ignored on receipt (RFC 4760 §3)
  const nlri: Nlri[] = [];
  const bad = decodeNlri(r, family, context.addPathRx.has(familyKey(afi, safi)), nlri);
  return bad ? badMp(`${bad.reason} in MP_REACH_NLRI`, bad.offset) : { afi, safi, nextHops, nlri };
}

/** `length 1 | next hop` */
function ribMpReach(r: ByteReader, { afi, safi }: FamilyRef, context: CodecContext): MpReach | Malformed {
  r.skip(1);
  if (plainFamily(afi, safi) === undefined) {
    return { afi, safi, nextHops: [], nlri: [], raw: { nextHop: r.copy(r.left), nlri: new Uint8Array(0) } };
  }
  const nextHops = decodeNextHops(r, afi, safi, context);
  return nextHops instanceof Malformed ? nextHops : { afi, safi, nextHops, nlri: [] };
}

export function encodeMpUnreach(w: ByteWriter, mp: MpUnreach, context: CodecContext): void {
  w.u16(mp.afi).u8(mp.safi);
  if (mp.raw) w.bytes(mp.raw);
  const addPath = context.addPathTx.has(familyKey(mp.afi, mp.safi));
  for (const nlri of mp.nlri) encodeNlri(w, nlri, addPath);
}

export function decodeMpUnreach(r: ByteReader, context: CodecContext): MpUnreach | Malformed {
  if (r.left < 3) return badMp(`MP_UNREACH_NLRI of ${inOctets(r.left)}, at least 3 are needed`, r.at);
  const afi = r.u16();
  const safi = r.u8();
  const family = wanted(afi, safi, context);
  if (family === undefined) return { afi, safi, nlri: [], raw: r.copy(r.left) };
  const nlri: Nlri[] = [];
  const bad = decodeNlri(r, family, context.addPathRx.has(familyKey(afi, safi)), nlri);
  return bad ? badMp(`${bad.reason} in MP_UNREACH_NLRI`, bad.offset) : { afi, safi, nlri };
}

/**
 * The next hop field of a decoded family: 4 octets for IPv4, 16 or 32 for IPv6; IPv6 ones for IPv4
 * where RFC 8950 was negotiated, or where nobody can know whether it was.
 */
export function decodeNextHops(
  r: ByteReader,
  afi: number,
  safi: number,
  context: CodecContext,
): IpAddress[] | Malformed {
  const { at, left } = r;
  const long = left === 16 || left === 32;
  const extended = context.peer === "unknown" || context.extendedNextHop.has(familyKey(afi, safi));
  if (afi === Afi.Ipv4 && left === 4) return [addressFrom(r.view(4), 4)];
  if (long && (afi === Afi.Ipv6 || extended)) {
    const first = addressFrom(r.view(16), 6);
    return r.left === 0 ? [first] : [first, addressFrom(r.view(16), 6)];
  }
  const hint = long ? ", and extended next hop was not negotiated" : "";
  return badMp(`next hop of ${inOctets(left)} for ${familyName(afi, safi)}${hint}`, at - 1);
}

/** 4 or 16 octets; an IPv4 next hop of IPv6 routes as an IPv4-mapped address (RFC 4798 §2). */
export function nextHopOctets(ip: IpAddress, afi: number): Uint8Array {
  if (ip.family === 4 && afi === Afi.Ipv6) {
    return addressOctets({ family: 6, w0: 0, w1: 0, w2: 0xffff, w3: ip.w0 });
  }
  return addressOctets(ip);
}

/** A family that is decoded here and was negotiated; the others stay octets, unjudged. */
function wanted(afi: number, safi: number, context: CodecContext): Family | undefined {
  const known = context.families === "any" || context.families.has(familyKey(afi, safi));
  return known ? plainFamily(afi, safi) : undefined;
}

/** The octets are there: that was checked. Bits behind the length are cleared. */
function readPrefix(r: ByteReader, family: Family, length: number, octets: number): Prefix {
  if (family === 4) {
    let word = 0;
    for (let shift = 24, i = 0; i < octets; i++, shift -= 8) word |= r.u8() << shift;
    return { family, w0: (word & mask(length)) >>> 0, w1: 0, w2: 0, w3: 0, length };
  }
  const words = [0, 0, 0, 0];
  for (let i = 0; i < octets; i++) words[i >>> 2]! |= r.u8() << (24 - 8 * (i & 3));
  const [w0, w1, w2, w3] = words;
  return prefixOf({ family, w0: w0!, w1: w1!, w2: w2!, w3: w3! }, length);
}

function badPrefix(reason: string, offset: number): Malformed {
  return new Malformed(UpdateSubcode.InvalidNetworkField, reason, offset);
}

/** Whatever is wrong with the two MP attributes is 3/9 (RFC 4760 §7). */
function badMp(reason: string, offset: number | undefined): Malformed {
  return new Malformed(UpdateSubcode.OptionalAttribute, reason, offset);
}

/** Gets each prefix of `walkPrefixes`: the four words, its length, the path id or 0. */
export type PrefixSink = (w0: number, w1: number, w2: number, w3: number, length: number, pathId: number) => void;

/**
 * Hot-path twin of `decodeNlri` (bench/codec.ts): no objects, one call a prefix. Test compare the two.
 * @throws ShortRead where `decodeNlri` reports a malformed prefix; what came before was handed over
 */
export function walkPrefixes(
  o: Uint8Array,
  start: number,
  end: number,
  family: Family,
  addPath: boolean,
  sink: PrefixSink,
): void {
  const most = family === 4 ? 32 : 128;
  let at = start;
  while (at < end) {
    let pathId = 0;
    if (addPath) {
      if (at + 5 > end) throw new ShortRead("path id");
      pathId = ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0;
      at += 4;
    }
    const length = o[at++]!;
    const next = at + ((length + 7) >>> 3);
    if (length > most || next > end) throw new ShortRead("prefix");
    if (family === 4) {
      const word = quad(o, at, next) & mask(length);
      sink(word >>> 0, 0, 0, 0, length, pathId);
    } else {
      const w0 = quad(o, at, next) & mask(length);
      const w1 = quad(o, at + 4, next) & mask(length - 32);
      const w2 = quad(o, at + 8, next) & mask(length - 64);
      const w3 = quad(o, at + 12, next) & mask(length - 96);
      sink(w0 >>> 0, w1 >>> 0, w2 >>> 0, w3 >>> 0, length, pathId);
    }
    at = next;
  }
}

/** Up to four octets before `end` as the top of a word. */
function quad(o: Uint8Array, at: number, end: number): number {
  let word = 0;
  if (at < end) word = o[at]! << 24;
  if (at + 1 < end) word |= o[at + 1]! << 16;
  if (at + 2 < end) word |= o[at + 2]! << 8;
  if (at + 3 < end) word |= o[at + 3]!;
  return word;
}

function mask(length: number): number {
  return length <= 0 ? 0 : length >= 32 ? -1 : -1 << (32 - length);
}

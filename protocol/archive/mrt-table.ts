/**
 * Dumped tables: TABLE_DUMP (RFC 6396 §4.2) and TABLE_DUMP_V2 (§4.3, with path identifiers RFC 8050 §4).
 *
 *   TABLE_DUMP    | view 2 | sequence 2 | prefix 4 or 16 | bits 1 | status 1 | originated 4 | peer 4 or 16 | AS 2 |
 *                 | length 2 | attributes n |
 *   peer index    | collector 4 | length 2 | view n | count 2 | then each: type 1 | id 4 | peer 4 or 16 | AS 2 or 4 |
 *   RIB           | sequence 4 | bits 1 | prefix | count 2 | then each:
 *                 | peer 2 | originated 4 | [path id 4] | length 2 | attributes n |
 */
import { type CodecContext, type FamilyKey, familyKey } from "../codec/capability.ts";
import { Afi, AttributeCode, Safi } from "../codec/iana.ts";
import { addressFrom, type Family, type Prefix, prefixOf } from "../wire/address.ts";
import { ByteReader, ByteWriter, ShortRead } from "../wire/bytes.ts";
import { contextOf, type ReadOptions } from "./conversation.ts";
import { type AttributeSpan, addressBits, correctWidth, findAttributes, prefixesFit, type Span } from "./guess.ts";
import { u16be, u32be } from "./input.ts";
import type { MrtRecord, RibPeer, RibRecord } from "./record.ts";

type EmitRib = (entry: RibRecord) => void;

/** @returns undefined if it is cut short */
export function readPeerIndex(body: Uint8Array): readonly RibPeer[] | undefined {
  const r = new ByteReader(body);
  try {
    r.skip(4);
    r.skip(r.u16());
    const peers: RibPeer[] = [];
    for (let count = r.u16(); count > 0; count--) {
      const type = r.u8();
      const bgpId = r.u32();
      const family = type & PEER_IPV6 ? 6 : 4;
      const address = addressFrom(r.view(family === 4 ? 4 : 16), family);
      peers.push({ address, asn: type & PEER_AS4 ? r.u32() : r.u16(), bgpId });
    }
    return peers;
  } catch (error) {
    if (error instanceof ShortRead) return undefined;
    throw error;
  }
}

/** @returns what stands in the way, if something does */
export function tableDump(record: MrtRecord, emit: EmitRib): string | undefined {
  const { body, subtype, moment } = record;
  if (subtype !== Afi.Ipv4 && subtype !== Afi.Ipv6) return `TABLE_DUMP of address family ${subtype}`;
  const family: Family = subtype === Afi.Ipv4 ? 4 : 6;
  const width = family === 4 ? 4 : 16;
  const fixed = 4 + width + 6 + width + 4;
  if (body.length < fixed) return "TABLE_DUMP record that is cut short";
  const bits = body[4 + width]!;
  if (bits > width * 8) return `TABLE_DUMP record with a prefix of ${bits} bits`;
  const peerAt = 4 + width + 6;
  const length = u16be(body, fixed - 2);
  if (fixed + length > body.length) return "TABLE_DUMP record whose attributes are cut short";
  const asn = u16be(body, peerAt + width);
  emit({
    kind: "rib",
    moment,
    peer: { address: addressFrom(body, family, peerAt), asn },
    sequence: u16be(body, 2),
    prefix: prefixOf(addressFrom(body, family, 4), bits),
    pathId: undefined,
    originated: u32be(body, 4 + width + 2),
    octets: body,
    start: fixed,
    end: fixed + length,
    afi: subtype,
    safi: Safi.Unicast,
    as4: false,
  });
  return undefined;
}

/** @returns what stands in the way, if something does; the entries before it were given */
export function tableDumpV2(record: MrtRecord, peers: readonly RibPeer[], emit: EmitRib): string | undefined {
  const type = RIB_TYPES.get(record.subtype);
  if (!type) return `TABLE_DUMP_V2 subtype ${record.subtype}${NAMES.get(record.subtype) ?? ""}`;
  const { body, moment } = record;
  const cut = `${type.name} record that is cut short`;
  if (body.length < 5) return cut;
  const sequence = u32be(body, 0);
  const bits = body[4]!;
  if (bits > (type.family === 4 ? 32 : 128)) return `${type.name} record with a prefix of ${bits} bits`;
  let at = 5 + ((bits + 7) >> 3);
  if (at + 2 > body.length) return cut;
  const prefix = prefixAt(body, 5, at, type.family, bits);
  const count = u16be(body, at);
  const fixed = type.addPath ? 12 : 8;
  at += 2;
  for (let i = 0; i < count; i++) {
    const start = at + fixed;
    if (start > body.length) return cut;
    const end = start + u16be(body, start - 2);
    if (end > body.length) return cut;
    emit({
      kind: "rib",
      moment,
      peer: peers[u16be(body, at)],
      sequence,
      prefix,
      pathId: type.addPath ? u32be(body, at + 6) : undefined,
      originated: u32be(body, at + 2),
      octets: body,
      start,
      end,
      afi: type.afi,
      safi: type.safi,
      as4: true,
    });
    at = end;
  }
  return undefined;
}

/** The attribute list of a route, and how to read it. */
export interface RibAttributes {
  /** As an UPDATE has it. */
  readonly octets: Uint8Array;
  /** MP_REACH_NLRI stood there as a next hop alone (RFC 6396 §4.3.4) and was made whole, without NLRI. */
  readonly abbreviated: boolean;
  readonly context: CodecContext;
}

/** A copy, safe to keep. */
export function ribAttributes(record: RibRecord, { as4 }: ReadOptions): RibAttributes {
  const { octets, start, end, afi, safi } = record;
  const found = findAttributes(octets, record);
  const wide = as4 === "auto" ? correctWidth(octets, found, record.as4) : as4 === "yes";
  const mp = found.mpReach;
  // A next hop alone begins with its length, the whole attribute with the zero of its AFI.
  if (mp && mp.end > mp.start && octets[mp.start] === mp.end - mp.start - 1) {
    const whole = withWholeMpReach(octets, record, mp, afi, safi);
    return { octets: whole, abbreviated: true, context: contextOf(wide, [], true) };
  }
  const families = mp ? nlriFamilies(octets, mp) : [];
  return { octets: octets.slice(start, end), abbreviated: false, context: contextOf(wide, families, true) };
}

/** The list with the next hop in its place in a whole MP_REACH_NLRI. */
function withWholeMpReach(body: Uint8Array, span: Span, mp: AttributeSpan, afi: number, safi: number): Uint8Array {
  const w = new ByteWriter(span.end - span.start + 8);
  w.bytes(body.subarray(span.start, mp.head));
  w.u8(body[mp.head]! | EXTENDED_LENGTH)
    .u8(AttributeCode.MpReachNlri)
    .u16(mp.end - mp.start + 4);
  w.u16(afi).u8(safi).bytes(body.subarray(mp.start, mp.end)).u8(0);
  return w.bytes(body.subarray(mp.end, span.end)).finish();
}

/** Whole attributes are kept as they came: with path identifiers if that is the only way to read them. */
function nlriFamilies(body: Uint8Array, mp: Span): readonly FamilyKey[] {
  if (mp.end - mp.start < 5) return [];
  const afi = u16be(body, mp.start);
  const safi = body[mp.start + 2]!;
  const bits = addressBits(afi, safi);
  const start = mp.start + 5 + body[mp.start + 3]!;
  if (!bits || start > mp.end || prefixesFit(body, start, mp.end, bits, 0)) return [];
  if (!prefixesFit(body, start, mp.end, bits, 4)) return [];
  return [familyKey(afi, safi)];
}

function prefixAt(body: Uint8Array, start: number, end: number, family: Family, bits: number): Prefix {
  const octets = new Uint8Array(16);
  octets.set(body.subarray(start, end));
  return prefixOf(addressFrom(octets, family), bits);
}

interface RibType {
  readonly name: string;
  readonly family: Family;
  readonly afi: number;
  readonly safi: number;
  readonly addPath: boolean;
}

const IPV4 = { family: 4, afi: Afi.Ipv4 } as const;
const IPV6 = { family: 6, afi: Afi.Ipv6 } as const;

/** By subtype: RFC 6396 §4.3, RFC 8050 §4. */
const RIB_TYPES = new Map<number, RibType>([
  [2, { name: "RIB_IPV4_UNICAST", ...IPV4, safi: Safi.Unicast, addPath: false }],
  [3, { name: "RIB_IPV4_MULTICAST", ...IPV4, safi: Safi.Multicast, addPath: false }],
  [4, { name: "RIB_IPV6_UNICAST", ...IPV6, safi: Safi.Unicast, addPath: false }],
  [5, { name: "RIB_IPV6_MULTICAST", ...IPV6, safi: Safi.Multicast, addPath: false }],
  [8, { name: "RIB_IPV4_UNICAST_ADDPATH", ...IPV4, safi: Safi.Unicast, addPath: true }],
  [9, { name: "RIB_IPV4_MULTICAST_ADDPATH", ...IPV4, safi: Safi.Multicast, addPath: true }],
  [10, { name: "RIB_IPV6_UNICAST_ADDPATH", ...IPV6, safi: Safi.Unicast, addPath: true }],
  [11, { name: "RIB_IPV6_MULTICAST_ADDPATH", ...IPV6, safi: Safi.Multicast, addPath: true }],
]);
const NAMES = new Map<number, string>([
  [6, " (RIB_GENERIC)"],
  [7, " (GEO_PEER_TABLE)"],
  [12, " (RIB_GENERIC_ADDPATH)"],
]);
const PEER_IPV6 = 0x01;
const PEER_AS4 = 0x02;
const EXTENDED_LENGTH = 0x10;

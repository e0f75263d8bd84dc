/**
 * Values of attributes that need more than a line in the table: AGGREGATOR, AIGP, the next hop; and why a
 * peer has no business sending an attribute or a path.
 */
import { addressOctets, type IpAddress, ipv4 } from "../wire/address.ts";
import type { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { firstAs, hasConfederation, hasSet } from "./as-path.ts";
import type { CodecContext } from "./capability.ts";
import { inOctets, Malformed } from "./error.ts";
import { AS_TRANS, SegmentType, UpdateSubcode } from "./iana.ts";
import type { Aggregator, Aigp, PathAttributes } from "./path-attributes.ts";

/** A peer names the same next hop again and again: its sets share one object. */
export function sharedAddress(word: number): IpAddress {
  if (lastAddress.w0 !== word) lastAddress = ipv4(word);
  return lastAddress;
}
let lastAddress: IpAddress = ipv4(0);

/** Why this peer may not send such a path: confederations (RFC 5065 §5), first AS (RFC 4271 §6.3), sets (RFC 9774). */
export function pathRefused(path: NonNullable<PathAttributes["asPath"]>, context: CodecContext): string | undefined {
  if (context.peer === "ebgp" && hasConfederation(path))
    return "AS_PATH with confederation segments from outside the confederation";
  if (context.peer === "confederation" && path[0]?.type !== SegmentType.AsConfedSequence) {
    return "AS_PATH from another member AS does not begin with an AS_CONFED_SEQUENCE";
  }
  if (context.firstAs !== undefined && firstAs(path) !== context.firstAs) {
    return `AS_PATH begins with ${firstAs(path) ?? "no AS"}, not with the peer's AS ${context.firstAs}`;
  }
  return context.rejectAsSets && hasSet(path) ? "AS_PATH with an AS set" : undefined;
}

/** Reflection attributes are internal to one AS; a member AS of our confederation is another one. */
export function fromOutside(name: string, { peer }: CodecContext): string | undefined {
  return peer === "ebgp" || peer === "confederation" ? `${name} from a peer outside our AS` : undefined;
}

export function fromFourOctetSpeaker(name: string, { as4, peer }: CodecContext): string | undefined {
  return as4 && peer !== "unknown" ? `${name} from a peer with four-octet AS numbers` : undefined;
}

export function encodeAggregator(w: ByteWriter, { asn, address }: Aggregator, as4: boolean): void {
  if (as4) w.u32(asn);
  else w.u16(asn > 0xffff ? AS_TRANS : asn);
  w.bytes(addressOctets(address));
}

export function decodeAggregator(r: ByteReader, as4: boolean, name: string): Aggregator | Malformed {
  const { at, left } = r;
  const length = as4 ? 8 : 6;
  if (left !== length)
    return new Malformed(UpdateSubcode.AttributeLength, `${name} of ${inOctets(left)}, must be ${length}`);
  const asn = as4 ? r.u32() : r.u16();
  if (asn === 0) return new Malformed(UpdateSubcode.OptionalAttribute, `AS 0 in ${name}`, at);
  return { asn, address: ipv4(r.u32()) };
}

export function encodeAigp(w: ByteWriter, { metric, otherTlvs }: Aigp): void {
  if (metric !== undefined) w.u8(AIGP_TLV).u16(AIGP_TLV_LENGTH).u64(metric);
  if (otherTlvs) w.bytes(otherTlvs);
}

/** TLVs of `type 1 | length 2, header included | value`. Only the first AIGP TLV counts (RFC 7311 §3). */
export function decodeAigp(r: ByteReader): Aigp | Malformed {
  if (r.left === 0) return new Malformed(UpdateSubcode.AttributeLength, "AIGP without a TLV");
  let metric: bigint | undefined;
  const others: number[] = [];
  while (r.left > 0) {
    const { at, left } = r;
    if (left < 3) return new Malformed(UpdateSubcode.OptionalAttribute, "AIGP TLV cut off", at);
    const type = r.u8();
    const length = r.u16();
    if (length < 3 || length > left) {
      return new Malformed(UpdateSubcode.OptionalAttribute, `AIGP TLV of ${inOctets(length)}, ${left} are left`, at);
    }
    if (type === AIGP_TLV && length !== AIGP_TLV_LENGTH) {
      return new Malformed(
        UpdateSubcode.OptionalAttribute,
        `AIGP TLV of ${inOctets(length)}, must be ${AIGP_TLV_LENGTH}`,
        at,
      );
    }
    if (type === AIGP_TLV && metric === undefined) metric = r.u64();
    else others.push(type, length >>> 8, length & 0xff, ...r.view(length - 3));
  }
  return {
    ...(metric === undefined ? {} : { metric }),
    ...(others.length > 0 ? { otherTlvs: Uint8Array.from(others) } : {}),
  };
}

const AIGP_TLV = 1;
const AIGP_TLV_LENGTH = 11;

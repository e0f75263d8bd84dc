/**
 * One row an attribute: all that the codec, `show route all` and filters need to know about it.
 * Encode and decode see the value alone; header, flags, duplicates and severity are the walk's
 * (attribute.ts).
 */
import { addressOctets, type IpAddress, ipv4 } from "../wire/address.ts";
import type { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { decodeAsPath, encodeAsPath, firstAs, hasConfederation, hasSet, withoutConfederation } from "./as-path.ts";
import type { CodecContext } from "./capability.ts";
import { inOctets, Malformed, type Severity } from "./error.ts";
import { AS_TRANS, AttributeCode, Flags, Origin, SegmentType, UpdateSubcode } from "./iana.ts";
import { decodeMpReach, decodeMpUnreach, encodeMpReach, encodeMpUnreach } from "./nlri.ts";
import type { Aggregator, Aigp, PathAttributes } from "./path-attributes.ts";

export interface AttributeCodec<V> {
  readonly code: AttributeCode;
  /** As BIRD prints it after `BGP.`. */
  readonly name: string;
  readonly flags: number;
  /** Octets of the value, where the RFC fixes it; checked before decode. */
  readonly length?: number;
  /** The value is one or more items of so many octets; checked before decode. */
  readonly item?: number;
  /** Wrong flags, length or value. The two MP attributes hold the NLRI, so they end the session. */
  readonly onMalformed: Severity;
  /** Why this peer has no business sending it, whatever its shape: then it is discarded unread. */
  refuse?(context: CodecContext): string | undefined;
  decode(r: ByteReader, context: CodecContext): V | Malformed;
  encode(w: ByteWriter, value: V, context: CodecContext): void;
  /** Stores a value under its key. Named stores, one a row, are several times faster than `a[key] = value` (bench/codec.ts). */
  put(a: Mutable<PathAttributes>, value: V): void;
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The keys of PathAttributes that are an attribute of their own. */
export type AttributeKey = Exclude<keyof PathAttributes, "unknown" | "partial">;

type Table = { readonly [K in AttributeKey]-?: AttributeCodec<NonNullable<PathAttributes[K]>> };

const WELL_KNOWN = Flags.Transitive;
const OPTIONAL = Flags.Optional;
const OPTIONAL_TRANSITIVE = Flags.Optional | Flags.Transitive;

/** The mapped type makes the table total: an attribute without a row does not compile. */
export const ATTRIBUTES: Table = {
  origin: {
    // RFC 4271 §5.1.1, RFC 7606 §7.1
    code: AttributeCode.Origin,
    name: "origin",
    flags: WELL_KNOWN,
    length: 1,
    onMalformed: "treat-as-withdraw",
    decode: (r) => {
      const { at } = r;
      const value = r.u8();
      return value <= Origin.Incomplete
        ? (value as Origin)
        : new Malformed(UpdateSubcode.InvalidOrigin, `ORIGIN ${value} is none of IGP, EGP, INCOMPLETE`, at);
    },
    encode: (w, origin) => void w.u8(origin),
    put: (a, value) => {
      a.origin = value;
    },
  },
  asPath: {
    // RFC 4271 §5.1.2, RFC 7606 §7.2
    code: AttributeCode.AsPath,
    name: "as_path",
    flags: WELL_KNOWN,
    onMalformed: "treat-as-withdraw",
    decode: (r, context) => {
      const { at } = r;
      const path = decodeAsPath(r, context.as4);
      const wrong = path instanceof Malformed ? undefined : pathRefused(path, context);
      return wrong ? new Malformed(UpdateSubcode.MalformedAsPath, wrong, at) : path;
    },
    encode: (w, path, context) => encodeAsPath(w, path, context.as4),
    put: (a, value) => {
      a.asPath = value;
    },
  },
  nextHop: {
    // RFC 4271 §5.1.3, RFC 7606 §7.3; the value is judged where the NLRI are known
    code: AttributeCode.NextHop,
    name: "next_hop",
    flags: WELL_KNOWN,
    length: 4,
    onMalformed: "treat-as-withdraw",
    decode: (r) => sharedAddress(r.u32()),
    encode: (w, ip) => void w.bytes(addressOctets(ip)),
    put: (a, value) => {
      a.nextHop = value;
    },
  },
  multiExitDisc: {
    // RFC 4271 §5.1.4, RFC 7606 §7.4
    code: AttributeCode.MultiExitDisc,
    name: "med",
    flags: OPTIONAL,
    length: 4,
    onMalformed: "treat-as-withdraw",
    decode: (r) => r.u32(),
    encode: (w, med) => void w.u32(med),
    put: (a, value) => {
      a.multiExitDisc = value;
    },
  },
  localPref: {
    // RFC 4271 §5.1.5, RFC 7606 §7.5
    code: AttributeCode.LocalPref,
    name: "local_pref",
    flags: WELL_KNOWN,
    length: 4,
    onMalformed: "treat-as-withdraw",
    refuse: ({ peer, allowLocalPref }) =>
      peer === "ebgp" && !allowLocalPref ? "LOCAL_PREF from an eBGP peer" : undefined,
    decode: (r) => r.u32(),
    encode: (w, localPref) => void w.u32(localPref),
    put: (a, value) => {
      a.localPref = value;
    },
  },
  atomicAggregate: {
    // RFC 4271 §5.1.6, RFC 7606 §7.6
    code: AttributeCode.AtomicAggregate,
    name: "atomic_aggr",
    flags: WELL_KNOWN,
    length: 0,
    onMalformed: "attribute-discard",
    decode: () => true,
    encode: () => {},
    put: (a, value) => {
      a.atomicAggregate = value;
    },
  },
  aggregator: {
    // RFC 4271 §5.1.7, RFC 7606 §7.7, RFC 7607 §2
    code: AttributeCode.Aggregator,
    name: "aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onMalformed: "attribute-discard",
    decode: (r, { as4 }) => decodeAggregator(r, as4, "AGGREGATOR"),
    encode: (w, aggregator, { as4 }) => encodeAggregator(w, aggregator, as4),
    put: (a, value) => {
      a.aggregator = value;
    },
  },
  communities: {
    // RFC 1997, RFC 7606 §7.8
    code: AttributeCode.Communities,
    name: "community",
    flags: OPTIONAL_TRANSITIVE,
    item: 4,
    onMalformed: "treat-as-withdraw",
    decode: (r) => r.u32s(r.left >>> 2),
    encode: (w, communities) => {
      for (const c of communities) w.u32(c);
    },
    put: (a, value) => {
      a.communities = value;
    },
  },
  originatorId: {
    // RFC 4456 §8, RFC 7606 §7.9
    code: AttributeCode.OriginatorId,
    name: "originator_id",
    flags: OPTIONAL,
    length: 4,
    onMalformed: "treat-as-withdraw",
    refuse: (context) => fromOutside("ORIGINATOR_ID", context),
    decode: (r) => r.u32(),
    encode: (w, id) => void w.u32(id),
    put: (a, value) => {
      a.originatorId = value;
    },
  },
  clusterList: {
    // RFC 4456 §8, RFC 7606 §7.10
    code: AttributeCode.ClusterList,
    name: "cluster_list",
    flags: OPTIONAL,
    item: 4,
    onMalformed: "treat-as-withdraw",
    refuse: (context) => fromOutside("CLUSTER_LIST", context),
    decode: (r) => r.u32s(r.left >>> 2),
    encode: (w, clusters) => {
      for (const id of clusters) w.u32(id);
    },
    put: (a, value) => {
      a.clusterList = value;
    },
  },
  mpReach: {
    // RFC 4760 §3, RFC 7606 §7.11
    code: AttributeCode.MpReachNlri,
    name: "mp_reach_nlri",
    flags: OPTIONAL,
    onMalformed: "session-reset",
    decode: decodeMpReach,
    encode: encodeMpReach,
    put: (a, value) => {
      a.mpReach = value;
    },
  },
  mpUnreach: {
    // RFC 4760 §4, RFC 7606 §7.12
    code: AttributeCode.MpUnreachNlri,
    name: "mp_unreach_nlri",
    flags: OPTIONAL,
    onMalformed: "session-reset",
    decode: decodeMpUnreach,
    encode: encodeMpUnreach,
    put: (a, value) => {
      a.mpUnreach = value;
    },
  },
  extCommunities: {
    // RFC 4360, RFC 7606 §7.14
    code: AttributeCode.ExtendedCommunities,
    name: "ext_community",
    flags: OPTIONAL_TRANSITIVE,
    item: 8,
    onMalformed: "treat-as-withdraw",
    decode: (r) => items(r, () => ({ hi: r.u32(), lo: r.u32() })),
    encode: (w, communities) => {
      for (const { hi, lo } of communities) w.u32(hi).u32(lo);
    },
    put: (a, value) => {
      a.extCommunities = value;
    },
  },
  as4Path: {
    // RFC 6793 §6
    code: AttributeCode.As4Path,
    name: "as4_path",
    flags: OPTIONAL_TRANSITIVE,
    onMalformed: "attribute-discard",
    refuse: (context) => fromFourOctetSpeaker("AS4_PATH", context),
    decode: (r) => {
      if (r.left < 6)
        return new Malformed(UpdateSubcode.AttributeLength, `AS4_PATH of ${inOctets(r.left)}, at least 6 are needed`);
      const path = decodeAsPath(r, true);
      if (path instanceof Malformed)
        return new Malformed(path.subcode, path.reason.replaceAll("AS_PATH", "AS4_PATH"), path.offset);
      return path;
    },
    encode: (w, path) => encodeAsPath(w, withoutConfederation(path), true),
    put: (a, value) => {
      a.as4Path = value;
    },
  },
  as4Aggregator: {
    // RFC 6793 §6, RFC 7607 §2
    code: AttributeCode.As4Aggregator,
    name: "as4_aggregator",
    flags: OPTIONAL_TRANSITIVE,
    onMalformed: "attribute-discard",
    refuse: (context) => fromFourOctetSpeaker("AS4_AGGREGATOR", context),
    decode: (r) => decodeAggregator(r, true, "AS4_AGGREGATOR"),
    encode: (w, aggregator) => encodeAggregator(w, aggregator, true),
    put: (a, value) => {
      a.as4Aggregator = value;
    },
  },
  pmsiTunnel: {
    // RFC 6514 §5: passed through
    code: AttributeCode.PmsiTunnel,
    name: "pmsi_tunnel",
    flags: OPTIONAL_TRANSITIVE,
    item: 1,
    onMalformed: "treat-as-withdraw",
    decode: (r) => r.copy(r.left),
    encode: (w, value) => void w.bytes(value),
    put: (a, value) => {
      a.pmsiTunnel = value;
    },
  },
  ipv6ExtCommunities: {
    // RFC 5701, RFC 7606 §7.15
    code: AttributeCode.Ipv6ExtendedCommunities,
    name: "ipv6_ext_community",
    flags: OPTIONAL_TRANSITIVE,
    item: 20,
    onMalformed: "treat-as-withdraw",
    decode: (r) => items(r, () => r.copy(20)),
    encode: (w, communities) => {
      for (const c of communities) w.bytes(c);
    },
    put: (a, value) => {
      a.ipv6ExtCommunities = value;
    },
  },
  aigp: {
    // RFC 7311 §3
    code: AttributeCode.Aigp,
    name: "aigp",
    flags: OPTIONAL,
    onMalformed: "attribute-discard",
    decode: decodeAigp,
    encode: encodeAigp,
    put: (a, value) => {
      a.aigp = value;
    },
  },
  largeCommunities: {
    // RFC 8092
    code: AttributeCode.LargeCommunity,
    name: "large_community",
    flags: OPTIONAL_TRANSITIVE,
    item: 12,
    onMalformed: "treat-as-withdraw",
    decode: (r) => items(r, () => ({ global: r.u32(), local1: r.u32(), local2: r.u32() })),
    encode: (w, communities) => {
      for (const c of communities) w.u32(c.global).u32(c.local1).u32(c.local2);
    },
    put: (a, value) => {
      a.largeCommunities = value;
    },
  },
  onlyToCustomer: {
    // RFC 9234 §5
    code: AttributeCode.OnlyToCustomer,
    name: "otc",
    flags: OPTIONAL_TRANSITIVE,
    length: 4,
    onMalformed: "treat-as-withdraw",
    decode: (r) => r.u32(),
    encode: (w, asn) => void w.u32(asn),
    put: (a, value) => {
      a.onlyToCustomer = value;
    },
  },
};

/** A peer names the same next hop again and again: its sets share one object. */
function sharedAddress(word: number): IpAddress {
  if (lastAddress.w0 !== word) lastAddress = ipv4(word);
  return lastAddress;
}
let lastAddress: IpAddress = ipv4(0);

/** Why this peer may not send such a path: confederations (RFC 5065 §5), first AS (RFC 4271 §6.3), sets (RFC 9774). */
function pathRefused(path: NonNullable<PathAttributes["asPath"]>, context: CodecContext): string | undefined {
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
function fromOutside(name: string, { peer }: CodecContext): string | undefined {
  return peer === "ebgp" || peer === "confederation" ? `${name} from a peer outside our AS` : undefined;
}

function fromFourOctetSpeaker(name: string, { as4, peer }: CodecContext): string | undefined {
  return as4 && peer !== "unknown" ? `${name} from a peer with four-octet AS numbers` : undefined;
}

function encodeAggregator(w: ByteWriter, { asn, address }: Aggregator, as4: boolean): void {
  if (as4) w.u32(asn);
  else w.u16(asn > 0xffff ? AS_TRANS : asn);
  w.bytes(addressOctets(address));
}

function decodeAggregator(r: ByteReader, as4: boolean, name: string): Aggregator | Malformed {
  const { at, left } = r;
  const length = as4 ? 8 : 6;
  if (left !== length)
    return new Malformed(UpdateSubcode.AttributeLength, `${name} of ${inOctets(left)}, must be ${length}`);
  const asn = as4 ? r.u32() : r.u16();
  if (asn === 0) return new Malformed(UpdateSubcode.OptionalAttribute, `AS 0 in ${name}`, at);
  return { asn, address: ipv4(r.u32()) };
}

function encodeAigp(w: ByteWriter, { metric, otherTlvs }: Aigp): void {
  if (metric !== undefined) w.u8(AIGP_TLV).u16(AIGP_TLV_LENGTH).u64(metric);
  if (otherTlvs) w.bytes(otherTlvs);
}

/** TLVs of `type 1 | length 2, header included | value`. Only the first AIGP TLV counts (RFC 7311 §3). */
function decodeAigp(r: ByteReader): Aigp | Malformed {
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

/** To the reader's end; that they come out even was checked. */
function items<T>(r: ByteReader, read: () => T): T[] {
  const result: T[] = [];
  while (r.left > 0) result.push(read());
  return result;
}

const AIGP_TLV = 1;
const AIGP_TLV_LENGTH = 11;

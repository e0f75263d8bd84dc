/**
 * One row an attribute: all that the codec, `show route all` and filters need to know about it.
 * Encode and decode see the value alone; header, flags, duplicates and severity are the walk's
 * (attribute.ts).
 */
import { addressOctets } from "../wire/address.ts";
import type { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { decodeAsPath, encodeAsPath, withoutConfederation } from "./as-path.ts";
import {
  decodeAggregator,
  decodeAigp,
  encodeAggregator,
  encodeAigp,
  fromFourOctetSpeaker,
  fromOutside,
  pathRefused,
  sharedAddress,
} from "./attribute-values.ts";
import type { CodecContext } from "./capability.ts";
import { inOctets, Malformed, type Severity } from "./error.ts";
import { AttributeCode, Flags, Origin, UpdateSubcode } from "./iana.ts";
import { decodeMpReach, decodeMpUnreach, encodeMpReach, encodeMpUnreach } from "./nlri.ts";
import type { PathAttributes } from "./path-attributes.ts";

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

/** To the reader's end; that they come out even was checked. */
function items<T>(r: ByteReader, read: () => T): T[] {
  const result: T[] = [];
  while (r.left > 0) result.push(read());
  return result;
}

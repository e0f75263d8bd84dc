/**
 * The hot path's look at an attribute list: one pass over the octets, no objects. It tells what the decision and the
 * import rules need, and whether the list is of the plain kind that needs no closer look: four-octet AS numbers, right
 * flags and lengths, nothing twice, nothing that has rules of its own. Everything else is `odd` and goes through
 * codec/update.ts, the plain twin, which tests compare this with.
 */
import { AttributeCode, Flags, SegmentType, WellKnownCommunity } from "../codec/iana.ts";

/** What a set has, one bit each; kept in the AttributeStore. */
export const SetFlag = {
  Med: 1,
  LocalPref: 2,
  NextHop: 4,
  Origin: 8,
  AsPath: 16,
  NoExport: 32,
  NoAdvertise: 64,
  NoExportSubconfed: 128,
  LlgrStale: 256,
  NoLlgr: 512,
  Otc: 1024,
  AsSet: 2048,
  Confederation: 4096,
  Unknown: 8192,
  Aigp: 16384,
  Reflected: 32768,
  As4: 65536,
  Partial: 131072,
} as const;

export class AttributeScan {
  odd = false;
  flags = 0;
  origin = 0;
  pathLength = 0;
  /** Leftmost AS of the path, if it begins with an AS_SEQUENCE; else 0. */
  firstAs = 0;
  med = 0;
  localPref = 0;
  /** The four octets of NEXT_HOP, unsigned. */
  nextHop = 0;
  originatorId = 0;
  clusters = 0;
  /** How often `watchedAs` (our own) stands in the path. */
  loops = 0;
  /** The cluster list holds `watchedCluster` (our own). */
  clusterLoop = false;
  /** MP_REACH_NLRI and MP_UNREACH_NLRI: start of the attribute, of its value, and its end; 0 if absent. */
  reachAt = 0;
  reachValue = 0;
  reachEnd = 0;
  unreachAt = 0;
  unreachValue = 0;
  unreachEnd = 0;
  /** Whose presence in AS_PATH and CLUSTER_LIST is counted. */
  watchedAs = 0;
  watchedCluster = 0;
  /** From inside the AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are plain. */
  internal = false;

  /** Reads octets `start` to `end` of `o`; never throws, never reads beyond. */
  run(o: Uint8Array, start: number, end: number): void {
    this.#reset();
    let seen = 0;
    let at = start;
    while (at < end) {
      const flags = o[at]!;
      const wide = (flags & Flags.ExtendedLength) !== 0;
      const value = at + (wide ? 4 : 3);
      if (value > end) break;
      const code = o[at + 1]!;
      const length = wide ? (o[at + 2]! << 8) | o[at + 3]! : o[at + 2]!;
      const next = value + length;
      if (next > end) break;
      if (code < 32) {
        if ((seen & (1 << code)) !== 0) this.odd = true;
        seen |= 1 << code;
      }
      this.#attribute(o, at, flags, code, value, next);
      at = next;
    }
    if (at !== end) this.odd = true;
  }

  #reset(): void {
    this.odd = false;
    this.flags = this.origin = this.pathLength = this.firstAs = this.med = this.localPref = this.nextHop = 0;
    this.originatorId = this.clusters = this.loops = 0;
    this.clusterLoop = false;
    this.reachAt = this.reachValue = this.reachEnd = 0;
    this.unreachAt = this.unreachValue = this.unreachEnd = 0;
  }

  #attribute(o: Uint8Array, at: number, flags: number, code: number, value: number, next: number): void {
    const kind = flags & (Flags.Optional | Flags.Transitive);
    const length = next - value;
    switch (code) {
      case AttributeCode.Origin:
        if (kind !== WELL_KNOWN || length !== 1 || o[value]! > 2) this.odd = true;
        this.origin = length > 0 ? o[value]! : 0;
        this.flags |= SetFlag.Origin;
        break;
      case AttributeCode.AsPath:
        if (kind !== WELL_KNOWN) this.odd = true;
        this.flags |= SetFlag.AsPath;
        this.#path(o, value, next);
        break;
      case AttributeCode.NextHop:
        if (kind !== WELL_KNOWN || length !== 4) this.odd = true;
        else this.nextHop = word(o, value);
        this.flags |= SetFlag.NextHop;
        break;
      case AttributeCode.MultiExitDisc:
        if (kind !== Flags.Optional || length !== 4) this.odd = true;
        else this.med = word(o, value);
        this.flags |= SetFlag.Med;
        break;
      case AttributeCode.LocalPref:
        if (kind !== WELL_KNOWN || length !== 4 || !this.internal) this.odd = true;
        if (length === 4) this.localPref = word(o, value);
        this.flags |= SetFlag.LocalPref;
        break;
      case AttributeCode.AtomicAggregate:
        if (kind !== WELL_KNOWN || length !== 0) this.odd = true;
        break;
      case AttributeCode.Aggregator:
        if (kind !== OPTIONAL_TRANSITIVE || length !== 8 || word(o, value) === 0) this.odd = true;
        break;
      case AttributeCode.Communities:
        if (kind !== OPTIONAL_TRANSITIVE || length === 0 || (length & 3) !== 0) this.odd = true;
        this.#communities(o, value, next);
        break;
      case AttributeCode.OriginatorId:
        if (kind !== Flags.Optional || length !== 4 || !this.internal) this.odd = true;
        if (length === 4) this.originatorId = word(o, value);
        this.flags |= SetFlag.Reflected;
        break;
      case AttributeCode.ClusterList:
        if (kind !== Flags.Optional || length === 0 || (length & 3) !== 0 || !this.internal) this.odd = true;
        this.flags |= SetFlag.Reflected;
        this.#clusters(o, value, next);
        break;
      case AttributeCode.MpReachNlri:
        if (kind !== Flags.Optional || length < 5) this.odd = true;
        this.reachAt = at;
        this.reachValue = value;
        this.reachEnd = next;
        break;
      case AttributeCode.MpUnreachNlri:
        if (kind !== Flags.Optional || length < 3) this.odd = true;
        this.unreachAt = at;
        this.unreachValue = value;
        this.unreachEnd = next;
        break;
      case AttributeCode.ExtendedCommunities:
        if (kind !== OPTIONAL_TRANSITIVE || length === 0 || (length & 7) !== 0) this.odd = true;
        break;
      case AttributeCode.LargeCommunity:
        // Codes from 32 on are not in the walk's set of seen ones, and duplicates inside are dropped (RFC 8092 §5).
        if (kind !== OPTIONAL_TRANSITIVE || length === 0 || length % 12 !== 0 || (this.flags & LARGE_SEEN) !== 0)
          this.odd = true;
        this.flags |= LARGE_SEEN;
        if (length > 12 && (length > MAX_LARGE || this.#repeatsLarge(o, value, next))) this.odd = true;
        break;
      case AttributeCode.OnlyToCustomer:
        this.odd = true;
        this.flags |= SetFlag.Otc;
        break;
      case AttributeCode.Aigp:
        this.odd = true;
        this.flags |= SetFlag.Aigp;
        break;
      default:
        this.#unknown(flags, code);
    }
    if ((flags & Flags.Partial) !== 0) this.flags |= SetFlag.Partial;
  }

  /** Carried as it is, where it is optional and no codec row knows it; one above 31 could come twice. */
  #unknown(flags: number, code: number): void {
    if ((flags & Flags.Optional) === 0 || code >= 32 || KNOWN_ELSEWHERE.has(code)) this.odd = true;
    this.flags |= SetFlag.Unknown;
  }

  #path(o: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const type = o[at]!;
      const count = at + 1 < end ? o[at + 1]! : 0;
      const next = at + 2 + count * 4;
      if (count === 0 || next > end) {
        this.odd = true;
        return;
      }
      if (type === SegmentType.AsSequence) {
        this.pathLength += count;
        if (at === start) this.firstAs = word(o, at + 2);
      } else if (type === SegmentType.AsSet) {
        this.pathLength += 1;
        this.flags |= SetFlag.AsSet;
      } else {
        this.flags |= SetFlag.Confederation;
        this.odd = true;
      }
      for (let asn = at + 2; asn < next; asn += 4) {
        const value = word(o, asn);
        if (value === 0) this.odd = true;
        else if (value === this.watchedAs) this.loops++;
      }
      at = next;
    }
  }

  #communities(o: Uint8Array, start: number, end: number): void {
    for (let at = start; at + 4 <= end; at += 4) {
      if (o[at] !== 0xff || o[at + 1] !== 0xff) continue;
      const community = word(o, at);
      if (community === WellKnownCommunity.NoExport) this.flags |= SetFlag.NoExport;
      else if (community === WellKnownCommunity.NoAdvertise) this.flags |= SetFlag.NoAdvertise;
      else if (community === WellKnownCommunity.NoExportSubconfed) this.flags |= SetFlag.NoExportSubconfed;
      else if (community === WellKnownCommunity.LlgrStale) this.flags |= SetFlag.LlgrStale;
      else if (community === WellKnownCommunity.NoLlgr) this.flags |= SetFlag.NoLlgr;
    }
  }

  #clusters(o: Uint8Array, start: number, end: number): void {
    for (let at = start; at + 4 <= end; at += 4) {
      this.clusters++;
      if (word(o, at) === this.watchedCluster) this.clusterLoop = true;
    }
  }

  #repeatsLarge(o: Uint8Array, start: number, end: number): boolean {
    for (let a = start; a < end; a += 12) {
      for (let b = a + 12; b < end; b += 12) {
        let same = 0;
        while (same < 12 && o[a + same] === o[b + same]) same++;
        if (same === 12) return true;
      }
    }
    return false;
  }
}

function word(o: Uint8Array, at: number): number {
  return ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0;
}

const WELL_KNOWN = Flags.Transitive;
const OPTIONAL_TRANSITIVE = Flags.Optional | Flags.Transitive;
const LARGE_SEEN = 1 << 30;
/** Of large communities; more of them are looked at by the plain twin. */
const MAX_LARGE = 12 * 16;
const KNOWN_ELSEWHERE: ReadonlySet<number> = new Set([
  AttributeCode.As4Path,
  AttributeCode.As4Aggregator,
  AttributeCode.PmsiTunnel,
  AttributeCode.Ipv6ExtendedCommunities,
]);

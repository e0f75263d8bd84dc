/**
 * The path attributes of one UPDATE as values, and what a speaker does with a decoded set before it
 * uses or forwards it.
 */
import { type IpAddress, isLinkLocal } from "../wire/address.ts";
import { type AsPath, mergeAs4Path } from "./as-path.ts";
import type { CodecContext } from "./capability.ts";
import type { ExtCommunity, LargeCommunity } from "./community.ts";
import { AS_TRANS, Flags, type Origin } from "./iana.ts";
import type { MpReach, MpUnreach } from "./nlri.ts";

export interface Aggregator {
  readonly asn: number;
  readonly address: IpAddress;
}

/** AIGP (RFC 7311): the metric of its first AIGP TLV, and the other TLVs, which are passed on unchanged. */
export interface Aigp {
  readonly metric?: bigint;
  readonly otherTlvs?: Uint8Array;
}

/** An attribute that is not looked into: flags and octets as they came. */
export interface UnknownAttribute {
  readonly code: number;
  /** Without the extended-length bit and the four unused ones. */
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface PathAttributes {
  readonly origin?: Origin;
  readonly asPath?: AsPath;
  readonly nextHop?: IpAddress;
  readonly multiExitDisc?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  readonly communities?: readonly number[];
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  readonly mpReach?: MpReach;
  readonly mpUnreach?: MpUnreach;
  readonly extCommunities?: readonly ExtCommunity[];
  /** Only of a two-octet peer, and only where a decoder does not merge it (RFC 6793 §4.2.3). */
  readonly as4Path?: AsPath;
  readonly as4Aggregator?: Aggregator;
  readonly pmsiTunnel?: Uint8Array;
  /** Each 20 octets (RFC 5701). */
  readonly ipv6ExtCommunities?: readonly Uint8Array[];
  readonly aigp?: Aigp;
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly onlyToCustomer?: number;
  /** In order of code. */
  readonly unknown?: readonly UnknownAttribute[];
  /** Codes of known optional transitive attributes that came with the Partial bit: it stays set (RFC 4271 §5). */
  readonly partial?: readonly number[];
}

/** What a session makes of a set as it stands on the wire. */
export function settleAttributes(wire: PathAttributes, context: CodecContext): PathAttributes {
  let a = wire;
  if (!context.as4 && (a.as4Path || a.as4Aggregator)) a = mergeAs4(a);
  if (a.largeCommunities) a = withoutDuplicates(a, a.largeCommunities);
  const reach = a.mpReach;
  // Of two next hops the second has to be link-local, else it means nothing (RFC 2545 §3).
  if (reach && reach.nextHops.length > 1 && !isLinkLocal(reach.nextHops[1]!)) {
    a = { ...a, mpReach: { ...reach, nextHops: reach.nextHops.slice(0, 1) } };
  }
  return a;
}

/**
 * Folds AS4_PATH and AS4_AGGREGATOR into AS_PATH and AGGREGATOR (RFC 6793 §4.2.3). An AGGREGATOR
 * that is not AS_TRANS says that a two-octet speaker aggregated after them: then both are ignored.
 */
export function mergeAs4(wire: PathAttributes): PathAttributes {
  const { as4Path, as4Aggregator, ...a } = wire;
  if (as4Aggregator && a.aggregator && a.aggregator.asn !== AS_TRANS) return a;
  return {
    ...a,
    ...(as4Path && a.asPath ? { asPath: mergeAs4Path(a.asPath, as4Path) } : {}),
    ...(as4Aggregator && a.aggregator ? { aggregator: as4Aggregator } : {}),
  };
}

/**
 * The unknown attributes as they are forwarded (RFC 4271 §5): non-transitive ones are dropped, the
 * others get the Partial bit, since we passed them on without understanding them.
 */
export function forwardUnknown(unknown: readonly UnknownAttribute[]): UnknownAttribute[] {
  return unknown
    .filter(({ flags }) => (flags & Flags.Transitive) !== 0)
    .map((attribute) => ({ ...attribute, flags: attribute.flags | Flags.Partial }));
}

/** RFC 8092 §5: duplicates are dropped silently; the first of each stays. */
function withoutDuplicates(a: PathAttributes, communities: readonly LargeCommunity[]): PathAttributes {
  if (communities.length < 2) return a;
  const unique = new Map(communities.map((c) => [`${c.global}:${c.local1}:${c.local2}`, c]));
  return unique.size === communities.length ? a : { ...a, largeCommunities: [...unique.values()] };
}

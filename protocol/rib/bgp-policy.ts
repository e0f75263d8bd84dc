/** What a BGP session's configuration means to the tables: plain records, as bird.conf names things. */
import type { CodecContext, FamilyKey } from "../codec/capability.ts";
import type { Role } from "../codec/iana.ts";
import type { IpAddress } from "../wire/address.ts";

/** `on`, `off`, or for routes from one kind of session. */
export type NextHopSwitch = "off" | "on" | "ibgp" | "ebgp";

/** Per channel. */
export interface BgpChannelPolicy {
  readonly nextHopKeep: NextHopSwitch;
  readonly nextHopSelf: NextHopSwitch;
  readonly nextHopAddress?: IpAddress | undefined;
  readonly nextHopPreferGlobal: boolean;
  readonly gateway: "direct" | "recursive";
  readonly aigp: "off" | "on" | "originate";
  readonly cost?: number | undefined;
}

/** Per session. */
export interface BgpPeerPolicy {
  /** Our AS as this peer knows it. */
  readonly localAs: number;
  readonly neighborAddress: IpAddress;
  /** Our address of the session. */
  readonly localAddress: IpAddress;
  /** Our addresses to announce as next hop, by family; that of the session's own family is `localAddress` if left out. */
  readonly nextHop4?: IpAddress | undefined;
  readonly nextHop6?: IpAddress | undefined;
  readonly linkLocal?: IpAddress | undefined;
  /** The neighbour is on a shared subnet, on this interface. */
  readonly direct: boolean;
  readonly iface?: string | undefined;
  /** Next hops of a direct session must be on-link. */
  readonly onlinkCheck: boolean;
  readonly rrClient: boolean;
  readonly rsClient: boolean;
  readonly clusterId: number;
  /** The confederation's AS number, where there is one. */
  readonly confederation?: number | undefined;
  readonly allowLocalPref: boolean;
  readonly allowLocalAs: number;
  readonly allowAsSets: boolean;
  readonly enforceFirstAs: boolean;
  readonly interpretCommunities: boolean;
  readonly defaultMed: number;
  readonly defaultLocalPref: number;
  readonly pathMetric: boolean;
  readonly medMetric: boolean;
  readonly igpMetric: boolean;
  readonly preferOlder: boolean;
  readonly deterministicMed: boolean;
  /** What we are on this session (RFC 9234). */
  readonly role?: Role | undefined;
}

/** What a connection has settled, as far as routes depend on it (fsm/negotiate.ts). */
export interface PeerSession {
  readonly context: CodecContext;
  readonly internal: boolean;
  readonly peerAs: number;
  readonly localId: number;
  readonly enhancedRefresh: boolean;
  readonly longLived?: ReadonlyMap<FamilyKey, unknown>;
}

export type PeerClass = "ebgp" | "ibgp" | "confederation";

/** Whether a switch is on for a route from inside or outside the AS; one that is no BGP route counts as inside. */
export function switchedOn(value: NextHopSwitch, internal: boolean): boolean {
  return value === "on" || value === (internal ? "ibgp" : "ebgp");
}

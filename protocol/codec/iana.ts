/**
 * Code points under IANA's names (registries bgp-parameters, capability-codes, bgp-well-known-communities,
 * address-family-numbers, safi-namespace), and the words BIRD uses for error codes.
 */
export const MessageType = { Open: 1, Update: 2, Notification: 3, Keepalive: 4, RouteRefresh: 5 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const ErrorCode = {
  MessageHeader: 1,
  Open: 2,
  Update: 3,
  HoldTimerExpired: 4,
  Fsm: 5,
  Cease: 6,
  RouteRefresh: 7,
  SendHoldTimerExpired: 8, // RFC 9687
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** RFC 4271 §6.1 */
export const HeaderSubcode = { Unspecific: 0, NotSynchronized: 1, BadLength: 2, BadType: 3 } as const;
export type HeaderSubcode = (typeof HeaderSubcode)[keyof typeof HeaderSubcode];

/** RFC 4271 §6.2, RFC 5492, RFC 9234 */
export const OpenSubcode = {
  Unspecific: 0,
  UnsupportedVersion: 1,
  BadPeerAs: 2,
  BadBgpIdentifier: 3,
  UnsupportedParameter: 4,
  UnacceptableHoldTime: 6,
  UnsupportedCapability: 7,
  RoleMismatch: 11,
} as const;
export type OpenSubcode = (typeof OpenSubcode)[keyof typeof OpenSubcode];

/** RFC 4271 §6.3 */
export const UpdateSubcode = {
  Unspecific: 0,
  MalformedAttributeList: 1,
  UnrecognizedWellKnown: 2,
  MissingWellKnown: 3,
  AttributeFlags: 4,
  AttributeLength: 5,
  InvalidOrigin: 6,
  InvalidNextHop: 8,
  OptionalAttribute: 9,
  InvalidNetworkField: 10,
  MalformedAsPath: 11,
} as const;
export type UpdateSubcode = (typeof UpdateSubcode)[keyof typeof UpdateSubcode];

/** RFC 6608 */
export const FsmSubcode = { Unspecified: 0, OpenSent: 1, OpenConfirm: 2, Established: 3 } as const;
export type FsmSubcode = (typeof FsmSubcode)[keyof typeof FsmSubcode];

/** RFC 4486, RFC 8538, RFC 9384 */
export const CeaseSubcode = {
  Unspecific: 0,
  MaximumPrefixes: 1,
  AdministrativeShutdown: 2,
  PeerDeconfigured: 3,
  AdministrativeReset: 4,
  ConnectionRejected: 5,
  OtherConfigurationChange: 6,
  ConnectionCollision: 7,
  OutOfResources: 8,
  HardReset: 9,
  BfdDown: 10,
} as const;
export type CeaseSubcode = (typeof CeaseSubcode)[keyof typeof CeaseSubcode];

/** RFC 7313 §5 */
export const RefreshSubcode = { Reserved: 0, InvalidLength: 1 } as const;
export type RefreshSubcode = (typeof RefreshSubcode)[keyof typeof RefreshSubcode];

/** ROUTE-REFRESH message subtypes (RFC 7313 §3.2) */
export const RefreshSubtype = { Normal: 0, BeginningOfRr: 1, EndOfRr: 2 } as const;
export type RefreshSubtype = (typeof RefreshSubtype)[keyof typeof RefreshSubtype];

export const CapabilityCode = {
  Multiprotocol: 1,
  RouteRefresh: 2,
  ExtendedNextHop: 5,
  ExtendedMessage: 6,
  Role: 9,
  GracefulRestart: 64,
  FourOctetAs: 65,
  AddPath: 69,
  EnhancedRouteRefresh: 70,
  LongLivedGracefulRestart: 71,
  Fqdn: 73,
  SoftwareVersion: 75,
} as const;
export type CapabilityCode = (typeof CapabilityCode)[keyof typeof CapabilityCode];

export const AttributeCode = {
  Origin: 1,
  AsPath: 2,
  NextHop: 3,
  MultiExitDisc: 4,
  LocalPref: 5,
  AtomicAggregate: 6,
  Aggregator: 7,
  Communities: 8,
  OriginatorId: 9,
  ClusterList: 10,
  MpReachNlri: 14,
  MpUnreachNlri: 15,
  ExtendedCommunities: 16,
  As4Path: 17,
  As4Aggregator: 18,
  PmsiTunnel: 22,
  TunnelEncapsulation: 23,
  TrafficEngineering: 24,
  Ipv6ExtendedCommunities: 25,
  Aigp: 26,
  PeDistinguisherLabels: 27,
  EntropyLabel: 28,
  BgpLs: 29,
  LargeCommunity: 32,
  BgpsecPath: 33,
  CommunityContainer: 34,
  OnlyToCustomer: 35,
  DomainPath: 36,
  SfpAttribute: 37,
  BfdDiscriminator: 38,
  PrefixSid: 40,
  AttrSet: 128,
} as const;
export type AttributeCode = (typeof AttributeCode)[keyof typeof AttributeCode];

/** Bits of the attribute flags octet (RFC 4271 §4.3). */
export const Flags = { Optional: 0x80, Transitive: 0x40, Partial: 0x20, ExtendedLength: 0x10 } as const;

export const Afi = { Ipv4: 1, Ipv6: 2, L2vpn: 25, BgpLs: 16388 } as const;
export type Afi = (typeof Afi)[keyof typeof Afi];

export const Safi = {
  Unicast: 1,
  Multicast: 2,
  MplsLabel: 4,
  McastVpn: 5,
  Vpls: 65,
  Evpn: 70,
  BgpLs: 71,
  BgpLsVpn: 72,
  SrPolicy: 73,
  MplsVpn: 128,
  MplsVpnMulticast: 129,
  RouteTarget: 132,
  Flowspec: 133,
  FlowspecVpn: 134,
} as const;
export type Safi = (typeof Safi)[keyof typeof Safi];

export const Origin = { Igp: 0, Egp: 1, Incomplete: 2 } as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** RFC 4271 §4.3, RFC 5065 §3 */
export const SegmentType = { AsSet: 1, AsSequence: 2, AsConfedSequence: 3, AsConfedSet: 4 } as const;
export type SegmentType = (typeof SegmentType)[keyof typeof SegmentType];

/** RFC 9234 §4.1: what the local AS is on the session. */
export const Role = { Provider: 0, Rs: 1, RsClient: 2, Customer: 3, Peer: 4 } as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Stands for an AS number that does not fit two octets (RFC 6793 §9). */
export const AS_TRANS = 23456;

export const WellKnownCommunity = {
  GracefulShutdown: 0xffff_0000,
  AcceptOwn: 0xffff_0001,
  RouteFilterTranslatedV4: 0xffff_0002,
  RouteFilterV4: 0xffff_0003,
  RouteFilterTranslatedV6: 0xffff_0004,
  RouteFilterV6: 0xffff_0005,
  LlgrStale: 0xffff_0006,
  NoLlgr: 0xffff_0007,
  AcceptOwnNexthop: 0xffff_0008,
  StandbyPe: 0xffff_0009,
  Blackhole: 0xffff_029a,
  NoExport: 0xffff_ff01,
  NoAdvertise: 0xffff_ff02,
  NoExportSubconfed: 0xffff_ff03,
  NoPeer: 0xffff_ff04,
} as const;
export type WellKnownCommunity = (typeof WellKnownCommunity)[keyof typeof WellKnownCommunity];

/** `no-export` and the like, or undefined. */
export function communityName(community: number): string | undefined {
  return COMMUNITY_NAMES.get(community);
}

/** What an error code and subcode mean, in BIRD's words: `Hold timer expired`, `Bad peer AS`. */
export function errorText(code: number, subcode: number): string {
  return ERRORS[code]?.[subcode] ?? `Unknown error ${code}.${subcode}`;
}

/** `IPv4 unicast`, `EVPN`, or `AFI 7 SAFI 9`. */
export function familyName(afi: number, safi: number): string {
  const whole = FAMILY_NAMES.get(`${afi}/${safi}`);
  if (whole) return whole;
  const first = afi === Afi.Ipv4 ? "IPv4" : afi === Afi.Ipv6 ? "IPv6" : `AFI ${afi}`;
  return `${first} ${SAFI_NAMES.get(safi) ?? `SAFI ${safi}`}`;
}

/** `UPDATE`, or undefined for what is no message type. */
export function messageName(type: number): string | undefined {
  return MESSAGE_NAMES[type];
}

/** IANA's name of an attribute, `attribute 99` if it has none. */
export function attributeName(code: number): string {
  return ATTRIBUTE_NAMES.get(code) ?? `attribute ${code}`;
}

/** IANA's name of a capability, `capability 99` if it has none. */
export function capabilityName(code: number): string {
  return CAPABILITY_NAMES.get(code) ?? `capability ${code}`;
}

const MESSAGE_NAMES: readonly (string | undefined)[] = [
  undefined,
  "OPEN",
  "UPDATE",
  "NOTIFICATION",
  "KEEPALIVE",
  "ROUTE-REFRESH",
];

/** By code, then subcode; what BIRD has no words for is in its style. */
const ERRORS: Readonly<Record<number, readonly (string | undefined)[]>> = {
  1: ["Invalid message header", "Connection not synchronized", "Bad message length", "Bad message type"],
  2: [
    "Invalid OPEN message",
    "Unsupported version number",
    "Bad peer AS",
    "Bad BGP identifier",
    "Unsupported optional parameter",
    "Authentication failure",
    "Unacceptable hold time",
    "Required capability missing",
    "No supported AFI/SAFI",
    undefined,
    undefined,
    "Role mismatch",
  ],
  3: [
    "Invalid UPDATE message",
    "Malformed attribute list",
    "Unrecognized well-known attribute",
    "Missing mandatory attribute",
    "Invalid attribute flags",
    "Invalid attribute length",
    "Invalid ORIGIN attribute",
    "AS routing loop",
    "Invalid NEXT_HOP attribute",
    "Optional attribute error",
    "Invalid network field",
    "Malformed AS_PATH",
  ],
  4: ["Hold timer expired"],
  5: [
    "Finite state machine error",
    "Unexpected message in OpenSent state",
    "Unexpected message in OpenConfirm state",
    "Unexpected message in Established state",
  ],
  6: [
    "Cease",
    "Maximum number of prefixes reached",
    "Administrative shutdown",
    "Peer de-configured",
    "Administrative reset",
    "Connection rejected",
    "Other configuration change",
    "Connection collision resolution",
    "Out of Resources",
    "Hard reset",
    "BFD session down",
  ],
  7: ["Invalid ROUTE-REFRESH message", "Invalid ROUTE-REFRESH message length"],
  8: ["Send hold timer expired"], // RFC 9687
};

const COMMUNITY_NAMES: ReadonlyMap<number, string> = new Map([
  [WellKnownCommunity.GracefulShutdown, "graceful-shutdown"],
  [WellKnownCommunity.AcceptOwn, "accept-own"],
  [WellKnownCommunity.RouteFilterTranslatedV4, "route-filter-translated-v4"],
  [WellKnownCommunity.RouteFilterV4, "route-filter-v4"],
  [WellKnownCommunity.RouteFilterTranslatedV6, "route-filter-translated-v6"],
  [WellKnownCommunity.RouteFilterV6, "route-filter-v6"],
  [WellKnownCommunity.LlgrStale, "llgr-stale"],
  [WellKnownCommunity.NoLlgr, "no-llgr"],
  [WellKnownCommunity.AcceptOwnNexthop, "accept-own-nexthop"],
  [WellKnownCommunity.StandbyPe, "standby-pe"],
  [WellKnownCommunity.Blackhole, "blackhole"],
  [WellKnownCommunity.NoExport, "no-export"],
  [WellKnownCommunity.NoAdvertise, "no-advertise"],
  [WellKnownCommunity.NoExportSubconfed, "no-export-subconfed"],
  [WellKnownCommunity.NoPeer, "no-peer"],
]);

const ATTRIBUTE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "ORIGIN"],
  [2, "AS_PATH"],
  [3, "NEXT_HOP"],
  [4, "MULTI_EXIT_DISC"],
  [5, "LOCAL_PREF"],
  [6, "ATOMIC_AGGREGATE"],
  [7, "AGGREGATOR"],
  [8, "COMMUNITIES"],
  [9, "ORIGINATOR_ID"],
  [10, "CLUSTER_LIST"],
  [14, "MP_REACH_NLRI"],
  [15, "MP_UNREACH_NLRI"],
  [16, "EXTENDED COMMUNITIES"],
  [17, "AS4_PATH"],
  [18, "AS4_AGGREGATOR"],
  [22, "PMSI_TUNNEL"],
  [23, "TUNNEL_ENCAPSULATION"],
  [24, "TRAFFIC_ENGINEERING"],
  [25, "IPV6 EXTENDED COMMUNITIES"],
  [26, "AIGP"],
  [27, "PE_DISTINGUISHER_LABELS"],
  [28, "ENTROPY_LABEL (deprecated)"],
  [29, "BGP-LS"],
  [32, "LARGE_COMMUNITY"],
  [33, "BGPSEC_PATH"],
  [34, "COMMUNITY_CONTAINER"],
  [35, "ONLY_TO_CUSTOMER"],
  [36, "D-PATH"],
  [37, "SFP"],
  [38, "BFD_DISCRIMINATOR"],
  [40, "PREFIX_SID"],
  [128, "ATTR_SET"],
]);

const CAPABILITY_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "multiprotocol"],
  [2, "route refresh"],
  [3, "outbound route filtering"],
  [5, "extended next hop"],
  [6, "extended message"],
  [7, "BGPsec"],
  [8, "multiple labels"],
  [9, "role"],
  [64, "graceful restart"],
  [65, "4-octet AS numbers"],
  [67, "dynamic capability"],
  [68, "multisession"],
  [69, "add-path"],
  [70, "enhanced route refresh"],
  [71, "long-lived graceful restart"],
  [72, "routing policy distribution"],
  [73, "FQDN"],
  [74, "BFD strict mode"],
  [75, "software version"],
  [76, "paths limit"],
  [128, "route refresh (pre-standard)"],
  [130, "outbound route filtering (pre-standard)"],
  [131, "multisession (pre-standard)"],
]);

const SAFI_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "unicast"],
  [2, "multicast"],
  [4, "labelled unicast"],
  [5, "MCAST-VPN"],
  [66, "MDT"],
  [73, "SR policy"],
  [85, "MUP"],
  [128, "VPN unicast"],
  [129, "VPN multicast"],
  [132, "route target constraint"],
  [133, "flowspec"],
  [134, "VPN flowspec"],
]);

const FAMILY_NAMES: ReadonlyMap<string, string> = new Map([
  ["25/65", "VPLS"],
  ["25/70", "EVPN"],
  ["25/133", "L2VPN flowspec"],
  ["25/134", "L2VPN flowspec"],
  ["16388/71", "link-state"],
  ["16388/72", "VPN link-state"],
]);

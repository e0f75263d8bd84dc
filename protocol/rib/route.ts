/**
 * What a route is between codec, policy and tables: the shapes that all three share.
 *
 * In a table a route is `Slot` + `AttrId` + the number of its source; the records below exist only
 * where a filter or a person looks at one.
 */
import type { PathAttributes } from "../codec/attribute.ts";
import type { IpAddress, Prefix } from "../wire/address.ts";

declare const slotBrand: unique symbol;
declare const attrBrand: unique symbol;

/** A prefix's row in its family's table. Dense, reused after the last route of a prefix is gone. */
export type Slot = number & { readonly [slotBrand]: true };

/** An attribute set in the AttributeStore. */
export type AttrId = number & { readonly [attrBrand]: true };

/** Stands for "no route" wherever an AttrId can stand. */
export const NO_ROUTE: AttrId = 0 as AttrId;

/** BIRD's net types: what a table may hold. */
export type NetType =
  | "ipv4"
  | "ipv6"
  | "ipv4-multicast"
  | "ipv6-multicast"
  | "ipv6-sadr"
  | "ipv4-mpls"
  | "ipv6-mpls"
  | "vpn4"
  | "vpn6"
  | "roa4"
  | "roa6"
  | "flow4"
  | "flow6"
  | "mpls";

/** A ROA (RFC 6811): an IP prefix with the longest length and the origin AS it allows. */
export interface RoaNet extends Prefix {
  readonly maxLength: number;
  readonly asn: number;
}

/** What `net` is in a filter. Everything we route is an IP prefix; a ROA table holds RoaNet. */
export type Net = Prefix | RoaNet;

/** BIRD's RTS_* (source of a route), with the numbers that its enum prints. */
export const RouteKind = {
  Static: 1,
  Inherit: 2,
  Device: 3,
  StaticDevice: 4,
  Redirect: 5,
  Rip: 6,
  Ospf: 7,
  OspfIa: 8,
  OspfExt1: 9,
  OspfExt2: 10,
  Bgp: 11,
  Pipe: 12,
  Babel: 13,
  Rpki: 14,
  Perf: 15,
} as const;
export type RouteKind = (typeof RouteKind)[keyof typeof RouteKind];

export type Destination = "unicast" | "blackhole" | "unreachable" | "prohibit";

export interface NextHop {
  readonly gateway?: IpAddress;
  /** Interface name; a gateway without one is resolved by whoever uses the route. */
  readonly iface?: string;
  readonly onlink?: boolean;
  /** 1 to 256; 1 if left out. */
  readonly weight?: number;
  readonly labels?: readonly number[];
}

/** Value of a custom attribute (`attribute int x;`) or of a kernel metric, as filters see it. */
export type CustomValue = unknown;

/**
 * Everything a filter can read or set of one route, its prefix and source aside. Immutable: a
 * filter that changes something makes a copy. What is absent has the default of the route's
 * source (`from`, `preference`, `gw`) or is undefined in BIRD's sense.
 */
export interface RouteAttributes extends Omit<PathAttributes, "mpReach" | "mpUnreach" | "as4Path" | "as4Aggregator"> {
  readonly dest?: Destination;
  /** Where to send packets; for BGP absent until resolved from `nextHop`. */
  readonly nextHops?: readonly NextHop[];
  /** Link-local companion of an IPv6 `nextHop` (RFC 2545). */
  readonly nextHopLinkLocal?: IpAddress;
  /** A recursive next hop that a static route names; BGP's own is `nextHop`. */
  readonly recursive?: IpAddress;
  readonly preference?: number;
  readonly scope?: number;
  readonly from?: IpAddress;
  readonly igpMetric?: number;
  /** `krt_*` attributes by their name in the filter language. */
  readonly kernel?: Readonly<Record<string, number | IpAddress>>;
  /** Custom attributes by name. */
  readonly custom?: ReadonlyMap<string, CustomValue>;
}

/**
 * Under this name a view of attributes that shows now one set, now another, has the one that it shows as
 * an object that stays. An object that stays anyway has none.
 */
export const WHOLE: unique symbol = Symbol("whole");

/** Who brought a route in: one per protocol (and per peer), shared by all its routes. */
export interface RouteSource {
  /** Small, dense, never 0; unique among live sources of a speaker. */
  readonly id: number;
  /** The protocol's name: `proto` in filters. */
  readonly protocol: string;
  readonly kind: RouteKind;
  /** What routes of this source have if they carry no `preference`. */
  readonly preference: number;
  /** BGP: the neighbour's address, AS and identifier, kind of session, for the decision (RFC 4271 §9.1.2.2). */
  readonly peer?: {
    readonly address: IpAddress;
    readonly asn: number;
    readonly bgpId: number;
    readonly localAs: number;
    readonly localId: number;
    readonly internal: boolean;
    readonly confederation: boolean;
    readonly rrClient: boolean;
    readonly rsClient: boolean;
    /** The interface of a neighbour on a shared subnet; absent for multihop. */
    readonly iface?: string;
  };
  /** How the decision treats these routes; left out: as `protocol bgp` by default. */
  readonly decision?: DecisionOptions;
  /** A route that a pipe carried here: whose it was, and the tables it has been through, oldest first. */
  readonly via?: { readonly origin: RouteSource; readonly tables: readonly string[] };
}

/** What `protocol bgp` may say about the decision. */
export interface DecisionOptions {
  readonly pathMetric: boolean;
  readonly medMetric: boolean;
  readonly igpMetric: boolean;
  readonly preferOlder: boolean;
  readonly deterministicMed: boolean;
  readonly defaultMed: number;
  readonly defaultLocalPref: number;
}

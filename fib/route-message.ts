/**
 * Route messages (RTM_*ROUTE), encode beside decode.
 *
 *   rtmsg: | family 1 | dst length 1 | src length 1 | TOS 1 | table 1 | protocol 1 | scope 1 | type 1 | flags 4 |
 *   rtnexthop: | length 2 | flags 1 | weight - 1 1 | link 4 | attributes |
 */
import type { Family, IpAddress } from "../protocol/wire/address.ts";
import { ipv4, ipv6, prefixOf, width } from "../protocol/wire/address.ts";
import {
  NextHopFlag,
  RouteAttribute,
  RouteFlag,
  RouteMetric,
  RouteMetricField,
  RouteScope,
  RouteType,
  RtMessage,
} from "./constants.ts";
import type { AttributeCursor, MessageCursor, NetlinkWriter } from "./netlink.ts";
import { AddressFamily, familyNumber, NlFlag } from "./netlink.ts";
import type { KernelNextHop, KernelRoute, RouteChange, RouteFilter, RouteKindName } from "./types.ts";

/** A request; whether an ACK is wanted is added behind the batch. */
export function encodeChange(w: NetlinkWriter, change: RouteChange, sequence: number): void {
  const { op, route } = change;
  if (op === "delete") {
    w.begin(RtMessage.DelRoute, NlFlag.Request, sequence);
    encodeKey(w, route);
  } else {
    const how = op === "install" ? NlFlag.Exclusive : NlFlag.Replace;
    w.begin(RtMessage.NewRoute, NlFlag.Request | NlFlag.Create | how, sequence);
    encodeRoute(w, route);
  }
  w.end();
}

/** rtmsg and attributes of a whole route. */
export function encodeRoute(w: NetlinkWriter, route: KernelRoute): void {
  const single = route.nextHops.length === 1 ? route.nextHops[0] : undefined;
  encodeHeader(w, route, route.scope ?? defaultScope(route), kindNumber(route), hopFlags(single));
  if (route.prefSrc) w.attrAddress(RouteAttribute.PrefSource, route.prefSrc);
  if (route.realm) w.attrU32(RouteAttribute.Flow, route.realm);
  encodeMetrics(w, route);
  if (single) encodeHop(w, single, route.prefix.family, true);
  else if (route.nextHops.length > 1) encodeMultipath(w, route);
}

/**
 * What a deletion must match. Type and scope match any: a route that somebody changed is still ours. IPv4
 * takes metric 0 for any metric, so there the next hops narrow it down.
 */
function encodeKey(w: NetlinkWriter, route: KernelRoute): void {
  const four = route.prefix.family === 4;
  encodeHeader(w, route, four ? RouteScope.Nowhere : RouteScope.Universe, 0, 0);
  const hop = route.nextHops[0];
  if (four && route.metric === 0 && route.nextHops.length === 1 && hop) encodeHop(w, hop, 4, true);
}

function encodeHeader(w: NetlinkWriter, route: KernelRoute, scope: number, type: number, flags: number): void {
  const { prefix, table } = route;
  w.u8(familyNumber(prefix.family)).u8(prefix.length).u8(0);
  w.u8(route.tos ?? 0).u8(table < 256 ? table : 0);
  w.u8(route.protocol).u8(scope).u8(type).u32(flags);
  w.attrU32(RouteAttribute.Table, table);
  if (prefix.length > 0) w.attrAddress(RouteAttribute.Destination, prefix);
  if (route.metric !== 0) w.attrU32(RouteAttribute.Priority, route.metric);
}

function encodeHop(w: NetlinkWriter, hop: KernelNextHop, family: Family, withLink: boolean): void {
  if (hop.gateway && hop.gateway.family !== family) {
    const via = w.open(RouteAttribute.Via);
    w.u16(familyNumber(hop.gateway.family)).address(hop.gateway).close(via);
  } else if (hop.gateway) w.attrAddress(RouteAttribute.Gateway, hop.gateway);
  if (withLink && hop.link !== undefined) w.attrU32(RouteAttribute.OutLink, hop.link);
}

function encodeMultipath(w: NetlinkWriter, route: KernelRoute): void {
  const all = w.open(RouteAttribute.Multipath);
  for (const hop of route.nextHops) {
    const one = w.length;
    w.u16(0).u8(hopFlags(hop));
    w.u8((hop.weight ?? 1) - 1).u32(hop.link ?? 0);
    encodeHop(w, hop, route.prefix.family, false);
    w.close(one);
  }
  w.close(all);
}

function encodeMetrics(w: NetlinkWriter, route: KernelRoute): void {
  if (route.mtu === undefined && route.advmss === undefined && !route.metrics && !route.congestionControl) return;
  const nest = w.open(RouteAttribute.Metrics);
  if (route.mtu !== undefined) w.attrU32(RouteMetricField.Mtu, route.mtu);
  if (route.advmss !== undefined) w.attrU32(RouteMetricField.Advmss, route.advmss);
  for (const [name, value] of Object.entries(route.metrics ?? {})) {
    const type = RouteMetric[name as keyof typeof RouteMetric];
    if (type === undefined) throw new RangeError(`no route metric is called ${name}`);
    w.attrU32(type, value);
  }
  if (route.congestionControl) w.attrText(RouteMetricField.CongestionControl, route.congestionControl);
  w.close(nest);
}

/** @returns undefined for what is no entry of a table: a clone, another address family. */
export function decodeRoute(m: MessageCursor): KernelRoute | undefined {
  if (m.length < ROUTE_HEADER) return undefined;
  const family = m.u8(0) === AddressFamily.Inet ? 4 : m.u8(0) === AddressFamily.Inet6 ? 6 : undefined;
  const flags = m.u32(8);
  const length = m.u8(1);
  if (!family || length > width(family) || (flags & RouteFlag.Cloned) !== 0) return undefined;
  const kind = m.u8(7);
  const found: Found = {
    prefix: undefined,
    gateway: undefined,
    link: undefined,
    route: {
      prefix: NOWHERE,
      table: m.u8(4),
      protocol: m.u8(5),
      metric: 0,
      kind: KINDS[kind] ?? "other",
      nextHops: [],
    },
  };
  const { route } = found;
  if (route.kind === "other") route.kindNumber = kind;
  if (family === 4) route.scope = m.u8(6);
  if (m.u8(3) !== 0) route.tos = m.u8(3);
  const a = m.attributes(ROUTE_HEADER);
  while (a.next()) decodeAttribute(a, found);
  route.prefix = prefixOf(found.prefix ?? (family === 4 ? ANY4 : ANY6), length);
  if (route.prefix.family !== family) return undefined;
  if (SINKS.has(route.kind))
    route.nextHops = []; // IPv6 sinks are told with the loopback link
  else if (route.nextHops.length === 0 && (found.gateway || found.link !== undefined)) {
    route.nextHops = [nextHop(found.gateway, found.link, undefined, flags)];
  }
  return route;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Found {
  prefix: IpAddress | undefined;
  gateway: IpAddress | undefined;
  link: number | undefined;
  readonly route: Writable<KernelRoute>;
}

function decodeAttribute(a: AttributeCursor, found: Found): void {
  const { route } = found;
  switch (a.type) {
    case RouteAttribute.Destination:
      found.prefix = a.address();
      break;
    case RouteAttribute.Table:
      route.table = a.u32();
      break;
    case RouteAttribute.Priority:
      route.metric = a.u32();
      break;
    case RouteAttribute.OutLink:
      found.link = a.u32();
      break;
    case RouteAttribute.Gateway:
      found.gateway = a.address();
      break;
    case RouteAttribute.Via:
      found.gateway = a.via();
      break;
    case RouteAttribute.PrefSource: {
      const source = a.address();
      if (source) route.prefSrc = source;
      break;
    }
    case RouteAttribute.Flow:
      route.realm = a.u32();
      break;
    case RouteAttribute.Metrics:
      decodeMetrics(a.nested(), route);
      break;
    case RouteAttribute.Multipath:
      route.nextHops = decodeMultipath(a);
      break;
  }
}

function decodeMetrics(a: AttributeCursor, route: Writable<KernelRoute>): void {
  const metrics: Record<string, number> = {};
  while (a.next()) {
    const name = METRIC_NAMES[a.type];
    if (a.type === RouteMetricField.Mtu) route.mtu = a.u32();
    else if (a.type === RouteMetricField.Advmss) route.advmss = a.u32();
    else if (a.type === RouteMetricField.CongestionControl) route.congestionControl = a.text();
    else if (name) metrics[name] = a.u32();
  }
  if (Object.keys(metrics).length > 0) route.metrics = metrics;
}

/** An rtnexthop has an attribute's length, and flags and weight where an attribute has its type. */
function decodeMultipath(a: AttributeCursor): KernelNextHop[] {
  const hops: KernelNextHop[] = [];
  const hop = a.nested();
  while (hop.next()) {
    if (hop.length < 4) break;
    let gateway: IpAddress | undefined;
    const inner = hop.nested(4);
    while (inner.next()) {
      if (inner.type === RouteAttribute.Gateway) gateway = inner.address();
      else if (inner.type === RouteAttribute.Via) gateway = inner.via();
    }
    hops.push(nextHop(gateway, hop.u32(), hop.second() + 1, hop.first()));
  }
  return hops;
}

function nextHop(
  gateway: IpAddress | undefined,
  link: number | undefined,
  weight: number | undefined,
  flags: number,
): KernelNextHop {
  const hop: Writable<KernelNextHop> = {};
  if (gateway) hop.gateway = gateway;
  if (link) hop.link = link;
  if (weight !== undefined && weight !== 1) hop.weight = weight;
  if ((flags & NextHopFlag.OnLink) !== 0) hop.onlink = true;
  return hop;
}

export function encodeRouteDump(w: NetlinkWriter, family: Family, filter: RouteFilter, sequence: number): void {
  const table = filter.table ?? 0;
  w.begin(RtMessage.GetRoute, NlFlag.Request | NlFlag.Dump, sequence);
  w.u8(familyNumber(family)).u8(0).u8(0).u8(0);
  w.u8(table < 256 ? table : 0).u8(filter.protocol ?? 0);
  w.u8(0).u8(0).u32(0);
  if (table >= 256) w.attrU32(RouteAttribute.Table, table);
  w.end();
}

/** Asks for the table's entry that packets to this address match. */
export function encodeLookup(w: NetlinkWriter, destination: IpAddress, sequence: number): void {
  w.begin(RtMessage.GetRoute, NlFlag.Request, sequence);
  w.u8(familyNumber(destination.family)).u8(width(destination.family)).u8(0).u8(0);
  w.u8(0).u8(0).u8(0).u8(0);
  w.u32(RouteFlag.LookupTable | RouteFlag.FibMatch);
  w.attrAddress(RouteAttribute.Destination, destination).end();
}

function defaultScope(route: KernelRoute): number {
  if (route.prefix.family === 6) return RouteScope.Universe; // IPv6 has none
  if (route.kind === "local") return RouteScope.Host;
  if (route.kind === "broadcast") return RouteScope.Link;
  if (route.kind !== "unicast") return RouteScope.Universe;
  return route.nextHops.some((hop) => hop.gateway) ? RouteScope.Universe : RouteScope.Link;
}

/** The scope that IPv4 shows for a route, whether it was given or not. */
export function effectiveScope(route: KernelRoute): number {
  return route.scope ?? defaultScope(route);
}

function hopFlags(hop: KernelNextHop | undefined): number {
  return hop?.onlink ? NextHopFlag.OnLink : 0;
}

function kindNumber(route: KernelRoute): number {
  return route.kind === "other" ? (route.kindNumber ?? 0) : KIND_NUMBERS[route.kind];
}

const KIND_NUMBERS: { readonly [K in Exclude<RouteKindName, "other">]: number } = {
  unicast: RouteType.Unicast,
  blackhole: RouteType.Blackhole,
  unreachable: RouteType.Unreachable,
  prohibit: RouteType.Prohibit,
  local: RouteType.Local,
  broadcast: RouteType.Broadcast,
};
const KINDS: Readonly<Record<number, RouteKindName>> = Object.fromEntries(
  Object.entries(KIND_NUMBERS).map(([name, number]) => [number, name as RouteKindName]),
);
const METRIC_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(RouteMetric).map(([name, number]) => [number, name]),
);
const SINKS: ReadonlySet<RouteKindName> = new Set(["blackhole", "unreachable", "prohibit"]);
const ANY4 = ipv4(0);
const ANY6 = ipv6(0, 0, 0, 0);
const NOWHERE = prefixOf(ANY4, 0);
const ROUTE_HEADER = 12;

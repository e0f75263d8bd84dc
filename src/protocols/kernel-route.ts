/** A route of ours as the kernel wants it, and a kernel route as a filter sees it. */
import type { KernelNextHop, KernelRoute, WantedRoute } from "../../fib/index.ts";
import type { Destination, NextHop, RouteAttributes } from "../../protocol/rib/route.ts";
import { type IpAddress, type Prefix, sameAddress } from "../../protocol/wire/address.ts";
import type { Interfaces } from "./device.ts";

/** `krt_*` of the filter language, and the fib's name of the same metric (RTAX_*). */
const METRICS: Readonly<Record<string, string>> = {
  krt_window: "window",
  krt_rtt: "rtt",
  krt_rttvar: "rttvar",
  krt_sstresh: "ssthresh",
  krt_cwnd: "cwnd",
  krt_reordering: "reordering",
  krt_hoplimit: "hoplimit",
  krt_initcwnd: "initcwnd",
  krt_rto_min: "rtoMin",
  krt_initrwnd: "initrwnd",
  krt_quickack: "quickack",
};

/** Bits of RTAX_LOCK: one a metric, at its number. */
const LOCKS: Readonly<Record<string, number>> = {
  krt_lock_mtu: 1 << 2,
  krt_lock_window: 1 << 3,
  krt_lock_rtt: 1 << 4,
  krt_lock_rttvar: 1 << 5,
  krt_lock_sstresh: 1 << 6,
  krt_lock_cwnd: 1 << 7,
  krt_lock_advmss: 1 << 8,
  krt_lock_reordering: 1 << 9,
  krt_lock_hoplimit: 1 << 10,
  krt_lock_rto_min: 1 << 13,
};
/** RTAX_FEATURE_*. */
const FEATURES: Readonly<Record<string, number>> = { krt_feature_ecn: 1, krt_feature_allfrag: 8 };

/**
 * @param metric of protocol kernel; 0: that of the route, `krt_metric`
 * @returns undefined if no next hop can be told to the kernel now: an interface is missing or down
 */
export function toKernelRoute(
  prefix: Prefix,
  attributes: RouteAttributes,
  metric: number,
  interfaces: Interfaces,
): WantedRoute | undefined {
  const kind = attributes.dest ?? "unicast";
  const nextHops = kind === "unicast" ? toHops(attributes.nextHops ?? [], interfaces) : [];
  if (kind === "unicast" && nextHops.length === 0) return undefined;
  const krt = attributes.kernel;
  if (!krt) return { prefix, metric, kind, nextHops }; // nearly all: a full table is installed this way
  const number = (name: string): number | undefined => (typeof krt[name] === "number" ? krt[name] : undefined);
  const prefSrc = krt.krt_prefsrc;
  const metrics: Record<string, number> = {};
  for (const [name, rtax] of Object.entries(METRICS)) {
    const value = number(name);
    if (value !== undefined) metrics[rtax] = value;
  }
  const lock = bits(krt, LOCKS);
  const features = bits(krt, FEATURES);
  if (lock !== 0) metrics.lock = lock;
  if (features !== 0) metrics.features = features;
  return {
    prefix,
    // As bird: a metric of the protocol, unless it is 0, stands above the routes' own.
    metric: metric === 0 ? (number("krt_metric") ?? 0) : metric,
    kind,
    nextHops,
    ...optional("prefSrc", typeof prefSrc === "object" ? prefSrc : undefined),
    ...optional("scope", number("krt_scope")),
    ...optional("realm", number("krt_realm")),
    ...optional("mtu", number("krt_mtu")),
    ...optional("advmss", number("krt_advmss")),
    ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
  };
}

/** What `learn` imports of somebody else's route. */
export function fromKernelRoute(route: KernelRoute, interfaces: Interfaces): RouteAttributes {
  const kernel: Record<string, number | IpAddress> = { krt_source: route.protocol, krt_metric: route.metric };
  if (route.prefSrc) kernel.krt_prefsrc = route.prefSrc;
  if (route.realm) kernel.krt_realm = route.realm;
  if (route.mtu) kernel.krt_mtu = route.mtu;
  if (route.advmss) kernel.krt_advmss = route.advmss;
  for (const [name, rtax] of Object.entries(METRICS)) {
    const value = route.metrics?.[rtax];
    if (value !== undefined) kernel[name] = value;
  }
  for (const [name, bit] of Object.entries(LOCKS)) if (((route.metrics?.lock ?? 0) & bit) !== 0) kernel[name] = 1;
  for (const [name, bit] of Object.entries(FEATURES)) {
    if (((route.metrics?.features ?? 0) & bit) !== 0) kernel[name] = 1;
  }
  const nextHops = route.nextHops.map((hop) => fromHop(hop, interfaces));
  return { dest: route.kind as Destination, kernel, ...(nextHops.length > 0 ? { nextHops } : {}) };
}

/** Nearly all of a full table go the same few ways: the last one is made once. */
let last: { readonly hop: NextHop; readonly index: number; readonly hops: readonly KernelNextHop[] } | undefined;

function toHops(hops: readonly NextHop[], interfaces: Interfaces): readonly KernelNextHop[] {
  const [hop] = hops;
  if (!hop || hops.length > 1 || hop.iface === undefined) return hopsOf(hops, interfaces);
  const link = interfaces.byName(hop.iface)?.link;
  if (!link?.adminUp) return [];
  if (last && last.index === link.index && (last.hop === hop || sameWay(last.hop, hop))) return last.hops;
  last = { hop, index: link.index, hops: hopsOf(hops, interfaces) };
  return last.hops;
}

/** By the same link; the interface is compared as its index. */
function sameWay(a: NextHop, b: NextHop): boolean {
  const gateway = a.gateway && b.gateway ? sameAddress(a.gateway, b.gateway) : a.gateway === b.gateway;
  return gateway && a.weight === b.weight && a.onlink === b.onlink;
}

function hopsOf(hops: readonly NextHop[], interfaces: Interfaces): KernelNextHop[] {
  const result: KernelNextHop[] = [];
  for (const hop of hops) {
    const { gateway, iface, weight, onlink } = hop;
    const view = iface === undefined ? undefined : interfaces.byName(iface);
    if (iface !== undefined && !view?.link.adminUp) continue;
    if (gateway && view && weight === undefined && !onlink) result.push({ gateway, link: view.index });
    else if (gateway || view) {
      result.push({
        ...optional("gateway", gateway),
        ...optional("link", view?.index),
        ...optional("weight", weight),
        ...(onlink ? { onlink } : {}),
      });
    }
  }
  return result;
}

function bits(krt: NonNullable<RouteAttributes["kernel"]>, names: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const [name, bit] of Object.entries(names)) if (krt[name]) sum |= bit;
  return sum;
}

function fromHop(hop: KernelNextHop, interfaces: Interfaces): NextHop {
  const name = hop.link === undefined ? undefined : interfaces.byIndex(hop.link)?.name;
  return {
    ...optional("gateway", hop.gateway),
    ...optional("iface", name),
    ...optional("weight", hop.weight),
    ...(hop.onlink ? { onlink: true } : {}),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

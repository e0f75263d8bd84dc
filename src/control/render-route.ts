/** A route as `show route` prints it: row, next hops, and with `all` its attributes. */
import { formatAsPath, lastAs } from "../../protocol/codec/as-path.ts";
import { Flags } from "../../protocol/codec/iana.ts";
import { formatNet as formatAnyNet, formatExtended, formatLarge, formatPair } from "../../protocol/policy/scalars.ts";
import { Type } from "../../protocol/policy/types.ts";
import { formatValue } from "../../protocol/policy/values.ts";
import { type Net, type NextHop, type RouteAttributes, RouteKind, type RouteSource } from "../../protocol/rib/route.ts";
import {
  compareAddress,
  formatAddress,
  formatDotted,
  formatPrefix,
  type IpAddress,
  sameAddress,
} from "../../protocol/wire/address.ts";

/** One line of a reply. */
export type Line = readonly [code: number, text: string];

/** What is to be shown: a route of a table, or what a filter made of it. */
export interface ShownRoute {
  readonly net: Net;
  readonly source: RouteSource;
  readonly attributes: RouteAttributes;
  readonly since: number;
  readonly best: boolean;
  readonly stale: boolean;
  /** Of the way to a recursive next hop of BGP, or as a filter set it; undefined: there is none to show. */
  readonly igpMetric: number | undefined;
}

/** Types of custom attributes, by name. */
export type TypeOf = (name: string) => Type | undefined;

export function formatNet(net: Net): string {
  return "asn" in net ? `${formatPrefix(net)}-${net.maxLength} AS${net.asn}` : formatAnyNet(net);
}

/**
 * @param continues another route of the prefix stands above: then the prefix is left out
 * @param since when it came, as `timeformat route` has it
 */
export function* routeLines(
  route: ShownRoute,
  continues: boolean,
  since: string,
  all: { readonly typeOf: TypeOf } | undefined,
): Generator<Line> {
  const { attributes, source } = route;
  const net = continues ? "" : formatNet(route.net);
  // A ROA goes nowhere: two blanks remain.
  const dest = "asn" in route.net ? "" : (DESTINATIONS[attributes.dest ?? "unicast"] ?? "");
  const from = senderOf(route);
  const who = `${source.protocol} ${since}${from ? ` from ${formatAddress(from)}` : ""}`;
  yield [ROW, `${net.padEnd(20)} ${dest} [${who}]${route.best ? " *" : ""}${info(route)}`];
  for (const line of hopLines(attributes)) yield [ROW, `\t${line}`];
  if (!all) return;
  yield [
    TYPE,
    `\tType: ${KINDS[source.kind] ?? source.kind} ${SCOPES[attributes.scope ?? UNIVERSE] ?? attributes.scope}`,
  ];
  for (const line of attributeLines(route, all.typeOf)) yield [ATTRIBUTE, `\t${line}`];
}

/** Whom it is from, unless that is whom the packets go to. */
function senderOf({ attributes, source }: ShownRoute): IpAddress | undefined {
  const from = attributes.from ?? source.peer?.address;
  const gateway =
    attributes.dest === undefined || attributes.dest === "unicast" ? attributes.nextHops?.[0]?.gateway : undefined;
  return from && !(gateway && sameAddress(from, gateway)) ? from : undefined;
}

/** ` (100/10) [AS65000i]` */
function info({ attributes, source, stale, igpMetric }: ShownRoute): string {
  const preference = attributes.preference ?? source.preference;
  if (source.kind !== RouteKind.Bgp) return ` (${preference}${igpMetric === undefined ? "" : `/${igpMetric}`})`;
  // On a connected network there is no way to measure.
  const metric = igpMetric ? `/${igpMetric < UNKNOWN_METRIC ? igpMetric : "?"}` : "";
  const origin = attributes.origin === undefined ? "" : (ORIGIN_LETTERS[attributes.origin] ?? "");
  const last = attributes.asPath && lastAs(attributes.asPath);
  return ` (${preference}${stale ? "s" : ""}${metric}) [${last === undefined ? "" : `AS${last}`}${origin}]`;
}

function hopLines(attributes: RouteAttributes): string[] {
  const hops = attributes.nextHops ?? [];
  if ((attributes.dest ?? "unicast") !== "unicast") return [];
  return [...hops].sort(byWeight).map((hop) => hopText(hop, hops.length > 1));
}

/** bird keeps them so: the heaviest first, then by address. */
function byWeight(a: NextHop, b: NextHop): number {
  const order = (b.weight ?? 1) - (a.weight ?? 1);
  if (order !== 0 || !a.gateway || !b.gateway) return order;
  return compareAddress(a.gateway, b.gateway);
}

function hopText(hop: NextHop, weighted: boolean): string {
  const labels = hop.labels?.length ? ` mpls ${hop.labels.join("/")}` : "";
  const onlink = hop.onlink ? " onlink" : "";
  if (!hop.gateway) return `dev ${hop.iface ?? "?"}${labels}${onlink}`;
  return `via ${formatAddress(hop.gateway)} on ${hop.iface ?? "?"}${labels}${onlink}${weighted ? ` weight ${hop.weight ?? 1}` : ""}`;
}

/** `BGP.med: 0`, in bird's order: generic, custom, BGP by code, kernel. */
function attributeLines({ attributes, source, igpMetric }: ShownRoute, typeOf: TypeOf): string[] {
  return [
    ...(igpMetric !== undefined && source.kind !== RouteKind.Bgp ? [`igp_metric: ${igpMetric}`] : []),
    ...[...(attributes.custom ?? [])].map(([name, value]) => `${name}: ${customText(typeOf(name), value)}`),
    ...bgpAttributes(attributes).map(([name, text]) => `BGP.${name}: ${text}`),
    ...kernelLines(attributes),
  ];
}

/** Name and text of each BGP attribute, by code. */
export function bgpAttributes(a: RouteAttributes): [name: string, text: string][] {
  const rows: [code: number, name: string, text: string | undefined][] = [
    [1, "origin", a.origin === undefined ? undefined : ORIGINS[a.origin]],
    [2, "as_path", a.asPath && formatAsPath(a.asPath)],
    [
      3,
      "next_hop",
      a.nextHop && [a.nextHop, a.nextHopLinkLocal].flatMap((ip) => (ip ? [formatAddress(ip)] : [])).join(" "),
    ],
    [4, "med", a.multiExitDisc?.toString()],
    [5, "local_pref", a.localPref?.toString()],
    [6, "atomic_aggr", a.atomicAggregate ? "" : undefined],
    [7, "aggregator", a.aggregator && `${formatAddress(a.aggregator.address)} AS${a.aggregator.asn}`],
    [8, "community", a.communities?.map(formatPair).join(" ")],
    [9, "originator_id", a.originatorId === undefined ? undefined : formatDotted(a.originatorId)],
    [10, "cluster_list", a.clusterList?.map(formatDotted).join(" ")],
    [16, "ext_community", a.extCommunities?.map(formatExtended).join(" ")],
    [22, "16 [t]", a.pmsiTunnel && hexText(a.pmsiTunnel)],
    [25, "19 [t]", a.ipv6ExtCommunities?.map(hexText).join(" ")],
    [26, "aigp", a.aigp?.metric?.toString()],
    [32, "large_community", a.largeCommunities?.map(formatLarge).join(" ")],
    [35, "otc", a.onlyToCustomer?.toString()],
    ...(a.unknown ?? []).map(({ code, flags, value }): [number, string, string] => {
      const transitive = (flags & Flags.Transitive) !== 0 ? " [t]" : "";
      return [code, `${code.toString(16).padStart(2, "0")}${transitive}`, hexText(value)];
    }),
  ];
  return rows
    .sort((x, y) => x[0] - y[0])
    .flatMap(([, name, text]) => (text === undefined ? [] : [[name, text] as [string, string]]));
}

function kernelLines({ kernel }: RouteAttributes): string[] {
  if (!kernel) return [];
  const has = (prefix: string): string[] =>
    Object.keys(kernel).flatMap((name) =>
      name.startsWith(prefix) && kernel[name] !== 0 ? [name.slice(prefix.length)] : [],
    );
  const locks = KERNEL_ORDER.filter((name) => has("krt_lock_").includes(name));
  const features = has("krt_feature_");
  const lines: string[] = [];
  for (const name of KERNEL_ORDER) {
    if (name === "lock" && locks.length > 0) lines.push(`Kernel.lock: ${locks.join(" ")}`);
    else if (name === "features" && features.length > 0) lines.push(`Kernel.features: ${features.join(" ")}`);
    const value = kernel[`krt_${name}`];
    if (value !== undefined) lines.push(`Kernel.${name}: ${typeof value === "number" ? value : formatAddress(value)}`);
  }
  return lines;
}

/** Paths and lists stand here without the words that `eval` puts around them. */
function customText(type: Type | undefined, value: unknown): string {
  return formatValue(type ?? Type.Void, value).replace(/^\((?:path|clist|eclist|lclist) (.*)\)$/, "$1");
}

function hexText(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

const ROW = 1007;
const TYPE = 1008;
const ATTRIBUTE = 1012;
const UNIVERSE = 4;
/** BIRD's IGP_METRIC_UNKNOWN: from here on a metric says nothing. */
const UNKNOWN_METRIC = 0x8000_0000;

const DESTINATIONS: Readonly<Record<string, string>> = {
  unicast: "unicast",
  blackhole: "blackhole",
  unreachable: "unreachable",
  prohibit: "prohibited",
};
const ORIGINS = ["IGP", "EGP", "Incomplete"] as const;
const ORIGIN_LETTERS = ["i", "e", "?"] as const;
const SCOPES = ["host", "link", "site", "org", "univ", "undef"] as const;
// biome-ignore format: a table
const KINDS: Readonly<Record<number, string>> = {
  1: "static", 2: "inherit", 3: "device", 4: "static-device", 5: "redirect", 6: "RIP", 7: "OSPF", 8: "OSPF-IA",
  9: "OSPF-E1", 10: "OSPF-E2", 11: "BGP", 12: "pipe", 13: "Babel", 14: "RPKI", 15: "Perf",
};
/** By the numbers of bird's attributes, which follow the kernel's RTAX_*. */
// biome-ignore format: a table
const KERNEL_ORDER: readonly string[] = [
  "source", "metric", "prefsrc", "realm", "scope", "lock", "mtu", "window", "rtt", "rttvar", "sstresh", "cwnd", "advmss",
  "reordering", "hoplimit", "initcwnd", "features", "rto_min", "initrwnd", "quickack",
];

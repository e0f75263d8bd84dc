/** Runs a filter on one route and watches: which line decided, and which values it looked at. */

import { formatAsPath } from "../../protocol/codec/as-path.ts";
import { formatExtended, formatLarge, formatNet, formatPair } from "../../protocol/policy/scalars.ts";
import type { FilterEnv, RouteFilter } from "../../protocol/rib/filter.ts";
import { type Net, type RouteAttributes, type RouteSource, WHOLE } from "../../protocol/rib/route.ts";
import { formatAddress, formatDotted } from "../../protocol/wire/address.ts";

export interface FilterTrace {
  readonly accepted: boolean;
  /** As the filter left them; absent if rejected. */
  readonly attributes?: RouteAttributes;
  /** `FILE:LINE` of the statement that decided; absent for `all`, `none`, and where nothing did. */
  readonly place?: string;
  /** A run-time error, which rejects. */
  readonly error?: string;
  /** `bgp_path = 65000 65001`: what it looked at, in the order of looking. */
  readonly saw: readonly string[];
}

export function traceFilter(
  filter: RouteFilter,
  net: Net,
  attributes: RouteAttributes,
  source: RouteSource,
  env: FilterEnv,
): FilterTrace {
  const keys = new Set<keyof RouteAttributes>();
  let place: string | undefined;
  let error: string | undefined;
  const watched: FilterEnv = {
    ...env,
    routerId: env.routerId,
    print: () => undefined,
    error: (message, where) => {
      error = message;
      place ??= `${where.file}:${where.line}`;
    },
    roaCheck: (table, prefix, asn) => env.roaCheck(table, prefix, asn),
    interfaceIndex: (name) => env.interfaceIndex(name),
    finished: (where) => {
      place = `${where.file || "line "}${where.file ? ":" : ""}${where.line}`;
    },
  };
  const after = filter.run(net, watching(attributes, keys), source, watched);
  const saw = [
    ...(filter.reads.net ? [`net = ${formatNet(net)}`] : []),
    ...(filter.reads.source ? [`proto = "${source.protocol}"`] : []),
    ...[...keys].flatMap((key) => valueText(key, attributes)),
  ];
  return {
    accepted: after !== undefined,
    // Unchanged attributes come back as the watched object: the plain one is the same without the watcher.
    ...(after ? { attributes: { ...after } } : {}),
    ...(place === undefined ? {} : { place }),
    ...(error === undefined ? {} : { error }),
    saw,
  };
}

/** The same attributes; which of them are read is noted. A copy of the whole, as a first write makes one, is no look. */
function watching(attributes: RouteAttributes, keys: Set<keyof RouteAttributes>): RouteAttributes {
  const copying = new Set<string | symbol>();
  return new Proxy(attributes, {
    getOwnPropertyDescriptor: (target, key) => {
      copying.add(key);
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
    get: (target, key, receiver) => {
      if (key === WHOLE) return target; // asked for before the first write
      if (!copying.delete(key) && typeof key === "string") keys.add(key as keyof RouteAttributes);
      return Reflect.get(target, key, receiver);
    },
  });
}

function valueText(key: keyof RouteAttributes, attributes: RouteAttributes): string[] {
  const row = NAMES[key];
  if (!row) return [];
  const [name, format] = row;
  const value = attributes[key];
  return [`${name} = ${value === undefined ? "(none)" : format(value as never)}`];
}

type Format = (value: never) => string;

const list =
  <V>(format: (value: V) => string) =>
  (values: readonly V[]): string =>
    values.map(format).join(" ") || "(empty)";

/** As the filter language calls them. */
const NAMES: { readonly [K in keyof RouteAttributes]?: readonly [name: string, format: Format] } = {
  origin: ["bgp_origin", (value: number) => ["IGP", "EGP", "INCOMPLETE"][value] ?? String(value)],
  asPath: ["bgp_path", (value: Parameters<typeof formatAsPath>[0]) => formatAsPath(value) || "(empty)"],
  nextHop: ["bgp_next_hop", formatAddress],
  multiExitDisc: ["bgp_med", String],
  localPref: ["bgp_local_pref", String],
  communities: ["bgp_community", list(formatPair)],
  extCommunities: ["bgp_ext_community", list(formatExtended)],
  largeCommunities: ["bgp_large_community", list(formatLarge)],
  originatorId: ["bgp_originator_id", formatDotted],
  clusterList: ["bgp_cluster_list", list(formatDotted)],
  onlyToCustomer: ["bgp_otc", String],
  preference: ["preference", String],
  scope: ["scope", String],
  dest: ["dest", String],
  from: ["from", formatAddress],
  igpMetric: ["igp_metric", String],
};

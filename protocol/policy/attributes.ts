/**
 * The attributes of a route as the filter language names them: type, where they live, what may be
 * written. Static ones every route has; dynamic ones may be absent, which reads as void, but for paths
 * and lists, which read as empty.
 */
import { type Destination, type NextHop, type RouteAttributes, RouteKind } from "../rib/route.ts";
import type { IpAddress } from "../wire/address.ts";
import type { AttributesCopy } from "./attributes-copy.ts";
import { Fault } from "./error.ts";
import { EMPTY_LIST, NO_ADDRESS, type Run } from "./run.ts";
import { T, type Token, type TokenName } from "./tokens.ts";
import { DESTINATIONS, SCOPE_UNIVERSE, Type } from "./types.ts";

export interface RouteAttribute {
  readonly name: string;
  readonly type: Type;
  readonly access: "static" | "dynamic";
  /** What of the route beside its attributes the value depends on. */
  readonly depends?: "net" | "source";
  /** Whether reading can give void. */
  readonly voidable: boolean;
  get(run: Run): unknown;
  /** Absent: read-only. */
  readonly set?: (run: Run, value: never) => void;
  readonly unset?: (run: Run) => void;
}

/** @returns what a custom attribute (`attribute int x;`) is in filters */
export function customAttribute(name: string, type: Type): RouteAttribute {
  const empty = emptyOf(type);
  return {
    name,
    type,
    access: "dynamic",
    voidable: empty === undefined,
    get: (run) => run.attrs.custom?.get(name) ?? empty,
    set: (run, value: unknown) => {
      run.own().custom = new Map(run.attrs.custom).set(name, value);
    },
    unset: (run) => {
      if (!run.attrs.custom?.has(name)) return;
      const custom = new Map(run.attrs.custom);
      custom.delete(name);
      run.own().custom = custom;
    },
  };
}

type Key = keyof RouteAttributes;

/**
 * A path attribute that is one property of the route's attributes.
 * @param get, assign read and store it by its name: a computed one costs the engine ten times as much
 */
function property<K extends Key>(
  name: string,
  type: Type,
  key: K,
  get: (run: Run) => unknown,
  assign: (attrs: AttributesCopy, value: NonNullable<RouteAttributes[K]>) => void,
): RouteAttribute {
  const empty = emptyOf(type);
  return {
    name,
    type,
    access: "dynamic",
    voidable: empty === undefined,
    get,
    set: (run, value: NonNullable<RouteAttributes[K]>) => {
      if (run.attrs[key] !== value) assign(run.own(), value);
    },
    unset: (run) => {
      if (run.attrs[key] !== undefined) run.own()[key] = undefined as never;
    },
  };
}

/** Of the kernel's: kept by name; locks and features are 0 or 1. */
function kernel(name: string, type: Type): RouteAttribute {
  const isBool = type === Type.Bool;
  return {
    name,
    type,
    access: "dynamic",
    voidable: true,
    get: (run) => {
      const value = run.attrs.kernel?.[name];
      return isBool && value !== undefined ? value !== 0 : value;
    },
    set: (run, value: number | boolean | IpAddress) => {
      run.own().kernel = { ...run.attrs.kernel, [name]: typeof value === "boolean" ? Number(value) : value };
    },
    unset: (run) => {
      if (run.attrs.kernel?.[name] === undefined) return;
      const { [name]: _, ...rest } = run.attrs.kernel;
      run.own().kernel = rest;
    },
  };
}

function emptyOf(type: Type): unknown {
  return type === Type.Path || type === Type.Clist || type === Type.Eclist || type === Type.Lclist
    ? EMPTY_LIST
    : undefined;
}

function fixed(row: Omit<RouteAttribute, "access" | "voidable">): RouteAttribute {
  return { ...row, access: "static", voidable: false };
}

function firstHop(run: Run): NextHop | undefined {
  return run.attrs.nextHops?.[0];
}

function setHops(run: Run, hops: readonly NextHop[], dest: Destination = "unicast"): void {
  const attrs = run.own();
  attrs.dest = dest;
  if (dest === "unicast") attrs.nextHops = hops;
  else attrs.nextHops = undefined;
}

function changeHops(run: Run, change: Partial<NextHop>): void {
  const hops = run.attrs.nextHops;
  if (!hops || (run.attrs.dest ?? "unicast") !== "unicast") return;
  setHops(
    run,
    hops.map((hop) => ({ ...hop, ...change })),
  );
}

/** MPLS_NULL: what a next hop without labels has. */
const NO_LABEL = 3;
const MAX_LABEL = 0xf_ffff;

/** Named by themselves, for what is compiled with special care. */
export const NET: RouteAttribute = fixed({ name: "net", type: Type.Net, depends: "net", get: (run) => run.net });

export const BGP_PATH: RouteAttribute = property(
  "bgp_path",
  Type.Path,
  "asPath",
  (run) => run.attrs.asPath ?? EMPTY_LIST,
  (attrs, value) => {
    attrs.asPath = value;
  },
);

export const BGP_COMMUNITY: RouteAttribute = property(
  "bgp_community",
  Type.Clist,
  "communities",
  (run) => run.attrs.communities ?? EMPTY_LIST,
  (attrs, value) => {
    attrs.communities = value;
  },
);

const STATIC: { readonly [K in TokenName]?: RouteAttribute } = {
  NET,
  PROTO: fixed({ name: "proto", type: Type.String, depends: "source", get: (run) => run.source?.protocol ?? "" }),
  SOURCE: fixed({
    name: "source",
    type: Type.EnumRts,
    depends: "source",
    get: (run) => run.source?.kind ?? RouteKind.Static,
  }),
  FROM: fixed({
    name: "from",
    type: Type.Ip,
    depends: "source",
    get: (run) => run.attrs.from ?? run.source?.peer?.address ?? NO_ADDRESS,
    set: (run, value: IpAddress) => {
      run.own().from = value;
    },
  }),
  GW: fixed({
    name: "gw",
    type: Type.Ip,
    get: (run) => (run.attrs.nextHops ? firstHop(run)?.gateway : run.attrs.nextHop) ?? NO_ADDRESS,
    set: (run, value: IpAddress) => setHops(run, [{ gateway: value }]),
  }),
  SCOPE: fixed({
    name: "scope",
    type: Type.EnumScope,
    get: (run) => run.attrs.scope ?? SCOPE_UNIVERSE,
    set: (run, value: number) => {
      run.own().scope = value;
    },
  }),
  DEST: fixed({
    name: "dest",
    type: Type.EnumRtd,
    get: (run) => DESTINATIONS.indexOf(run.attrs.dest ?? "unicast") + 1,
    set: (run, value: number) => {
      const dest = DESTINATIONS[value - 1];
      if (dest === undefined || dest === "unicast") {
        throw new Fault("Destination can be changed only to blackhole, unreachable or prohibit");
      }
      setHops(run, [], dest);
    },
  }),
  IFNAME: fixed({
    name: "ifname",
    type: Type.String,
    get: (run) => firstHop(run)?.iface ?? "",
    set: (run, value: string) => {
      if (run.env.interfaceIndex(value) === 0) throw new Fault("Invalid iface name");
      setHops(run, [{ iface: value }]);
    },
  }),
  IFINDEX: fixed({
    name: "ifindex",
    type: Type.Int,
    get: (run) => {
      const iface = firstHop(run)?.iface;
      return iface === undefined ? 0 : run.env.interfaceIndex(iface);
    },
  }),
  WEIGHT: fixed({
    name: "weight",
    type: Type.Int,
    get: (run) => firstHop(run)?.weight ?? 1,
    set: (run, value: number) => {
      if (value < 1 || value > 256) throw new Fault("Setting weight value out of bounds");
      if ((run.attrs.dest ?? "unicast") !== "unicast") throw new Fault("Setting weight needs regular nexthop ");
      changeHops(run, { weight: value });
    },
  }),
  PREFERENCE: fixed({
    name: "preference",
    type: Type.Int,
    depends: "source",
    get: (run) => run.attrs.preference ?? run.source?.preference ?? 0,
    // Silently cut, as in bird.
    set: (run, value: number) => {
      run.own().preference = value & 0xffff;
    },
  }),
  GW_MPLS: fixed({
    name: "gw_mpls",
    type: Type.Int,
    get: (run) => firstHop(run)?.labels?.[0] ?? NO_LABEL,
    set: (run, value: number) => {
      if (value > MAX_LABEL) throw new Fault("Invalid MPLS label");
      changeHops(run, { labels: [value] });
    },
  }),
  ONLINK: fixed({
    name: "onlink",
    type: Type.Bool,
    get: (run) => firstHop(run)?.onlink ?? false,
    set: (run, value: boolean) => changeHops(run, { onlink: value }),
  }),
};

const BGP: readonly RouteAttribute[] = [
  BGP_PATH,
  property(
    "bgp_origin",
    Type.EnumOrigin,
    "origin",
    (run) => run.attrs.origin,
    (attrs, value) => {
      attrs.origin = value;
    },
  ),
  property(
    "bgp_med",
    Type.Int,
    "multiExitDisc",
    (run) => run.attrs.multiExitDisc,
    (attrs, value) => {
      attrs.multiExitDisc = value;
    },
  ),
  property(
    "bgp_local_pref",
    Type.Int,
    "localPref",
    (run) => run.attrs.localPref,
    (attrs, value) => {
      attrs.localPref = value;
    },
  ),
  {
    ...property(
      "bgp_next_hop",
      Type.Ip,
      "nextHop",
      (run) => run.attrs.nextHop,
      (attrs, value) => {
        attrs.nextHop = value;
      },
    ),
    set: (run, value: IpAddress) => {
      const attrs = run.own();
      attrs.nextHop = value;
      attrs.nextHopLinkLocal = undefined;
    },
  },
  property(
    "bgp_atomic_aggr",
    Type.Opaque,
    "atomicAggregate",
    (run) => run.attrs.atomicAggregate,
    (attrs, value) => {
      attrs.atomicAggregate = value;
    },
  ),
  property(
    "bgp_aggregator",
    Type.Opaque,
    "aggregator",
    (run) => run.attrs.aggregator,
    (attrs, value) => {
      attrs.aggregator = value;
    },
  ),
  BGP_COMMUNITY,
  property(
    "bgp_ext_community",
    Type.Eclist,
    "extCommunities",
    (run) => run.attrs.extCommunities ?? EMPTY_LIST,
    (attrs, value) => {
      attrs.extCommunities = value;
    },
  ),
  property(
    "bgp_large_community",
    Type.Lclist,
    "largeCommunities",
    (run) => run.attrs.largeCommunities ?? EMPTY_LIST,
    (attrs, value) => {
      attrs.largeCommunities = value;
    },
  ),
  property(
    "bgp_originator_id",
    Type.Quad,
    "originatorId",
    (run) => run.attrs.originatorId,
    (attrs, value) => {
      attrs.originatorId = value;
    },
  ),
  property(
    "bgp_cluster_list",
    Type.Clist,
    "clusterList",
    (run) => run.attrs.clusterList ?? EMPTY_LIST,
    (attrs, value) => {
      attrs.clusterList = value;
    },
  ),
  property(
    "bgp_aigp",
    Type.Opaque,
    "aigp",
    (run) => run.attrs.aigp,
    (attrs, value) => {
      attrs.aigp = value;
    },
  ),
  property(
    "bgp_otc",
    Type.Int,
    "onlyToCustomer",
    (run) => run.attrs.onlyToCustomer,
    (attrs, value) => {
      attrs.onlyToCustomer = value;
    },
  ),
];

const KERNEL_NUMBERS =
  "source metric realm scope mtu window rtt rttvar sstresh cwnd advmss reordering hoplimit initcwnd rto_min initrwnd quickack";
const KERNEL_SWITCHES =
  "lock_mtu lock_window lock_rtt lock_rttvar lock_sstresh lock_cwnd lock_advmss lock_reordering lock_hoplimit lock_rto_min feature_ecn feature_allfrag";

/** Of protocols that we do not run: filters may keep them all the same. */
const OTHERS: readonly RouteAttribute[] = [
  ...["ospf_metric1", "ospf_metric2", "ospf_tag", "rip_metric", "rip_tag", "ra_lifetime", "babel_metric"].map((name) =>
    customAttribute(name, Type.Int),
  ),
  customAttribute("ospf_router_id", Type.Quad),
  customAttribute("ra_preference", Type.EnumRaPreference),
];

const DYNAMIC: readonly RouteAttribute[] = [
  ...BGP,
  property(
    "igp_metric",
    Type.Int,
    "igpMetric",
    (run) => run.attrs.igpMetric,
    (attrs, value) => {
      attrs.igpMetric = value;
    },
  ),
  kernel("krt_prefsrc", Type.Ip),
  ...KERNEL_NUMBERS.split(" ").map((name) => kernel(`krt_${name}`, Type.Int)),
  ...KERNEL_SWITCHES.split(" ").map((name) => kernel(`krt_${name}`, Type.Bool)),
  ...OTHERS,
];

/** By the token of their name. */
export const STATIC_ATTRIBUTES: ReadonlyMap<Token, RouteAttribute> = new Map(
  Object.entries(STATIC).map(([name, row]) => [T[name as TokenName], row]),
);

export const DYNAMIC_ATTRIBUTES: ReadonlyMap<Token, RouteAttribute> = new Map(
  DYNAMIC.map((row) => [T[row.name.toUpperCase() as TokenName], row]),
);

/**
 * What the kernel knows about forwarding, as values: links, addresses, routes, and what happens to them.
 * Numbers are the kernel's own (see constants.ts); addresses and prefixes those of protocol/wire.
 */
import type { IpAddress, Prefix } from "../protocol/wire/address.ts";

/** A network interface. `index` names it for its life; `name` may change, and may come back with another index. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** IFF_*, see LinkFlag. */
  readonly flags: number;
  /** IF_OPER_*, see OperState; a TUN that is up says UNKNOWN. */
  readonly operState: number;
  /** `tun`, `veth`, `bridge`, ...; absent for hardware. */
  readonly kind?: string;
  readonly adminUp: boolean;
  readonly lowerUp: boolean;
  readonly loopback: boolean;
  readonly pointToPoint: boolean;
  readonly broadcast: boolean;
  readonly multicast: boolean;
  readonly noArp: boolean;
  /** Index of the bridge, bond or VRF that it belongs to. */
  readonly master?: number;
  readonly mac?: string;
}

export interface LinkAddress {
  readonly link: number;
  readonly ip: IpAddress;
  readonly length: number;
  /** The other end of a point-to-point address. */
  readonly peer?: IpAddress;
  readonly scope: number;
  readonly secondary: boolean;
  readonly tentative: boolean;
  readonly broadcast?: IpAddress;
  readonly label?: string;
}

export interface KernelNextHop {
  /** May be IPv6 for an IPv4 route (RFC 8950). */
  readonly gateway?: IpAddress;
  /** Index of the link; without one the kernel looks for it by the gateway. */
  readonly link?: number;
  /** 1 to 256; 1 if left out. */
  readonly weight?: number;
  /** The gateway is on the link, whatever the addresses say. */
  readonly onlink?: boolean;
}

export type RouteKindName = "unicast" | "blackhole" | "unreachable" | "prohibit" | "local" | "broadcast" | "other";

export interface KernelRoute {
  readonly prefix: Prefix;
  readonly table: number;
  /** RTPROT_*: who installed it; 12 is BIRD's. */
  readonly protocol: number;
  /** Lower wins. IPv6 has no 0: the kernel makes it 1024. */
  readonly metric: number;
  readonly kind: RouteKindName;
  /** RTN_*, set when `kind` is "other". */
  readonly kindNumber?: number;
  readonly nextHops: readonly KernelNextHop[];
  readonly prefSrc?: IpAddress;
  /** RT_SCOPE_*; IPv4 only. Left out: link for a route without gateway, else universe. */
  readonly scope?: number;
  /** IPv4 only. */
  readonly realm?: number;
  readonly tos?: number;
  readonly mtu?: number;
  readonly advmss?: number;
  /** The other RTAX_* by the names in RouteMetric, e.g. `initcwnd`; `lock` is a bit set of RTAX_* numbers. */
  readonly metrics?: Readonly<Record<string, number>>;
  readonly congestionControl?: string;
}

/**
 * `install` fails with EEXIST if anybody's route has the same prefix, metric and table; `replace` takes the
 * place of whatever has them, or creates; `delete` takes only a route with the same protocol id.
 */
export interface RouteChange {
  readonly op: "install" | "replace" | "delete";
  readonly route: KernelRoute;
}

export interface RouteFailure {
  readonly change: RouteChange;
  /** Its place in what `apply` was given. */
  readonly index: number;
  /** Positive, as in errno.h. */
  readonly errno: number;
  /** `EEXIST`, `ENETUNREACH`, ... */
  readonly code: string;
  /** The kernel's own words if it gave some, else the C library's. */
  readonly message: string;
}

export type KernelEvent =
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "link-gone"; readonly index: number; readonly name: string }
  | { readonly type: "address"; readonly address: LinkAddress }
  | { readonly type: "address-gone"; readonly address: LinkAddress }
  /** `replaced`: it took the place of the route with its prefix, metric and table, whose removal is not told. */
  | { readonly type: "route"; readonly route: KernelRoute; readonly replaced: boolean }
  | { readonly type: "route-gone"; readonly route: KernelRoute }
  /** Events were lost. Links and addresses have been read again; who keeps routes must read them again too. */
  | {
      readonly type: "resync";
      readonly links: readonly Link[];
      readonly addresses: readonly LinkAddress[];
    };

export interface RouteFilter {
  readonly table?: number;
  readonly family?: 4 | 6;
  readonly protocol?: number;
}

/** Links, addresses and routes of one network namespace. The real one and the fake implement it. */
export interface Kernel {
  links(): Promise<Link[]>;
  addresses(): Promise<LinkAddress[]>;
  routes(filter?: RouteFilter): Promise<KernelRoute[]>;
  /**
   * Applies the changes in order, as many as it is given; sends at once when nothing is under way.
   * @returns what failed, in the order of `changes`; the others are done
   */
  apply(changes: readonly RouteChange[]): Promise<readonly RouteFailure[]>;
  /**
   * Events in the kernel's order, from before the promise resolves. Changes made by `apply` are not told back.
   * A listener that throws ends the process as any uncaught exception does.
   */
  watch(groups: WatchGroups, listener: (event: KernelEvent) => void): Promise<Watch>;
  /** The route that packets to this address take, rules included. Undefined: the kernel has none. */
  lookup(destination: IpAddress): Promise<KernelRoute | undefined>;
  /** Why something cannot be done here, in words to log once; empty when all is well. */
  readonly limits: readonly string[];
  close(): Promise<void>;
}

export interface WatchGroups {
  readonly routes: boolean;
}

export interface Watch {
  /** Whether route events come: not without koffi, then read the routes from time to time. */
  readonly routes: boolean;
  close(): void;
}

/** The tables of the fake kernel: just enough of Linux's routing to be wrong in the same places. */
import type { IpAddress, Prefix } from "../protocol/wire/address.ts";
import { isInside, isLinkLocal, prefixOf, sameAddress, samePrefix, width } from "../protocol/wire/address.ts";
import { RouteProtocol, RouteScope, RouteTable } from "./constants.ts";
import { Errno } from "./errno.ts";
import { effectiveScope } from "./route-message.ts";
import type { KernelNextHop, KernelRoute, Link, LinkAddress } from "./types.ts";

export class FakeModel {
  readonly links: Map<number, Link> = new Map();
  addresses: LinkAddress[] = [];
  /** In order of insertion; looked through one by one, which a few thousand routes do not mind. */
  readonly routes: Set<KernelRoute> = new Set();
  readonly #places = new Map<string, KernelRoute>();
  #lastIndex = 0;

  freeIndex(): number {
    while (this.links.has(++this.#lastIndex));
    return this.#lastIndex;
  }

  /** @returns the routes that the link took with it when it went down */
  setLink(link: Link): KernelRoute[] {
    const before = this.links.get(link.index);
    this.links.set(link.index, link);
    if (!before?.adminUp || link.adminUp) return [];
    return this.#drop((route) => route.nextHops.length > 0 && route.nextHops.every((hop) => hop.link === link.index));
  }

  /** The connected routes of a link's addresses that are not there yet. */
  connect(index: number): KernelRoute[] {
    return this.addressesOf(index).flatMap((address) => this.#connectAddress(address));
  }

  addressesOf(index: number): LinkAddress[] {
    return this.addresses.filter((address) => address.link === index);
  }

  addAddress(address: LinkAddress): KernelRoute[] {
    if (!this.links.has(address.link)) throw new RangeError(`no link has index ${address.link}`);
    this.addresses.push(address);
    return this.#connectAddress(address);
  }

  removeAddress(link: number, ip: IpAddress): { address: LinkAddress; routes: KernelRoute[] } {
    const address = this.addresses.find((one) => one.link === link && sameAddress(one.ip, ip));
    if (!address) throw new RangeError("that link has no such address");
    this.addresses = this.addresses.filter((one) => one !== address);
    const connected = connectedPrefix(address);
    const routes = this.#drop(
      (route) =>
        (route.protocol === RouteProtocol.Kernel &&
          samePrefix(route.prefix, connected) &&
          route.nextHops[0]?.link === link) ||
        (route.prefSrc !== undefined && sameAddress(route.prefSrc, ip)),
    );
    return { address, routes };
  }

  /** @returns an errno, or the route as the kernel keeps it */
  put(given: KernelRoute, exclusive: boolean): number | { route: KernelRoute; replaced: boolean } {
    const errno = this.#check(given);
    if (errno !== 0) return errno;
    const route = this.#completed(given);
    const place = placeOf(route);
    const old = this.#places.get(place);
    if (old && exclusive) return Errno.EEXIST;
    if (old) this.routes.delete(old);
    this.routes.add(route);
    this.#places.set(place, route);
    return { route, replaced: old !== undefined };
  }

  /** Protocol 0 matches any. */
  remove(key: KernelRoute): KernelRoute | undefined {
    const found = this.#places.get(placeOf(this.#completed(key)));
    if (!found || (key.protocol !== 0 && key.protocol !== found.protocol)) return undefined;
    this.#forget(found);
    return found;
  }

  at(prefix: Prefix): KernelRoute[] {
    return [...this.routes].filter((route) => samePrefix(route.prefix, prefix));
  }

  /** Longest prefix, then lowest metric, in the main table. */
  lookup(ip: IpAddress): KernelRoute | undefined {
    return [...this.routes]
      .filter((route) => route.table === RouteTable.Main && isInside(ip, route.prefix))
      .sort((a, b) => b.prefix.length - a.prefix.length || a.metric - b.metric)[0];
  }

  #connectAddress(address: LinkAddress): KernelRoute[] {
    const { link, ip } = address;
    const prefix = connectedPrefix(address);
    if (!this.links.get(link)?.adminUp || (prefix.length === width(ip.family) && !address.peer)) return [];
    const route: KernelRoute = {
      prefix,
      table: RouteTable.Main,
      protocol: RouteProtocol.Kernel,
      metric: ip.family === 4 ? 0 : 256,
      kind: "unicast",
      nextHops: [{ link }],
      ...(ip.family === 4 ? { scope: RouteScope.Link, prefSrc: ip } : {}),
    };
    const result = this.put(route, true);
    return typeof result === "number" ? [] : [result.route];
  }

  #check(route: KernelRoute): number {
    for (const hop of route.nextHops) {
      const link = hop.link === undefined ? undefined : this.links.get(hop.link);
      if (hop.link !== undefined && !link) return Errno.ENODEV;
      if (link && !link.adminUp) return Errno.ENETDOWN;
      if (hop.onlink && link) continue;
      if (hop.gateway && this.#linkOf(hop, hop.gateway) === undefined) return Errno.ENETUNREACH;
    }
    const { prefSrc } = route;
    if (prefSrc && !this.addresses.some((address) => sameAddress(address.ip, prefSrc))) return Errno.EINVAL;
    return route.kind === "unicast" && route.nextHops.length === 0 ? Errno.ENODEV : 0;
  }

  /** The link on which this gateway is a neighbour. */
  #linkOf(hop: KernelNextHop, gateway: IpAddress): number | undefined {
    if (isLinkLocal(gateway) && gateway.family === 6) return hop.link;
    return this.addresses.find(
      (address) =>
        (hop.link === undefined || hop.link === address.link) &&
        this.links.get(address.link)?.adminUp === true &&
        isInside(gateway, connectedPrefix(address)),
    )?.link;
  }

  /** As the kernel shows it: links found, metric and scope filled in. */
  #completed(route: KernelRoute): KernelRoute {
    const six = route.prefix.family === 6;
    const nextHops = route.nextHops.map((hop) => {
      const link = hop.link ?? (hop.gateway && this.#linkOf(hop, hop.gateway));
      return link === undefined ? hop : { ...hop, link };
    });
    const metric = six && route.metric === 0 ? 1024 : route.metric;
    return { ...route, nextHops, metric, ...(six ? {} : { scope: effectiveScope(route) }) };
  }

  #drop(goes: (route: KernelRoute) => boolean): KernelRoute[] {
    const gone = [...this.routes].filter(goes);
    for (const route of gone) this.#forget(route);
    return gone;
  }

  #forget(route: KernelRoute): void {
    this.routes.delete(route);
    this.#places.delete(placeOf(route));
  }
}

function connectedPrefix(address: LinkAddress): Prefix {
  return prefixOf(address.peer ?? address.ip, address.length);
}

function placeOf(route: KernelRoute): string {
  const { family, w0, w1, w2, w3, length } = route.prefix;
  return [route.table, family, w0, w1, w2, w3, length, route.tos ?? 0, route.metric].join(",");
}

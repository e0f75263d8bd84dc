/**
 * Tables, decision and export the plain, slow way: a Map of routes, everything worked out anew each time it is asked
 * for. What the fast ones are compared with.
 */
import type { AsPath } from "../../protocol/codec/as-path.ts";

export interface NaiveAttributes {
  readonly origin: number;
  readonly path: readonly number[];
  readonly nextHop: string;
  readonly med?: number | undefined;
  readonly localPref?: number | undefined;
  readonly communities?: readonly number[] | undefined;
}

export interface NaivePeer {
  readonly name: string;
  readonly address: string;
  readonly asn: number;
  readonly bgpId: number;
  readonly internal: boolean;
  readonly client: boolean;
  readonly options: { readonly medMetric: boolean; readonly deterministicMed: boolean; readonly pathMetric: boolean };
  /** undefined: rejected. */
  readonly importFilter: (prefix: string, a: NaiveAttributes) => NaiveAttributes | undefined;
  readonly exportFilter: (prefix: string, a: NaiveAttributes) => NaiveAttributes | undefined;
}

export interface NaiveRoute {
  readonly peer: NaivePeer;
  readonly number: number;
  readonly attributes: NaiveAttributes;
}

export class NaiveRib {
  readonly localAs: number;
  readonly localAddress: string;
  /** prefix -> number of the peer -> as received. */
  readonly received: Map<string, Map<number, NaiveRoute>> = new Map();
  readonly peers: Map<number, NaivePeer> = new Map();

  constructor(localAs: number, localAddress: string) {
    this.localAs = localAs;
    this.localAddress = localAddress;
  }

  announce(number: number, prefix: string, attributes: NaiveAttributes): void {
    const peer = this.peers.get(number)!;
    if (attributes.path.includes(this.localAs)) return this.withdraw(number, prefix);
    const routes = this.received.get(prefix) ?? new Map<number, NaiveRoute>();
    this.received.set(prefix, routes);
    const localPref = attributes.localPref ?? 100;
    routes.set(number, { peer, number, attributes: { ...attributes, localPref } });
  }

  withdraw(number: number, prefix: string): void {
    this.received.get(prefix)?.delete(number);
  }

  down(number: number): void {
    for (const routes of this.received.values()) routes.delete(number);
  }

  /** What is in the table. */
  routes(prefix: string): NaiveRoute[] {
    const list: NaiveRoute[] = [];
    for (const route of this.received.get(prefix)?.values() ?? []) {
      const peer = this.peers.get(route.number)!;
      const attributes = peer.importFilter(prefix, route.attributes);
      if (attributes) list.push({ peer, number: route.number, attributes });
    }
    return list.sort((a, b) => a.number - b.number);
  }

  best(prefix: string): NaiveRoute | undefined {
    const routes = this.routes(prefix);
    if (!routes.some((r) => r.peer.options.deterministicMed)) return pick(routes);
    const groups = new Map<number, NaiveRoute[]>();
    for (const route of routes) {
      const as = route.attributes.path[0] ?? 0;
      groups.set(as, [...(groups.get(as) ?? []), route]);
    }
    const winners = [...groups.values()].map((group) => pick(group)!);
    return pick(winners.sort((a, b) => a.number - b.number));
  }

  /** What a peer has to have, as text. */
  view(number: number): Map<string, string> {
    const view = new Map<string, string>();
    for (const prefix of [...this.received.keys()].sort()) {
      const line = this.exported(number, prefix);
      if (line !== undefined) view.set(prefix, line);
    }
    return view;
  }

  exported(number: number, prefix: string): string | undefined {
    const peer = this.peers.get(number)!;
    const route = this.best(prefix);
    if (!route || route.number === number) return undefined;
    const from = this.peers.get(route.number)!;
    if (from.internal && peer.internal && !from.client && !peer.client) return undefined;
    const { communities = [], med, ...rest } = route.attributes;
    if (communities.includes(NO_ADVERTISE)) return undefined;
    if (!peer.internal && communities.includes(NO_EXPORT)) return undefined;
    const before: NaiveAttributes = { ...rest, communities, med: peer.internal ? med : undefined };
    const after = peer.exportFilter(prefix, before);
    if (!after) return undefined;
    const shared = peer.internal || !from.internal;
    const nextHop = after.nextHop !== before.nextHop || shared ? after.nextHop : this.localAddress;
    if (nextHop === peer.address) return undefined;
    const path = peer.internal ? after.path : [this.localAs, ...after.path];
    const parts = [`origin ${after.origin}`, `path ${path.join(" ")}`, `via ${nextHop}`];
    if (after.med !== undefined) parts.push(`multiExitDisc ${after.med}`);
    if (peer.internal) parts.push(`localPref ${after.localPref}`);
    if (after.communities && after.communities.length > 0) parts.push(`communities [${after.communities.join(",")}]`);
    if (from.internal && peer.internal) parts.push(`originatorId ${from.bgpId}`, `clusterList [${LOCAL_ID}]`);
    return parts.join(", ");
  }

  imported(number: number): number {
    let count = 0;
    for (const prefix of this.received.keys()) for (const r of this.routes(prefix)) if (r.number === number) count++;
    return count;
  }

  filtered(number: number): number {
    let count = 0;
    for (const routes of this.received.values()) if (routes.has(number)) count++;
    return count - this.imported(number);
  }

  preferred(number: number): number {
    let count = 0;
    for (const prefix of this.received.keys()) if (this.best(prefix)?.number === number) count++;
    return count;
  }
}

/** One after the other, as RFC 4271 §9.1.2.2 tells it; `routes` in the order of their peers. */
function pick(routes: readonly NaiveRoute[]): NaiveRoute | undefined {
  let best = routes[0];
  for (const route of routes.slice(1)) if (best && better(route, best)) best = route;
  return best;
}

function better(a: NaiveRoute, b: NaiveRoute): boolean {
  const [x, y] = [a.attributes, b.attributes];
  if (x.localPref !== y.localPref) return x.localPref! > y.localPref!;
  const measured = a.peer.options.pathMetric || b.peer.options.pathMetric;
  if (measured && x.path.length !== y.path.length) return x.path.length < y.path.length;
  if (x.origin !== y.origin) return x.origin < y.origin;
  const comparable = (x.path[0] ?? 0) === (y.path[0] ?? 0) || a.peer.options.medMetric || b.peer.options.medMetric;
  if (comparable && (x.med ?? 0) !== (y.med ?? 0)) return (x.med ?? 0) < (y.med ?? 0);
  if (a.peer.internal !== b.peer.internal) return b.peer.internal;
  if (a.peer.bgpId !== b.peer.bgpId) return a.peer.bgpId < b.peer.bgpId;
  return addressWord(a.peer.address) < addressWord(b.peer.address);
}

function addressWord(text: string): number {
  return text.split(".").reduce((word, part) => word * 256 + Number(part), 0);
}

/** A plain AS_SEQUENCE, or an empty path. */
export function sequence(asns: readonly number[]): AsPath {
  return asns.length > 0 ? [{ type: 2, asns }] : [];
}

export const NO_EXPORT = 0xffffff01;
export const NO_ADVERTISE = 0xffffff02;
export const LOCAL_ID = 0x0a000001;

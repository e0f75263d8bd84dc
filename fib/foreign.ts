/** The routes of others in a table, kept up by events: what a kernel protocol may learn. */
import type { Prefix } from "../protocol/wire/address.ts";
import { fulfils, isPartOf, type PrefixKey, prefixKey } from "./compare.ts";
import type { KernelRoute } from "./types.ts";

/** Hears what stands for a prefix after each change, lowest metric first; nothing: an empty list. */
export type ForeignListener = (prefix: Prefix, routes: readonly KernelRoute[]) => void;

export class ForeignRoutes {
  readonly #byPrefix = new Map<PrefixKey, KernelRoute[]>();
  readonly #listener: ForeignListener;

  constructor(listener: ForeignListener) {
    this.#listener = listener;
  }

  /**
   * `replaced`: the old route of its place is gone. IPv6 has but one a place, which its event shows whole.
   * @returns false if several were in its place and nobody says which one was replaced
   */
  add(route: KernelRoute, replaced: boolean): boolean {
    const old = this.#byPrefix.get(prefixKey(route.prefix)) ?? [];
    const rivals = old.filter((other) => samePlace(other, route));
    const gone = rivals.find((other) => replaced || isSix(route) || equal(other, route));
    if (!gone || !equal(gone, route)) this.#put(route.prefix, [...old.filter((other) => other !== gone), route]);
    return !replaced || rivals.length < 2;
  }

  /** Whether somebody's route is in the place of this one. */
  holds(place: KernelRoute): boolean {
    return this.#byPrefix.get(prefixKey(place.prefix))?.some((other) => samePlace(other, place)) ?? false;
  }

  remove(route: KernelRoute): void {
    const old = this.#byPrefix.get(prefixKey(route.prefix)) ?? [];
    const same = old.filter((other) => samePlace(other, route) && other.protocol === route.protocol);
    const gone = same.find((other) => equal(other, route)) ?? same[0];
    if (!gone) return;
    const rest = old.filter((other) => other !== gone);
    // IPv6 tells of one next hop of several as of a route: the others stay.
    const left = isSix(route) && route.nextHops.length < gone.nextHops.length ? withoutHops(gone, route) : undefined;
    this.#put(route.prefix, left ? [...rest, left] : rest);
  }

  /** What a reading of the table found; differences alone are told. */
  replaceAll(routes: readonly KernelRoute[]): void {
    const found = new Map<PrefixKey, KernelRoute[]>();
    for (const route of routes) {
      const key = prefixKey(route.prefix);
      const list = found.get(key);
      if (list) list.push(route);
      else found.set(key, [route]);
    }
    for (const [key, list] of this.#byPrefix) if (!found.has(key) && list[0]) this.#put(list[0].prefix, []);
    for (const [key, list] of found) {
      const old = this.#byPrefix.get(key) ?? [];
      const same = old.length === list.length && list.every((route) => old.some((other) => equal(other, route)));
      if (!same && list[0]) this.#put(list[0].prefix, list);
    }
  }

  *[Symbol.iterator](): Generator<readonly KernelRoute[]> {
    yield* this.#byPrefix.values();
  }

  #put(prefix: Prefix, routes: KernelRoute[]): void {
    routes.sort((a, b) => a.metric - b.metric);
    if (routes.length === 0) this.#byPrefix.delete(prefixKey(prefix));
    else this.#byPrefix.set(prefixKey(prefix), routes);
    this.#listener(prefix, routes);
  }
}

function isSix(route: KernelRoute): boolean {
  return route.prefix.family === 6;
}

function samePlace(a: KernelRoute, b: KernelRoute): boolean {
  return a.metric === b.metric && (a.tos ?? 0) === (b.tos ?? 0);
}

function equal(a: KernelRoute, b: KernelRoute): boolean {
  return samePlace(a, b) && fulfils(a, b);
}

/** The rest of a multipath route; undefined if nothing is left. */
export function withoutHops(route: KernelRoute, gone: KernelRoute): KernelRoute | undefined {
  const left = route.nextHops.filter((hop) => {
    const one = { ...route, nextHops: [hop] };
    return !gone.nextHops.some((other) => isPartOf(one, { ...gone, nextHops: [other] }));
  });
  return left.length > 0 ? { ...route, nextHops: left } : undefined;
}

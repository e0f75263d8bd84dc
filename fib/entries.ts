/**
 * One place in a kernel table (prefix, metric, TOS) as a Fib sees it: what should stand there, what does,
 * and the request that leads from one to the other.
 */
import type { Prefix } from "../protocol/wire/address.ts";
import { effectiveMetric, fulfils, isPartOf, type PrefixKey, prefixKey } from "./compare.ts";
import { Errno } from "./errno.ts";
import type { KernelRoute, RouteChange, RouteFailure } from "./types.ts";

/** A route without what the Fib knows itself. */
export type WantedRoute = Omit<KernelRoute, "table" | "protocol">;

type Home = Map<PrefixKey, Entry>;

export interface Entry {
  wanted: KernelRoute | undefined;
  /** Ours, as last seen or set. */
  actual: KernelRoute | undefined;
  /** What is there may differ from `actual`: assert it. */
  uncertain: boolean;
  /** A second route with our protocol id stands behind `actual` (IPv4: `ip route append`). */
  doubled: boolean;
  /** Somebody else's route holds the place, alone or beside ours. */
  occupied: boolean;
  /** Found at start-up with our protocol id, not yet wanted by anybody: kept until the sweep. */
  leftover: boolean;
  queued: boolean;
  /** The request under way. */
  sent: RouteChange | undefined;
  /** Why the last request failed; nothing more is tried until it is cleared. */
  failure: RouteFailure | undefined;
  /** The errno that was reported last: trying again and failing again is no news. */
  reported: number;
  /** The reading of the table before or during which its last request was answered. */
  reading: number;
  /** Repairs since `repairsSince`: who fights for a place gets no endless loop. */
  repairs: number;
  repairsSince: number;
  readonly home: Home;
  readonly key: PrefixKey;
}

/** The next request for a place; none if all is as it should be, or nothing can be done about it now. */
export function plan(entry: Entry): RouteChange | undefined {
  const { wanted, actual, uncertain, occupied, failure } = entry;
  if (!wanted) return actual && !entry.leftover && !failure ? { op: "delete", route: actual } : undefined;
  if (actual && entry.doubled && !failure) return { op: "delete", route: actual };
  if (actual && !uncertain && fulfils(actual, wanted)) return undefined;
  if (failure) {
    // The old route is still there. Away with it, unless it leads to a part of what is wanted.
    const astray = actual && failure.change.op !== "delete" && !isPart(actual, wanted);
    return astray ? { op: "delete", route: actual } : undefined;
  }
  // `replace` takes the place of whoever's route is there: only where all there is is ours.
  if (occupied) return actual ? { op: "delete", route: actual } : { op: "install", route: wanted };
  return { op: actual || uncertain ? "replace" : "install", route: wanted };
}

/** Takes in the answer to `entry.sent`. */
export function settle(entry: Entry, failure: RouteFailure | undefined): void {
  const { sent, wanted } = entry;
  entry.sent = undefined;
  if (!sent) return;
  const deletes = sent.op === "delete";
  if (failure && !(deletes && failure.errno === Errno.ESRCH)) {
    // Of no interest if others changed the place meanwhile, or something else is wanted by now.
    if (!entry.uncertain && (deletes || wanted === sent.route)) entry.failure = failure;
    return;
  }
  if (!deletes) {
    entry.actual = sent.route;
    entry.failure = undefined;
  } else if (entry.doubled) {
    entry.doubled = false;
    entry.uncertain = true; // one of the two is left
  } else {
    entry.actual = undefined;
    if (!wanted) entry.failure = undefined;
  }
}

/** Whether the place is as it should be. */
export function isRight(entry: Entry): boolean {
  const { wanted, actual } = entry;
  return wanted !== undefined && actual !== undefined && !entry.uncertain && fulfils(actual, wanted);
}

function isPart(actual: KernelRoute, wanted: KernelRoute): boolean {
  return actual.kind === wanted.kind && isPartOf(actual, wanted);
}

/**
 * All places of one table and family, by metric, TOS and prefix length first: there are few of these, and
 * what is left of an IPv4 prefix is a small integer, the fastest key there is (bench/fib.ts).
 */
export class Entries {
  readonly #homes = new Map<number, Home>();
  #last: Home | undefined;
  #lastKey = -1;

  find(prefix: Prefix, metric: number, tos = 0): Entry | undefined {
    return this.#home(prefix, metric, tos)?.get(keyOf(prefix));
  }

  obtain(place: KernelRoute): Entry {
    const { prefix, metric, tos = 0 } = place;
    let home = this.#home(prefix, metric, tos);
    if (!home) {
      home = new Map();
      this.#homes.set(homeKey(prefix, metric, tos), home);
      this.#lastKey = -1;
    }
    const key = keyOf(prefix);
    let entry = home.get(key);
    if (!entry) home.set(key, (entry = emptyEntry(home, key)));
    return entry;
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (const home of this.#homes.values()) yield* home.values();
  }

  #home(prefix: Prefix, metric: number, tos: number): Home | undefined {
    const key = homeKey(prefix, metric, tos);
    if (key !== this.#lastKey) {
      this.#last = this.#homes.get(key);
      this.#lastKey = key;
    }
    return this.#last;
  }
}

/** Field by field: spreading an object and overriding some of it costs 3 us a route (bench/fib.ts). */
export function asOurs(wanted: WantedRoute, table: number, protocol: number): KernelRoute {
  const { prefix, kind, nextHops } = wanted;
  const metric = effectiveMetric(prefix, wanted.metric);
  const route: { -readonly [K in keyof KernelRoute]: KernelRoute[K] } = {
    prefix,
    table,
    protocol,
    metric,
    kind,
    nextHops,
  };
  if (wanted.prefSrc) route.prefSrc = wanted.prefSrc;
  if (wanted.scope !== undefined) route.scope = wanted.scope;
  if (wanted.tos !== undefined) route.tos = wanted.tos;
  if (wanted.realm !== undefined) route.realm = wanted.realm;
  if (wanted.mtu !== undefined) route.mtu = wanted.mtu;
  if (wanted.advmss !== undefined) route.advmss = wanted.advmss;
  if (wanted.metrics) route.metrics = wanted.metrics;
  if (wanted.congestionControl) route.congestionControl = wanted.congestionControl;
  if (wanted.kindNumber !== undefined) route.kindNumber = wanted.kindNumber;
  return route;
}

/** Forgets a place if nothing is left to know about it. */
export function forget(entry: Entry): void {
  if (!entry.wanted && !entry.actual && !entry.sent && !entry.queued) entry.home.delete(entry.key);
}

/** 32 bits of metric, 8 of TOS, 8 of length: exact in a double. */
function homeKey(prefix: Prefix, metric: number, tos: number): number {
  return (effectiveMetric(prefix, metric) * 256 + tos) * 256 + prefix.length;
}

function keyOf(prefix: Prefix): PrefixKey {
  return prefix.family === 4 ? prefix.w0 | 0 : prefixKey(prefix);
}

function emptyEntry(home: Home, key: PrefixKey): Entry {
  return {
    wanted: undefined,
    actual: undefined,
    uncertain: false,
    doubled: false,
    occupied: false,
    leftover: false,
    queued: false,
    sent: undefined,
    failure: undefined,
    reported: 0,
    reading: 0,
    repairs: 0,
    repairsSince: 0,
    home,
    key,
  };
}

/** The objects of the attribute sets looked at last, and one that is filled only where it is looked at. */
import type { AttrId, RouteAttributes } from "./route.ts";

export class DecodeCache {
  readonly #ids = new Int32Array(CACHED);
  readonly #serials = new Int32Array(CACHED);
  readonly #objects: (RouteAttributes | undefined)[] = new Array<undefined>(CACHED).fill(undefined);

  get(id: number, serial: number): RouteAttributes | undefined {
    const at = id & (CACHED - 1);
    return this.#ids[at] === id && this.#serials[at] === serial ? this.#objects[at] : undefined;
  }

  put(id: number, serial: number, attributes: RouteAttributes): RouteAttributes {
    const at = id & (CACHED - 1);
    this.#ids[at] = id;
    this.#serials[at] = serial;
    this.#objects[at] = attributes;
    return attributes;
  }
}

/**
 * Attributes that are decoded when the first of them is asked for: many filters look at the prefix alone. One object for
 * all sets, so it is good only until the next `of`; its properties are its own and enumerable, so that a copy is whole.
 */
export class LazyAttributes {
  readonly view: RouteAttributes;
  readonly #decode: (id: AttrId) => RouteAttributes;
  #id = 0 as AttrId;
  #decoded: RouteAttributes | undefined;
  #hidesMed = false;

  constructor(decode: (id: AttrId) => RouteAttributes) {
    this.#decode = decode;
    const view = {};
    for (const key of KEYS) {
      const get =
        key === "multiExitDisc" ? () => (this.#hidesMed ? undefined : this.decoded[key]) : () => this.decoded[key];
      Object.defineProperty(view, key, { enumerable: true, configurable: false, get });
    }
    this.view = view;
  }

  /** The view, of this set from now on. @param hidesMed it shows none */
  of(id: AttrId, hidesMed = false): RouteAttributes {
    this.#hidesMed = hidesMed;
    this.#id = id;
    this.#decoded = undefined;
    return this.view;
  }

  /** What the view shows, as an object that stays. */
  whole(): RouteAttributes {
    if (!this.#hidesMed || this.decoded.multiExitDisc === undefined) return this.decoded;
    const { multiExitDisc: _, ...rest } = this.decoded;
    return rest;
  }

  get decoded(): RouteAttributes {
    return (this.#decoded ??= this.#decode(this.#id));
  }
}

/** All that a route's attributes can have; the mapped type makes it whole. */
const NAMES: { readonly [K in keyof Required<RouteAttributes>]: true } = {
  origin: true,
  asPath: true,
  nextHop: true,
  multiExitDisc: true,
  localPref: true,
  atomicAggregate: true,
  aggregator: true,
  communities: true,
  originatorId: true,
  clusterList: true,
  extCommunities: true,
  pmsiTunnel: true,
  ipv6ExtCommunities: true,
  aigp: true,
  largeCommunities: true,
  onlyToCustomer: true,
  unknown: true,
  partial: true,
  dest: true,
  nextHops: true,
  nextHopLinkLocal: true,
  recursive: true,
  preference: true,
  scope: true,
  from: true,
  igpMetric: true,
  kernel: true,
  custom: true,
};
const KEYS: readonly (keyof RouteAttributes)[] = Object.keys(NAMES) as (keyof RouteAttributes)[];
const CACHED = 256;

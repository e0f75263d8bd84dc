/** The objects of the attribute sets looked at last, and one that is filled only where it is looked at. */
import { type AttrId, type RouteAttributes, WHOLE } from "./route.ts";

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
 * Where most filters do look, the decoded object itself is faster (bench/rib.ts, `import filter`), and is given instead.
 */
export class LazyAttributes {
  readonly #view: RouteAttributes;
  readonly #decode: (id: AttrId) => RouteAttributes;
  #id = 0 as AttrId;
  #decoded: RouteAttributes | undefined;
  #hidesMed = false;
  #given = 0;
  #looked = 0;
  /** The last object that a MED was taken out of, and what it became. */
  #with: RouteAttributes | undefined;
  #without: RouteAttributes | undefined;

  constructor(decode: (id: AttrId) => RouteAttributes) {
    this.#decode = decode;
    this.#view = {};
    for (const key of KEYS) {
      const get = key === "multiExitDisc" ? () => (this.#hidesMed ? undefined : this.#all[key]) : () => this.#all[key];
      Object.defineProperty(this.#view, key, { enumerable: true, configurable: false, get });
    }
    Object.defineProperty(this.#view, WHOLE, { enumerable: false, configurable: false, get: () => this.whole() });
  }

  /** Whether a filter gave back what it got. */
  isSame(after: RouteAttributes): boolean {
    return after === this.#view || (this.#decoded !== undefined && after === this.whole());
  }

  /** Attributes of this set from now on. @param hidesMed they show none */
  of(id: AttrId, hidesMed = false): RouteAttributes {
    this.#hidesMed = hidesMed;
    this.#id = id;
    if (this.#given < TRIAL) {
      this.#given++;
      if (this.#decoded) this.#looked++;
      this.#decoded = undefined;
      return this.#view;
    }
    this.#decoded = undefined;
    return this.#looked * 2 > TRIAL ? this.whole() : this.#view;
  }

  /** The same as an object that stays. */
  whole(): RouteAttributes {
    const all = this.#all;
    if (!this.#hidesMed || all.multiExitDisc === undefined) return all;
    if (this.#with !== all || !this.#without) {
      const { multiExitDisc: _, ...rest } = all;
      this.#with = all;
      this.#without = rest;
    }
    return this.#without;
  }

  get #all(): RouteAttributes {
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
/** Runs after which it is clear whether a filter looks. */
const TRIAL = 32;

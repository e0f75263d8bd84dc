/** The live route sources of a speaker by their number, and what the core of the tables shares. */

import type { IpAddress } from "../wire/address.ts";
import { AttributeStore } from "./attribute-store.ts";
import type { FilterEnv } from "./filter.ts";
import { PrefixTable } from "./prefix-table.ts";
import type { NetType, RouteSource } from "./route.ts";

/** Work in slices: `step` does a little and says whether there is more. */
export interface RibJob {
  step(): boolean;
}

export interface RibEnv {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** The host calls `job.step()` between other events until it returns false. */
  wake(job: RibJob): void;
  readonly filterEnv: FilterEnv;
  /** Scatters the hash tables, so that a peer cannot choose colliding keys. */
  readonly seed?: number;
}

/** Interfaces as the shell sees them. */
export interface LinkOracle {
  /** The interface on whose subnet an address is (or that one, if named), and whether the address is our own. */
  neighbor(address: IpAddress, iface?: string): { iface: string; own: boolean } | undefined;
}

/** What all tables of a speaker share. */
export class RibCore {
  readonly env: RibEnv;
  readonly attributes: AttributeStore;
  readonly sources: (RouteSource | undefined)[] = [undefined];
  links: LinkOracle | undefined;
  nextTableId = 1;
  /** Channels whose filters may ask a ROA table. */
  readonly roaWatchers: Set<{ roaChanged(): void }> = new Set();
  readonly #prefixes = new Map<NetType, PrefixTable>();
  readonly #epoch: number;
  readonly #retired: number[] = [];
  #next = 1;
  #ticked = false;
  #now = 0;
  readonly #turn: RibJob = {
    step: () => {
      this.#ticked = false;
      return false;
    },
  };
  /** The wall clock as of the last `tick`, cut in two: milliseconds since the speaker began. */
  sinceLow = 0;
  sinceHigh = 0;

  constructor(env: RibEnv) {
    this.env = env;
    this.attributes = new AttributeStore(env.seed);
    this.#epoch = env.wall();
  }

  prefixes(netType: NetType): PrefixTable {
    let table = this.#prefixes.get(netType);
    if (!table) {
      table = new PrefixTable(netType, this.env.seed);
      this.#prefixes.set(netType, table);
    }
    return table;
  }

  /** Monotonic milliseconds as of this turn's first look at the clock. */
  get now(): number {
    this.tick();
    return this.#now;
  }

  /** Reads the clock for the routes that come in now; once a turn, since clocks may be slow. */
  tick(): void {
    if (this.#ticked) return;
    this.#ticked = true;
    this.#now = this.env.now();
    this.env.wake(this.#turn);
    const since = Math.max(0, Math.floor(this.env.wall() - this.#epoch));
    this.sinceLow = since | 0;
    this.sinceHigh = Math.min(255, Math.floor(since / 2 ** 32));
  }

  /** Back to milliseconds since 1970. */
  wallOf(low: number, high: number): number {
    return this.#epoch + high * 2 ** 32 + (low >>> 0);
  }

  addSource(init: Omit<RouteSource, "id">): RouteSource {
    const id = this.#next <= MAX_SOURCES ? this.#next++ : this.#retired.shift();
    if (id === undefined) throw new RangeError(`more than ${MAX_SOURCES} route sources`);
    return this.setSource({ ...init, id });
  }

  /** Replaces what is known of a source: its routes stay its own. */
  setSource(source: RouteSource): RouteSource {
    this.sources[source.id] = source;
    return source;
  }

  /** Its routes must be gone; the number is not used again for as long as there are others. */
  removeSource(source: RouteSource): void {
    if (!this.sources[source.id]) return;
    this.sources[source.id] = undefined;
    this.#retired.push(source.id);
  }
}

/** A source's number has 16 bits in a route's row. */
const MAX_SOURCES = 0xffff;

/** A filter at work on one route: what it sees, and what it has changed so far. */
import { type Net, type RouteAttributes, type RouteSource, WHOLE } from "../rib/route.ts";
import type { IpAddress, Prefix } from "../wire/address.ts";
import { AttributesCopy } from "./attributes-copy.ts";
import type { Place } from "./place.ts";

/** What filters ask of the world beside the route. */
export interface FilterEnv {
  print(text: string): void;
  /** A run-time error: the route is rejected. The caller limits the rate. */
  error(message: string, where: Place): void;
  /** RFC 6811 state in a ROA table: 0 unknown, 1 valid, 2 invalid. */
  roaCheck(table: string, net: Prefix, asn: number): number;
  /** 0 if there is none. */
  interfaceIndex(name: string): number;
  readonly routerId: number;
  /** For `bt_assert`; absent where there is nobody to tell: then it is a run-time error. */
  assert?(holds: boolean, where: Place): void;
  /** Which statement accepts or rejects: for who explains a verdict; absent on the way of routes. */
  finished?(where: { readonly file: string; readonly line: number; readonly column: number }): void;
}

export class Run {
  net: Net | undefined;
  attrs: RouteAttributes;
  source: RouteSource | undefined;
  env: FilterEnv;
  /** Printed, not yet a whole line. */
  text = "";
  /** What `return` gave. */
  result: unknown;
  /** The verdict of an `accept` or `reject` inside a function called in an expression. */
  signal = 0;

  constructor(
    net: Net | undefined,
    attrs: RouteAttributes,
    source: RouteSource | undefined,
    env: FilterEnv,
    memory: Memory,
  ) {
    this.net = net;
    this.attrs = attrs;
    this.source = source;
    this.env = env;
    this.#memory = memory;
  }

  /** What is written to: a copy, made at the first write. */
  #copy: AttributesCopy | undefined;
  readonly #memory: Memory;
  #isBundled: boolean | undefined;

  own(): AttributesCopy {
    if (!this.#copy) {
      this.#copy = new AttributesCopy(this.attrs);
      this.attrs = this.#copy as RouteAttributes;
    }
    return this.#copy;
  }

  /**
   * Whether the route before came with the very same attributes. Routes come in bundles: then statements
   * remember what they made of which attributes, and the next route gets the same object, which spares
   * what comes behind from looking into it. Asked before the first write.
   */
  get bundled(): boolean {
    if (this.#isBundled === undefined) {
      const whole = (this.attrs as { readonly [WHOLE]?: RouteAttributes })[WHOLE];
      if (whole) this.attrs = whole;
      this.#isBundled = this.attrs === this.#memory.last;
      this.#memory.last = this.attrs;
    }
    return this.#isBundled;
  }

  /** The next write makes a copy of its own. */
  detach(): void {
    this.#copy = undefined;
  }
}

/** What a filter keeps from one route to the next. */
export interface Memory {
  last: RouteAttributes | undefined;
}

/** Every empty path or list that nobody made by taking something away: as good as absent to `defined`. */
export const EMPTY_LIST: readonly never[] = [];

/** bird's "no address" is `::`. */
export const NO_ADDRESS: IpAddress = { family: 6, w0: 0, w1: 0, w2: 0, w3: 0 };

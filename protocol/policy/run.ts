/** A filter at work on one route: what it sees, and what it has changed so far. */
import type { Net, RouteAttributes, RouteSource } from "../rib/route.ts";
import type { IpAddress, Prefix } from "../wire/address.ts";
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

export type MutableAttributes = { -readonly [K in keyof RouteAttributes]: RouteAttributes[K] };

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
  #owned = false;

  constructor(net: Net | undefined, attrs: RouteAttributes, source: RouteSource | undefined, env: FilterEnv) {
    this.net = net;
    this.attrs = attrs;
    this.source = source;
    this.env = env;
  }

  /** The attributes to write to: a copy from the first write on. */
  own(): MutableAttributes {
    if (!this.#owned) {
      this.attrs = { ...this.attrs };
      this.#owned = true;
    }
    return this.attrs;
  }
}

/** Every empty path or list that nobody made by taking something away: as good as absent to `defined`. */
export const EMPTY_LIST: readonly never[] = [];

/** bird's "no address" is `::`. */
export const NO_ADDRESS: IpAddress = { family: 6, w0: 0, w1: 0, w2: 0, w3: 0 };

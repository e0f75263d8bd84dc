/** What a policy has to be for the tables; policy/compile.ts makes such ones. */
import type { Prefix } from "../wire/address.ts";
import type { Net, RouteAttributes, RouteSource } from "./route.ts";

export interface RouteFilter {
  /** `ACCEPT` (all), `REJECT` (none), `(unnamed)`, or the filter's name. */
  readonly name: string;
  /** Equal filters have equal keys. */
  readonly key: string;
  /** What the verdict depends on beside the attributes. */
  readonly reads: { readonly net: boolean; readonly source: boolean; readonly impure: boolean };
  /** The new attributes (the same object if unchanged), or undefined: rejected. */
  run(net: Net, attributes: RouteAttributes, source: RouteSource, env: FilterEnv): RouteAttributes | undefined;
}

/** What filters ask of the world beside the route. */
export interface FilterEnv {
  print(text: string): void;
  error(message: string, where: { readonly file: string; readonly line: number; readonly column: number }): void;
  /** RFC 6811 state in a roa table: 0 unknown, 1 valid, 2 invalid. */
  roaCheck(table: string, net: Prefix, asn: number): number;
  interfaceIndex(name: string): number;
  readonly routerId: number;
  /** Which statement accepts or rejects: for who explains a verdict; absent on the way of routes. */
  finished?(where: { readonly file: string; readonly line: number; readonly column: number }): void;
}

/** The part of a route's attributes that is not on the wire, interned. */
import type { PathAttributes } from "../codec/attribute.ts";
import type { IpAddress } from "../wire/address.ts";
import type { RouteAttributes } from "./route.ts";

export type Extra = Pick<
  RouteAttributes,
  "dest" | "nextHops" | "recursive" | "preference" | "scope" | "from" | "igpMetric" | "kernel" | "custom"
>;

/** Sets of them, counted: small numbers from 1. */
export class Extras {
  readonly #values: (Extra | undefined)[] = [undefined];
  readonly #keys: string[] = [""];
  readonly #references: number[] = [0];
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];

  get(index: number): Extra | undefined {
    return this.#values[index];
  }

  index(extra: Extra): number {
    const key = keyOf(extra);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? this.#values.length;
    this.#values[index] = extra;
    this.#keys[index] = key;
    this.#references[index] = 0;
    this.#byKey.set(key, index);
    return index;
  }

  hold(index: number): void {
    this.#references[index]!++;
  }

  release(index: number): void {
    if (--this.#references[index]! > 0) return;
    this.#byKey.delete(this.#keys[index]!);
    this.#values[index] = undefined;
    this.#free.push(index);
  }
}

/** Takes a route's attributes apart: what an UPDATE can carry, the next hop, and the rest. */
export function splitExtra(attributes: RouteAttributes): {
  path: PathAttributes;
  extra: Extra | undefined;
  nextHop: IpAddress | undefined;
  linkLocal: IpAddress | undefined;
} {
  const { dest, nextHops, recursive, preference, scope, from, igpMetric, kernel, custom, nextHopLinkLocal, ...given } =
    attributes;
  const path: { -readonly [K in keyof PathAttributes]: PathAttributes[K] } = given;
  const extra: { -readonly [K in keyof Extra]: Extra[K] } = {};
  if (dest !== undefined) extra.dest = dest;
  if (nextHops !== undefined) extra.nextHops = nextHops;
  if (recursive !== undefined) extra.recursive = recursive;
  if (preference !== undefined) extra.preference = preference;
  if (scope !== undefined) extra.scope = scope;
  if (from !== undefined) extra.from = from;
  if (igpMetric !== undefined) extra.igpMetric = igpMetric;
  if (kernel !== undefined) extra.kernel = kernel;
  if (custom !== undefined) extra.custom = custom;
  const any = Object.keys(extra).length > 0;
  for (const key of LISTS) if (path[key]?.length === 0) delete path[key];
  const { nextHop, ...rest } = path;
  return {
    // An IPv4 next hop has an attribute of its own; any other is known by its number alone.
    path: nextHop?.family === 4 ? path : rest,
    extra: any ? extra : undefined,
    nextHop,
    linkLocal: nextHopLinkLocal,
  };
}

/** A list that is empty is no attribute: none of these may go out with length 0 (RFC 7606 §7). */
const LISTS = [
  "communities",
  "extCommunities",
  "largeCommunities",
  "clusterList",
  "ipv6ExtCommunities",
  "unknown",
] as const;

/** Equal values, equal text; whatever a custom attribute may hold. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === "bigint") return `${v}n`;
    if (v instanceof Map) return ["map", ...[...v.entries()].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))];
    if (v instanceof Set) return ["set", ...v];
    if (v instanceof Uint8Array) return ["octets", ...v];
    if (v && typeof v === "object" && !Array.isArray(v)) {
      return Object.fromEntries(Object.entries(v).sort((a, b) => (a[0] < b[0] ? -1 : 1)));
    }
    return v;
  });
}

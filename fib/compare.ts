/** Whether what the kernel shows is what was asked for: the kernel fills in what a request leaves out. */
import type { Prefix } from "../protocol/wire/address.ts";
import { sameAddress } from "../protocol/wire/address.ts";
import { effectiveScope } from "./route-message.ts";
import type { KernelNextHop, KernelRoute } from "./types.ts";

/** A prefix as a key of a Map. */
export type PrefixKey = number | string;

export function prefixKey(prefix: Prefix): PrefixKey {
  if (prefix.family === 4) return prefix.w0 * 64 + prefix.length; // 38 bits: exact in a double
  return `${prefix.w0},${prefix.w1},${prefix.w2},${prefix.w3}/${prefix.length}`;
}

/** IPv6 has no metric 0: the kernel takes its default instead. */
export function effectiveMetric(prefix: Prefix, metric: number): number {
  return metric === 0 && prefix.family === 6 ? IP6_DEFAULT_METRIC : metric;
}

/** Of the same place in the same table already: prefix, metric, TOS and table are not compared. */
export function fulfils(actual: KernelRoute, wanted: KernelRoute): boolean {
  if (actual === wanted) return true;
  return (
    actual.kind === wanted.kind &&
    actual.protocol === wanted.protocol &&
    sameSource(actual, wanted) &&
    (wanted.prefix.family === 6 || effectiveScope(actual) === effectiveScope(wanted)) &&
    (actual.realm ?? 0) === (wanted.realm ?? 0) &&
    sameMetrics(actual, wanted) &&
    actual.nextHops.length === wanted.nextHops.length &&
    isPartOf(actual, wanted)
  );
}

/** Whether all next hops that the kernel has are wanted ones: then it leads nowhere wrong. */
export function isPartOf(actual: KernelRoute, wanted: KernelRoute): boolean {
  if (actual.nextHops.length === 1 && wanted.nextHops.length === 1) {
    return fitsHop(actual.nextHops[0], wanted.nextHops[0], false); // a lone hop's weight means nothing
  }
  const open = [...wanted.nextHops];
  for (const hop of actual.nextHops) {
    const at = open.findIndex((candidate) => fitsHop(hop, candidate, true));
    if (at < 0) return false;
    open.splice(at, 1);
  }
  return true;
}

function fitsHop(actual: KernelNextHop | undefined, wanted: KernelNextHop | undefined, weighs: boolean): boolean {
  if (!actual || !wanted) return false;
  if (wanted.link !== undefined && wanted.link !== actual.link) return false;
  if (weighs && (actual.weight ?? 1) !== (wanted.weight ?? 1)) return false;
  if ((actual.onlink ?? false) !== (wanted.onlink ?? false)) return false;
  return actual.gateway && wanted.gateway
    ? sameAddress(actual.gateway, wanted.gateway)
    : actual.gateway === wanted.gateway;
}

function sameSource(a: KernelRoute, b: KernelRoute): boolean {
  return a.prefSrc && b.prefSrc ? sameAddress(a.prefSrc, b.prefSrc) : a.prefSrc === b.prefSrc;
}

function sameMetrics(a: KernelRoute, b: KernelRoute): boolean {
  if (a.mtu !== b.mtu || a.advmss !== b.advmss || a.congestionControl !== b.congestionControl) return false;
  if (a.metrics === b.metrics) return true;
  const left = Object.entries(a.metrics ?? {});
  return (
    left.length === Object.keys(b.metrics ?? {}).length && left.every(([name, value]) => b.metrics?.[name] === value)
  );
}

/** IP6_RT_PRIO_USER. */
const IP6_DEFAULT_METRIC = 1024;

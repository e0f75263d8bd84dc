/** Interface lists as bird.conf writes them: `"eth*", -"lo", 10.0.0.0/8`; the first element that matches decides. */
import { matchesShell } from "../../protocol/policy/shell-pattern.ts";
import { type IpAddress, isInside } from "../../protocol/wire/address.ts";
import type { InterfacePattern } from "../config/schema.ts";
import type { InterfaceView } from "./device.ts";

/** @param address only this address counts for a prefix in the list; left out: any of the interface's */
export function matchesPatterns(
  patterns: readonly InterfacePattern[],
  view: Pick<InterfaceView, "name" | "addresses">,
  address?: IpAddress,
): boolean {
  for (const pattern of patterns) {
    if (pattern.name !== undefined && !matchesShell(pattern.name, view.name)) continue;
    const { prefix } = pattern;
    if (prefix) {
      const candidates = address ? [address] : view.addresses.map((entry) => entry.ip);
      if (!candidates.some((ip) => isInside(ip, prefix))) continue;
    }
    return !pattern.negative;
  }
  return false;
}

/** Interface lists as bird.conf writes them: `"eth*", -"lo", 10.0.0.0/8`; the first element that matches decides. */
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

/** BIRD's shell pattern: `*` any run, `?` any one character; linear, no back-tracking explosion. */
export function matchesShell(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

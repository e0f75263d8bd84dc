/** A channel's name on the command line: `ipv4`, `ipv6 multicast`, `vpn4 mpls`. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type TokenName } from "../../protocol/policy/tokens.ts";

/** @returns the name that `show protocols all` prints */
export function channelName(p: Parser): string {
  const base = BASES.find((token) => p.accept(T[token]));
  if (!base) {
    p.wantMany();
    p.unexpected();
  }
  const name = base.toLowerCase();
  if (base === "MPLS" || base.startsWith("ROA") || base.startsWith("FLOW")) return name;
  // Not among what bird's messages expect here.
  const more = p.peek() === T.MULTICAST ? "-mc" : p.peek() === T.MPLS ? "-mpls" : "";
  if (more) p.take();
  return name + more;
}

const BASES: readonly TokenName[] = ["IPV4", "IPV6", "VPN4", "VPN6", "ROA4", "ROA6", "FLOW4", "FLOW6", "MPLS"];

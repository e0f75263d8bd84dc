/** Origin validation against a ROA table (RFC 6811 §2). */
import { type Prefix, prefixOf } from "../wire/address.ts";
import type { RoaNet } from "./route.ts";
import type { Table } from "./table.ts";

export const RoaState = { Unknown: 0, Valid: 1, Invalid: 2 } as const;
export type RoaState = (typeof RoaState)[keyof typeof RoaState];

/** Valid if a ROA covers the prefix with this AS and length, invalid if others cover it, else unknown. */
export function roaState(table: Table, net: Prefix, asn: number): RoaState {
  let covered = false;
  for (let length = net.length; length >= 0; length--) {
    if (!table.prefixes.hasLength(length)) continue;
    for (const slot of table.prefixes.roas(prefixOf(net, length))) {
      if (!table.has(slot)) continue;
      covered = true;
      const roa = table.prefixes.net(slot) as RoaNet;
      // AS 0 authorises nobody (RFC 6483 §4).
      if (roa.asn === asn && asn !== 0 && net.length <= roa.maxLength) return RoaState.Valid;
    }
  }
  return covered ? RoaState.Invalid : RoaState.Unknown;
}

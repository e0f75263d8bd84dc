/** Messages by name: counted, and described as BIRD's `debug { packets }` does. */
import { HEADER_LENGTH, lengthOf, type Message } from "../../../protocol/codec/message.ts";

export interface Counters {
  readonly received: Record<string, number>;
  readonly sent: Record<string, number>;
}

/** A peer's counters, all at zero. */
export function newCounters(): Counters {
  return { received: counts(), sent: counts() };
}

/** Counts whole messages that lie side by side. */
export function tally(
  counters: Record<string, number>,
  octets: Uint8Array,
  each?: (message: Uint8Array) => void,
): void {
  for (let at = 0; at < octets.length; ) {
    const length = lengthOf(octets.subarray(at, at + HEADER_LENGTH));
    counters[NAMES[octets[at + HEADER_LENGTH - 1]!] ?? "other"]!++;
    each?.(octets.subarray(at, at + length));
    at += length;
  }
}

function counts(): Record<string, number> {
  return { OPEN: 0, UPDATE: 0, NOTIFICATION: 0, KEEPALIVE: 0, "ROUTE-REFRESH": 0, other: 0 };
}

/** As BIRD's `debug { packets }` has it. */
export function describe(message: Message): string {
  switch (message.type) {
    case "open":
      return `OPEN(ver=4,as=${message.myAs},hold=${message.holdTime},id=${message.bgpId.toString(16).padStart(8, "0")})`;
    case "notification":
      return `NOTIFICATION(code=${message.code}.${message.subcode})`;
    case "route-refresh":
      return ["ROUTE-REFRESH", "BEGIN-OF-RR", "END-OF-RR"][message.subtype] ?? "ROUTE-REFRESH";
    default:
      return message.type.toUpperCase();
  }
}

const NAMES: readonly (string | undefined)[] = [
  undefined,
  "OPEN",
  "UPDATE",
  "NOTIFICATION",
  "KEEPALIVE",
  "ROUTE-REFRESH",
];

/**
 * What can be wrong with a message: faults that end the session and faults that do not.
 *
 * Decoders collect every fault of a message; the strongest decides (RFC 7606 §3(h)). A live session
 * throws the first that resets it, a capture prints them all.
 */
import type { ErrorCode } from "./iana.ts";

/** Ends the session: becomes the NOTIFICATION we send. The one error a decoder may throw. */
export class NotificationError extends Error {
  override readonly name = "NotificationError";
  readonly code: ErrorCode;
  readonly subcode: number;
  /** The Data field that RFC 4271 §6 prescribes for this subcode; often empty. */
  readonly data: Uint8Array;
  /** Octets from the start of the marker to where it went wrong, if a message did. */
  readonly offset?: number;

  constructor(code: ErrorCode, subcode: number, message: string, data: Uint8Array = NO_DATA, offset?: number) {
    super(message);
    this.code = code;
    this.subcode = subcode;
    this.data = data;
    if (offset !== undefined) this.offset = offset;
  }
}

/** RFC 7606 §2, strongest first. AFI/SAFI disable is not among them: we reset instead. */
export type Severity = "session-reset" | "treat-as-withdraw" | "attribute-discard";

/** One thing wrong with a message, of any severity. */
export interface Fault {
  readonly severity: Severity;
  /** Code of the attribute it is about; 0 if it is about none. */
  readonly attribute: number;
  readonly code: ErrorCode;
  readonly subcode: number;
  /** One sentence for people, without a full stop. */
  readonly reason: string;
  /** Octets from the start of the marker. */
  readonly offset: number;
  /** What the NOTIFICATION's Data field would carry. */
  readonly data?: Uint8Array;
}

/** The session survives it (RFC 7606 §2): returned beside the UPDATE, counted, logged, never thrown. */
export interface AttributeFault extends Fault {
  readonly severity: "attribute-discard" | "treat-as-withdraw";
}

/** What an attribute's row returns instead of a value; the walk adds where and how severe. */
export class Malformed {
  readonly subcode: number;
  readonly reason: string;
  /** Where in the message; the attribute's start if left out. */
  readonly offset?: number;

  constructor(subcode: number, reason: string, offset?: number) {
    this.subcode = subcode;
    this.reason = reason;
    if (offset !== undefined) this.offset = offset;
  }
}

/** The strongest fault, the first among equals. */
export function strongest(faults: readonly Fault[]): Fault | undefined {
  return byStrength(faults)[0];
}

/** Strongest first; equals stay in order. */
export function byStrength<F extends Fault>(faults: readonly F[]): F[] {
  return [...faults].sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

export function toNotificationError(fault: Fault): NotificationError {
  return new NotificationError(fault.code, fault.subcode, fault.reason, fault.data, fault.offset);
}

/** `1 octet`, `2 octets`: for reasons. */
export function inOctets(count: number): string {
  return count === 1 ? "1 octet" : `${count} octets`;
}

/** Throws the first fault that ends the session, if one does; else they all are survivable. */
export function survivable(faults: readonly Fault[]): readonly AttributeFault[] {
  for (const fault of faults) if (fault.severity === "session-reset") throw toNotificationError(fault);
  return faults as readonly AttributeFault[];
}

/**
 * Adds a fault to those of a message. A peer can put thousands into one (RFC 7606 §3(g) alone allows
 * a duplicate every three octets): beyond the limit only a stronger one is of interest.
 */
export function addFault(faults: Fault[], fault: Fault): void {
  if (faults.length < MAX_FAULTS) faults.push(fault);
  else if (faults.every((other) => RANK[other.severity] > RANK[fault.severity])) faults[MAX_FAULTS - 1] = fault;
}

const MAX_FAULTS = 64;
const RANK: Readonly<Record<Severity, number>> = {
  "session-reset": 0,
  "treat-as-withdraw": 1,
  "attribute-discard": 2,
};
const NO_DATA: Uint8Array = new Uint8Array(0);

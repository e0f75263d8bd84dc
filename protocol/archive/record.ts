/**
 * What the readers of this folder hand out, and how they fail.
 *
 * All readers have one shape: `push` octets as they come, `read` until it gives nothing more, `finish` at the end.
 * They keep what is left of a record that is not whole, never more than its limit.
 */
import type { CodecContext } from "../codec/capability.ts";
import type { IpAddress, Prefix } from "../wire/address.ts";

/** A point in time as a capture has it: exact, however fine its clock. */
export interface Moment {
  /** Packet, record or line, counted from 1. */
  readonly frame: number;
  /** Seconds since 1970; absent where the capture has no time (pcapng's Simple Packet Block, hex lines). */
  readonly seconds?: number;
  /** In units of 10^-digits of a second. */
  readonly fraction?: number;
  readonly digits?: number;
}

export interface Packet {
  readonly moment: Moment;
  /** As in tcpdump.org's registry of LINKTYPE_ values. */
  readonly linkType: number;
  /** A view, valid until the next `push`. */
  readonly octets: Uint8Array;
  /** Octets on the wire; more than `octets` has if the capture's snap length cut it. */
  readonly original: number;
}

/** One record of an MRT file, its header read. */
export interface MrtRecord {
  readonly moment: Moment;
  readonly type: number;
  readonly subtype: number;
  /** A view, valid until the next `push`. */
  readonly body: Uint8Array;
}

/** An end of a TCP connection, or of an MRT peering (then without a port). */
export interface Place {
  readonly moment: Moment;
  readonly stream?: number;
  readonly src?: string;
  readonly dst?: string;
  readonly peerAs?: number;
  readonly localAs?: number;
}

/** A BGP message, and what is known about how to read it. */
export interface MessageRecord extends Place {
  readonly kind: "message";
  /** From the marker on. Just the header if its length cannot be believed. */
  readonly octets: Uint8Array;
  readonly context: CodecContext;
  /** These are no message but what is left behind one that stood alone and was so long by its header. */
  readonly behind?: number;
}

export interface GapRecord extends Place {
  readonly kind: "gap";
  /** Octets that never came. */
  readonly missing: number;
  /** Octets that came and belong to no message. */
  readonly skipped: number;
}

export interface TruncatedRecord extends Place {
  readonly kind: "truncated";
  readonly captured: number;
  readonly original: number;
}

/** Who gave a collector its routes. */
export interface RibPeer {
  readonly address: IpAddress;
  readonly asn: number;
  /** TABLE_DUMP does not have it. */
  readonly bgpId?: number;
}

/** One path of one prefix in a dumped table. */
export interface RibRecord {
  readonly kind: "rib";
  readonly moment: Moment;
  /** Undefined if the record points to a peer that no index lists. */
  readonly peer: RibPeer | undefined;
  readonly sequence: number;
  readonly prefix: Prefix;
  /** Only of the _ADDPATH types. */
  readonly pathId: number | undefined;
  /** Seconds since 1970 when the path was received. */
  readonly originated: number;
  /** Its attribute list is in `octets` from `start` up to `end`, valid during the call: see `ribAttributes`. */
  readonly octets: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Of the record's type. */
  readonly afi: number;
  readonly safi: number;
  /** What the record's type says about AS numbers. */
  readonly as4: boolean;
}

/** A collector's session changed its state (RFC 6396 §4.4.1). */
export interface StateRecord extends Place {
  readonly kind: "state";
  readonly oldState: number;
  readonly newState: number;
}

export interface UnsupportedRecord {
  readonly kind: "unsupported";
  readonly moment: Moment;
  readonly what: string;
}

/** Reads packets or MRT records out of a file, chunk by chunk. */
export interface Reader<T> {
  push(chunk: Uint8Array): void;
  /** @returns undefined when more octets are needed. @throws ArchiveError when the file cannot be read on */
  read(): T | undefined;
  /** @throws ArchiveError if the file ends inside a record */
  finish(): void;
}

/** The file is no capture, is cut, or lies about itself: nothing behind that point can be read. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  /** The record in question, counted from 1; 0 for the file's own header. */
  readonly record: number;
  /** Where that record starts in the (decompressed) file. */
  readonly offset: number;

  constructor(message: string, record: number, offset: number) {
    super(message);
    this.record = record;
    this.offset = offset;
  }
}

/** A fraction of a second or more, which some writers leave there, belongs to the seconds. */
export function momentAt(frame: number, seconds: number, fraction: number, digits: number): Moment {
  const unit = 10 ** digits;
  if (fraction < unit) return { frame, seconds, fraction, digits };
  return { frame, seconds: seconds + Math.floor(fraction / unit), fraction: fraction % unit, digits };
}

/** Seconds since 1970, with as many decimals as the capture has. */
export function formatMoment(moment: Moment): string | undefined {
  if (moment.seconds === undefined) return undefined;
  if (!moment.digits) return `${moment.seconds}`;
  return `${moment.seconds}.${String(moment.fraction ?? 0).padStart(moment.digits, "0")}`;
}

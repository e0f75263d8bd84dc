/**
 * UPDATEs as octets, packed: as many prefixes to a message as the peer takes. Messages for the same audience lie side by
 * side as one segment.
 */
import { Afi, AttributeCode, Flags } from "../codec/iana.ts";
import type { BlockEncoder } from "./block-encoder.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { Slot } from "./route.ts";

/** Who is meant: everybody but one or two members, or one alone; by number of source, 0 for nobody. */
export interface Audience {
  readonly only: number;
  readonly except: number;
  readonly alsoExcept: number;
}

export const EVERYBODY: Audience = { only: 0, except: 0, alsoExcept: 0 };

export interface WriterOptions {
  readonly prefixes: PrefixTable;
  readonly afi: number;
  readonly safi: number;
  /** NLRI carry path ids. */
  readonly addPath: boolean;
  /** IPv4 unicast in the message's own fields (RFC 4271 §4.3). */
  readonly classic: boolean;
  /** Octets in a message. */
  readonly limit: number;
}

export class UpdateWriter {
  readonly options: WriterOptions;
  #octets = new Uint8Array(FIRST_SIZE);
  #length = 0;
  /** Four numbers a segment: its end, `only`, `except`, `alsoExcept`. */
  #segments: number[] = [];
  #segmentStart = 0;
  /** The open message: start, where its NLRI begin, what it is. */
  #message = -1;
  #attributeAt = -1;
  #kind: "none" | "withdraw" | "announce" = "none";
  /** Attributes that go behind MP_REACH_NLRI when the message is closed. */
  #trailer = new Uint8Array(256);
  #trailerLength = 0;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  get length(): number {
    return this.#length;
  }

  begin(): void {
    this.#length = 0;
    this.#segments = [];
    this.#segmentStart = 0;
    this.#kind = "none";
    if (this.#octets.length > KEPT_SIZE) this.#octets = new Uint8Array(FIRST_SIZE);
  }

  /** What was written, as a copy of its own. */
  finish(): { octets: Uint8Array; segments: Int32Array } {
    this.#close();
    return { octets: this.#octets.slice(0, this.#length), segments: Int32Array.from(this.#segments) };
  }

  /** What follows is for these. */
  audience({ only, except, alsoExcept }: Audience): void {
    const s = this.#segments;
    const at = s.length - 4;
    const same = at >= 0 && s[at + 1] === only && s[at + 2] === except && s[at + 3] === alsoExcept;
    if (same && this.#length - this.#segmentStart < SEGMENT_SIZE) return;
    this.#close();
    this.#segmentStart = this.#length;
    s.push(this.#length, only, except, alsoExcept);
  }

  withdraw(slot: Slot, pathId: number): void {
    if (this.#kind !== "withdraw" || !this.#fits()) this.#openWithdraw();
    this.#nlri(slot, pathId);
  }

  /** Begins announcements with these attributes. @returns false if a message cannot hold them and one prefix */
  attributes(block: BlockEncoder): boolean {
    const { classic, limit } = this.options;
    const reach = classic && block.nextHop.length === 0 ? 0 : 4 + 5 + block.nextHop.length;
    if (HEADER + 4 + block.length + reach + MOST_NLRI > limit) return false;
    this.#openAnnounce(block);
    return true;
  }

  announce(slot: Slot, pathId: number, block: BlockEncoder): void {
    if (!this.#fits()) this.#openAnnounce(block);
    this.#nlri(slot, pathId);
  }

  endOfRib(): void {
    this.#close();
    this.#header();
    const { classic, afi, safi } = this.options;
    const plain = classic || (afi === Afi.Ipv4 && safi === 1);
    this.#u16(0);
    this.#u16(plain ? 0 : 6);
    if (!plain) this.#bytes(Flags.Optional, AttributeCode.MpUnreachNlri, 3, afi >>> 8, afi, safi);
    this.#kind = "none";
    this.#patch(this.#message + 16, this.#length - this.#message);
    this.#extend();
  }

  #fits(): boolean {
    return this.#length + this.#trailerLength - this.#message + MOST_NLRI <= this.options.limit;
  }

  #nlri(slot: Slot, pathId: number): void {
    this.#room(MOST_NLRI);
    if (this.options.addPath) {
      this.#u16(pathId >>> 16);
      this.#u16(pathId & 0xffff);
    }
    this.#length = this.options.prefixes.writeNlri(slot, this.#octets, this.#length);
  }

  #openWithdraw(): void {
    this.#close();
    this.#header();
    const { classic, afi, safi } = this.options;
    this.#u16(0);
    if (!classic) {
      this.#u16(0);
      this.#attributeAt = this.#length;
      this.#bytes(Flags.Optional | Flags.ExtendedLength, AttributeCode.MpUnreachNlri, 0, 0, afi >>> 8, afi, safi);
    }
    this.#kind = "withdraw";
  }

  #openAnnounce(block: BlockEncoder): void {
    this.#close();
    this.#header();
    this.#room(block.length + 64);
    this.#u16(0);
    this.#u16(block.length);
    const { classic, afi, safi } = this.options;
    this.#attributeAt = -1;
    if (!classic || block.nextHop.length > 0) {
      // MP_REACH_NLRI comes first (RFC 7606 §5.1), but its NLRI end the message here: the others are moved behind them.
      this.#attributeAt = this.#length;
      this.#bytes(Flags.Optional | Flags.ExtendedLength, AttributeCode.MpReachNlri, 0, 0, afi >>> 8, afi, safi);
      this.#bytes(block.nextHop.length, ...block.nextHop, 0);
      this.#keepTrailer(block);
    } else {
      this.#octets.set(block.octets.subarray(0, block.length), this.#length);
      this.#length += block.length;
    }
    this.#kind = "announce";
  }

  #keepTrailer(block: BlockEncoder): void {
    if (this.#trailer.length < block.length) this.#trailer = new Uint8Array(block.octets.length);
    this.#trailer.set(block.octets.subarray(0, block.length));
    this.#trailerLength = block.length;
  }

  #close(): void {
    if (this.#kind === "none") return;
    const start = this.#message;
    if (this.#kind === "withdraw" && this.options.classic) {
      this.#patch(start + HEADER, this.#length - start - HEADER - 2);
      this.#room(2);
      this.#u16(0);
    } else if (this.#attributeAt >= 0) {
      this.#patch(this.#attributeAt + 2, this.#length - this.#attributeAt - 4);
      this.#room(this.#trailerLength);
      this.#octets.set(this.#trailer.subarray(0, this.#trailerLength), this.#length);
      this.#length += this.#trailerLength;
      this.#trailerLength = 0;
      this.#patch(start + HEADER + 2, this.#length - start - HEADER - 4);
    }
    this.#patch(start + 16, this.#length - start);
    this.#kind = "none";
    this.#attributeAt = -1;
    this.#extend();
  }

  /** The open segment ends where the octets do. */
  #extend(): void {
    if (this.#segments.length === 0) this.#segments.push(0, 0, 0, 0);
    this.#segments[this.#segments.length - 4] = this.#length;
  }

  #header(): void {
    this.#room(64);
    this.#message = this.#length;
    this.#octets.fill(0xff, this.#length, this.#length + 16);
    this.#length += 18;
    this.#octets[this.#length++] = 2;
  }

  #u16(value: number): void {
    this.#octets[this.#length] = value >>> 8;
    this.#octets[this.#length + 1] = value;
    this.#length += 2;
  }

  #bytes(...values: number[]): void {
    for (const value of values) this.#octets[this.#length++] = value;
  }

  #patch(at: number, value: number): void {
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value;
  }

  #room(length: number): void {
    if (this.#length + length + 2 <= this.#octets.length) return;
    const larger = new Uint8Array(Math.max(this.#octets.length * 2, this.#length + length + 2));
    larger.set(this.#octets.subarray(0, this.#length));
    this.#octets = larger;
  }
}

const HEADER = 19;
/** Path id, length, sixteen octets; and the length field that closes a message of withdrawals. */
const MOST_NLRI = 4 + 17 + 2;
const FIRST_SIZE = 1 << 13;
const KEPT_SIZE = 1 << 18;
const SEGMENT_SIZE = 1 << 15;

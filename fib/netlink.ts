/**
 * Netlink framing (RFC 3549 §2.2): messages in a datagram, attributes in a message.
 *
 *   | length 4 | type 2 | flags 2 | sequence 4 | port 4 | payload, padded to 4 |
 *   attribute: | length 2 | type 2 | value, padded to 4 |
 *
 * Numbers are in the machine's own order, IP addresses in network order. The reading side never throws
 * and never reads outside the datagram: what does not fit ends the walk.
 */
import type { Family, IpAddress } from "../protocol/wire/address.ts";
import { ipv4, ipv6 } from "../protocol/wire/address.ts";

/** Message types of every netlink family, and nlmsg_flags. */
export const NlMessage = { Noop: 1, Error: 2, Done: 3, Overrun: 4 } as const;

export const NlFlag = {
  Request: 0x1,
  Multi: 0x2,
  Ack: 0x4,
  /** The tables changed while a dump went over them: it may lack or repeat entries. */
  DumpInterrupted: 0x10,
  /** On an answer to a dump: the kernel did apply the filter of the request. */
  DumpFiltered: 0x20,
  /** RTM_NEW*: put in the place of what has the same key. */
  Replace: 0x100,
  /** RTM_NEW*: fail with EEXIST rather than touch what is there. */
  Exclusive: 0x200,
  Create: 0x400,
  Append: 0x800,
  /** RTM_GET*: NLM_F_ROOT and NLM_F_MATCH together. */
  Dump: 0x300,
  /** NLMSG_ERROR: only the request's header is sent back. */
  Capped: 0x100,
  /** NLMSG_ERROR: attributes with the kernel's words follow. */
  ExtendedAck: 0x200,
} as const;

/** Many messages in one buffer that grows and is used again. */
export class NetlinkWriter {
  #octets: Uint8Array;
  #view: DataView;
  #length = 0;
  #message = 0;

  constructor(capacity = 4096) {
    this.#octets = new Uint8Array(capacity);
    this.#view = new DataView(this.#octets.buffer);
  }

  get length(): number {
    return this.#length;
  }

  begin(type: number, flags: number, sequence: number, port = 0): this {
    this.#message = this.#length;
    const at = this.#grow(HEADER_LENGTH);
    this.#view.setUint16(at + 4, type, LITTLE);
    this.#view.setUint16(at + 6, flags, LITTLE);
    this.#view.setUint32(at + 8, sequence, LITTLE);
    this.#view.setUint32(at + 12, port, LITTLE);
    return this;
  }

  /** Closes the message that `begin` opened: its length is known now. */
  end(): this {
    this.#view.setUint32(this.#message, this.#length - this.#message, LITTLE);
    this.#pad();
    return this;
  }

  /** Adds flags to the message written last: who asks for an ACK is known only behind the batch. */
  addFlags(flags: number): this {
    const at = this.#message + 6;
    this.#view.setUint16(at, this.#view.getUint16(at, LITTLE) | flags, LITTLE);
    return this;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#octets[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, LITTLE);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, LITTLE);
    return this;
  }

  bytes(octets: Uint8Array): this {
    const at = this.#grow(octets.length);
    this.#octets.set(octets, at);
    return this;
  }

  /** 4 or 16 octets in network order. */
  address(ip: IpAddress): this {
    const at = this.#grow(ip.family === 4 ? 4 : 16);
    this.#view.setUint32(at, ip.w0);
    if (ip.family === 6) {
      this.#view.setUint32(at + 4, ip.w1);
      this.#view.setUint32(at + 8, ip.w2);
      this.#view.setUint32(at + 12, ip.w3);
    }
    return this;
  }

  attrU8(type: number, value: number): this {
    return this.u16(5).u16(type).u8(value).#pad();
  }

  attrU32(type: number, value: number): this {
    return this.u16(8).u16(type).u32(value);
  }

  attrAddress(type: number, ip: IpAddress): this {
    return this.u16(ip.family === 4 ? 8 : 20)
      .u16(type)
      .address(ip);
  }

  attrBytes(type: number, octets: Uint8Array): this {
    return this.u16(4 + octets.length)
      .u16(type)
      .bytes(octets)
      .#pad();
  }

  /** With the final NUL that the kernel wants. */
  attrText(type: number, text: string): this {
    return this.attrBytes(type, new TextEncoder().encode(`${text}\0`));
  }

  /** Opens an attribute (or a rtnexthop) whose length `close` fills in. */
  open(type: number): number {
    const at = this.#length;
    this.u16(0).u16(type);
    return at;
  }

  close(at: number): this {
    this.#view.setUint16(at, this.#length - at, LITTLE);
    return this.#pad();
  }

  /** What was written, to be copied or sent before the next write; the writer starts over. */
  take(): Uint8Array {
    const length = this.#length;
    this.#length = 0;
    return this.#octets.subarray(0, length);
  }

  #pad(): this {
    while ((this.#length & 3) !== 0) this.u8(0);
    return this;
  }

  #grow(length: number): number {
    const at = this.#length;
    const end = at + length;
    if (end > this.#octets.length) {
      const larger = new Uint8Array(Math.max(end, this.#octets.length * 2));
      larger.set(this.#octets);
      this.#octets = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return at;
  }
}

/** Walks the messages of one datagram: `while (cursor.next()) ...`. */
export class MessageCursor {
  readonly view: DataView;
  type = 0;
  flags = 0;
  sequence = 0;
  port = 0;
  /** Payload, between the header and the end of the message. */
  start = 0;
  end = 0;
  #next = 0;

  constructor(datagram: Uint8Array) {
    this.view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  }

  next(): boolean {
    const at = this.#next;
    if (at + HEADER_LENGTH > this.view.byteLength) return false;
    const length = this.view.getUint32(at, LITTLE);
    if (length < HEADER_LENGTH || at + length > this.view.byteLength) return false;
    this.type = this.view.getUint16(at + 4, LITTLE);
    this.flags = this.view.getUint16(at + 6, LITTLE);
    this.sequence = this.view.getUint32(at + 8, LITTLE);
    this.port = this.view.getUint32(at + 12, LITTLE);
    this.start = at + HEADER_LENGTH;
    this.end = at + length;
    this.#next = at + ((length + 3) & ~3);
    return true;
  }

  /** Octets of the payload. */
  get length(): number {
    return this.end - this.start;
  }

  u8(offset: number): number {
    return this.view.getUint8(this.start + offset);
  }

  u16(offset: number): number {
    return this.view.getUint16(this.start + offset, LITTLE);
  }

  u32(offset: number): number {
    return this.view.getUint32(this.start + offset, LITTLE);
  }

  i32(offset: number): number {
    return this.view.getInt32(this.start + offset, LITTLE);
  }

  /** The attributes behind a fixed part of so many octets. */
  attributes(behind: number): AttributeCursor {
    return new AttributeCursor(this.view, this.start + behind, this.end);
  }
}

/** Walks attributes: `while (cursor.next()) switch (cursor.type) ...`. Values too short read as zero. */
export class AttributeCursor {
  readonly #view: DataView;
  readonly #end: number;
  /** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
  type = 0;
  start = 0;
  length = 0;
  #next: number;

  constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    this.#next = start;
    this.#end = end;
  }

  next(): boolean {
    const at = this.#next;
    if (at + 4 > this.#end) return false;
    const length = this.#view.getUint16(at, LITTLE);
    if (length < 4 || at + length > this.#end) return false;
    this.type = this.#view.getUint16(at + 2, LITTLE) & 0x3fff;
    this.start = at + 4;
    this.length = length - 4;
    this.#next = at + ((length + 3) & ~3);
    return true;
  }

  /** The two octets where an attribute has its type: an rtnexthop has its flags and its weight there. */
  first(): number {
    return this.#view.getUint8(this.start - 2);
  }

  second(): number {
    return this.#view.getUint8(this.start - 1);
  }

  u8(): number {
    return this.length >= 1 ? this.#view.getUint8(this.start) : 0;
  }

  u16(): number {
    return this.length >= 2 ? this.#view.getUint16(this.start, LITTLE) : 0;
  }

  u32(): number {
    return this.length >= 4 ? this.#view.getUint32(this.start, LITTLE) : 0;
  }

  /** An address; its family by its length, undefined for any other. */
  address(): IpAddress | undefined {
    return readAddress(this.#view, this.start, this.length);
  }

  /** RTA_VIA: the family in front, the address behind it. */
  via(): IpAddress | undefined {
    return this.length < 2 ? undefined : readAddress(this.#view, this.start + 2, this.length - 2);
  }

  /** Up to the NUL. */
  text(): string {
    const octets = this.bytes();
    const nul = octets.indexOf(0);
    return new TextDecoder().decode(nul < 0 ? octets : octets.subarray(0, nul));
  }

  /** A view of the value: copy what you keep. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.start, this.length);
  }

  nested(behind = 0): AttributeCursor {
    return new AttributeCursor(this.#view, this.start + behind, this.start + this.length);
  }
}

function readAddress(view: DataView, at: number, length: number): IpAddress | undefined {
  if (length === 4) return ipv4(view.getUint32(at));
  if (length !== 16) return undefined;
  return ipv6(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12));
}

export const AddressFamily = { Inet: 2, Bridge: 7, Inet6: 10 } as const;

export function familyNumber(family: Family): number {
  return family === 4 ? AddressFamily.Inet : AddressFamily.Inet6;
}

export const HEADER_LENGTH = 16;
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Messages: the header (RFC 4271 §4.1), framing of a TCP stream, and the way to each kind's codec.
 *
 *   | marker 16 x 0xff | length 2 | type 1 | body |   (octets)
 *
 * The header is checked in this order: marker, length, type (§6.1).
 */
import { ByteReader, ByteWriter } from "../wire/bytes.ts";
import type { CodecContext } from "./capability.ts";
import { type Fault, inOctets, toNotificationError } from "./error.ts";
import { ErrorCode, HeaderSubcode, MessageType, messageName, RefreshSubcode, RefreshSubtype } from "./iana.ts";
import {
  decodeNotification,
  decodeRouteRefresh,
  encodeNotification,
  encodeRouteRefresh,
  type Notification,
  type RouteRefresh,
} from "./notification.ts";
import { decodeOpen, encodeOpen, type Open } from "./open.ts";
import { decodeUpdate, encodeUpdate, type Update } from "./update.ts";

export interface Keepalive {
  readonly type: "keepalive";
}

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

/** Octets of the header. */
export const HEADER_LENGTH = 19;
/** The longest message: without extended messages, and with them (RFC 8654). */
export const MAX_LENGTH = 4096;
export const MAX_EXTENDED_LENGTH = 65535;

/** The longest message that this context lets us send. */
export function sendLimit(context: CodecContext): number {
  return context.extendedMessages ? MAX_EXTENDED_LENGTH : MAX_LENGTH;
}

/** @throws RangeError if it does not fit the peer's limit: UPDATEs that may not are built by pack.ts */
export function encodeMessage(message: Message, context: CodecContext): Uint8Array {
  const w = new ByteWriter(64);
  startMessage(w, TYPES[message.type]);
  switch (message.type) {
    case "open":
      encodeOpen(w, message);
      break;
    case "update":
      encodeUpdate(w, message, context);
      break;
    case "notification":
      encodeNotification(w, message, sendLimit(context) - HEADER_LENGTH - 2);
      break;
    case "route-refresh":
      encodeRouteRefresh(w, message);
      break;
    case "keepalive":
      break;
  }
  const limit = message.type === "open" ? MAX_LENGTH : sendLimit(context); // RFC 8654 §4
  if (w.length > limit) throw new RangeError(`${message.type} of ${inOctets(w.length)}, the limit is ${limit}`);
  return w.patchU16(LENGTH_AT, w.length).finish();
}

/** A header whose length is patched in when the body is written. */
export function startMessage(w: ByteWriter, type: MessageType): void {
  w.bytes(MARKER).u16(0).u8(type);
}

/**
 * @param octets one whole message, header included
 * @throws NotificationError what is wrong, if it ends the session
 */
export function decodeMessage(octets: Uint8Array, context: CodecContext): Message {
  const limit = context.extendedMessages || context.acceptExtended ? MAX_EXTENDED_LENGTH : MAX_LENGTH;
  const fault = headerFault(octets, limit) ?? lengthFault(octets, context);
  if (fault) throw toNotificationError(fault);
  const body = new ByteReader(octets, HEADER_LENGTH);
  switch (octets[TYPE_AT]! as MessageType) {
    case MessageType.Open:
      return decodeOpen(body);
    case MessageType.Update:
      return decodeUpdate(octets, context);
    case MessageType.Notification:
      return decodeNotification(body);
    case MessageType.Keepalive:
      return { type: "keepalive" };
    case MessageType.RouteRefresh:
      return decodeRouteRefresh(body);
  }
}

/**
 * Cuts a stream of octets into messages, however it is chunked. What is wrong with a header is known
 * as soon as the octets are there that show it; nothing behind it is ever read.
 */
export class Framer {
  #limit: number;
  /** The message begun: its first octets. */
  #pending: Uint8Array = new Uint8Array(MAX_LENGTH);
  #have = 0;
  #dead: Fault | undefined;

  constructor(limit: number = MAX_LENGTH) {
    this.#limit = limit;
  }

  /** Octets of a message that is not whole yet. */
  get buffered(): number {
    return this.#have;
  }

  /** 65535 once we announced extended messages and the OPEN is through. */
  setLimit(limit: number): void {
    this.#limit = limit;
  }

  /**
   * Whole messages, headers included. One that lies within the chunk is a view of it.
   * @throws NotificationError from the header alone; each later call throws it again
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    for (;;) {
      if (this.#dead) throw toNotificationError(this.#dead);
      if (at >= chunk.length) return;
      const whole = this.#have === 0 ? this.#whole(chunk, at) : undefined;
      if (whole) {
        at += whole.length;
        yield whole;
      } else if (!this.#dead) {
        at += this.#fill(chunk, at);
        if (!this.#dead && this.#have >= HEADER_LENGTH && this.#have === lengthOf(this.#pending)) yield this.#take();
      }
    }
  }

  /** A view of the message at `at`, if the chunk holds all of it. */
  #whole(chunk: Uint8Array, at: number): Uint8Array | undefined {
    const rest = chunk.subarray(at);
    this.#dead = headerFault(rest, this.#limit);
    if (this.#dead || rest.length < HEADER_LENGTH) return undefined;
    const length = lengthOf(rest);
    return length <= rest.length ? rest.subarray(0, length) : undefined;
  }

  /** Moves octets to the pending message: first up to its header, then up to its length. */
  #fill(chunk: Uint8Array, at: number): number {
    const header = this.#have < HEADER_LENGTH;
    const want = header ? HEADER_LENGTH : lengthOf(this.#pending);
    if (want > this.#pending.length) {
      const larger = new Uint8Array(want); // the header was checked: not above the limit
      larger.set(this.#pending.subarray(0, this.#have));
      this.#pending = larger;
    }
    const count = Math.min(want - this.#have, chunk.length - at);
    this.#pending.set(chunk.subarray(at, at + count), this.#have);
    this.#have += count;
    if (header) this.#dead = headerFault(this.#pending.subarray(0, this.#have), this.#limit);
    return count;
  }

  #take(): Uint8Array {
    const message = this.#pending.slice(0, this.#have);
    this.#have = 0;
    return message;
  }
}

/** RFC 4271 §6.1, from the header alone, or from as much of it as there is. */
export function headerFault(octets: Uint8Array, limit: number): Fault | undefined {
  for (let i = 0; i < MARKER.length && i < octets.length; i++) {
    if (octets[i] !== 0xff) return fault(HeaderSubcode.NotSynchronized, `no BGP marker: ${looksLike(octets)}`, i);
  }
  if (octets.length < HEADER_LENGTH) return undefined;
  const length = lengthOf(octets);
  const type = octets[TYPE_AT]!;
  if (length < HEADER_LENGTH)
    return badLength(octets, `message of ${inOctets(length)}, the header alone has ${HEADER_LENGTH}`);
  if (length > limit) return badLength(octets, `message of ${inOctets(length)}, the limit is ${limit}`);
  const bounds = LENGTHS[type];
  if (!bounds)
    return fault(HeaderSubcode.BadType, `unknown message type ${type}`, TYPE_AT, octets.slice(TYPE_AT, TYPE_AT + 1));
  const [least, most] = bounds;
  if (length < least)
    return badLength(octets, `${messageName(type)} of ${inOctets(length)}, at least ${least} are needed`);
  if (length > most)
    return badLength(octets, `${messageName(type)} of ${inOctets(length)}, at most ${most} are allowed`);
  return undefined;
}

/** What shows only once the message is there: its own length, and a ROUTE-REFRESH of an odd one. */
export function lengthFault(octets: Uint8Array, context: CodecContext): Fault | undefined {
  if (octets.length < HEADER_LENGTH) {
    const data = octets.length >= TYPE_AT ? octets.slice(LENGTH_AT, TYPE_AT) : undefined;
    return fault(HeaderSubcode.BadLength, `${inOctets(octets.length)}, fewer than a header has`, octets.length, data);
  }
  const length = lengthOf(octets);
  if (length !== octets.length)
    return badLength(octets, `message of ${inOctets(length)} by its header, but ${octets.length} are there`);
  if (octets[TYPE_AT] !== MessageType.RouteRefresh || length === REFRESH_LENGTH) return undefined;
  const subtype = octets[HEADER_LENGTH + 2];
  const enhanced = subtype === RefreshSubtype.BeginningOfRr || subtype === RefreshSubtype.EndOfRr;
  const reason = `ROUTE-REFRESH of ${inOctets(length)}, must be ${REFRESH_LENGTH}`;
  if (!enhanced || context.enhancedRefresh === false) return badLength(octets, reason);
  // RFC 7313 §5: the whole message goes back.
  const at = { severity: "session-reset", attribute: 0, offset: LENGTH_AT } as const;
  return { ...at, code: ErrorCode.RouteRefresh, subcode: RefreshSubcode.InvalidLength, reason, data: octets.slice() };
}

/** What the header says. */
export function lengthOf(octets: Uint8Array): number {
  return (octets[LENGTH_AT]! << 8) | octets[LENGTH_AT + 1]!;
}

function badLength(octets: Uint8Array, reason: string): Fault {
  return fault(HeaderSubcode.BadLength, reason, LENGTH_AT, octets.slice(LENGTH_AT, TYPE_AT));
}

function fault(subcode: HeaderSubcode, reason: string, offset: number, data?: Uint8Array): Fault {
  const base = {
    severity: "session-reset",
    attribute: 0,
    code: ErrorCode.MessageHeader,
    subcode,
    reason,
    offset,
  } as const;
  return data ? { ...base, data } : base;
}

/** Who knocks on port 179 without speaking BGP. */
function looksLike(octets: Uint8Array): string {
  const text = String.fromCharCode(...octets.subarray(0, 4));
  if (/^(GET|POST|HEAD|PUT|OPTI|CONN)/.test(text)) return "this looks like HTTP";
  if (text.startsWith("SSH-")) return "this looks like SSH";
  if (octets[0] === 0x16 && octets[1] === 0x03) return "this looks like TLS";
  if (octets.every((octet) => octet === 0)) return "zeros";
  return `octets ${Array.from(octets.subarray(0, 4), (octet) => octet.toString(16).padStart(2, "0")).join(" ")}`;
}

const MARKER = new Uint8Array(16).fill(0xff);
const LENGTH_AT = 16;
const TYPE_AT = 18;
const REFRESH_LENGTH = 23;
const TYPES: Readonly<Record<Message["type"], MessageType>> = {
  open: MessageType.Open,
  update: MessageType.Update,
  notification: MessageType.Notification,
  keepalive: MessageType.Keepalive,
  "route-refresh": MessageType.RouteRefresh,
};
/** Least and most octets by type (RFC 4271 §4, RFC 8654 §4); a ROUTE-REFRESH that has a subtype is judged whole. */
const LENGTHS: readonly (readonly [number, number] | undefined)[] = [
  undefined,
  [29, MAX_LENGTH],
  [23, MAX_EXTENDED_LENGTH],
  [21, MAX_EXTENDED_LENGTH],
  [HEADER_LENGTH, HEADER_LENGTH],
  [22, MAX_EXTENDED_LENGTH],
];

/**
 * NOTIFICATION (RFC 4271 §4.5) and ROUTE-REFRESH (RFC 2918, RFC 7313), with what the data of some
 * NOTIFICATIONs means: the shutdown communication, the prefix limit, the hard reset.
 *
 *   NOTIFICATION   | code 1 | subcode 1 | data n |
 *   ROUTE-REFRESH  | AFI 2 | subtype 1 | SAFI 1 |
 */
import type { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { CeaseSubcode, ErrorCode, errorText, familyName, OpenSubcode } from "./iana.ts";

export interface Notification {
  readonly type: "notification";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export interface RouteRefresh {
  readonly type: "route-refresh";
  readonly afi: number;
  readonly safi: number;
  /** 0 a plain request, 1 BoRR, 2 EoRR; a receiver ignores others (RFC 7313 §5). */
  readonly subtype: number;
}

/** @param room octets that the data may have: what does not fit is cut off, it is for people and logs. */
export function encodeNotification(w: ByteWriter, { code, subcode, data }: Notification, room: number): void {
  w.u8(code)
    .u8(subcode)
    .bytes(data.length > room ? data.subarray(0, room) : data);
}

export function decodeNotification(r: ByteReader): Notification {
  const code = r.u8();
  const subcode = r.u8();
  return { type: "notification", code, subcode, data: r.copy(r.left) };
}

export function encodeRouteRefresh(w: ByteWriter, { afi, subtype, safi }: RouteRefresh): void {
  w.u16(afi).u8(subtype).u8(safi);
}

export function decodeRouteRefresh(r: ByteReader): RouteRefresh {
  const afi = r.u16();
  const subtype = r.u8();
  const safi = r.u8();
  return { type: "route-refresh", afi, safi, subtype };
}

/** An administrative shutdown or reset with its reason for people (RFC 9003 §2), cut to 255 octets of UTF-8. */
export function administrative(
  subcode: typeof CeaseSubcode.AdministrativeShutdown | typeof CeaseSubcode.AdministrativeReset,
  text = "",
): Notification {
  const octets = UTF8_ENCODER.encode(text);
  let end = Math.min(octets.length, MAX_SHUTDOWN_TEXT);
  while (end < octets.length && (octets[end]! & 0xc0) === 0x80) end--; // not inside a character
  const data = end === 0 ? octets.subarray(0, 0) : Uint8Array.of(end, ...octets.subarray(0, end));
  return { type: "notification", code: ErrorCode.Cease, subcode, data };
}

/** Cease 6/1 with the family and the limit that was passed (RFC 4486 §4). */
export function prefixLimitReached(afi: number, safi: number, limit: number): Notification {
  const data = Uint8Array.of(afi >>> 8, afi, safi, limit >>> 24, limit >>> 16, limit >>> 8, limit);
  return { type: "notification", code: ErrorCode.Cease, subcode: CeaseSubcode.MaximumPrefixes, data };
}

/** Wraps a NOTIFICATION so that no graceful restart follows it (RFC 8538 §3.1). */
export function asHardReset({ code, subcode, data }: Notification): Notification {
  const wrapped = Uint8Array.of(code, subcode, ...data);
  return { type: "notification", code: ErrorCode.Cease, subcode: CeaseSubcode.HardReset, data: wrapped };
}

/**
 * The shutdown communication of Cease 2 or 4 (RFC 9003), as its sender wrote it: not safe for a log
 * or a terminal, see `safeText`. Undefined without one, or if its length is not that of the data.
 */
export function shutdownText({ code, subcode, data }: Notification): string | undefined {
  if (code !== ErrorCode.Cease) return undefined;
  if (subcode !== CeaseSubcode.AdministrativeShutdown && subcode !== CeaseSubcode.AdministrativeReset) return undefined;
  if (data.length < 2 || data[0] !== data.length - 1) return undefined;
  return UTF8.decode(data.subarray(1));
}

/** The family and limit of Cease 1 (RFC 4486 §4). */
export function prefixLimit({
  code,
  subcode,
  data,
}: Notification): { afi: number; safi: number; limit: number } | undefined {
  if (code !== ErrorCode.Cease || subcode !== CeaseSubcode.MaximumPrefixes || data.length !== 7) return undefined;
  const view = new DataView(data.buffer, data.byteOffset);
  return { afi: view.getUint16(0), safi: view.getUint8(2), limit: view.getUint32(3) };
}

/** The NOTIFICATION inside a hard reset (RFC 8538 §3.1); undefined if this is none or holds none. */
export function hardReset({ code, subcode, data }: Notification): Notification | undefined {
  if (code !== ErrorCode.Cease || subcode !== CeaseSubcode.HardReset || data.length < 2) return undefined;
  return { type: "notification", code: data[0]!, subcode: data[1]!, data: data.subarray(2) };
}

/** One line for people and logs: `Administrative shutdown: "maintenance"`, `Bad peer AS: 0000fde9`. */
export function describeNotification(n: Notification): string {
  const words = errorText(n.code, n.subcode);
  const text = shutdownText(n);
  if (text !== undefined) return `${words}: "${safeText(text)}"`;
  const limit = prefixLimit(n);
  if (limit) return `${words}: ${familyName(limit.afi, limit.safi)}, limit ${limit.limit}`;
  const inner = hardReset(n);
  // A hard reset in a hard reset is not looked into: nobody sends it, and the depth is the peer's choice.
  if (inner)
    return `${words}: ${inner.subcode === n.subcode && inner.code === n.code ? "hard reset" : describeNotification(inner)}`;
  if (
    n.code === ErrorCode.Open &&
    n.subcode === OpenSubcode.BadPeerAs &&
    (n.data.length === 2 || n.data.length === 4)
  ) {
    return `${words}: ${n.data.reduce((asn, octet) => asn * 256 + octet, 0)}`;
  }
  return n.data.length > 0 ? `${words}: ${hexText(n.data)}` : words;
}

/**
 * Fit for a log line and a terminal, whoever wrote it: C0, C1, line separators, bidirectional
 * controls and quotes are escaped.
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (c) => {
    const point = c.codePointAt(0)!;
    return point < 0x80 && c !== '"' && c !== "\\"
      ? `\\x${point.toString(16).padStart(2, "0")}`
      : c === '"' || c === "\\"
        ? `\\${c}`
        : `\\u{${point.toString(16)}}`;
  });
}

/** Octets in lower-case hex; long ones are cut, with a note of how much is missing. */
export function hexText(octets: Uint8Array, max = 64): string {
  const shown = Array.from(octets.subarray(0, max), (octet) => octet.toString(16).padStart(2, "0")).join("");
  return octets.length > max ? `${shown}... (${octets.length} octets)` : shown;
}

const MAX_SHUTDOWN_TEXT = 255;
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"\\]/g;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

/**
 * The RPKI to Router protocol (RFC 6810 version 0, RFC 8210 version 1): PDUs, and the client's side of
 * a session as a function. Octets, events and `now` in; octets to send and ROA changes out.
 *
 *   | version 1 | type 1 | session id or error 2 | length 4 | body |   (octets)
 */
import { addressFrom, type Prefix, prefixOf } from "./wire/address.ts";
import { ByteReader, ByteWriter } from "./wire/bytes.ts";

export const PduType = {
  SerialNotify: 0,
  SerialQuery: 1,
  ResetQuery: 2,
  CacheResponse: 3,
  Ipv4Prefix: 4,
  Ipv6Prefix: 6,
  EndOfData: 7,
  CacheReset: 8,
  RouterKey: 9,
  ErrorReport: 10,
} as const;

export const RtrError = {
  CorruptData: 0,
  InternalError: 1,
  NoDataAvailable: 2,
  InvalidRequest: 3,
  UnsupportedVersion: 4,
  UnsupportedPdu: 5,
  WithdrawalOfUnknown: 6,
  DuplicateAnnouncement: 7,
  UnexpectedVersion: 8,
} as const;

export interface Roa {
  readonly prefix: Prefix;
  readonly maxLength: number;
  readonly asn: number;
}

export type Pdu =
  | { readonly type: "serial-notify"; readonly sessionId: number; readonly serial: number }
  | { readonly type: "cache-response"; readonly sessionId: number }
  | { readonly type: "prefix"; readonly announce: boolean; readonly roa: Roa }
  | { readonly type: "end-of-data"; readonly sessionId: number; readonly serial: number; readonly timers?: RtrTimers }
  | { readonly type: "cache-reset" }
  | { readonly type: "router-key" }
  | { readonly type: "error"; readonly code: number; readonly text: string; readonly version: number };

/** Seconds, as the cache proposes them (RFC 8210 §6). */
export interface RtrTimers {
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
}

/** The cache broke the protocol: what to report to it, and that the session ends. */
export class RtrProtocolError extends Error {
  override readonly name = "RtrProtocolError";
  readonly code: number;
  readonly pdu: Uint8Array;

  constructor(code: number, message: string, pdu: Uint8Array) {
    super(message);
    this.code = code;
    this.pdu = pdu.slice(0, REPORTED_OCTETS);
  }
}

export function encodeResetQuery(version: number): Uint8Array {
  return header(new ByteWriter(8), version, PduType.ResetQuery, 0, 8).finish();
}

export function encodeSerialQuery(version: number, sessionId: number, serial: number): Uint8Array {
  return header(new ByteWriter(12), version, PduType.SerialQuery, sessionId, 12).u32(serial).finish();
}

/** RFC 8210 §5.11: the erroneous PDU and a text, each behind its length. */
export function encodeErrorReport(version: number, error: RtrProtocolError): Uint8Array {
  const text = new TextEncoder().encode(error.message);
  const length = 8 + 4 + error.pdu.length + 4 + text.length;
  const w = header(new ByteWriter(length), version, PduType.ErrorReport, error.code, length);
  return w.u32(error.pdu.length).bytes(error.pdu).u32(text.length).bytes(text).finish();
}

/** Cuts a stream into PDUs; a length that lies is an error from the header alone. */
export class RtrFramer {
  #pending: Uint8Array = new Uint8Array(0);

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    const joined = new Uint8Array(this.#pending.length + chunk.length);
    joined.set(this.#pending);
    joined.set(chunk, this.#pending.length);
    let at = 0;
    while (joined.length - at >= HEADER_OCTETS) {
      const length = new ByteReader(joined, at + 4).u32();
      if (length < HEADER_OCTETS || length > LARGEST_PDU) {
        throw new RtrProtocolError(RtrError.CorruptData, `PDU of ${length} octets`, joined.subarray(at, at + 8));
      }
      if (joined.length - at < length) break;
      yield joined.subarray(at, at + length);
      at += length;
    }
    this.#pending = joined.slice(at);
  }
}

/** @throws RtrProtocolError if the PDU is not what its type and length promise */
export function decodePdu(octets: Uint8Array): Pdu {
  const r = new ByteReader(octets);
  const version = r.u8();
  const type = r.u8();
  const field = r.u16();
  r.skip(4);
  if (version > LATEST_VERSION) {
    throw new RtrProtocolError(RtrError.UnsupportedVersion, `version ${version} is not spoken here`, octets);
  }
  const fixed = LENGTHS[type]?.[version];
  if (fixed !== undefined && octets.length !== fixed) {
    throw new RtrProtocolError(RtrError.CorruptData, `PDU type ${type} of ${octets.length} octets`, octets);
  }
  switch (type) {
    case PduType.SerialNotify:
      return { type: "serial-notify", sessionId: field, serial: r.u32() };
    case PduType.CacheResponse:
      return { type: "cache-response", sessionId: field };
    case PduType.Ipv4Prefix:
      return decodePrefix(r, 4, octets);
    case PduType.Ipv6Prefix:
      return decodePrefix(r, 6, octets);
    case PduType.EndOfData:
      return decodeEndOfData(r, version, field);
    case PduType.CacheReset:
      return { type: "cache-reset" };
    case PduType.RouterKey:
      return { type: "router-key" };
    case PduType.ErrorReport:
      return decodeError(r, version, field);
    default:
      throw new RtrProtocolError(RtrError.UnsupportedPdu, `PDU type ${type} is not known`, octets);
  }
}

function header(w: ByteWriter, version: number, type: number, field: number, length: number): ByteWriter {
  return w.u8(version).u8(type).u16(field).u32(length);
}

function decodePrefix(r: ByteReader, family: 4 | 6, octets: Uint8Array): Pdu {
  const flags = r.u8();
  const length = r.u8();
  const maxLength = r.u8();
  r.skip(1);
  const bits = family === 4 ? 32 : 128;
  if (length > bits || maxLength > bits || maxLength < length) {
    throw new RtrProtocolError(RtrError.CorruptData, `prefix length ${length}, maximum ${maxLength}`, octets);
  }
  const prefix = prefixOf(addressFrom(r.view(bits / 8), family), length);
  return { type: "prefix", announce: (flags & 1) === 1, roa: { prefix, maxLength, asn: r.u32() } };
}

function decodeEndOfData(r: ByteReader, version: number, sessionId: number): Pdu {
  const serial = r.u32();
  if (version === 0) return { type: "end-of-data", sessionId, serial };
  return {
    type: "end-of-data",
    sessionId,
    serial,
    timers: { refresh: r.u32(), retry: r.u32(), expire: r.u32() },
  };
}

function decodeError(r: ByteReader, version: number, code: number): Pdu {
  let text = "";
  if (r.left >= 4) {
    r.skip(Math.min(r.u32(), r.left));
    if (r.left >= 4) text = new TextDecoder().decode(r.view(Math.min(r.u32(), r.left)));
  }
  return { type: "error", code, text, version };
}

const LATEST_VERSION = 1;
const HEADER_OCTETS = 8;
/** Error reports carry a PDU and a text; nothing real comes near this. */
const LARGEST_PDU = 65_536;
const REPORTED_OCTETS = 256;

/** Octets of each PDU by version, where they are fixed. */
const LENGTHS: Readonly<Record<number, readonly number[]>> = {
  [PduType.SerialNotify]: [12, 12],
  [PduType.CacheResponse]: [8, 8],
  [PduType.Ipv4Prefix]: [20, 20],
  [PduType.Ipv6Prefix]: [32, 32],
  [PduType.EndOfData]: [12, 24],
  [PduType.CacheReset]: [8, 8],
};

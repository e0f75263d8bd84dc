/**
 * Capabilities (RFC 5492) of the OPEN message, and what two OPENs settle for a connection.
 *
 *   | code 1 | length 1 | value n |   (octets)
 *
 * A known capability whose value does not have its RFC's shape counts as not sent (RFC 5492 §3); an
 * unknown one is kept as octets.
 */
import { ByteWriter } from "../wire/bytes.ts";
import { CapabilityCode } from "./iana.ts";

export interface FamilyRef {
  readonly afi: number;
  readonly safi: number;
}

/** `${afi}/${safi}`, such as "1/1". */
export type FamilyKey = `${number}/${number}`;

export function familyKey(afi: number, safi: number): FamilyKey {
  return `${afi}/${safi}`;
}

export interface ExtendedNextHopFamily extends FamilyRef {
  readonly nextHopAfi: number;
}

export interface RestartFamily extends FamilyRef {
  /** Forwarding state was kept over the restart. */
  readonly forwarding: boolean;
}

export interface LongLivedFamily extends RestartFamily {
  /** Seconds, 24 bits. */
  readonly staleTime: number;
}

/** 1: can receive, 2: can send, 3: both (RFC 7911 §4). */
export type AddPathMode = 1 | 2 | 3;

export interface AddPathFamily extends FamilyRef {
  readonly mode: AddPathMode;
}

/** All numbers below N. */
type Below<N extends number, Acc extends number[] = []> = Acc["length"] extends N
  ? Acc[number]
  : Below<N, [...Acc, Acc["length"]]>;

/** The codes that have no shape here, spelt out so that `code` tells the capabilities apart. */
export type UnknownCode = Exclude<Below<256>, CapabilityCode>;

/** Of a code that we do not know: ignored, printed, re-encoded as it came. */
export interface UnknownCapability {
  readonly code: UnknownCode;
  readonly value: Uint8Array;
}

export type Capability =
  | { readonly code: typeof CapabilityCode.Multiprotocol; readonly afi: number; readonly safi: number }
  | { readonly code: typeof CapabilityCode.RouteRefresh }
  | { readonly code: typeof CapabilityCode.ExtendedNextHop; readonly nextHops: readonly ExtendedNextHopFamily[] }
  | { readonly code: typeof CapabilityCode.ExtendedMessage }
  | { readonly code: typeof CapabilityCode.Role; readonly role: number }
  | {
      readonly code: typeof CapabilityCode.GracefulRestart;
      /** Seconds, 12 bits. */
      readonly restartTime: number;
      /** The R bit: the speaker has restarted. */
      readonly restartState: boolean;
      /** The N bit (RFC 8538): NOTIFICATIONs start a graceful restart too. */
      readonly notification: boolean;
      readonly families: readonly RestartFamily[];
    }
  | { readonly code: typeof CapabilityCode.FourOctetAs; readonly asn: number }
  | { readonly code: typeof CapabilityCode.AddPath; readonly families: readonly AddPathFamily[] }
  | { readonly code: typeof CapabilityCode.EnhancedRouteRefresh }
  | { readonly code: typeof CapabilityCode.LongLivedGracefulRestart; readonly families: readonly LongLivedFamily[] }
  | { readonly code: typeof CapabilityCode.Fqdn; readonly hostname: string; readonly domain: string }
  | { readonly code: typeof CapabilityCode.SoftwareVersion; readonly version: string }
  | UnknownCapability;

/** What both OPENs settled, frozen per connection (robustness: everything sent counts on what both announced). */
export interface CodecContext {
  readonly as4: boolean;
  readonly extendedMessages: boolean;
  readonly addPathRx: ReadonlySet<FamilyKey>;
  readonly addPathTx: ReadonlySet<FamilyKey>;
  readonly extendedNextHop: ReadonlySet<FamilyKey>;
  /** "unknown": judge only what a message shows by itself, as the capture tool does. */
  readonly peer: "ebgp" | "ibgp" | "confederation" | "unknown";
  readonly families: ReadonlySet<FamilyKey> | "any";
  /** We announced extended messages: accept them even if the peer did not (RFC 8654 §4). */
  readonly acceptExtended?: boolean;
  /** Whether enhanced route refresh was negotiated; left out: the subtype alone decides. */
  readonly enhancedRefresh?: boolean;
  /** The leftmost AS must be this one (enforce-first-AS, RFC 4271 §6.3). */
  readonly firstAs?: number;
  /** LOCAL_PREF is taken from eBGP too (BIRD's `allow bgp_local_pref`). */
  readonly allowLocalPref?: boolean;
  /** AS_SET and AS_CONFED_SET make a route unusable (RFC 9774 §3). */
  readonly rejectAsSets?: boolean;
  /** Reading an MRT RIB entry of this family: its MP_REACH_NLRI holds only the next hop (RFC 6396 §4.3.4). */
  readonly ribFamily?: FamilyRef;
}

/** Before any OPEN, and for tools: four-octet AS numbers, nothing else settled. */
export const DEFAULT_CONTEXT: CodecContext = {
  as4: true,
  extendedMessages: false,
  addPathRx: new Set(),
  addPathTx: new Set(),
  extendedNextHop: new Set(),
  peer: "ebgp",
  families: "any",
};

/** Whether it is of a code that we do not know. */
export function isUnknownCapability(capability: Capability): capability is UnknownCapability {
  return "value" in capability;
}

/** @throws RangeError if the value is longer than the 255 octets a capability can have. */
export function encodeCapability(w: ByteWriter, capability: Capability): void {
  const value = capabilityValue(capability);
  if (value.length > MAX_VALUE) throw new RangeError(`capability ${capability.code} of ${value.length} octets`);
  w.u8(capability.code).u8(value.length).bytes(value);
}

/** The value's octets alone. */
export function capabilityValue(capability: Capability): Uint8Array {
  if (isUnknownCapability(capability)) return capability.value;
  const w = new ByteWriter(16);
  switch (capability.code) {
    case CapabilityCode.Multiprotocol:
      w.u16(capability.afi).u8(0).u8(capability.safi); // RFC 4760 §8
      break;
    case CapabilityCode.ExtendedNextHop: // RFC 8950 §4
      for (const f of capability.nextHops) w.u16(f.afi).u16(f.safi).u16(f.nextHopAfi);
      break;
    case CapabilityCode.Role: // RFC 9234 §4.1
      w.u8(capability.role);
      break;
    case CapabilityCode.GracefulRestart: // RFC 4724 §3, RFC 8538 §2
      w.u16(
        (capability.restartState ? RESTART_STATE : 0) |
          (capability.notification ? RESTART_NOTIFICATION : 0) |
          (capability.restartTime & RESTART_TIME),
      );
      for (const f of capability.families) {
        w.u16(f.afi)
          .u8(f.safi)
          .u8(f.forwarding ? FORWARDING : 0);
      }
      break;
    case CapabilityCode.FourOctetAs: // RFC 6793 §3
      w.u32(capability.asn);
      break;
    case CapabilityCode.AddPath: // RFC 7911 §4
      for (const f of capability.families) w.u16(f.afi).u8(f.safi).u8(f.mode);
      break;
    case CapabilityCode.LongLivedGracefulRestart: // RFC 9494 §3.1
      for (const f of capability.families) {
        w.u16(f.afi)
          .u8(f.safi)
          .u8(f.forwarding ? FORWARDING : 0)
          .u24(f.staleTime);
      }
      break;
    case CapabilityCode.Fqdn:
      encodeText(w, capability.hostname, MAX_VALUE - 2);
      encodeText(w, capability.domain, MAX_VALUE - 1 - w.length);
      break;
    case CapabilityCode.SoftwareVersion:
      encodeText(w, capability.version, MAX_VALUE - 1);
      break;
  }
  return w.finish();
}

/** @returns undefined if the value is not as the code's RFC has it: such a capability is ignored. */
export function decodeCapability(code: number, value: Uint8Array): Capability | undefined {
  const shape = SHAPES.get(code);
  return shape ? shape(value) : { code: code as UnknownCode, value };
}

type Shape = (value: Uint8Array) => Capability | undefined;

/** One row a capability that we understand; undefined means malformed. */
const SHAPES: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [CapabilityCode.Multiprotocol, (v) => (v.length === 4 ? { code: 1, afi: u16(v, 0), safi: v[3]! } : undefined)],
  [CapabilityCode.RouteRefresh, (v) => (v.length === 0 ? { code: 2 } : undefined)],
  [
    CapabilityCode.ExtendedNextHop,
    (v) => {
      const nextHops = rows(v, 0, 6, (at) => ({ afi: u16(v, at), safi: u16(v, at + 2), nextHopAfi: u16(v, at + 4) }));
      return nextHops && { code: 5, nextHops };
    },
  ],
  [CapabilityCode.ExtendedMessage, (v) => (v.length === 0 ? { code: 6 } : undefined)],
  [CapabilityCode.Role, (v) => (v.length === 1 ? { code: 9, role: v[0]! } : undefined)],
  [CapabilityCode.GracefulRestart, gracefulRestart],
  [CapabilityCode.FourOctetAs, (v) => (v.length === 4 ? { code: 65, asn: u16(v, 0) * 65536 + u16(v, 2) } : undefined)],
  [
    CapabilityCode.AddPath,
    (v) => {
      const families = rows(v, 0, 4, (at) => ({ afi: u16(v, at), safi: v[at + 2]!, mode: v[at + 3] as AddPathMode }));
      // A mode that is none of the three: the whole capability is ignored (RFC 7911 §4).
      return families?.every((f) => f.mode >= 1 && f.mode <= 3) ? { code: 69, families } : undefined;
    },
  ],
  [CapabilityCode.EnhancedRouteRefresh, (v) => (v.length === 0 ? { code: 70 } : undefined)],
  [
    CapabilityCode.LongLivedGracefulRestart,
    (v) => {
      const families = rows(v, 0, 7, (at) => ({
        ...restartFamily(v, at),
        staleTime: (v[at + 4]! << 16) | u16(v, at + 5),
      }));
      return families && { code: 71, families };
    },
  ],
  [CapabilityCode.Fqdn, fqdn],
  [
    CapabilityCode.SoftwareVersion,
    (v) => (v.length > 0 && v[0] === v.length - 1 ? { code: 75, version: decodeText(v, 1, v.length) } : undefined),
  ],
]);

function gracefulRestart(v: Uint8Array): Capability | undefined {
  const families = v.length >= 2 ? rows(v, 2, 4, (at) => restartFamily(v, at)) : undefined;
  if (!families) return undefined;
  const word = u16(v, 0);
  return {
    code: CapabilityCode.GracefulRestart,
    restartTime: word & RESTART_TIME,
    restartState: (word & RESTART_STATE) !== 0,
    notification: (word & RESTART_NOTIFICATION) !== 0,
    families,
  };
}

/** Two texts, each behind a length octet; both lengths must tell the truth. */
function fqdn(v: Uint8Array): Capability | undefined {
  const host = v[0];
  const domain = host === undefined ? undefined : v[1 + host];
  if (host === undefined || domain === undefined || 2 + host + domain !== v.length) return undefined;
  return { code: CapabilityCode.Fqdn, hostname: decodeText(v, 1, 1 + host), domain: decodeText(v, 2 + host, v.length) };
}

function restartFamily(v: Uint8Array, at: number): RestartFamily {
  return { afi: u16(v, at), safi: v[at + 2]!, forwarding: (v[at + 3]! & FORWARDING) !== 0 };
}

/** Rows of `size` octets from `start` on; undefined if the rest is not a multiple of it. */
function rows<T>(v: Uint8Array, start: number, size: number, row: (at: number) => T): T[] | undefined {
  if ((v.length - start) % size !== 0) return undefined;
  const result: T[] = [];
  for (let at = start; at < v.length; at += size) result.push(row(at));
  return result;
}

function u16(v: Uint8Array, at: number): number {
  return (v[at]! << 8) | v[at + 1]!;
}

/** A length octet and the text, cut between characters where it is too long. */
function encodeText(w: ByteWriter, text: string, max: number): void {
  const octets = UTF8_ENCODER.encode(text);
  let end = Math.min(octets.length, max);
  while (end < octets.length && (octets[end]! & 0xc0) === 0x80) end--;
  w.u8(end).bytes(octets.subarray(0, end));
}

function decodeText(v: Uint8Array, start: number, end: number): string {
  return UTF8.decode(v.subarray(start, end));
}

const RESTART_STATE = 0x8000;
const RESTART_NOTIFICATION = 0x4000;
const RESTART_TIME = 0x0fff;
const FORWARDING = 0x80;
const MAX_VALUE = 255;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

/**
 * OPEN, the first message on a connection (RFC 4271 §4.2).
 *
 *   | ver 1 | my AS 2 | hold time 2 | BGP ID 4 | length 1 | parameters n |   (octets)
 *   parameter           | type 1 | length 1 | capabilities |
 *   parameter, extended | type 1 | length 2 | capabilities |   behind `255 | 255 | length 2` (RFC 9072)
 *
 * Checks only what the bytes alone can tell. Whether this OPEN suits this peer (its AS, its BGP
 * ID, what both sides support) is decided by fsm/negotiate.ts, the only caller that knows.
 */
import { type ByteReader, ByteWriter } from "../wire/bytes.ts";
import { type Capability, decodeCapability, encodeCapability } from "./capability.ts";
import { type Fault, inOctets, survivable } from "./error.ts";
import { CapabilityCode, ErrorCode, OpenSubcode } from "./iana.ts";

export interface Open {
  readonly type: "open";
  /** My Autonomous System: AS_TRANS (23456) if the real one needs four octets (RFC 6793). */
  readonly myAs: number;
  /** Proposed hold time in seconds; 0 turns KEEPALIVEs off. */
  readonly holdTime: number;
  readonly bgpId: number;
  /** In wire order, over all optional parameters; without those whose value is malformed. */
  readonly capabilities: readonly Capability[];
}

/** What could be read of an OPEN, and what is wrong with it. */
export interface ReadOpen {
  readonly version: number;
  readonly open: Open;
  /** Code and value of each capability as they came. */
  readonly raw: readonly RawCapability[];
  /** In wire order. */
  readonly faults: readonly Fault[];
}

export interface RawCapability {
  readonly code: number;
  readonly value: Uint8Array;
  /** Absent if the value is malformed. */
  readonly capability?: Capability;
}

/** All capabilities in one parameter; the extended form only where the plain one cannot hold them. */
export function encodeOpen(w: ByteWriter, open: Open): void {
  w.u8(VERSION).u16(open.myAs).u16(open.holdTime).u32(open.bgpId);
  const capabilities = new ByteWriter(64);
  for (const capability of open.capabilities) encodeCapability(capabilities, capability);
  const length = capabilities.length;
  if (length === 0) w.u8(0);
  else if (length + 2 <= 255)
    w.u8(length + 2)
      .u8(CAPABILITIES)
      .u8(length);
  else
    w.u8(EXTENDED)
      .u8(EXTENDED)
      .u16(length + 3)
      .u8(CAPABILITIES)
      .u16(length);
  w.bytes(capabilities.finish());
}

/** @throws NotificationError the first thing wrong, in wire order. */
export function decodeOpen(r: ByteReader): Open {
  const { open, faults } = readOpen(r);
  survivable(faults);
  return open;
}

/** @param r the body; at least its ten fixed octets are there (the header's length was checked). */
export function readOpen(r: ByteReader): ReadOpen {
  const start = r.at;
  const version = r.u8();
  const myAs = r.u16();
  const holdTime = r.u16();
  const bgpId = r.u32();
  const found: Found = { capabilities: [], raw: [], faults: [] };
  const length = r.u8();
  readParameters(r, length, found);
  const open: Open = { type: "open", myAs, holdTime, bgpId, capabilities: found.capabilities };
  const faults = [...fixedFaults(version, open, start), ...found.faults, ...roleFaults(found.capabilities, start + 9)];
  return { version, open, raw: found.raw, faults };
}

interface Found {
  readonly capabilities: Capability[];
  readonly raw: RawCapability[];
  readonly faults: Fault[];
}

/** RFC 4271 §6.2, RFC 6286, RFC 7607. */
function fixedFaults(version: number, { myAs, holdTime, bgpId, capabilities }: Open, start: number): Fault[] {
  const faults: Fault[] = [];
  if (version !== VERSION) {
    const data = Uint8Array.of(0, VERSION); // the version we speak, in network order
    faults.push(fault(OpenSubcode.UnsupportedVersion, `peer speaks BGP-${version}, not BGP-${VERSION}`, start, data));
  }
  // Several four-octet AS capabilities: the last wins, as everywhere (RFC 5492 §4).
  const as4 = capabilities.findLast((c) => c.code === CapabilityCode.FourOctetAs);
  if (myAs === 0 || as4?.asn === 0) {
    const data = as4 ? octets4(as4.asn) : Uint8Array.of(0, 0); // as BIRD: the AS received
    const where = myAs === 0 ? "My Autonomous System" : "the four-octet AS capability";
    faults.push(fault(OpenSubcode.BadPeerAs, `AS 0 in ${where}`, start + 1, data));
  }
  if (holdTime === 1 || holdTime === 2) {
    const text = `hold time of ${holdTime} s: must be 0 or at least 3`;
    faults.push(fault(OpenSubcode.UnacceptableHoldTime, text, start + 3, Uint8Array.of(0, holdTime))); // as BIRD
  }
  if (bgpId === 0) faults.push(fault(OpenSubcode.BadBgpIdentifier, "BGP identifier 0.0.0.0", start + 5));
  return faults;
}

/** Several roles that differ are a mismatch with every role (RFC 9234 §4.2). */
function roleFaults(capabilities: readonly Capability[], offset: number): Fault[] {
  const roles = new Set<number>();
  for (const c of capabilities) if (c.code === CapabilityCode.Role) roles.add(c.role);
  return roles.size > 1
    ? [fault(OpenSubcode.RoleMismatch, `several BGP roles at once: ${[...roles].join(", ")}`, offset)]
    : [];
}

/** Octets behind the parameters are ignored, as all deployed speakers do. */
function readParameters(r: ByteReader, length: number, found: Found): void {
  const at = r.at;
  if (length === 0) return; // even if a 255 follows (RFC 9072 §2)
  if (r.left === 0) return lying(found, `optional parameters of ${inOctets(length)}, but none is there`, at - 1);
  if (r.peek() === EXTENDED) return readExtended(r, found);
  if (length > r.left) lying(found, `optional parameters of ${inOctets(length)}, but only ${r.left} are there`, at - 1);
  walkParameters(r.sub(Math.min(length, r.left)), 1, found);
}

/** RFC 9072 §2: the length octet before it meant nothing. */
function readExtended(r: ByteReader, found: Found): void {
  const at = r.at;
  if (r.left < 3) return lying(found, "extended optional parameters end before their length", at);
  r.skip(1);
  const length = r.u16();
  if (length > r.left) lying(found, `optional parameters of ${inOctets(length)}, but only ${r.left} are there`, at + 1);
  walkParameters(r.sub(Math.min(length, r.left)), 2, found);
}

function walkParameters(r: ByteReader, lengthOctets: 1 | 2, found: Found): void {
  const truncated = found.faults.length > 0; // then what is cut off is one more symptom, not one more fault
  while (r.left > 0) {
    const at = r.at;
    if (r.left < 1 + lengthOctets) {
      if (!truncated) lying(found, `optional parameter cut off: ${inOctets(r.left)} left`, at);
      return;
    }
    const type = r.u8();
    const length = lengthOctets === 1 ? r.u8() : r.u16();
    if (type !== CAPABILITIES) {
      found.faults.push(fault(OpenSubcode.UnsupportedParameter, `optional parameter of type ${type}`, at));
      if (length > r.left) return;
      r.skip(length);
      continue;
    }
    const cut = length > r.left;
    if (cut && !truncated) lying(found, `optional parameter of ${inOctets(length)}, but only ${r.left} are left`, at);
    walkCapabilities(r.sub(cut ? r.left : length), found, cut);
  }
}

/** @param cut the parameter itself is too short, and that was said */
function walkCapabilities(r: ByteReader, found: Found, cut: boolean): void {
  while (r.left > 0) {
    const at = r.at;
    if (r.left < 2) {
      if (!cut) lying(found, "capability of one octet", at);
      return;
    }
    const code = r.u8();
    const length = r.u8();
    if (length > r.left) {
      if (!cut)
        lying(found, `capability ${code} of ${inOctets(length)}, but only ${r.left} are left in its parameter`, at);
      return;
    }
    const value = r.copy(length);
    const capability = decodeCapability(code, value);
    if (capability) found.capabilities.push(capability);
    found.raw.push(capability ? { code, value, capability } : { code, value });
  }
}

function lying(found: Found, reason: string, offset: number): void {
  found.faults.push(fault(OpenSubcode.Unspecific, reason, offset));
}

function fault(subcode: OpenSubcode, reason: string, offset: number, data?: Uint8Array): Fault {
  const base = { severity: "session-reset", attribute: 0, code: ErrorCode.Open, subcode, reason, offset } as const;
  return data ? { ...base, data } : base;
}

function octets4(word: number): Uint8Array {
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
}

const VERSION = 4;
/** Optional parameter type of capabilities (RFC 5492 §4). */
const CAPABILITIES = 2;
/** Both the parameter type and the recommended length octet of the extended form (RFC 9072 §2). */
const EXTENDED = 255;

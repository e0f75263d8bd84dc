/**
 * BFD control packets (RFC 5880 §4) and their authentication (§6.7). Digests come from outside.
 *
 *   | vers 3, diag 5 | sta 2, P F C A D M | mult 1 | length 1 | my disc 4 | your disc 4 |
 *   | desired min TX 4 | required min RX 4 | required min echo RX 4 | authentication n |     (µs)
 */
import type { BfdSession } from "./bfd.ts";
import { ByteReader, ByteWriter } from "./wire/bytes.ts";

export const BfdState = { AdminDown: 0, Down: 1, Init: 2, Up: 3 } as const;
export type BfdState = (typeof BfdState)[keyof typeof BfdState];

/** RFC 5880 §4.1 */
export const Diagnostic = {
  None: 0,
  ControlDetectionTimeExpired: 1,
  EchoFailed: 2,
  NeighborSignaledDown: 3,
  ForwardingPlaneReset: 4,
  PathDown: 5,
  ConcatenatedPathDown: 6,
  AdministrativelyDown: 7,
  ReverseConcatenatedPathDown: 8,
} as const;

export function diagnosticText(diagnostic: number): string {
  return DIAGNOSTICS[diagnostic] ?? `Diagnostic ${diagnostic}`;
}

export interface BfdPacket {
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly demand: boolean;
  readonly multiplier: number;
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  /** Microseconds. */
  readonly desiredMinTx: number;
  readonly requiredMinRx: number;
}

export type BfdAuthType =
  | "none"
  | "simple"
  | "keyed md5"
  | "meticulous keyed md5"
  | "keyed sha1"
  | "meticulous keyed sha1";

export interface BfdKey {
  readonly id: number;
  readonly octets: Uint8Array;
}

/** Digests come from outside: `node:crypto` has no place here. */
export type Digest = (algorithm: "md5" | "sha1", octets: Uint8Array) => Uint8Array;

export interface BfdAuth {
  readonly type: BfdAuthType;
  /** The key to send with now, and those that are good to receive now. */
  readonly send: BfdKey | undefined;
  readonly accept: readonly BfdKey[];
  readonly digest: Digest;
}

/** Encodes with an authentication section, if there is one. */
export function encodeBfd(packet: BfdPacket, auth: BfdAuth | undefined, sequence: number): Uint8Array {
  const type = auth && auth.type !== "none" && auth.send ? AUTH_TYPES[auth.type] : 0;
  const length = HEADER + (type === 0 ? 0 : type === 1 ? 3 + auth!.send!.octets.length : 8 + digestLength(type));
  const w = new ByteWriter(length);
  w.u8((VERSION << 5) | packet.diagnostic);
  w.u8((packet.state << 6) | (packet.poll ? POLL : 0) | (packet.final ? FINAL : 0) | (type ? AUTH : 0));
  w.u8(packet.multiplier).u8(length).u32(packet.myDiscriminator).u32(packet.yourDiscriminator);
  w.u32(packet.desiredMinTx).u32(packet.requiredMinRx).u32(0);
  if (type === 0 || !auth?.send) return w.finish();
  const { id, octets } = auth.send;
  if (type === 1)
    return w
      .u8(1)
      .u8(3 + octets.length)
      .u8(id)
      .bytes(octets)
      .finish();
  w.u8(type)
    .u8(8 + digestLength(type))
    .u8(id)
    .u8(0)
    .u32(sequence)
    .bytes(padded(octets, digestLength(type)));
  const result = w.finish();
  result.set(auth.digest(type <= 3 ? "md5" : "sha1", result), HEADER + 8);
  return result;
}

/** @returns undefined for what must be dropped before any session is looked at (RFC 5880 §6.8.6) */
export function decodeBfd(octets: Uint8Array): BfdPacket | undefined {
  if (octets.length < HEADER) return undefined;
  const r = new ByteReader(octets);
  const first = r.u8();
  const second = r.u8();
  const multiplier = r.u8();
  const length = r.u8();
  const authenticated = (second & AUTH) !== 0;
  if (first >>> 5 !== VERSION || (second & MULTIPOINT) !== 0) return undefined;
  if (length < HEADER + (authenticated ? 2 : 0) || length > octets.length || multiplier === 0) return undefined;
  const myDiscriminator = r.u32();
  const yourDiscriminator = r.u32();
  const state = (second >>> 6) as BfdState;
  if (myDiscriminator === 0) return undefined;
  if (yourDiscriminator === 0 && state !== BfdState.Down && state !== BfdState.AdminDown) return undefined;
  const desiredMinTx = r.u32();
  const requiredMinRx = r.u32();
  return {
    diagnostic: first & 31,
    state,
    poll: (second & POLL) !== 0,
    final: (second & FINAL) !== 0,
    demand: (second & DEMAND) !== 0,
    multiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTx,
    requiredMinRx,
  };
}

/**
 * Whether the authentication section is good (RFC 5880 §6.7).
 * @returns the sequence number to remember (0 where there is none), or undefined if the packet is to be dropped
 */
export function verifyBfd(octets: Uint8Array, auth: BfdAuth | undefined, session: BfdSession): number | undefined {
  const wanted = auth ? AUTH_TYPES[auth.type] : 0;
  const present = (octets[1]! & AUTH) !== 0;
  if (!auth || wanted === 0) return present ? undefined : 0;
  const length = octets[3]!;
  if (!present || octets[HEADER] !== wanted || HEADER + octets[HEADER + 1]! !== length) return undefined;
  const key = auth.accept.find(({ id }) => id === octets[HEADER + 2]);
  if (!key) return undefined;
  if (wanted === 1) return same(octets.subarray(HEADER + 3, length), key.octets) ? 0 : undefined;
  const size = digestLength(wanted);
  if (length !== HEADER + 8 + size) return undefined;
  const sequence = new DataView(octets.buffer, octets.byteOffset).getUint32(HEADER + 4);
  if (!inWindow(sequence, session, wanted === 3 || wanted === 5)) return undefined;
  const signed = octets.slice(0, length);
  signed.set(padded(key.octets, size), HEADER + 8);
  const digest = auth.digest(wanted <= 3 ? "md5" : "sha1", signed);
  return same(digest, octets.subarray(HEADER + 8, length)) ? sequence : undefined;
}

/** The first packet sets the number; then it may not go back, nor far ahead. */
function inWindow(sequence: number, session: BfdSession, meticulous: boolean): boolean {
  if (session.receiveSequence === undefined) return true;
  const ahead = (sequence - session.receiveSequence) >>> 0;
  return ahead >= (meticulous ? 1 : 0) && ahead <= 3 * Math.max(1, session.remoteMultiplier);
}

function digestLength(type: number): number {
  return type <= 3 ? 16 : 20;
}

function padded(key: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(key.subarray(0, length));
  return result;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length && i < b.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

const VERSION = 1;
const HEADER = 24;
const POLL = 0x20;
const FINAL = 0x10;
const AUTH = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;
const AUTH_TYPES: Readonly<Record<BfdAuthType, number>> = {
  none: 0,
  simple: 1,
  "keyed md5": 2,
  "meticulous keyed md5": 3,
  "keyed sha1": 4,
  "meticulous keyed sha1": 5,
};
const DIAGNOSTICS: readonly string[] = [
  "No diagnostic",
  "Control detection time expired",
  "Echo function failed",
  "Neighbor signaled session down",
  "Forwarding plane reset",
  "Path down",
  "Concatenated path down",
  "Administratively down",
  "Reverse concatenated path down",
];

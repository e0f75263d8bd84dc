/**
 * BFD control packets and one session's behaviour (RFC 5880), asynchronous mode. Pure: octets, events and
 * `now` (milliseconds) come in; jitter and digests too. Echo and demand mode are not ours.
 *
 *   | vers 3, diag 5 | sta 2, P F C A D M | mult 1 | length 1 | my disc 4 | your disc 4 |
 *   | desired min TX 4 | required min RX 4 | required min echo RX 4 | authentication n |     (µs)
 */
import { ByteReader, ByteWriter } from "./wire/bytes.ts";

export type Millis = number;

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

export interface BfdConfig {
  /** Milliseconds. */
  readonly minTxMs: number;
  readonly minRxMs: number;
  /** While the session is not up. */
  readonly idleTxMs: number;
  readonly multiplier: number;
  readonly passive: boolean;
}

/** One session, frozen between steps. */
export interface BfdSession {
  readonly state: BfdState;
  readonly diagnostic: number;
  readonly localDiscriminator: number;
  readonly remoteDiscriminator: number;
  readonly remoteState: BfdState;
  readonly remoteDiagnostic: number;
  readonly remoteMultiplier: number;
  /** What the peer wants, in ms; 1 before it spoke (RFC 5880 §6.8.1). */
  readonly remoteMinRx: number;
  readonly remoteMinTx: number;
  /** What we announce; and what we go by, which a poll sequence lets follow. */
  readonly minTx: number;
  readonly minRx: number;
  readonly usedTx: number;
  readonly usedRx: number;
  readonly polling: boolean;
  readonly transmitAt: Millis;
  readonly detectAt: Millis;
  readonly sendSequence: number;
  readonly receiveSequence: number | undefined;
}

export interface BfdStep {
  readonly session: BfdSession;
  /** To send now. */
  readonly packet?: BfdPacket;
}

export function newBfdSession(discriminator: number, config: BfdConfig, now: Millis, sequence: number): BfdSession {
  const slow = Math.max(config.idleTxMs, config.minTxMs);
  return {
    state: BfdState.Down,
    diagnostic: Diagnostic.None,
    localDiscriminator: discriminator,
    remoteDiscriminator: 0,
    remoteState: BfdState.Down,
    remoteDiagnostic: Diagnostic.None,
    remoteMultiplier: 0,
    remoteMinRx: 0.001,
    remoteMinTx: 0,
    minTx: slow,
    minRx: config.minRxMs,
    usedTx: slow,
    usedRx: config.minRxMs,
    polling: false,
    transmitAt: config.passive ? Number.POSITIVE_INFINITY : now,
    detectAt: Number.POSITIVE_INFINITY,
    sendSequence: sequence,
    receiveSequence: undefined,
  };
}

/** A packet that was meant for this session and passed its checks (RFC 5880 §6.8.6). */
export function receiveBfd(
  session: BfdSession,
  packet: BfdPacket,
  now: Millis,
  config: BfdConfig,
  jitter: number,
): BfdStep {
  let next: BfdSession = {
    ...session,
    remoteDiscriminator: packet.myDiscriminator,
    remoteState: packet.state,
    remoteDiagnostic: packet.diagnostic,
    remoteMultiplier: packet.multiplier,
    remoteMinRx: packet.requiredMinRx / 1000,
    remoteMinTx: packet.desiredMinTx / 1000,
  };
  if (next.polling && packet.final) next = { ...next, polling: false, usedTx: next.minTx, usedRx: next.minRx };
  if (next.state !== BfdState.AdminDown) next = follow(next, packet.state, config);
  next = { ...next, detectAt: detects(next) ? now + detectionTime(next) : Number.POSITIVE_INFINITY };
  // The first sign of a peer wakes the passive side; a shorter interval counts at once
  const due = now + transmitInterval(next, config, jitter);
  const changed = next.state !== session.state;
  const transmitAt = changed ? now : Math.min(session.transmitAt, due);
  next = { ...next, transmitAt: next.remoteMinRx === 0 ? Number.POSITIVE_INFINITY : transmitAt };
  if (!packet.poll) return { session: next };
  return { session: next, packet: packetOf(next, config, true) };
}

/** Whatever is due: silence means down, a packet goes out. */
export function tickBfd(session: BfdSession, now: Millis, config: BfdConfig, jitter: number): BfdStep {
  let next = session;
  if (now >= next.detectAt) {
    const up = next.state === BfdState.Init || next.state === BfdState.Up;
    // RFC 5880 §6.8.4, §6.8.1: the peer's discriminator is forgotten after a detection time of silence
    next = { ...next, detectAt: Number.POSITIVE_INFINITY, remoteDiscriminator: 0, remoteMinRx: 0.001 };
    if (up)
      next = {
        ...slowDown(next, config),
        state: BfdState.Down,
        diagnostic: Diagnostic.ControlDetectionTimeExpired,
        transmitAt: now,
      };
    if (config.passive) next = { ...next, transmitAt: Number.POSITIVE_INFINITY };
  }
  if (now < next.transmitAt) return { session: next };
  next = { ...next, transmitAt: now + transmitInterval(next, config, jitter) };
  return { session: next, packet: packetOf(next, config, false) };
}

/** Switched off by us: the peer is told, and learns that it is no failure. */
export function adminDownBfd(session: BfdSession, config: BfdConfig): BfdStep {
  const next: BfdSession = {
    ...slowDown(session, config),
    state: BfdState.AdminDown,
    diagnostic: Diagnostic.AdministrativelyDown,
    detectAt: Number.POSITIVE_INFINITY,
  };
  return { session: next, packet: packetOf(next, config, false) };
}

/** New intervals: by a poll sequence while the session is up (RFC 5880 §6.8.3). */
export function reconfigureBfd(session: BfdSession, config: BfdConfig, now: Millis): BfdSession {
  const minTx = session.state === BfdState.Up ? config.minTxMs : Math.max(config.idleTxMs, config.minTxMs);
  if (minTx === session.minTx && config.minRxMs === session.minRx) return session;
  return { ...announce(session, minTx, config.minRxMs), transmitAt: Math.min(session.transmitAt, now) };
}

export function bfdDeadline(session: BfdSession): Millis {
  return Math.min(session.transmitAt, session.detectAt);
}

/** Interval between our packets, without jitter, in ms. */
export function bfdInterval(session: BfdSession): number {
  return Math.max(session.usedTx, session.remoteMinRx);
}

/** After so much silence the peer is down, in ms; 0 before it spoke. */
export function detectionTime(session: BfdSession): number {
  return session.remoteMultiplier * Math.max(session.usedRx, session.remoteMinTx);
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

/** RFC 5880 §6.2: the three-way handshake. */
function follow(session: BfdSession, theirs: BfdState, config: BfdConfig): BfdSession {
  const { state } = session;
  if (theirs === BfdState.AdminDown || (theirs === BfdState.Down && state === BfdState.Up))
    return state === BfdState.Down
      ? session
      : { ...slowDown(session, config), state: BfdState.Down, diagnostic: Diagnostic.NeighborSignaledDown };
  if (state === BfdState.Down && theirs === BfdState.Down) return { ...session, state: BfdState.Init };
  if ((state === BfdState.Down && theirs === BfdState.Init) || (state === BfdState.Init && theirs !== BfdState.Down))
    return {
      ...announce({ ...session, state: BfdState.Up, diagnostic: Diagnostic.None }, config.minTxMs, config.minRxMs),
    };
  return session;
}

/** Not up: at most one packet a second or so (RFC 5880 §6.8.3). */
function slowDown(session: BfdSession, config: BfdConfig): BfdSession {
  const slow = Math.max(config.idleTxMs, config.minTxMs);
  return { ...session, minTx: slow, usedTx: slow, minRx: config.minRxMs, usedRx: config.minRxMs, polling: false };
}

/** Slower sending and faster listening wait for the peer to know (RFC 5880 §6.8.3). */
function announce(session: BfdSession, minTx: number, minRx: number): BfdSession {
  const up = session.state === BfdState.Up;
  return {
    ...session,
    minTx,
    minRx,
    usedTx: up ? Math.min(session.usedTx, minTx) : minTx,
    usedRx: up ? Math.max(session.usedRx, minRx) : minRx,
    polling: up && (minTx !== session.minTx || minRx !== session.minRx || session.polling),
  };
}

function packetOf(session: BfdSession, config: BfdConfig, final: boolean): BfdPacket {
  return {
    diagnostic: session.diagnostic,
    state: session.state,
    poll: session.polling && !final,
    final,
    demand: false,
    multiplier: config.multiplier,
    myDiscriminator: session.localDiscriminator,
    yourDiscriminator: session.remoteDiscriminator,
    desiredMinTx: Math.round(session.minTx * 1000),
    requiredMinRx: Math.round(session.minRx * 1000),
  };
}

/** 75 to 100 %, 75 to 90 % where one lost packet is one too many (RFC 5880 §6.8.7). */
function transmitInterval(session: BfdSession, config: BfdConfig, jitter: number): number {
  const factor = config.multiplier === 1 ? 0.75 + (jitter - 0.75) * 0.6 : jitter;
  return bfdInterval(session) * factor;
}

function detects(session: BfdSession): boolean {
  return session.remoteMultiplier > 0 && session.state !== BfdState.AdminDown;
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

/**
 * One BFD session's behaviour (RFC 5880), asynchronous mode. Pure: packets, events and `now`
 * (milliseconds) come in, jitter too. Echo and demand mode are not ours.
 */
import { type BfdPacket, BfdState, Diagnostic } from "./bfd-packet.ts";

export type Millis = number;

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

/** What `show protocols` tells of a bgp protocol. */

import type { Session } from "../../../protocol/fsm/negotiate.ts";
import type { PeerState, Wait } from "../../../protocol/fsm/peer-state.ts";
import type { Running, State, StateName } from "../../../protocol/fsm/step.ts";
import { formatAddress } from "../../../protocol/wire/address.ts";
import { compareProtocol } from "../../config/reconfigure.ts";
import type { BgpConfig } from "../../config/schema.ts";
import type { Millis } from "../../host.ts";
import type { BgpStatus, Countdown } from "../protocol.ts";
import type { Reach } from "./reach.ts";
import type { PeerSession } from "./session.ts";

/** The state that is furthest; a passive side that only waits is `Passive`, as BIRD has it. */
export function fsmName(state: PeerState, passive: boolean): string {
  const furthest =
    ORDER.findLast((name) => [state.out, state.in, state.again].some((each) => each.name === name)) ?? "Idle";
  if (
    passive &&
    state.enabled &&
    state.ready &&
    (furthest === "Active" || furthest === "Idle") &&
    state.wait?.kind !== "error"
  )
    return "Passive";
  return furthest;
}

/** `Active        Socket: Connection refused`: BIRD's column, blanks and all. */
export function infoColumn(name: string, error: string | undefined): string {
  return `${name.padEnd(INFO_WIDTH)}${error ?? ""}`;
}

function waitCountdown(wait: Wait | undefined, kind: Wait["kind"], now: Millis): Countdown | undefined {
  if (wait?.kind !== kind) return undefined;
  return { left: Math.max(0, (wait.until - now) / 1000), total: wait.totalMs / 1000 };
}

/** Hold and keepalive timers of the session that is up; `0.000/0` where they do not run. */
function sessionTimers(
  state: PeerState,
  now: Millis,
): { holdTimer: Countdown; keepaliveTimer: Countdown; sendHoldTimer?: Countdown } | undefined {
  const running = established(state);
  if (!running) return undefined;
  const { session, holdAt, keepaliveAt } = running;
  const countdown = (at: Millis, total: number): Countdown =>
    at === Number.POSITIVE_INFINITY ? { left: 0, total: 0 } : { left: Math.max(0, (at - now) / 1000), total };
  return {
    holdTimer: countdown(holdAt, session.holdTime),
    keepaliveTimer: countdown(keepaliveAt, Math.round(session.keepaliveTime * 1000) / 1000),
    ...(state.sendHoldAt !== undefined && {
      sendHoldTimer: countdown(state.sendHoldAt, Math.max(480, 2 * session.holdTime)),
    }),
  };
}

/** Behind `Session:`. */
function sessionWords(config: BgpConfig, session: Session): string {
  return [
    session.internal ? "internal" : "external",
    config.multihop !== undefined && "multihop",
    config.rrClient && "route-reflector",
    config.rsClient && "route-server",
    session.as4 && "AS4",
  ]
    .filter(Boolean)
    .join(" ");
}

/** Everything that `show protocols all` draws on. */
export interface Facts {
  readonly config: BgpConfig;
  /** The configuration that the running session started with. */
  readonly frozen: BgpConfig | undefined;
  readonly session: PeerSession | undefined;
  readonly fsm: string;
  readonly reach: Reach | undefined;
  readonly stopped: string;
  readonly listening: string | undefined;
  readonly lastError: string | undefined;
  readonly cause: string | undefined;
  readonly message: string | undefined;
  readonly established: Millis | undefined;
  readonly sessions: number;
  readonly faults: number;
  readonly nextHops: BgpStatus["nextHops"];
  readonly now: Millis;
}

export function statusOf(facts: Facts): BgpStatus {
  const { config, session, now } = facts;
  const live = session?.established;
  const state = session?.state;
  const why = live ? undefined : whyNot(facts);
  const connectDelay = waitCountdown(state?.wait, "delay", now);
  const errorWait = waitCountdown(state?.wait, "error", now);
  const pending = live && facts.frozen ? pendingOptions(facts.frozen, config) : [];
  return {
    kind: "bgp",
    fsm: facts.fsm,
    ...(config.neighborAddress && { neighborAddress: config.neighborAddress }),
    ...(config.iface !== undefined && { neighborIface: config.iface }),
    ...(config.neighborRange && { neighborRange: config.neighborRange }),
    neighborPort: config.neighborPort,
    neighborAs: live?.session.peerAs ?? config.neighborAs,
    localAs: config.localAs,
    ...(connectDelay && { connectDelay }),
    ...(errorWait && { errorWait }),
    ...(!live && facts.lastError !== undefined && { lastError: facts.lastError }),
    ...(facts.message !== undefined && { message: facts.message }),
    ...(why !== undefined && { why }),
    ...(pending.length > 0 && { pending }),
    ...(live && state && liveStatus(config, live, state, now)),
    nextHops: facts.nextHops,
    ...(facts.established !== undefined && { established: facts.established }),
    counters: {
      received: session?.counters.received ?? {},
      sent: session?.counters.sent ?? {},
      faults: facts.faults,
      sessions: facts.sessions,
    },
  };
}

function liveStatus(
  config: BgpConfig,
  { session, connection }: NonNullable<PeerSession["established"]>,
  state: PeerState,
  now: Millis,
): Partial<BgpStatus> {
  return {
    neighborId: session.peerId,
    localCapabilities: session.localCapabilities,
    neighborCapabilities: session.peerCapabilities,
    session: sessionWords(config, session),
    ...(connection.local && { sourceAddress: connection.local.ip }),
    ...sessionTimers(state, now),
  };
}

/** What a reload changed, but an OPEN has already said otherwise. */
function pendingOptions(frozen: BgpConfig, config: BgpConfig): string[] {
  const { fields } = compareProtocol(frozen, config);
  return fields.filter(({ effect }) => effect === "pending").map(({ field }) => field);
}

/** Why there is no session, in the order of what an operator should look at first. */
function whyNot(facts: Facts): string | undefined {
  const { config, reach, cause } = facts;
  const state = facts.session?.state;
  if (!state?.enabled) return facts.stopped;
  if (reach && !reach.ready) return reach.why;
  const error = waitCountdown(state.wait, "error", facts.now);
  const until = error ? ` (next attempt in ${error.left.toFixed(0)} s)` : "";
  const first = (facts.session?.silent ? silence(config) : undefined) ?? cause ?? waiting(config, state);
  const listening = facts.listening && `cannot listen on port ${config.localPort}: ${facts.listening}`;
  const text = [first && `${first}${until}`, listening].filter(Boolean).join("; ");
  return text || undefined;
}

function silence(config: BgpConfig): string {
  const guess =
    config.password === undefined
      ? "a firewall, no such host, or it expects an MD5 password"
      : "MD5 password mismatch suspected";
  return `silence after SYN: ${neighbor(config)} does not answer (${guess})`;
}

function waiting(config: BgpConfig, state: PeerState): string | undefined {
  if ([state.in, state.out].some((each) => each.name === "OpenSent"))
    return `connected, but ${neighbor(config)} sends no OPEN`;
  if (config.passive || config.neighborRange) return `waiting for ${neighbor(config)} to connect`;
  return state.out.name === "Connect" ? `connecting to ${neighbor(config)}` : undefined;
}

function neighbor(config: BgpConfig): string {
  return config.neighborAddress ? formatAddress(config.neighborAddress) : "a neighbor";
}

function established(state: PeerState): Running | undefined {
  return [state.out, state.in, state.again].find((each: State): each is Running => each.name === "Established");
}

const ORDER: readonly StateName[] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];
const INFO_WIDTH = 14;

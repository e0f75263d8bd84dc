/**
 * The state machine of one connection (RFC 4271 §8.2.2), as a function: every state, every event.
 * What is around it (two connections of one peer, collisions, when to try again) is peer.ts.
 *
 * Where the RFC's table is refined: a NOTIFICATION is never answered (§6.4), a bad header or OPEN gets
 * its own code in every state (§6.1), and FSM errors carry the subcodes and data of RFC 6608.
 */
import { NotificationError } from "../codec/error.ts";
import { CeaseSubcode, ErrorCode, FsmSubcode, MessageType, OpenSubcode } from "../codec/iana.ts";
import type { Keepalive } from "../codec/message.ts";
import type { Open } from "../codec/open.ts";
import { buildOpen, negotiate, type OpenConfig, type Session } from "./negotiate.ts";

/** Milliseconds on the caller's monotonic clock. */
export type Millis = number;

/** A state carries just the deadlines that run in it; Infinity: not running. */
export type State =
  | { readonly name: "Idle" }
  /** `delayOpenAt`: TCP is up, the OPEN waits (DelayOpen). */
  | { readonly name: "Connect" | "Active"; readonly retryAt: Millis; readonly delayOpenAt?: Millis }
  | { readonly name: "OpenSent"; readonly holdAt: Millis; readonly sent: Open }
  | Running;

export interface Running {
  readonly name: "OpenConfirm" | "Established";
  readonly session: Session;
  readonly holdAt: Millis;
  readonly keepaliveAt: Millis;
}

export type StateName = State["name"];

/** With the numbers of RFC 4271 §8.1. */
export type Event =
  /** 1, 3 (active); 4, 5 (passive); 6, 7 (damped: the caller has waited already) */
  | { readonly type: "start"; readonly passive: boolean }
  /** 2 */
  | { readonly type: "stop"; readonly error: NotificationError }
  /** 8 */
  | { readonly type: "automatic-stop"; readonly error: NotificationError }
  /** 9 to 13; `tick` turns deadlines into them */
  | { readonly type: TimerEvent }
  /** 14, 15: a connection that is not up yet; 16: we dialled; 17: they dialled */
  | { readonly type: "tcp-valid" | "tcp-invalid" | "tcp-acked" | "tcp-confirmed" }
  /** 18 */
  | { readonly type: "tcp-failed" }
  /** 19, 20 */
  | { readonly type: "open"; readonly open: Open }
  /** 21, 22, 28 */
  | { readonly type: "header-error" | "open-error" | "update-error"; readonly error: NotificationError }
  /** 23 */
  | { readonly type: "collision" }
  /** 24 (2/1), 25 */
  | { readonly type: "notification"; readonly code: number; readonly subcode: number }
  /** 26, 27, and RFC 2918's message */
  | { readonly type: "keepalive" | "update" | "route-refresh" }
  /** Any deadline may be due; an early one is harmless. */
  | { readonly type: "tick" };

export type TimerEvent =
  | "connect-retry-timer"
  | "hold-timer"
  | "keepalive-timer"
  | "delay-open-timer"
  | "idle-hold-timer";

export type Action =
  | { readonly type: "connect" }
  | { readonly type: "send"; readonly message: Open | Keepalive }
  /** Sends the NOTIFICATION and closes behind it. */
  | { readonly type: "notify"; readonly error: NotificationError }
  | { readonly type: "disconnect" }
  /** Closes a connection that came although there is none to be had. */
  | { readonly type: "refuse" }
  | { readonly type: "up"; readonly session: Session }
  /** The peer's routes go, or stay as stale ones: the caller's business. */
  | { readonly type: "down"; readonly session: Session }
  /** ConnectRetryCounter. */
  | { readonly type: "retries"; readonly change: "+1" | "=0" };

export interface Step {
  readonly state: State;
  readonly actions: readonly Action[];
}

export interface FsmConfig {
  readonly open: OpenConfig;
  /** How long a SYN may stay unanswered. */
  readonly connectRetryMs: number;
  /** The wait in Active before the next dial; Infinity: passive. */
  readonly reconnectMs: number;
  /** Hold time while the peer's OPEN is awaited. */
  readonly startupHoldMs: number;
  /** undefined: DelayOpen is off, as in BIRD. */
  readonly delayOpenMs?: number;
  /** 0.75 to 1, drawn anew for each call. */
  readonly jitter: number;
}

export const IDLE: State = { name: "Idle" };

/** The only place where a state changes. Pure, total, never throws. */
export function step(state: State, event: Event, now: Millis, config: FsmConfig): Step {
  if (event.type === "tick") return tick(state, now, config);
  switch (state.name) {
    case "Idle":
      return idle(state, event, now, config);
    case "Connect":
    case "Active":
      return connecting(state, event, now, config);
    case "OpenSent":
      return openSent(state, event, now, config);
    case "OpenConfirm":
      return openConfirm(state, event, now, config);
    case "Established":
      return established(state, event, now, config);
  }
}

/** When the next tick matters. */
export function nextDeadline(state: State): Millis {
  switch (state.name) {
    case "Idle":
      return Number.POSITIVE_INFINITY;
    case "Connect":
    case "Active":
      return Math.min(state.retryAt, state.delayOpenAt ?? Number.POSITIVE_INFINITY);
    case "OpenSent":
      return state.holdAt;
    default:
      return Math.min(state.holdAt, state.keepaliveAt);
  }
}

/** A hold timer that is due says so before it is acted on: the socket may still hold a sign of life. */
export function holdExpired(state: State, now: Millis): boolean {
  return "holdAt" in state && now >= state.holdAt;
}

function tick(state: State, now: Millis, config: FsmConfig): Step {
  if ("holdAt" in state && now >= state.holdAt) return step(state, { type: "hold-timer" }, now, config);
  if ("keepaliveAt" in state && now >= state.keepaliveAt) return step(state, { type: "keepalive-timer" }, now, config);
  if ("retryAt" in state) {
    if (state.delayOpenAt !== undefined && now >= state.delayOpenAt)
      return step(state, { type: "delay-open-timer" }, now, config);
    if (now >= state.retryAt) return step(state, { type: "connect-retry-timer" }, now, config);
  }
  return stay(state);
}

type Live = Exclude<Event, { type: "tick" }>;

function idle(state: State, event: Live, now: Millis, config: FsmConfig): Step {
  switch (event.type) {
    case "start":
      return event.passive
        ? { state: waiting("Active", now, config.reconnectMs), actions: [CLEAR] }
        : { state: dialling(now, config), actions: [CLEAR, CONNECT] };
    case "idle-hold-timer":
      return { state: dialling(now, config), actions: [CONNECT] };
    case "tcp-acked":
    case "tcp-confirmed":
      return { state, actions: [REFUSE] };
    default:
      return stay(state);
  }
}

/** Connect and Active: no OPEN of ours is out. With DelayOpen the connection may be up all the same. */
function connecting(state: Extract<State, { retryAt: Millis }>, event: Live, now: Millis, config: FsmConfig): Step {
  const delayed = state.delayOpenAt !== undefined;
  switch (event.type) {
    case "start":
    case "tcp-valid":
      return stay(state);
    case "tcp-invalid":
      return { state, actions: [REFUSE] };
    case "stop":
      return { state: IDLE, actions: [DISCONNECT, CLEAR] };
    case "connect-retry-timer":
      return {
        state: dialling(now, config),
        actions: state.name === "Connect" || delayed ? [DISCONNECT, CONNECT] : [CONNECT],
      };
    case "delay-open-timer":
      return delayed ? sendOpen(now, config) : leave(COUNT);
    case "tcp-acked":
    case "tcp-confirmed":
      if (delayed) return { state, actions: [REFUSE] };
      if (config.delayOpenMs === undefined) return sendOpen(now, config);
      return stay({ ...state, retryAt: Number.POSITIVE_INFINITY, delayOpenAt: now + config.delayOpenMs });
    case "tcp-failed":
      if (state.name === "Connect" && delayed)
        return { state: waiting("Active", now, config.reconnectMs), actions: [DISCONNECT] };
      return state.name === "Connect" ? { state: IDLE, actions: [DISCONNECT] } : leave(COUNT);
    case "open":
      return delayed ? openWhileDelayed(event.open, now, config) : leave(COUNT);
    case "notification":
      return delayed && isVersionError(event) ? { state: IDLE, actions: [DISCONNECT] } : leave(COUNT);
    default:
      return leave(COUNT);
  }
}

function openSent(state: Extract<State, { name: "OpenSent" }>, event: Live, now: Millis, config: FsmConfig): Step {
  switch (event.type) {
    case "start":
    case "tcp-valid":
    case "tcp-invalid":
    case "tcp-acked": // of a second connection, which peer.ts tracks
    case "tcp-confirmed":
      return stay(state);
    case "open":
      return accept(state.sent, event.open, now, config, (session, keepaliveAt) => ({
        state: { name: "OpenConfirm", session, holdAt: now + holdMs(session), keepaliveAt },
        actions: [KEEPALIVE],
      }));
    case "tcp-failed":
      return { state: waiting("Active", now, config.reconnectMs), actions: [DISCONNECT] };
    default:
      return ending(event, FsmSubcode.OpenSent, undefined);
  }
}

function openConfirm(state: Running, event: Live, now: Millis, config: FsmConfig): Step {
  switch (event.type) {
    case "start":
    case "tcp-valid":
    case "tcp-invalid":
    case "tcp-acked":
    case "tcp-confirmed":
      return stay(state);
    case "keepalive-timer":
      return sendKeepalive(state, now, config);
    case "keepalive":
      return {
        state: { ...state, name: "Established", holdAt: now + holdMs(state.session) },
        actions: [{ type: "up", session: state.session }],
      };
    default:
      return ending(event, FsmSubcode.OpenConfirm, undefined);
  }
}

function established(state: Running, event: Live, now: Millis, config: FsmConfig): Step {
  switch (event.type) {
    case "start":
    case "tcp-valid":
    case "tcp-invalid":
    case "tcp-acked":
    case "tcp-confirmed":
      return stay(state);
    case "keepalive-timer":
      return sendKeepalive(state, now, config);
    case "keepalive":
    case "update":
    case "route-refresh":
      return stay({ ...state, holdAt: now + holdMs(state.session) });
    case "update-error":
      return leave({ type: "notify", error: event.error }, { type: "down", session: state.session }, COUNT);
    default:
      return ending(event, FsmSubcode.Established, state.session);
  }
}

/** What ends a connection in OpenSent, OpenConfirm and Established alike. */
function ending(event: Live, unexpected: number, session: Session | undefined): Step {
  const down: Action[] = session ? [{ type: "down", session }] : [];
  const notify = (error: NotificationError, change: Action = COUNT): Step => ({
    state: IDLE,
    actions: [{ type: "notify", error }, ...down, change],
  });
  switch (event.type) {
    case "stop":
      return notify(event.error, CLEAR);
    case "automatic-stop":
    case "header-error":
      return notify(event.error);
    case "open-error":
      // An OPEN has no business in Established, whatever is wrong with it
      return notify(session ? unexpectedEvent(event.type, unexpected) : event.error);
    case "hold-timer":
      return notify(new NotificationError(ErrorCode.HoldTimerExpired, 0, "peer fell silent"));
    case "collision":
      return notify(
        new NotificationError(ErrorCode.Cease, CeaseSubcode.ConnectionCollision, "another connection is kept"),
      );
    case "tcp-failed":
      return { state: IDLE, actions: [DISCONNECT, ...down, COUNT] };
    case "notification":
      // Event 24 counts no retry, except in Established
      return { state: IDLE, actions: [DISCONNECT, ...down, ...(isVersionError(event) && !session ? [] : [COUNT])] };
    default:
      return notify(unexpectedEvent(event.type, unexpected));
  }
}

function unexpectedEvent(type: Live["type"], subcode: number): NotificationError {
  const message = MESSAGE_TYPES[type];
  const data = message === undefined ? undefined : Uint8Array.of(message); // RFC 6608 §4
  return new NotificationError(ErrorCode.Fsm, subcode, `${type} was not expected`, data);
}

/** Event 20: DelayOpen still runs, the peer was first. */
function openWhileDelayed(open: Open, now: Millis, config: FsmConfig): Step {
  const sent = buildOpen(config.open);
  const before: Action = { type: "send", message: sent };
  return accept(
    sent,
    open,
    now,
    config,
    (session, keepaliveAt) => ({
      state: { name: "OpenConfirm", session, holdAt: now + holdMs(session), keepaliveAt },
      actions: [before, KEEPALIVE],
    }),
    before,
  );
}

function accept(
  sent: Open,
  open: Open,
  now: Millis,
  config: FsmConfig,
  good: (session: Session, keepaliveAt: Millis) => Step,
  ...before: Action[]
): Step {
  let session: Session;
  try {
    session = negotiate(config.open, sent, open);
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    return { state: IDLE, actions: [...before, { type: "notify", error }, COUNT] };
  }
  return good(session, now + keepaliveMs(session, config));
}

function sendOpen(now: Millis, config: FsmConfig): Step {
  const sent = buildOpen(config.open);
  return {
    state: { name: "OpenSent", holdAt: now + config.startupHoldMs, sent },
    actions: [{ type: "send", message: sent }],
  };
}

function sendKeepalive(state: Running, now: Millis, config: FsmConfig): Step {
  if (state.session.holdTime === 0) return stay(state);
  return { state: { ...state, keepaliveAt: now + keepaliveMs(state.session, config) }, actions: [KEEPALIVE] };
}

function dialling(now: Millis, config: FsmConfig): State {
  return waiting("Connect", now, config.connectRetryMs * config.jitter);
}

function waiting(name: "Connect" | "Active", now: Millis, ms: number): State {
  return { name, retryAt: now + ms };
}

function stay(state: State): Step {
  return { state, actions: NOTHING };
}

/** From Connect and Active: whatever is there of a connection goes. */
function leave(...actions: Action[]): Step {
  const notified = actions.some((action) => action.type === "notify");
  return { state: IDLE, actions: notified ? actions : [DISCONNECT, ...actions] };
}

function isVersionError(event: { readonly code: number; readonly subcode: number }): boolean {
  return event.code === ErrorCode.Open && event.subcode === OpenSubcode.UnsupportedVersion;
}

function holdMs(session: Session): number {
  return session.holdTime === 0 ? Number.POSITIVE_INFINITY : session.holdTime * 1000;
}

/** Jittered (RFC 4271 §10), but never more often than once a second (§4.4). */
function keepaliveMs(session: Session, config: FsmConfig): number {
  if (session.holdTime === 0) return Number.POSITIVE_INFINITY;
  return Math.max(1000, session.keepaliveTime * 1000 * config.jitter);
}

const MESSAGE_TYPES: Partial<Record<Live["type"], number>> = {
  open: MessageType.Open,
  "open-error": MessageType.Open,
  update: MessageType.Update,
  "update-error": MessageType.Update,
  keepalive: MessageType.Keepalive,
  "route-refresh": MessageType.RouteRefresh,
};
const NOTHING: readonly Action[] = [];
const CONNECT: Action = { type: "connect" };
const DISCONNECT: Action = { type: "disconnect" };
const REFUSE: Action = { type: "refuse" };
const KEEPALIVE: Action = { type: "send", message: { type: "keepalive" } };
const COUNT: Action = { type: "retries", change: "+1" };
const CLEAR: Action = { type: "retries", change: "=0" };

/**
 * When to try again: what ended a connection decides the class, and each class has its ladder of
 * growing waits. A time that the configuration names replaces the ladder's own.
 */
import type { NotificationError } from "../codec/error.ts";
import { CeaseSubcode, ErrorCode } from "../codec/iana.ts";
import type { Action, Event, Millis, State } from "./step.ts";

/** Why a connection, or the session, ended. */
export type Cause =
  /** The words of the socket, as `Connection refused`; `mute`: the peer took the connection, but said nothing on it. */
  | { readonly type: "socket"; readonly text: string; readonly mute?: true }
  | { readonly type: "received"; readonly code: number; readonly subcode: number; readonly data: Uint8Array }
  | { readonly type: "sent"; readonly error: NotificationError }
  /** An operator, a reload or a limit: `text` is for people; undefined leaves the last error alone. */
  | { readonly type: "stopped"; readonly text?: string }
  | { readonly type: "limit"; readonly text: string }
  /** The neighbor, its interface, BFD. */
  | { readonly type: "misc"; readonly text: string; readonly graceful?: boolean }
  /** The peer came back on a new connection while the old one was up (RFC 4724 §4.2). */
  | { readonly type: "restarted" };

/** Undefined while the connection lives on. */
export function causeOf(
  before: State,
  event: Event,
  state: State,
  actions: readonly Action[],
  text: string | undefined,
  data?: Uint8Array,
): Cause | undefined {
  const notified = actions.find((action) => action.type === "notify");
  if (notified) return { type: "sent", error: notified.error };
  if (event.type === "tcp-failed")
    return { type: "socket", text: text ?? "Connection closed", ...(before.name === "OpenSent" && { mute: true }) };
  if (event.type === "notification")
    return { type: "received", code: event.code, subcode: event.subcode, data: data ?? new Uint8Array(0) };
  return state.name === "Idle" ? { type: "socket", text: "Connection closed" } : undefined;
}

/** `none`: no wait of ours; `collision`: the other connection goes on. */
export type BackoffClass = "none" | "collision" | "loss" | "cease" | "error";

export function classify(cause: Cause): BackoffClass {
  switch (cause.type) {
    case "socket":
    case "restarted":
      return "loss";
    case "misc":
      return "loss";
    case "stopped":
      return "none";
    case "limit":
      return "error";
    case "sent":
    case "received": {
      const { code, subcode, data } = cause.type === "sent" ? cause.error : cause;
      // A hard reset wraps what it is about (RFC 8538 §3.1)
      if (
        cause.type === "received" &&
        code === ErrorCode.Cease &&
        subcode === CeaseSubcode.HardReset &&
        data.length >= 2
      )
        return data[0] === ErrorCode.Cease && GENTLE_CEASES.has(data[1]!) ? "cease" : "error";
      if (code === ErrorCode.HoldTimerExpired) return "loss";
      if (code !== ErrorCode.Cease) return "error";
      if (subcode === CeaseSubcode.ConnectionCollision) return "collision";
      if (cause.type === "sent") return subcode === CeaseSubcode.BfdDown ? "loss" : "error";
      return GENTLE_CEASES.has(subcode) ? "cease" : "error";
    }
  }
}

export interface BackoffConfig {
  /** What the file names; undefined: our own schedule. */
  readonly connectDelayMs?: number;
  readonly errorWaitMs?: readonly [number, number];
  readonly errorForgetMs: number;
}

type LadderName = "loss" | "cease" | "error";

interface Rung {
  /** How often in a row. */
  readonly count: number;
  readonly at: Millis;
}

/** How often each class has struck; forgotten after a while. */
export type History = Readonly<Record<LadderName, Rung>>;

export const NO_HISTORY: History = {
  loss: { count: 0, at: Number.NEGATIVE_INFINITY },
  cease: { count: 0, at: Number.NEGATIVE_INFINITY },
  error: { count: 0, at: Number.NEGATIVE_INFINITY },
};

/** @returns the wait without jitter, in milliseconds, and what to remember */
export function nextWait(
  history: History,
  name: LadderName,
  now: Millis,
  config: BackoffConfig,
): { readonly wait: number; readonly history: History } {
  const last = history[name];
  const count = now - last.at > config.errorForgetMs ? 0 : last.count;
  const [first, most] = ladder(name, config);
  const wait = Math.min(first * 2 ** Math.min(count, 20), most);
  return { wait, history: { ...history, [name]: { count: count + 1, at: now } } };
}

/**
 * A session that was up for long makes losses and gentle Ceases new again. Errors are forgotten by
 * their age alone, so that a session that breaks each time it comes up is tried less and less often.
 */
export function afterSession(history: History, upMs: number): History {
  return upMs < LONG_SESSION_MS ? history : { ...history, loss: NO_HISTORY.loss, cease: NO_HISTORY.cease };
}

function ladder(name: LadderName, config: BackoffConfig): readonly [number, number] {
  if (name === "error") return config.errorWaitMs ?? [5000, 300_000];
  if (config.connectDelayMs !== undefined) return [config.connectDelayMs, config.connectDelayMs];
  return name === "loss" ? [500, 5000] : [1000, 10_000];
}

/** Administrative shutdown, peer de-configured, administrative reset, connection rejected. */
const GENTLE_CEASES: ReadonlySet<number> = new Set([
  CeaseSubcode.AdministrativeShutdown,
  CeaseSubcode.PeerDeconfigured,
  CeaseSubcode.AdministrativeReset,
  CeaseSubcode.ConnectionRejected,
]);
const LONG_SESSION_MS = 10_000;

/** What there is to know of one peer, what can happen to it, and what is to be done then: the words of peer.ts. */
import type { FamilyKey } from "../codec/capability.ts";
import type { NotificationError } from "../codec/error.ts";
import { type BackoffConfig, type Cause, type History, NO_HISTORY } from "./backoff.ts";
import type { OpenConfig, Session } from "./negotiate.ts";
import { NONE_STALE, type StaleChange, type StaleMap, staleDeadline } from "./stale.ts";
import { type Action, type Event, IDLE, type Millis, nextDeadline, type State } from "./step.ts";

/** `out` we dialled, `in` they dialled, `again` they dialled while another was Established. */
export type Slot = "out" | "in" | "again";

export interface Wait {
  /** `error`: nothing is dialled or accepted; `delay`: incoming connections are taken. */
  readonly kind: "error" | "delay";
  readonly until: Millis;
  /** Without jitter, as it is shown. */
  readonly totalMs: number;
}

export interface PeerState {
  readonly enabled: boolean;
  /** The neighbor can be reached, as far as interfaces tell. */
  readonly ready: boolean;
  readonly out: State;
  readonly in: State;
  readonly again: State;
  readonly wait?: Wait;
  readonly history: History;
  /** ConnectRetryCounter (RFC 4271 §8). */
  readonly retries: number;
  readonly upAt?: Millis;
  /** Running while the socket takes nothing. */
  readonly sendHoldAt?: Millis;
  /** A connection that is confirmed, but that a collision may still end: the other one is preferred. */
  readonly contested?: { readonly slot: Slot; readonly until: Millis };
  readonly stale: StaleMap;
}

export interface PeerConfig extends BackoffConfig {
  readonly open: OpenConfig;
  readonly passive: boolean;
  readonly connectRetryMs?: number;
  readonly startupHoldMs: number;
  readonly delayOpenMs?: number;
  readonly disableAfterError: boolean;
  /** Subcodes of received Ceases. */
  readonly disableAfterCease: ReadonlySet<number>;
  /** 0.75 to 1, drawn anew for each call. */
  readonly jitter: number;
}

export type PeerEvent =
  | { readonly type: "start" }
  /** Ends everything; the error is what the peer is told, undefined: nothing (a planned restart). */
  | { readonly type: "stop"; readonly error?: NotificationError }
  /** An operator's reset: like stop and start. */
  | { readonly type: "ready"; readonly ready: boolean; readonly text?: string; readonly error?: NotificationError }
  | { readonly type: "accept" }
  /** `text`: the socket's words, with `tcp-failed`; `data`: a NOTIFICATION's, with `notification`. */
  | {
      readonly type: "connection";
      readonly slot: Slot;
      readonly event: Event;
      readonly text?: string;
      readonly data?: Uint8Array;
    }
  /** Our own limit, BFD: ends the session with an error of ours. */
  | { readonly type: "reset"; readonly error: NotificationError; readonly cause: Cause }
  /** The socket takes nothing; took something; is empty. */
  | { readonly type: "blocked" | "progress" | "flowing" }
  | { readonly type: "end-of-rib"; readonly family: FamilyKey }
  | { readonly type: "tick" };

export type PeerAction =
  | {
      readonly type: "connection";
      readonly slot: Slot;
      readonly action: Exclude<Action, { type: "up" | "down" | "retries" }>;
    }
  | { readonly type: "adopt"; readonly slot: Slot }
  | { readonly type: "refuse"; readonly reason: string }
  /** What was `again` is `in` from now on. */
  | { readonly type: "promote" }
  | { readonly type: "up"; readonly slot: Slot; readonly session: Session }
  /** `kept`: families whose routes stay as stale ones. */
  | { readonly type: "down"; readonly session: Session; readonly cause: Cause; readonly kept: StaleMap }
  /** A connection or the session ended, and how; for the log and `Last error`. */
  | { readonly type: "ended"; readonly cause: Cause; readonly wait?: Wait }
  | { readonly type: "disable"; readonly cause: Cause }
  | StaleChange;

export interface PeerStep {
  readonly state: PeerState;
  readonly actions: readonly PeerAction[];
}

export const NEW_PEER: PeerState = {
  enabled: false,
  ready: false,
  out: IDLE,
  in: IDLE,
  again: IDLE,
  history: NO_HISTORY,
  retries: 0,
  stale: NONE_STALE,
};

export function peerDeadline(state: PeerState): Millis {
  return Math.min(
    nextDeadline(state.out),
    nextDeadline(state.in),
    nextDeadline(state.again),
    state.wait?.kind === "error" ? state.wait.until : Number.POSITIVE_INFINITY,
    state.sendHoldAt ?? Number.POSITIVE_INFINITY,
    state.contested?.until ?? Number.POSITIVE_INFINITY,
    staleDeadline(state.stale),
  );
}

/** The slot that is Established, if one is. */
export function establishedSlot(state: PeerState): Slot | undefined {
  return SLOTS.find((slot) => state[slot].name === "Established");
}

export const SLOTS: readonly Slot[] = ["out", "in", "again"];

/**
 * One peer: the connection we dial, the one it dials, a third where a restarted peer comes back while
 * the old one still seems up (RFC 4724 §4.2). Collisions (RFC 4271 §6.8, RFC 6286 §2.3), waits, the
 * send hold timer (RFC 9687) and stale routes, as a pure function over step.ts.
 */
import { NotificationError } from "../codec/error.ts";
import { CeaseSubcode, ErrorCode } from "../codec/iana.ts";
import { afterSession, type Cause, causeOf, classify, NO_HISTORY, nextWait } from "./backoff.ts";
import type { Session } from "./negotiate.ts";
import {
  establishedSlot,
  type PeerAction,
  type PeerConfig,
  type PeerEvent,
  type PeerState,
  type PeerStep,
  SLOTS,
  type Slot,
} from "./peer-state.ts";
import {
  flushAll,
  keptOver,
  NONE_STALE,
  resync,
  type StaleChange,
  type StaleMap,
  staleEnd,
  staleTick,
} from "./stale.ts";
import { type Action, type Event, type FsmConfig, IDLE, type Millis, type Running, type State, step } from "./step.ts";

/** Pure and total. */
export function stepPeer(state: PeerState, event: PeerEvent, now: Millis, config: PeerConfig): PeerStep {
  const run = new Run(state, now, config);
  run.handle(event);
  run.reconsider();
  return { state: run.state, actions: run.actions };
}

/** One call's working copy: the parts below each change a little of it. */
class Run {
  state: PeerState;
  readonly actions: PeerAction[] = [];
  readonly #now: Millis;
  readonly #config: PeerConfig;

  constructor(state: PeerState, now: Millis, config: PeerConfig) {
    this.state = state;
    this.#now = now;
    this.#config = config;
  }

  handle(event: PeerEvent): void {
    switch (event.type) {
      case "start":
        if (this.state.enabled) return;
        this.#set({ enabled: true, retries: 0 });
        return this.#begin(this.#config.connectDelayMs);
      case "stop":
        return this.#stop(event.error);
      case "ready":
        return this.#ready(event);
      case "accept":
        return this.#accept();
      case "connection":
        return this.#connection(event);
      case "reset":
        return this.#reset(event.error, event.cause);
      case "blocked":
        if (this.state.sendHoldAt === undefined) this.#armSendHold();
        return;
      case "progress":
        if (this.state.sendHoldAt !== undefined) this.#armSendHold();
        return;
      case "flowing":
        return this.#drop("sendHoldAt");
      case "end-of-rib":
        return this.#stale(staleEnd(this.state.stale, event.family));
      case "tick":
        return this.#tick();
    }
  }

  /** Nothing contests it any more, or for too long: the session is up after all. */
  reconsider(): void {
    const { contested } = this.state;
    if (!contested) return;
    const state = this.state[contested.slot];
    if (state.name !== "OpenConfirm") return this.#drop("contested");
    if (this.#now < contested.until && this.#loses(contested.slot, state)) return;
    this.#drop("contested");
    this.#take(contested.slot, { type: "keepalive" });
  }

  // ---- time

  #tick(): void {
    const { wait } = this.state;
    if (wait?.kind === "error" && this.#now >= wait.until) {
      this.#drop("wait");
      this.#begin(this.#config.connectDelayMs);
    }
    if (this.state.sendHoldAt !== undefined && this.#now >= this.state.sendHoldAt) {
      const error = new NotificationError(ErrorCode.SendHoldTimerExpired, 0, "peer takes no data");
      this.#reset(error, { type: "sent", error });
    }
    for (const slot of SLOTS) this.#connection({ type: "connection", slot, event: { type: "tick" } });
    this.#stale(staleTick(this.state.stale, this.#now));
  }

  #armSendHold(): void {
    const slot = establishedSlot(this.state);
    if (!slot) return;
    const { holdTime } = (this.state[slot] as Running).session;
    this.#set({ sendHoldAt: this.#now + Math.max(SEND_HOLD_MS, 2 * holdTime * 1000) });
  }

  // ---- start, stop, reachability

  /** Dials at once, or after `delay`; passive peers wait. */
  #begin(delay: number | undefined): void {
    if (!this.state.enabled || !this.state.ready || this.state.wait?.kind === "error") return;
    if (this.state.out.name !== "Idle" || establishedSlot(this.state)) return;
    if (delay === undefined && !this.#config.passive) return this.#step("out", { type: "start", passive: false });
    this.#delay(delay ?? 0);
  }

  /** Active: waits for `ms` (with jitter) or for the peer. */
  #delay(ms: number): void {
    const jittered = ms * this.#config.jitter;
    this.#set({ out: IDLE });
    this.#step("out", { type: "start", passive: true }, this.#config.passive ? Number.POSITIVE_INFINITY : jittered);
    if (!this.#config.passive) this.#set({ wait: { kind: "delay", until: this.#now + jittered, totalMs: ms } });
  }

  #stop(error: NotificationError | undefined): void {
    if (!this.state.enabled) return;
    this.#closeAll(error, { type: "stopped" });
    this.#stale({ stale: NONE_STALE, changes: flushAll(this.state.stale) });
    this.#drop("wait");
    this.#set({ enabled: false, history: NO_HISTORY });
  }

  #ready(event: Extract<PeerEvent, { type: "ready" }>): void {
    if (event.ready === this.state.ready) return;
    this.#set({ ready: event.ready });
    if (event.ready) return this.#begin(this.#config.connectDelayMs);
    const cause: Cause = event.text === undefined ? { type: "stopped" } : { type: "misc", text: event.text };
    const live = SLOTS.some((slot) => this.state[slot].name !== "Idle");
    this.#closeAll(event.error, cause);
    if (this.state.wait?.kind === "delay") this.#drop("wait");
    if (live) this.actions.push({ type: "ended", cause });
  }

  /** Ends whatever connection there is. Without an error the peer is told nothing. */
  #closeAll(error: NotificationError | undefined, cause: Cause): void {
    for (const slot of SLOTS) {
      const state = this.state[slot];
      if (state.name === "Idle") continue;
      this.#step(slot, error ? { type: "stop", error } : { type: "tcp-failed" }, undefined, cause);
      this.#set({ [slot]: IDLE });
    }
    this.#drop("sendHoldAt");
  }

  #reset(error: NotificationError, cause: Cause): void {
    const live = SLOTS.some((slot) => this.state[slot].name !== "Idle");
    this.#closeAll(error, cause);
    if (live) this.#backOff(cause);
  }

  // ---- connections

  #accept(): void {
    const { state } = this;
    const refuse = (reason: string): void => void this.actions.push({ type: "refuse", reason });
    if (!state.enabled || !state.ready) return refuse("the protocol is not running");
    if (state.wait?.kind === "error") return refuse("error wait");
    const up = establishedSlot(state);
    if (up) {
      const { session } = state[up] as Running;
      // A late twin of the connection that has just won must not look like a restart
      const settled = this.#now - (state.upAt ?? this.#now) >= SETTLED_MS;
      if (!session.gracefulRestart || !settled) return refuse("the session is established");
      return state.again.name === "Idle" ? this.#adopt("again") : refuse("another connection is being opened");
    }
    if (state.in.name !== "Idle") return refuse("another connection is being opened");
    this.#adopt("in");
  }

  #adopt(slot: "in" | "again"): void {
    this.actions.push({ type: "adopt", slot });
    this.#step(slot, { type: "start", passive: true }, Number.POSITIVE_INFINITY);
    this.#step(slot, { type: "tcp-confirmed" });
  }

  #connection({ slot, event, text, data }: Extract<PeerEvent, { type: "connection" }>): void {
    const before = this.state[slot];
    if (before.name === "Idle") return;
    if (slot === "out" && this.#holdsBack(before, event)) return;
    if (before.name === "OpenConfirm" && event.type === "keepalive" && this.#loses(slot, before)) {
      const until = this.state.contested?.until ?? this.#now + CONTESTED_MS;
      const { holdTime } = before.session;
      const holdAt = holdTime === 0 ? Number.POSITIVE_INFINITY : this.#now + holdTime * 1000;
      return this.#set({ [slot]: { ...before, holdAt }, contested: { slot, until } });
    }
    // The peer sends routes on it: for the peer it is up, whatever we were waiting for
    if (event.type === "update" && this.state.contested?.slot === slot) this.#take(slot, { type: "keepalive" });
    this.#take(slot, event, text, data);
  }

  #take(slot: Slot, event: Event, text?: string, data?: Uint8Array): void {
    const before = this.state[slot];
    const { state, actions } = step(before, event, this.#now, this.#fsm());
    if (event.type === "open" && state.name === "OpenConfirm" && !this.#survives(slot, state)) {
      return this.#after(slot, before, { type: "collision" }, { type: "stopped" });
    }
    this.#settle(slot, state, actions, causeOf(before, event, state, actions, text, data));
  }

  /** We do not dial while the peer's own connection is nearly there. */
  #holdsBack(before: State, event: Event): boolean {
    if (!("retryAt" in before) || before.name !== "Active" || this.state.in.name !== "OpenConfirm") return false;
    if (event.type !== "tick" || this.#now < before.retryAt) return false;
    this.#set({ out: { ...before, retryAt: this.#now + HELD_BACK_MS } });
    return true;
  }

  /** RFC 4271 §6.8, once both connections have an OPEN; the loser may be the other one. */
  #survives(slot: Slot, state: Running): boolean {
    if (slot === "again") return this.#takeOver();
    const other: Slot = slot === "out" ? "in" : "out";
    if (this.state[other].name === "Established") return false;
    if (this.state[other].name !== "OpenConfirm") return true;
    if (!preferred(slot, state.session)) return false;
    this.#after(other, this.state[other], { type: "collision" }, { type: "stopped" });
    return true;
  }

  /**
   * Whether the peer may still end this connection for the other one, whose OPEN of ours is under way:
   * up now and down a moment later would be a flap.
   */
  #loses(slot: Slot, state: Running): boolean {
    if (slot === "again" || preferred(slot, state.session)) return false;
    return this.state[slot === "out" ? "in" : "out"].name === "OpenSent";
  }

  /** The peer has restarted: the old session ends without a word, its routes stay. */
  #takeOver(): boolean {
    const old = establishedSlot(this.state);
    if (old) {
      this.#after(old, this.state[old], { type: "tcp-failed" }, { type: "restarted" });
      this.#set({ [old]: IDLE });
    }
    return true;
  }

  /** One step that only touches its own slot and says why. */
  #after(slot: Slot, before: State, event: Event, cause: Cause): void {
    const { state, actions } = step(before, event, this.#now, this.#fsm());
    this.#set({ [slot]: slot === "out" ? state : passiveOnly(state) });
    this.#emit(slot, actions, cause);
    if (slot === "out" && state.name === "Idle" && !establishedSlot(this.state)) this.#delay(FIRST_RETRY_MS);
  }

  #step(slot: Slot, event: Event, reconnectMs?: number, cause?: Cause): void {
    const config = reconnectMs === undefined ? this.#fsm() : { ...this.#fsm(), reconnectMs };
    const { state, actions } = step(this.state[slot], event, this.#now, config);
    this.#set({ [slot]: state });
    this.#emit(slot, actions, cause ?? { type: "stopped" });
  }

  /** Takes a connection's new state, and draws the peer's conclusions. */
  #settle(slot: Slot, state: State, actions: readonly Action[], cause: Cause | undefined): void {
    this.#set({ [slot]: slot === "out" ? state : passiveOnly(state) });
    this.#emit(slot, actions, cause ?? { type: "stopped" });
    if (slot === "again" && state.name === "OpenConfirm") {
      this.actions.push({ type: "promote" });
      this.#set({ in: state, again: IDLE });
    }
    if (state.name === "Connect" && this.state.wait?.kind === "delay") this.#drop("wait");
    if (actions.some((action) => action.type === "up")) return this.#up(slot);
    if (cause && (state.name === "Idle" || state.name === "Active")) this.#ended(cause);
  }

  /** One connection is up: the others go. */
  #up(slot: Slot): void {
    for (const other of SLOTS) {
      if (other === slot || this.state[other].name === "Idle") continue;
      const live = this.state[other].name === "OpenSent" || this.state[other].name === "OpenConfirm";
      this.#step(other, live ? { type: "collision" } : { type: "tcp-failed" });
      this.#set({ [other]: IDLE });
    }
    this.#drop("wait");
    this.#set({ upAt: this.#now });
    this.#stale(resync(this.state.stale, (this.state[slot] as Running).session, this.#now));
  }

  /** A connection ended for `cause`: does the peer go on with another, or wait? */
  #ended(cause: Cause): void {
    const alive = SLOTS.some((slot) => LIVE.has(this.state[slot].name));
    const kind = classify(cause);
    if (establishedSlot(this.state) || (alive && kind !== "error")) {
      if (this.state.out.name === "Idle" && !establishedSlot(this.state)) this.#delay(FIRST_RETRY_MS);
      return;
    }
    this.#backOff(cause);
  }

  /** No connection is worth keeping: how long until the next? */
  #backOff(cause: Cause): void {
    const config = this.#config;
    const disabled =
      (config.disableAfterError && classify(cause) === "error") ||
      (cause.type === "received" && cause.code === ErrorCode.Cease && config.disableAfterCease.has(cause.subcode));
    if (disabled) {
      this.actions.push({ type: "ended", cause }, { type: "disable", cause });
      return;
    }
    const kind = classify(cause);
    if (kind === "none") return this.#begin(undefined);
    const ladder = kind === "collision" ? "loss" : kind;
    const { wait, history } = nextWait(this.state.history, ladder, this.#now, config);
    this.#set({ history });
    if (kind === "error") {
      this.#closeAll(new NotificationError(ErrorCode.Cease, CeaseSubcode.ConnectionRejected, "error wait"), cause);
      this.#set({ wait: { kind: "error", until: this.#now + wait * config.jitter, totalMs: wait } });
    } else if (this.state.ready) this.#delay(wait);
    this.actions.push({ type: "ended", cause, ...(this.state.wait && { wait: this.state.wait }) });
  }

  // ---- small

  #emit(slot: Slot, actions: readonly Action[], cause: Cause): void {
    for (const action of actions) {
      if (action.type === "retries") this.#set({ retries: action.change === "=0" ? 0 : this.state.retries + 1 });
      else if (action.type === "up") this.actions.push({ type: "up", slot, session: action.session });
      else if (action.type === "down") this.#down(action.session, cause);
      else this.actions.push({ type: "connection", slot, action });
    }
  }

  #down(session: Session, cause: Cause): void {
    const kept = keptOver(session, cause, this.state.stale, this.#now);
    const changes = flushAll(this.state.stale); // a second loss before End-of-RIB ends the first one's grace
    this.actions.push({ type: "down", session, cause, kept }, ...changes);
    const upMs = this.#now - (this.state.upAt ?? this.#now);
    this.#set({ stale: kept, history: afterSession(this.state.history, upMs) });
    this.#drop("upAt");
    this.#drop("sendHoldAt");
  }

  #stale(result: { readonly stale: StaleMap; readonly changes: readonly StaleChange[] }): void {
    if (result.stale !== this.state.stale) this.#set({ stale: result.stale });
    this.actions.push(...result.changes);
  }

  #fsm(): FsmConfig {
    const { open, startupHoldMs, delayOpenMs, jitter, passive, connectRetryMs } = this.#config;
    return {
      open,
      connectRetryMs: connectRetryMs ?? SYN_UNANSWERED_MS,
      reconnectMs: passive ? Number.POSITIVE_INFINITY : FIRST_RETRY_MS * jitter,
      startupHoldMs,
      ...(delayOpenMs !== undefined && { delayOpenMs }),
      jitter,
    };
  }

  #set(change: Partial<PeerState>): void {
    this.state = { ...this.state, ...change };
  }

  #drop(key: "wait" | "upAt" | "sendHoldAt" | "contested"): void {
    if (this.state[key] === undefined) return;
    const { [key]: _, ...rest } = this.state;
    this.state = rest as PeerState;
  }
}

/** Which connection a collision leaves: that of the side with the higher identifier, then AS (RFC 6286 §2.3). */
function preferred(slot: Slot, { localId, peerId, localAs, peerAs }: Session): boolean {
  const keepOurs = localId > peerId || (localId === peerId && localAs > peerAs);
  return keepOurs === (slot === "out");
}

/** A connection that the peer opened is never dialled again by us. */
function passiveOnly(state: State): State {
  return state.name === "Connect" || (state.name === "Active" && state.delayOpenAt === undefined) ? IDLE : state;
}

const LIVE: ReadonlySet<State["name"]> = new Set(["OpenSent", "OpenConfirm", "Established"]);
const SYN_UNANSWERED_MS = 5000;
const FIRST_RETRY_MS = 500;
const HELD_BACK_MS = 500;
const SETTLED_MS = 5000;
const CONTESTED_MS = 1000;
/** RFC 9687 §3.1 */
const SEND_HOLD_MS = 480_000;

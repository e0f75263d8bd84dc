/** Every state with every event, as short texts: for the comparison with the RFC and for the documentation. */
import { NotificationError } from "../../protocol/codec/error.ts";
import type { Open } from "../../protocol/codec/open.ts";
import { buildOpen, negotiate } from "../../protocol/fsm/negotiate.ts";
import { type Action, type Event, type FsmConfig, IDLE, type State, type Step, step } from "../../protocol/fsm/step.ts";
import { OPEN } from "../support/pair.ts";

export const NOW = 100_000;
const OPEN_CONFIG = { ...OPEN, localId: 0x0a000001 };
export const PEER_OPEN: Open = buildOpen({ ...OPEN, localAs: 65002, localId: 0x0a000002, peerAs: 65001 });
const SENT = buildOpen(OPEN_CONFIG);
const SESSION = negotiate(OPEN_CONFIG, SENT, PEER_OPEN);

export const CONFIG: FsmConfig = {
  open: OPEN_CONFIG,
  connectRetryMs: 5000,
  reconnectMs: 500,
  startupHoldMs: 240_000,
  jitter: 1,
};

/** A state as it is in the middle of its life. */
export const STATES: readonly State[] = [
  IDLE,
  { name: "Connect", retryAt: NOW + 1000 },
  { name: "Active", retryAt: NOW + 1000 },
  { name: "OpenSent", holdAt: NOW + 1000, sent: SENT },
  { name: "OpenConfirm", session: SESSION, holdAt: NOW + 1000, keepaliveAt: NOW + 500 },
  { name: "Established", session: SESSION, holdAt: NOW + 1000, keepaliveAt: NOW + 500 },
];

const error = (code: number, subcode: number): NotificationError =>
  new NotificationError(code as never, subcode, "test");

interface Row {
  readonly name: string;
  readonly event: Event;
  /** DelayOpen: switched on, or running already. */
  readonly delay?: "on" | "running";
}

export const ROWS: readonly Row[] = [
  { name: "1,3 start", event: { type: "start", passive: false } },
  { name: "4,5 start passive", event: { type: "start", passive: true } },
  { name: "2 stop", event: { type: "stop", error: error(6, 2) } },
  { name: "8 automatic stop", event: { type: "automatic-stop", error: error(6, 1) } },
  { name: "9 connect retry", event: { type: "connect-retry-timer" } },
  { name: "10 hold", event: { type: "hold-timer" } },
  { name: "11 keepalive timer", event: { type: "keepalive-timer" } },
  { name: "12 delay open", event: { type: "delay-open-timer" } },
  { name: "12 delay open, runs", event: { type: "delay-open-timer" }, delay: "running" },
  { name: "13 idle hold", event: { type: "idle-hold-timer" } },
  { name: "14 tcp valid", event: { type: "tcp-valid" } },
  { name: "15 tcp invalid", event: { type: "tcp-invalid" } },
  { name: "16 tcp acked", event: { type: "tcp-acked" } },
  { name: "17 tcp confirmed", event: { type: "tcp-confirmed" } },
  { name: "16 tcp, delay open", event: { type: "tcp-acked" }, delay: "on" },
  { name: "18 tcp fails", event: { type: "tcp-failed" } },
  { name: "18 tcp fails, delay", event: { type: "tcp-failed" }, delay: "running" },
  { name: "19 open", event: { type: "open", open: PEER_OPEN } },
  { name: "20 open, delay", event: { type: "open", open: PEER_OPEN }, delay: "running" },
  { name: "21 header error", event: { type: "header-error", error: error(1, 1) } },
  { name: "22 open error", event: { type: "open-error", error: error(2, 2) } },
  { name: "23 collision", event: { type: "collision" } },
  { name: "24 version error", event: { type: "notification", code: 2, subcode: 1 } },
  { name: "24 version, delay", event: { type: "notification", code: 2, subcode: 1 }, delay: "running" },
  { name: "25 notification", event: { type: "notification", code: 6, subcode: 2 } },
  { name: "26 keepalive", event: { type: "keepalive" } },
  { name: "27 update", event: { type: "update" } },
  { name: "28 update error", event: { type: "update-error", error: error(3, 1) } },
  { name: "route refresh", event: { type: "route-refresh" } },
];

/** Name of the row, then a cell for each state; `-` where DelayOpen cannot be. */
export function cells(row: Row): string[] {
  return STATES.map((state) => {
    if (!row.delay) return cell(state, step(state, row.event, NOW, CONFIG));
    if (state.name !== "Connect" && state.name !== "Active") return "-";
    const before: State = row.delay === "running" ? { ...state, delayOpenAt: NOW + 500 } : state;
    return cell(before, step(before, row.event, NOW, { ...CONFIG, delayOpenMs: 500 }));
  });
}

function cell(before: State, { state, actions }: Step): string {
  if (state === before && actions.length === 0) return ".";
  const done = actions.map(word);
  if ("delayOpenAt" in state && !("delayOpenAt" in before)) done.push("wait");
  if ("holdAt" in state && "holdAt" in before && before.name === state.name && state.holdAt > before.holdAt)
    done.push("hold");
  return `${state.name}: ${done.join(" ")}`;
}

function word(action: Action): string {
  switch (action.type) {
    case "connect":
      return "dial";
    case "send":
      return action.message.type;
    case "notify":
      return `${action.error.code}/${action.error.subcode}`;
    case "disconnect":
      return "close";
    case "retries":
      return action.change;
    default:
      return action.type;
  }
}

/**
 * Transcripts of one peer: `@1000 in open` on the left, what comes of it on the right. Reading one runs
 * its left sides and writes the right ones anew; the test compares the files.
 *
 *   config passive              options: passive, id N, peer-id N, gr, n-bit, delay MS, as N
 *   @0 start                    start, stop, ready, unready, accept, tick, blocked, progress, flowing, eor,
 *   @10 out open                bfd, limit; or a slot with: acked, failed, open, badopen, keepalive, update,
 *                               notification C/S, error C/S
 */
import { NotificationError } from "../../protocol/codec/error.ts";
import type { Open } from "../../protocol/codec/open.ts";
import type { Cause } from "../../protocol/fsm/backoff.ts";
import { buildOpen, type OpenConfig } from "../../protocol/fsm/negotiate.ts";
import { stepPeer } from "../../protocol/fsm/peer.ts";
import {
  NEW_PEER,
  type PeerAction,
  type PeerConfig,
  type PeerEvent,
  type PeerState,
  type Slot,
} from "../../protocol/fsm/peer-state.ts";
import type { Event } from "../../protocol/fsm/step.ts";
import { IPV4_UNICAST, OPEN, PEER } from "../support/pair.ts";

export function replay(text: string): string {
  let state: PeerState = NEW_PEER;
  let { config, peer } = settings("");
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("config")) ({ config, peer } = settings(line.slice(7)));
    if (!line.startsWith("@")) {
      lines.push(line);
      continue;
    }
    const input = line.split(" -> ")[0]!.trim();
    const [time, ...words] = input.split(" ");
    const result = stepPeer(state, eventOf(words, peer), Number(time!.slice(1)), config);
    state = result.state;
    lines.push(`${input.padEnd(30)} -> ${[...result.actions.map(describe), states(state)].join("; ")}`);
  }
  return lines.join("\n");
}

function settings(text: string): { config: PeerConfig; peer: Open } {
  const words = text.trim().split(/\s+/);
  const number = (name: string, otherwise: number): number => {
    const at = words.indexOf(name);
    return at < 0 ? otherwise : Number(words[at + 1]);
  };
  const has = (name: string): boolean => words.includes(name);
  const families = [{ ...IPV4_UNICAST, gracefulRestart: true, ...(has("llgr") && { staleTime: 600 }) }];
  const longLived = has("llgr") ? "on" : "aware";
  const own: OpenConfig = {
    ...OPEN,
    families,
    localId: number("id", 10),
    holdTime: number("hold", 90),
    peerAs: number("as", 65002),
    gracefulRestart: has("n-bit") ? "on" : "aware",
    longLived,
  };
  const theirs: OpenConfig = {
    ...OPEN,
    families,
    localAs: 65002,
    localId: number("peer-id", 20),
    peerAs: 65001,
    gracefulRestart: has("gr") || has("n-bit") ? "on" : "aware",
    restarting: has("forwarding"),
    longLived,
  };
  const delay = number("delay", -1);
  const capabilities = buildOpen(theirs).capabilities.map((capability) =>
    capability.code === 64 ? { ...capability, notification: has("n-bit") } : capability,
  );
  return {
    config: { ...PEER, open: own, passive: has("passive"), ...(delay >= 0 && { connectDelayMs: delay }), jitter: 1 },
    peer: { ...buildOpen(theirs), capabilities },
  };
}

function eventOf(words: string[], peer: Open): PeerEvent {
  const [first, second, third] = words;
  if (first === "out" || first === "in" || first === "again") return connectionEvent(first, second!, third, peer);
  switch (first) {
    case "stop":
      return { type: "stop", error: new NotificationError(6, 2, "") };
    case "ready":
      return { type: "ready", ready: true };
    case "unready":
      return { type: "ready", ready: false, text: "Neighbor lost", error: new NotificationError(6, 0, "") };
    case "bfd":
      return {
        type: "reset",
        error: new NotificationError(6, 10, ""),
        cause: { type: "misc", text: "BFD session down" },
      };
    case "limit":
      return {
        type: "reset",
        error: new NotificationError(6, 1, ""),
        cause: { type: "limit", text: "Route limit exceeded" },
      };
    case "eor":
      return { type: "end-of-rib", family: "1/1" };
    default:
      return { type: first as "start" };
  }
}

function connectionEvent(slot: Slot, name: string, code: string | undefined, peer: Open): PeerEvent {
  const [c, s] = (code ?? "6/0").split("/").map(Number) as [number, number];
  const event = ((): Event => {
    switch (name) {
      case "acked":
        return { type: "tcp-acked" };
      case "failed":
        return { type: "tcp-failed" };
      case "open":
        return { type: "open", open: peer };
      case "badopen":
        return { type: "open", open: { ...peer, holdTime: 1 } };
      case "notification":
        return { type: "notification", code: c, subcode: s };
      case "error":
        return { type: c === 3 ? "update-error" : "header-error", error: new NotificationError(c as never, s, "") };
      default:
        return { type: name as "keepalive" };
    }
  })();
  return { type: "connection", slot, event, ...(name === "failed" && { text: "Connection reset by peer" }) };
}

function states({ out, in: incoming, again, wait, contested, stale }: PeerState): string {
  const parts = [`[${out.name}/${incoming.name}${again.name === "Idle" ? "" : `/${again.name}`}]`];
  if (wait) parts.push(`${wait.kind} ${wait.totalMs} until ${wait.until}`);
  if (contested) parts.push(`contested until ${contested.until}`);
  for (const [family, { phase, until }] of stale) parts.push(`${family} ${phase} until ${until}`);
  return parts.join(" ");
}

function describe(action: PeerAction): string {
  switch (action.type) {
    case "connection": {
      const { action: inner, slot } = action;
      if (inner.type === "notify") return `${slot} ${inner.error.code}/${inner.error.subcode}`;
      return `${slot} ${inner.type === "send" ? inner.message.type : inner.type}`;
    }
    case "adopt":
      return `adopt ${action.slot}`;
    case "refuse":
      return `refuse (${action.reason})`;
    case "up":
      return `UP ${action.slot}`;
    case "down":
      return `DOWN ${cause(action.cause)}${action.kept.size > 0 ? ` keep ${[...action.kept.keys()].join(" ")}` : ""}`;
    case "ended":
      return `ended ${cause(action.cause)}`;
    case "disable":
      return "disable";
    case "stale":
      return `${action.change} ${action.family}`;
    default:
      return action.type;
  }
}

function cause(value: Cause): string {
  switch (value.type) {
    case "sent":
      return `sent ${value.error.code}/${value.error.subcode}`;
    case "received":
      return `received ${value.code}/${value.subcode}`;
    default:
      return "text" in value && value.text !== undefined ? value.text : value.type;
  }
}

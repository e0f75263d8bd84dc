/** What happened to a session, in BIRD's words for `show protocols` and the log, and in ours for people. */
import { ErrorCode, errorText, OpenSubcode } from "../../../protocol/codec/iana.ts";
import {
  describeNotification,
  hexText,
  type Notification,
  shutdownText,
} from "../../../protocol/codec/notification.ts";
import type { Cause } from "../../../protocol/fsm/backoff.ts";
import type { BgpConfig } from "../../config/schema.ts";

/** `Last error` and the info column; undefined: nothing worth remembering. */
export function lastError(cause: Cause): string | undefined {
  switch (cause.type) {
    case "socket":
      return `Socket: ${cause.text}`;
    case "received":
      return `Received: ${errorText(cause.code, cause.subcode)}`;
    case "sent":
      return `BGP Error: ${errorText(cause.error.code, cause.error.subcode)}`;
    case "limit":
      return `Automatic shutdown: ${cause.text}`;
    case "misc":
      return `Error: ${cause.text}`;
    case "restarted":
    case "stopped":
      return undefined;
  }
}

/** The line of the log, behind the protocol's name; undefined: none. */
export function logLine(cause: Cause, config: BgpConfig): string | undefined {
  switch (cause.type) {
    case "received":
      return `Received: ${describeNotification(asNotification(cause))}`;
    case "sent": {
      const { code, subcode, data } = cause.error;
      const words = errorText(code, subcode);
      if (code === ErrorCode.Open && subcode === OpenSubcode.BadPeerAs)
        return `Error: ${words}: ${number(data)}${config.neighborAs ? `, expected ${config.neighborAs}` : ""}`;
      if (code === ErrorCode.Open && subcode === OpenSubcode.UnacceptableHoldTime)
        return `Error: ${words}: ${number(data)}`;
      if (code === ErrorCode.HoldTimerExpired || code === ErrorCode.SendHoldTimerExpired) return `Error: ${words}`;
      const detail = cause.error.message;
      const hex = data.length > 0 ? `: ${hexText(data)}` : "";
      return `Error: ${words}${hex}${detail && detail !== words ? ` (${detail})` : ""}`;
    }
    case "socket":
      return `Socket: ${cause.text}`;
    case "misc":
      return cause.text;
    default:
      return undefined;
  }
}

/** Why the session is not up, for people (undefined: nothing is known yet). */
export function whyDown(cause: Cause, config: BgpConfig): string | undefined {
  switch (cause.type) {
    case "socket":
      return WHY_SOCKET.get(cause.text) ?? `the connection failed: ${cause.text}`;
    case "received":
      return whyReceived(cause, config);
    case "sent":
      return whySent(cause.error.code, cause.error.subcode, cause.error.message);
    case "limit":
      return `a limit was hit: ${cause.text}`;
    case "misc":
      return cause.text;
    default:
      return undefined;
  }
}

/** The text that an operator of the other side sent (RFC 9003). */
export function peerMessage(cause: Cause): string | undefined {
  return cause.type === "received" ? shutdownText(asNotification(cause)) : undefined;
}

function whyReceived(cause: Extract<Cause, { type: "received" }>, config: BgpConfig): string {
  if (cause.code === ErrorCode.Open && cause.subcode === OpenSubcode.BadPeerAs)
    return `the peer does not accept our AS ${config.localAs}: it expects another`;
  if (cause.code === ErrorCode.Open && cause.subcode === OpenSubcode.UnsupportedCapability)
    return `the peer refuses our capabilities: ${describeNotification(asNotification(cause))}`;
  return `the peer ended the session: ${describeNotification(asNotification(cause))}`;
}

function whySent(code: number, subcode: number, detail: string): string {
  if (code === ErrorCode.HoldTimerExpired) return "the peer fell silent: the hold timer expired";
  if (code === ErrorCode.SendHoldTimerExpired) return "the peer takes no data: the send hold timer expired";
  return detail ? `we refused: ${detail}` : `we refused: ${errorText(code, subcode)}`;
}

function asNotification(cause: Extract<Cause, { type: "received" }>): Notification {
  return { type: "notification", code: cause.code, subcode: cause.subcode, data: cause.data };
}

function number(data: Uint8Array): number {
  return data.reduce((value, octet) => value * 256 + octet, 0);
}

const WHY_SOCKET: ReadonlyMap<string, string> = new Map([
  ["Connection refused", "refused: the neighbor's host answers, but nothing listens on its port"],
  ["No route to host", "no route to the neighbor, or nobody answers for its address (ARP)"],
  ["Network is unreachable", "no route to the neighbor"],
  ["Connection timed out", "timed out: the neighbor does not answer"],
  ["Connection reset by peer", "the neighbor closed the connection"],
  ["Broken pipe", "the neighbor closed the connection"],
]);

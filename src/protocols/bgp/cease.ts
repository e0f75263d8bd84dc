/** Which NOTIFICATION a stop sends (RFC 4486, RFC 8538, RFC 9003), and what is said of it afterwards. */
import { NotificationError } from "../../../protocol/codec/error.ts";
import { CeaseSubcode, ErrorCode } from "../../../protocol/codec/iana.ts";
import {
  administrative,
  asHardReset,
  type Notification,
  prefixLimitReached,
} from "../../../protocol/codec/notification.ts";
import type { Session } from "../../../protocol/fsm/negotiate.ts";
import type { StopReason } from "../protocol.ts";

/** undefined: the peer is told nothing, so that it keeps our routes (a planned restart). */
export function cease(reason: StopReason, session: Session | undefined): NotificationError | undefined {
  if (reason.kind === "graceful-restart") return undefined;
  return hardened(plain(reason), session);
}

/** A limit of ours was passed. */
export function limitCease(afi: number, safi: number, limit: number, session: Session | undefined): NotificationError {
  return hardened(prefixLimitReached(afi, safi, limit), session);
}

/** The words for `show protocols all` while the protocol is down. */
export function stopWords(reason: StopReason): string {
  switch (reason.kind) {
    case "disable":
      return reason.message ? `disabled by a client: ${reason.message}` : "disabled by a client";
    case "restart":
      return "restarting";
    case "reconfigure":
      return "restarting with a new configuration";
    case "remove":
      return "removed from the configuration";
    case "shutdown":
    case "graceful-restart":
      return "the daemon is shutting down";
    case "limit":
      return "a route limit was hit";
  }
}

function plain(reason: Exclude<StopReason, { kind: "graceful-restart" }>): Notification {
  switch (reason.kind) {
    case "disable":
    case "shutdown":
      return administrative(CeaseSubcode.AdministrativeShutdown, reason.message);
    case "restart":
      return administrative(CeaseSubcode.AdministrativeReset, reason.message);
    case "reconfigure":
      return bare(CeaseSubcode.OtherConfigurationChange);
    case "remove":
      return bare(CeaseSubcode.PeerDeconfigured);
    case "limit":
      return prefixLimitReached(reason.family.afi, reason.family.safi, reason.limit);
  }
}

/** With the N bit on both sides a plain Cease would leave our routes in use: wrap it (RFC 8538 §3.1). */
function hardened(notification: Notification, session: Session | undefined): NotificationError {
  const wrapped = session?.gracefulRestart?.notification && FINAL.has(notification.subcode);
  const { subcode, data } = wrapped ? asHardReset(notification) : notification;
  return new NotificationError(ErrorCode.Cease, subcode, "", data);
}

function bare(subcode: number): Notification {
  return { type: "notification", code: ErrorCode.Cease, subcode, data: new Uint8Array(0) };
}

const FINAL: ReadonlySet<number> = new Set([
  CeaseSubcode.MaximumPrefixes,
  CeaseSubcode.AdministrativeShutdown,
  CeaseSubcode.PeerDeconfigured,
  CeaseSubcode.AdministrativeReset,
]);

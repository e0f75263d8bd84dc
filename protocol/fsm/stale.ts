/**
 * Routes that outlive their session: graceful restart (RFC 4724), after NOTIFICATIONs too (RFC 8538),
 * and long-lived (RFC 9494). Which families are kept, for how long, and when they go.
 */
import { type FamilyKey, familyKey } from "../codec/capability.ts";
import { CeaseSubcode, ErrorCode } from "../codec/iana.ts";
import type { Cause } from "./backoff.ts";
import type { Session } from "./negotiate.ts";
import type { Millis } from "./step.ts";

export interface Stale {
  /** `graceful` and `long-lived` while the session is down; `resync` once it is up again. */
  readonly phase: "graceful" | "long-lived" | "resync";
  readonly until: Millis;
  /** What follows `graceful`; 0: nothing. */
  readonly longLivedMs: number;
}

export type StaleMap = ReadonlyMap<FamilyKey, Stale>;

export interface StaleChange {
  readonly type: "stale";
  readonly family: FamilyKey;
  /** `depreference`: the routes become least preferred, those with NO_LLGR go (RFC 9494 §4.2). */
  readonly change: "flush" | "depreference";
}

export const NONE_STALE: StaleMap = new Map();

/** The families whose routes stay when `session` ends for `cause`. Those still stale from before do not stay twice. */
export function keptOver(session: Session, cause: Cause, before: StaleMap, now: Millis): StaleMap {
  const graceful = session.gracefulRestart;
  const how = graceful ? retention(session, cause) : "none";
  if (!graceful || how === "none") return NONE_STALE;
  const kept = new Map<FamilyKey, Stale>();
  for (const { afi, safi } of session.families) {
    const key = familyKey(afi, safi);
    if (before.has(key)) continue;
    const short = how === "long-lived" ? undefined : graceful.families.get(key);
    const long = session.longLived?.get(key);
    if (!short && !long) continue;
    const until = now + (short ? graceful.peerTime * 1000 : 0);
    kept.set(key, { phase: "graceful", until, longLivedMs: (long?.staleTime ?? 0) * 1000 });
  }
  return kept;
}

/** What a session that is up again means for routes still stale from before it. */
export function resync(stale: StaleMap, session: Session, now: Millis): { stale: StaleMap; changes: StaleChange[] } {
  const next = new Map<FamilyKey, Stale>();
  const changes: StaleChange[] = [];
  const present = new Set(session.families.map((family) => familyKey(family.afi, family.safi)));
  for (const key of stale.keys()) {
    const forwarding =
      session.gracefulRestart?.families.get(key)?.forwarding || session.longLived?.get(key)?.forwarding || false;
    if (present.has(key) && forwarding)
      next.set(key, { phase: "resync", until: now + RESYNC_LIMIT_MS, longLivedMs: 0 });
    else changes.push({ type: "stale", family: key, change: "flush" });
  }
  return { stale: next, changes };
}

/** Turns what is due: the restart time over, the long-lived time over, an End-of-RIB that never came. */
export function staleTick(stale: StaleMap, now: Millis): { stale: StaleMap; changes: StaleChange[] } {
  if (now < staleDeadline(stale)) return { stale, changes: [] };
  const next = new Map(stale);
  const changes: StaleChange[] = [];
  for (const [family, entry] of stale) {
    if (now < entry.until) continue;
    if (entry.phase === "graceful" && entry.longLivedMs > 0) {
      next.set(family, { phase: "long-lived", until: now + entry.longLivedMs, longLivedMs: 0 });
      changes.push({ type: "stale", family, change: "depreference" });
    } else {
      next.delete(family);
      changes.push({ type: "stale", family, change: "flush" });
    }
  }
  return { stale: next, changes };
}

/** End-of-RIB: what was not announced again goes. */
export function staleEnd(stale: StaleMap, family: FamilyKey): { stale: StaleMap; changes: StaleChange[] } {
  if (stale.get(family)?.phase !== "resync") return { stale, changes: [] };
  const next = new Map(stale);
  next.delete(family);
  return { stale: next, changes: [{ type: "stale", family, change: "flush" }] };
}

export function flushAll(stale: StaleMap): StaleChange[] {
  return [...stale.keys()].map((family) => ({ type: "stale", family, change: "flush" }));
}

export function staleDeadline(stale: StaleMap): Millis {
  let first = Number.POSITIVE_INFINITY;
  for (const { until } of stale.values()) first = Math.min(first, until);
  return first;
}

/** `all`: every family with graceful restart; `long-lived`: those with RFC 9494's alone. */
function retention(session: Session, cause: Cause): "none" | "all" | "long-lived" {
  const withN = session.gracefulRestart?.notification ?? false;
  switch (cause.type) {
    case "socket":
    case "restarted":
      return "all";
    case "misc":
      return cause.graceful ? "all" : "none";
    case "stopped":
    case "limit":
      return "none";
    case "sent":
    case "received": {
      const { code, subcode } = cause.type === "sent" ? cause.error : cause;
      if (code === ErrorCode.HoldTimerExpired) return withN ? "all" : session.longLived ? "long-lived" : "none";
      if (code === ErrorCode.Cease && subcode === CeaseSubcode.HardReset) return "none"; // RFC 8538 §3.1
      return withN ? "all" : "none";
    }
  }
}

/** An End-of-RIB may take this long after the session is up again. */
const RESYNC_LIMIT_MS = 360_000;

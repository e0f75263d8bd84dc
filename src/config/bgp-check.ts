/** What of a BGP session's options cannot be together: bird's checks, in its order and words. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { isLinkLocal } from "../../protocol/wire/address.ts";
import { type BgpDraft, isInternal, multihopOf } from "./bgp-draft.ts";
import type { ChannelDraft } from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";

/** At the closing brace. */
export function checkBgp(c: ConfigDraft, draft: BgpDraft): void {
  checkEnds(c.p, draft);
  checkRelation(c, draft);
  checkMultihop(c.p, draft);
  checkTimes(c, draft);
  for (const channel of draft.channels) checkChannel(c, draft, channel);
}

/** Who speaks to whom. */
function checkEnds(p: Parser, draft: BgpDraft): void {
  const { localAs, neighborAs, neighborKind, localAddress, neighborAddress } = draft;
  const remoteAs = neighborAs === 0 && neighborKind === "internal" ? localAs : neighborAs;
  if (localAs === 0) p.fail("Local AS number must be set");
  if (!neighborAddress && !draft.neighborRange) p.fail("Neighbor must be configured");
  if (!localAddress && draft.strictBind) p.fail("Local address must be configured for strict bind");
  if (remoteAs === 0 && !neighborKind) p.fail("Remote AS number (or peer type) must be set");
  if (neighborKind === "internal" && remoteAs !== localAs) p.fail("IBGP cannot have different ASNs");
  if (neighborKind === "external" && remoteAs === localAs) p.fail("EBGP cannot have the same ASNs");
  if (draft.iface === undefined && hasLinkLocal(draft)) p.fail("Link-local addresses require defined interface");
  if (!(draft.capabilities && draft.enableAs4) && remoteAs > 0xffff) {
    p.fail("Neighbor AS number out of range (AS4 not available)");
  }
}

/** What the session may be for, by its kind. */
function checkRelation(c: ConfigDraft, draft: BgpDraft): void {
  const { p } = c;
  const internal = isInternal(draft);
  const hasRole = draft.localRole !== undefined;
  if (!internal && draft.rrClient) p.fail("Only internal neighbor can be RR client");
  if (internal && draft.rsClient) p.fail("Only external neighbor can be RS client");
  if (internal && hasRole) p.fail("Local role cannot be set on IBGP sessions");
  if (draft.confederationMember && hasRole) {
    c.warn(p.here, "BGP roles are not recommended to be used within AS confederations");
  }
  if (draft.requireRoles && !hasRole) p.fail("Local role must be set if roles are required");
  if (!draft.confederation && draft.confederationMember) {
    p.fail("Confederation ID must be set for member sessions");
  }
}

function checkMultihop(p: Parser, draft: BgpDraft): void {
  const isMultihop = multihopOf(draft) !== undefined;
  if (isMultihop && hasLinkLocal(draft)) p.fail("Multihop BGP cannot be used with link-local addresses");
  if (isMultihop && draft.iface !== undefined) p.fail("Multihop BGP cannot be bound to interface");
  if (isMultihop && draft.checkLink) p.fail("Multihop BGP cannot depend on link state");
  if (isMultihop && draft.bfd && !draft.localAddress) p.fail("Multihop BGP with BFD requires specified local address");
  if (draft.gracefulRestart === "off" && draft.longLivedGracefulRestart === "on") {
    p.fail("Long-lived graceful restart requires basic graceful restart");
  }
  if (isInternal(draft) && draft.enforceFirstAs) p.fail("Enforce first AS check is requires EBGP sessions");
}

function checkTimes(c: ConfigDraft, draft: BgpDraft): void {
  const { p } = c;
  const { holdTime, keepaliveTime = 0, minHoldTime, minKeepaliveTime } = draft;
  if (keepaliveTime > holdTime) p.fail("Keepalive time must be at most hold time");
  if (keepaliveTime > Math.trunc(holdTime / 2)) c.warn(p.here, "Keepalive time should be at most 1/2 of hold time");
  if (minHoldTime > holdTime) p.fail(`Min hold time (${minHoldTime}) exceeds hold time (${holdTime})`);
  const keepalive = keepaliveTime || Math.trunc(holdTime / 3);
  if (minKeepaliveTime > keepalive) {
    p.fail(`Min keepalive time (${minKeepaliveTime}) exceeds keepalive time (${keepalive})`);
  }
}

/** RFC 8212 for external sessions: a policy has to be said. */
function checkChannel(c: ConfigDraft, draft: BgpDraft, channel: ChannelDraft): void {
  const { p } = c;
  const interior = isInternal(draft) || draft.confederationMember;
  if (!channel.importFilter && !interior) p.fail("EBGP requires explicit import policy");
  if (!channel.exportFilter && !interior) p.fail("EBGP requires explicit export policy");
  const isMultihop = multihopOf(draft) !== undefined;
  const extra = channel.bgp ?? {};
  const gateway = extra.gateway ?? (isMultihop ? "recursive" : "direct");
  const table = c.tables.get(channel.table ?? "");
  const base = c.tables.get(extra.baseTable ?? "");
  if (base && !base.trie) p.fail(`Flowspec validation requires base table (${base.name}) with trie`);
  if (isMultihop && gateway === "direct") p.fail("Multihop BGP cannot use direct gateway mode");
  if (gateway === "recursive" && table?.sorted) p.fail("BGP in recursive mode prohibits sorted table");
  if (draft.deterministicMed && table?.sorted) p.fail("BGP with deterministic MED prohibits sorted table");
  if (extra.secondary && !table?.sorted) p.fail("BGP with secondary option requires sorted table");
}

function hasLinkLocal({ localAddress, neighborAddress }: BgpDraft): boolean {
  return isV6LinkLocal(localAddress) || isV6LinkLocal(neighborAddress);
}

/** 169.254.0.0/16 counts as any other to bird, and to clouds. */
function isV6LinkLocal(ip: BgpDraft["localAddress"]): boolean {
  return ip !== undefined && ip.family === 6 && isLinkLocal(ip);
}

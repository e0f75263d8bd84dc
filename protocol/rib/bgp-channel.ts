/** A channel of protocol bgp: its way out is a place in an update group, found anew for each session. */
import { RefreshSubtype } from "../codec/iana.ts";
import type { BgpChannelPolicy, BgpPeerPolicy, PeerClass, PeerSession } from "./bgp-policy.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import { type ExportUpdates, type ExportWithdraws, exportUpdates, exportWithdraws } from "./counters.ts";
import type { ExportedView, Exporter } from "./exporter.ts";
import { GroupMember } from "./group-member.ts";
import { DirectGateways, type Gateways, Resolver } from "./resolver.ts";
import type { Rib } from "./rib.ts";
import type { Slot } from "./route.ts";
import type { Table } from "./table.ts";
import type { GroupOptions, UpdateGroup } from "./update-group.ts";
import { UpdateWriter } from "./update-writer.ts";

export interface BgpChannelOptions extends ChannelOptions {
  readonly afi: number;
  readonly safi: number;
  readonly bgp: BgpChannelPolicy;
}

/** What a session brings to its channels. */
export interface ChannelSession {
  readonly rib: Rib;
  readonly session: PeerSession;
  readonly policy: BgpPeerPolicy;
  wake(): void;
  log(text: string): void;
}

export class BgpChannel extends Channel {
  readonly afi: number;
  readonly safi: number;
  readonly #out: GroupExport;
  #bgp: BgpChannelPolicy;
  #gateways: Gateways | undefined;
  #gatewayKey = "";

  constructor(options: BgpChannelOptions) {
    super(options);
    this.afi = options.afi;
    this.safi = options.safi;
    this.#bgp = options.bgp;
    this.#out = new GroupExport(this);
    this.exporter = this.#out;
  }

  get bgp(): BgpChannelPolicy {
    return this.#bgp;
  }

  /** `4` or `6`. */
  get family(): 4 | 6 {
    return this.afi === 1 ? 4 : 6;
  }

  /** A session is up and carries this family. */
  up(session: ChannelSession): void {
    this.#out.session = session;
    this.#setGateways(session.policy);
    this.open();
  }

  /** Octets to write next; undefined: nothing now. */
  pull(budget: number): Uint8Array | undefined {
    return this.#out.pull(budget);
  }

  /** The peer wants everything once more (RFC 2918). */
  resend(): void {
    this.#out.resend();
  }

  /** Changes what bird.conf says of the channel alone; with `reconfigure` for the rest. */
  reconfigureBgp(bgp: BgpChannelPolicy, soft = false): void {
    const same = JSON.stringify(bgp) === JSON.stringify(this.#bgp);
    this.#bgp = bgp;
    if (!same && !soft && this.state === "UP") this.#out.refilter();
  }

  get exportGroup(): UpdateGroup | undefined {
    return this.#out.member?.group;
  }

  /** For the imports of a session. */
  get intake(): Channel["imports"] {
    return this.imports;
  }

  /** The limit and what depends on it, for the update group. */
  get limitOut(): Channel["exportLimit"] {
    return this.exportLimit;
  }

  #setGateways(policy: BgpPeerPolicy): void {
    const { bgp, table } = { bgp: this.#bgp, table: this.table };
    const key = `${bgp.gateway} ${policy.iface ?? ""} ${bgp.cost ?? ""} ${bgp.nextHopPreferGlobal}`;
    if (this.#gateways && key === this.#gatewayKey) return;
    if (this.#gateways instanceof Resolver) this.#gateways.close();
    this.#gatewayKey = key;
    if (bgp.gateway === "direct") {
      const { cost, nextHopPreferGlobal: preferGlobal } = bgp;
      this.#gateways = new DirectGateways(table.core, { iface: policy.iface, cost, preferGlobal });
    } else {
      const { igpTable, igpTable6 } = this.options;
      const own = (family: string): Table | undefined => (table.netType.startsWith(family) ? table : undefined);
      const resolver = new Resolver(table.core, igpTable ?? own("ipv4"), igpTable6 ?? own("ipv6"));
      resolver.serve(table);
      this.#gateways = resolver;
    }
    this.setGateways(this.#gateways);
  }
}

/** The way out by an update group. */
class GroupExport implements Exporter {
  session: ChannelSession | undefined;
  member: GroupMember | undefined;
  readonly #channel: BgpChannel;
  #base = { updates: exportUpdates(), withdraws: exportWithdraws(), own: 0, ownWithdraws: 0 };
  #kept = { updates: exportUpdates(), withdraws: exportWithdraws() };
  #rules = "";

  constructor(channel: BgpChannel) {
    this.#channel = channel;
  }

  get exported(): number {
    return this.member?.count ?? 0;
  }

  get updates(): ExportUpdates {
    const group = this.member?.group;
    const { updates: kept } = this.#kept;
    const { updates: base } = this.#base;
    const now = group?.updates ?? base;
    // What the group sends to all but the one it came from, that one's channel has rejected.
    const own = (group?.ownUpdates.get(this.#channel.source.id) ?? this.#base.own) - this.#base.own;
    return {
      received: kept.received + now.received - base.received,
      rejected: kept.rejected + now.rejected - base.rejected + own,
      filtered: kept.filtered + now.filtered - base.filtered,
      accepted: kept.accepted + now.accepted - base.accepted - own,
    };
  }

  get withdraws(): ExportWithdraws {
    const group = this.member?.group;
    const { withdraws: kept } = this.#kept;
    const { withdraws: base } = this.#base;
    const now = group?.withdraws ?? base;
    const { ownWithdraws } = this.#base;
    const own = (group?.ownWithdraws.get(this.#channel.source.id) ?? ownWithdraws) - ownWithdraws;
    return {
      received: kept.received + now.received - base.received,
      accepted: kept.accepted + now.accepted - base.accepted - own, // never was there
    };
  }

  start(): void {
    if (!this.session || this.member) return;
    this.#kept = { updates: exportUpdates(), withdraws: exportWithdraws() };
    this.member = this.#join(this.session);
    this.#countFeed(this.member.group);
    this.member.feed(this.#endOfRib());
    this.session.wake();
  }

  /** What the group has judged and encoded already is news for this peer. */
  #countFeed({ size, bySource }: UpdateGroup): void {
    const own = bySource.get(this.#channel.source.id) ?? 0;
    const { updates } = this.#kept;
    updates.received += size;
    updates.rejected += own;
    updates.accepted += size - own;
  }

  stop(): void {
    const { member, session } = this;
    this.member = undefined;
    this.session = undefined;
    if (!member || !session) return;
    member.close();
    session.rib.groups.leave(member.group, member);
  }

  /** Filter or options changed: another group, if it made a difference; the peer hears of differences only. */
  refilter(): void {
    const { member, session } = this;
    if (!member || !session) return;
    if (groupKey(this.#channel, session) === member.group.key) {
      if (this.#channel.options.exportFilter.reads.impure) member.group.again();
      else member.group.release();
      session.wake();
      return;
    }
    const rules = this.#rules;
    this.#kept = { updates: this.updates, withdraws: this.withdraws };
    const next = this.#join(session);
    next.take(member, rules === this.#rules);
    this.member = next;
    member.close();
    session.rib.groups.leave(member.group, member);
    session.wake();
  }

  resend(): void {
    const { member, session } = this;
    if (!member || !session) return;
    const enhanced = session.session.enhancedRefresh;
    this.#kept = { ...this.#kept, updates: { ...this.#kept.updates } };
    this.#countFeed(member.group);
    member.refresh(
      enhanced ? this.#routeRefresh(RefreshSubtype.BeginningOfRr) : undefined,
      enhanced ? this.#routeRefresh(RefreshSubtype.EndOfRr) : undefined,
    );
    session.wake();
  }

  view(slot: Slot): ExportedView {
    return this.member?.group.view(slot, this.member) ?? { verdict: "not eligible", reason: "the session is down" };
  }

  pull(budget: number): Uint8Array | undefined {
    return this.member?.pull(budget);
  }

  #join(session: ChannelSession): GroupMember {
    const channel = this.#channel;
    const key = groupKey(channel, session);
    this.#rules = rulesKey(channel, session);
    const group = session.rib.groups.find(key, () => groupOptions(channel, session));
    const own = group.ownUpdates.get(channel.source.id) ?? 0;
    const ownWithdraws = group.ownWithdraws.get(channel.source.id) ?? 0;
    this.#base = { updates: { ...group.updates }, withdraws: { ...group.withdraws }, own, ownWithdraws };
    return new GroupMember(group, channel.source, session.policy.neighborAddress, () => session.wake());
  }

  #endOfRib(): Uint8Array {
    const writer = new UpdateWriter(this.member!.group.writerOptions());
    writer.begin();
    writer.endOfRib();
    return writer.finish().octets;
  }

  #routeRefresh(subtype: number): Uint8Array {
    const { afi, safi } = this.#channel;
    const octets = new Uint8Array(23).fill(0xff, 0, 16);
    octets.set([0, 23, 5, afi >>> 8, afi & 0xff, subtype, safi], 16);
    return octets;
  }
}

/** All that decides what a peer is sent: peers with an equal key share a group. */
function groupKey(channel: BgpChannel, session: ChannelSession): string {
  const limited = channel.options.exportLimit ? `${channel.source.id}` : "";
  return `${channel.options.exportFilter.key}\n${limited}\n${rulesKey(channel, session)}`;
}

/** The same without the filter. */
function rulesKey(channel: BgpChannel, session: ChannelSession): string {
  const { table, family, extendedNextHop, peer, localId, longLived, context, afi, safi, addPath } = groupOptions(
    channel,
    session,
  );
  const p = session.policy;
  const policy = [
    p.localAs,
    p.localAddress,
    p.nextHop4,
    p.nextHop6,
    p.linkLocal,
    p.direct,
    p.iface,
    p.rrClient,
    p.rsClient,
  ];
  const more = [p.clusterId, p.confederation, p.allowLocalPref, p.interpretCommunities, p.defaultLocalPref, p.role];
  const wire = [
    context.as4,
    context.extendedMessages,
    addPath,
    family,
    extendedNextHop,
    peer,
    localId,
    longLived,
    afi,
    safi,
  ];
  return JSON.stringify([table.id, channel.bgp, policy, more, wire]);
}

function groupOptions(channel: BgpChannel, { session, policy, log }: ChannelSession): GroupOptions {
  const key = `${channel.afi}/${channel.safi}` as const;
  const { context } = session;
  return {
    table: channel.table,
    filter: channel.options.exportFilter,
    peer: peerClass(session),
    policy,
    channel: channel.bgp,
    family: channel.family,
    extendedNextHop: channel.family === 4 && context.extendedNextHop.has(key),
    localId: session.localId,
    longLived: session.longLived?.has(key) ?? false,
    context,
    afi: channel.afi,
    safi: channel.safi,
    addPath: context.addPathTx.has(key),
    limit: channel.limitOut,
    log,
  };
}

export function peerClass({ context }: PeerSession): PeerClass {
  return context.peer === "unknown" ? "ebgp" : context.peer;
}

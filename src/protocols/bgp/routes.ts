/** The channels of a bgp protocol, and what a session's beginning, end and stale time mean to them. */
import { type FamilyKey, familyKey } from "../../../protocol/codec/capability.ts";
import { RefreshSubtype, WellKnownCommunity } from "../../../protocol/codec/iana.ts";
import type { RouteRefresh } from "../../../protocol/codec/notification.ts";
import type { Session } from "../../../protocol/fsm/negotiate.ts";
import type { StaleChange } from "../../../protocol/fsm/stale.ts";
import type { CompiledFilter } from "../../../protocol/policy/compile.ts";
import { BgpChannel } from "../../../protocol/rib/bgp-channel.ts";
import type { BgpChannelPolicy, BgpPeerPolicy } from "../../../protocol/rib/bgp-policy.ts";
import type { LimitAction, LimitKind } from "../../../protocol/rib/channel.ts";
import { type AttrId, NO_ROUTE, RouteKind, type RouteSource } from "../../../protocol/rib/route.ts";
import { SessionRib } from "../../../protocol/rib/session-rib.ts";
import { type IpAddress, ipv4, isLinkLocal } from "../../../protocol/wire/address.ts";
import type { BgpConfig, ChannelConfig } from "../../config/schema.ts";
import type { Connection } from "../../transport/tcp.ts";
import type { ProtocolContext } from "../protocol.ts";
import { drainedExport, drainedImport } from "./drain.ts";
import type { Routes } from "./handler.ts";
import { FAMILIES, ROLES } from "./options.ts";
import { ownAddresses } from "./reach.ts";

export interface LimitHit {
  readonly kind: LimitKind;
  readonly action: LimitAction;
  readonly limit: number;
  readonly afi: number;
  readonly safi: number;
}

export interface RoutesHandler {
  wake(): void;
  /** Ask the peer to send a family again. */
  refresh(afi: number, safi: number): void;
  limit(hit: LimitHit): void;
  log(level: "remote" | "warning", text: string): void;
}

export class BgpRoutes {
  readonly channels: readonly BgpChannel[];
  readonly #context: ProtocolContext;
  readonly #handler: RoutesHandler;
  #config: BgpConfig;
  #session: { rib: SessionRib; policy: BgpPeerPolicy } | undefined;
  #faults = 0;
  #drained = false;
  /** Families of the running session whose End-of-RIB has come. */
  readonly #complete = new Set<FamilyKey>();
  #completeBy = 0;
  readonly #refreshes = new Map<FamilyKey, number>();
  readonly #flushing = new Set<BgpChannel>();
  #waiting: (() => void)[] = [];

  constructor(config: BgpConfig, context: ProtocolContext, handler: RoutesHandler) {
    this.#config = config;
    this.#context = context;
    this.#handler = handler;
    this.channels = config.channels.flatMap((channel) => this.#make(channel));
  }

  /** Malformed attributes and messages that the session survived. */
  get faults(): number {
    return this.#faults + (this.#session?.rib.faults ?? 0);
  }

  /** Whether the peer has told all it will: End-of-RIB of every family that we import and it can mark. */
  get synced(): boolean {
    const session = this.#session;
    const wanted = this.channels.filter((channel) => channel.options.importFilter.name !== "REJECT");
    if (wanted.length === 0) return true;
    if (!session) return false;
    // Without graceful restart an End-of-RIB is customary, but not promised
    if (this.#context.clock.now() >= this.#completeBy) return true;
    return wanted.every(
      (channel) => channel.state !== "UP" || this.#complete.has(familyKey(channel.afi, channel.safi)),
    );
  }

  endOfRib(family: FamilyKey): void {
    this.#complete.add(family);
  }

  /** What `BGP Next hop:` shows, by channel. */
  get nextHops(): ReadonlyMap<string, readonly IpAddress[]> {
    const { policy } = this.#session ?? {};
    const result = new Map<string, readonly IpAddress[]>();
    if (!policy) return result;
    for (const channel of this.channels) {
      const six = [policy.nextHop6 ?? policy.localAddress, policy.direct ? policy.linkLocal : undefined];
      const four = policy.nextHop4 ?? policy.localAddress;
      const own = channel.family === 4 && four.family === 4 ? [four] : six;
      const set = channel.bgp.nextHopAddress;
      result.set(
        channel.name,
        (set ? [set] : own).filter((ip) => ip !== undefined),
      );
    }
    return result;
  }

  get flushing(): boolean {
    return this.#flushing.size > 0;
  }

  /** Resolves when no route of the last session is left. */
  flushed(): Promise<void> {
    if (!this.flushing) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  up(session: Session, connection: Connection, iface: string | undefined): Routes {
    const local = connection.local?.ip ?? ipv4(0);
    const policy = this.#policy(session, connection.remote.ip, local, iface);
    const present = new Set(session.families.map((family) => familyKey(family.afi, family.safi)));
    const channels = this.channels.filter((channel) => present.has(familyKey(channel.afi, channel.safi)));
    const rib = new SessionRib({
      rib: this.#context.rib,
      channels,
      session,
      source: this.#source(session, connection.remote.ip),
      config: policy,
      log: (level, text) => this.#handler.log(level, text),
      wake: () => this.#handler.wake(),
    });
    rib.onExpectRefresh = (afi, safi) => this.#handler.refresh(afi, safi);
    this.#session = { rib, policy };
    this.#complete.clear();
    const { gracefulRestart } = session;
    const patience = !gracefulRestart ? CUSTOMARY_MS : gracefulRestart.peerRestarting ? 0 : Number.POSITIVE_INFINITY;
    this.#completeBy = this.#context.clock.now() + patience;
    return {
      receiveUpdate: (message) => rib.receiveUpdate(message),
      receiveRefresh: (message) => this.#refresh(rib, message),
      pull: (budget) => rib.pull(budget),
      congested: false,
    };
  }

  /** A refresh that begins has to end some day: what was not sent again until then goes (RFC 7313 §4.2). */
  #refresh(rib: SessionRib, message: RouteRefresh): void {
    rib.receiveRefresh(message);
    if (message.subtype !== RefreshSubtype.BeginningOfRr) return;
    const { clock } = this.#context;
    const key = familyKey(message.afi, message.safi);
    const number = (this.#refreshes.get(key) ?? 0) + 1; // a second one starts anew
    this.#refreshes.set(key, number);
    clock.at(clock.now() + REFRESH_LIMIT_MS, () => {
      if (this.#session?.rib !== rib || this.#refreshes.get(key) !== number) return;
      rib.receiveRefresh({ ...message, subtype: RefreshSubtype.EndOfRr });
    });
  }

  /** @param kept families whose routes stay as stale ones */
  down(kept: ReadonlySet<FamilyKey>): void {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    this.#faults += session.rib.faults;
    for (const channel of this.channels) if (channel.state === "UP") this.#watch(channel);
    session.rib.close({ keepStale: kept });
    this.#unwatch();
  }

  stale(change: StaleChange): void {
    const channel = this.channels.find(({ afi, safi }) => familyKey(afi, safi) === change.family);
    if (!channel) return;
    if (change.change === "depreference") return channel.longLivedStale((attrs) => this.#depreference(attrs));
    if (channel.state !== "UP") this.#watch(channel);
    channel.dropStale();
    this.#unwatch();
  }

  reconfigure(config: BgpConfig, soft: boolean): void {
    this.#config = config;
    for (const channel of this.channels) {
      const next = config.channels.find((each) => each.name === channel.name);
      if (!next?.bgp) continue;
      channel.reconfigureBgp(channelPolicy(next), soft);
      const { preference, importKeepFiltered, importLimit, receiveLimit, exportLimit, rpkiReload } = next;
      const [importFilter, exportFilter] = this.#filters(next);
      channel.reconfigure(
        {
          importFilter,
          exportFilter,
          preference,
          keepFiltered: importKeepFiltered,
          importLimit,
          receiveLimit,
          exportLimit,
          rpkiReload,
        },
        { soft },
      );
    }
  }

  /** RFC 8326, until it is switched off. */
  drain(on: boolean): void {
    if (this.#drained === on) return;
    this.#drained = on;
    this.reconfigure(this.#config, false);
  }

  reload(direction: "in" | "out" | "both"): void {
    for (const channel of this.channels) {
      if (direction !== "out") channel.reload("in");
      if (direction !== "in") channel.reload("out");
    }
  }

  /** A dynamic session is over for good. */
  dispose(): void {
    for (const channel of this.channels) this.#context.rib.removeSource(channel.source);
  }

  #filters(config: ChannelConfig): [CompiledFilter, CompiledFilter] {
    const { importFilter, exportFilter } = config;
    if (!this.#drained) return [importFilter, exportFilter];
    return [this.#config.internal ? importFilter : drainedImport(importFilter), drainedExport(exportFilter)];
  }

  #make(config: ChannelConfig): BgpChannel[] {
    const family = FAMILIES[config.netType];
    const { rib } = this.#context;
    const table = rib.table(config.table);
    const { bgp } = config;
    if (!family || !table || !bgp) return []; // the loader has refused or warned
    const source = rib.addSource({ protocol: this.#config.name, kind: RouteKind.Bgp, preference: config.preference });
    const channel = new BgpChannel({
      ...family,
      name: config.name,
      protocol: this.#config.name,
      table,
      source,
      importFilter: config.importFilter,
      exportFilter: config.exportFilter,
      preference: config.preference,
      keepFiltered: config.importKeepFiltered,
      importLimit: config.importLimit,
      receiveLimit: config.receiveLimit,
      exportLimit: config.exportLimit,
      rpkiReload: config.rpkiReload,
      importTable: bgp.importTable,
      exportTable: bgp.exportTable,
      igpTable: bgp.igpTable === undefined ? undefined : rib.table(bgp.igpTable),
      igpTable6: bgp.igpTable6 === undefined ? undefined : rib.table(bgp.igpTable6),
      bgp: channelPolicy(config),
    });
    channel.onLimit = (kind, action, limit) => this.#limit({ ...family, kind, action, limit });
    return [channel];
  }

  /** Told from within an import: acted on behind it. */
  #limit(hit: LimitHit): void {
    const session = this.#session;
    const { soon = queueMicrotask } = this.#context;
    soon(() => {
      if (this.#session === session) this.#handler.limit(hit);
    });
  }

  #watch(channel: BgpChannel): void {
    this.#flushing.add(channel);
    channel.onFlushed = () => {
      this.#flushing.delete(channel);
      this.#settle();
    };
  }

  /** Channels that keep their routes, or had none, have nothing to flush. */
  #unwatch(): void {
    for (const channel of [...this.#flushing]) if (channel.state !== "FLUSHING") this.#flushing.delete(channel);
    this.#settle();
  }

  #settle(): void {
    if (this.flushing) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** RFC 9494 §4.3: what wants no long-lived life goes, the rest is marked; the decision puts it last. */
  #depreference(attrs: AttrId): AttrId {
    const store = this.#context.rib.attributes;
    const attributes = store.attributes(attrs);
    const communities = attributes.communities ?? [];
    if (communities.includes(WellKnownCommunity.NoLlgr)) return NO_ROUTE;
    if (communities.includes(WellKnownCommunity.LlgrStale)) return attrs;
    return store.intern({ ...attributes, communities: [...communities, WellKnownCommunity.LlgrStale] });
  }

  #source(session: Session, address: IpAddress): RouteSource {
    const { rrClient, rsClient, name } = this.#config;
    return {
      id: 0,
      protocol: name,
      kind: RouteKind.Bgp,
      preference: 100,
      peer: {
        address,
        asn: session.peerAs,
        bgpId: session.peerId,
        localAs: session.localAs,
        localId: session.localId,
        internal: session.internal,
        confederation: session.context.peer === "confederation",
        rrClient,
        rsClient,
      },
    };
  }

  #policy(session: Session, remote: IpAddress, local: IpAddress, iface: string | undefined): BgpPeerPolicy {
    const config = this.#config;
    const scope = config.iface ?? iface;
    const own = ownAddresses(this.#context.interfaces, local, scope);
    const direct = config.multihop === undefined;
    return {
      localAs: session.localAs,
      neighborAddress: remote,
      localAddress: local,
      nextHop4: own.ipv4,
      nextHop6: own.ipv6 ?? (local.family === 6 && isLinkLocal(local) ? local : undefined),
      linkLocal: own.linkLocal,
      direct,
      iface: direct ? (scope ?? own.iface) : undefined,
      onlinkCheck: direct && config.onlinkCheck,
      rrClient: config.rrClient,
      rsClient: config.rsClient,
      clusterId: config.rrClusterId ?? session.localId,
      confederation: config.confederation,
      allowLocalPref: config.allowLocalPref,
      allowLocalAs: config.allowLocalAs,
      allowAsSets: config.allowAsSets,
      enforceFirstAs: config.enforceFirstAs,
      interpretCommunities: config.interpretCommunities,
      defaultMed: config.defaultMed,
      defaultLocalPref: config.defaultLocalPref,
      pathMetric: config.pathMetric,
      medMetric: config.medMetric,
      igpMetric: config.igpMetric,
      preferOlder: config.preferOlder,
      deterministicMed: config.deterministicMed,
      role: config.localRole === undefined || session.internal ? undefined : ROLES[config.localRole],
    };
  }
}

const REFRESH_LIMIT_MS = 360_000;
/** How long a peer may take whose OPEN promises no End-of-RIB. */
const CUSTOMARY_MS = 10_000;

function channelPolicy({ bgp }: ChannelConfig): BgpChannelPolicy {
  if (!bgp) throw new Error("a channel of protocol bgp without its options");
  const { nextHopKeep, nextHopSelf, nextHopAddress, nextHopPreferGlobal, gateway, aigp, cost } = bgp;
  return { nextHopKeep, nextHopSelf, nextHopAddress, nextHopPreferGlobal, gateway, aigp, cost };
}

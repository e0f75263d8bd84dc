/**
 * What BGP does to a route on its way out (RFC 4271 §5, §9.2; BIRD's rules where the RFCs leave a choice): whether it
 * may go at all, what the export filter sees, and the attributes as the peer gets them. One of these serves all peers
 * of an update group.
 */
import { hasConfederation, prepend, withoutConfederation } from "../codec/as-path.ts";
import { forwardUnknown, type PathAttributes } from "../codec/attribute.ts";
import { Origin, Role } from "../codec/iana.ts";
import { type IpAddress, isLinkLocal, isUnspecified, sameAddress } from "../wire/address.ts";
import { SetFlag } from "./attribute-store.ts";
import { type BgpChannelPolicy, type BgpPeerPolicy, type PeerClass, switchedOn } from "./bgp-policy.ts";
import { LazyAttributes } from "./decode-cache.ts";
import type { RouteFilter } from "./filter.ts";
import { type AttrId, NO_ROUTE, type RouteAttributes, RouteKind, type RouteSource, type Slot } from "./route.ts";
import type { Table } from "./table.ts";
import { UNDECIDED, Verdicts } from "./verdicts.ts";

export interface BgpExportRules {
  readonly table: Table;
  readonly filter: RouteFilter;
  readonly peer: PeerClass;
  readonly policy: BgpPeerPolicy;
  readonly channel: BgpChannelPolicy;
  readonly family: 4 | 6;
  /** IPv4 routes may have IPv6 next hops here (RFC 8950). */
  readonly extendedNextHop: boolean;
  readonly localId: number;
  /** The peer takes part in long-lived graceful restart (RFC 9494). */
  readonly longLived: boolean;
}

/** Where a route's next hop comes from. */
export type NextHopMode = "keep" | "gateway" | "self";

export class BgpExport {
  readonly rules: BgpExportRules;
  readonly #table: Table;
  readonly #constant: "accept" | "reject" | undefined;
  readonly #verdicts: Verdicts | undefined;
  readonly #finals: Verdicts;
  readonly #lazy: LazyAttributes;
  /** Towards peers outside the AS and its confederation. */
  readonly external: boolean;
  /** MED that was not set by the filter stays behind. */
  readonly dropsMed: boolean;

  constructor(rules: BgpExportRules) {
    const { filter, table } = rules;
    this.rules = rules;
    this.#table = table;
    this.#constant = filter.name === "ACCEPT" ? "accept" : filter.name === "REJECT" ? "reject" : undefined;
    this.#verdicts = Verdicts.suits(filter) && !this.#constant ? new Verdicts(table.core.attributes) : undefined;
    this.#lazy = new LazyAttributes((id) => table.core.attributes.attributes(id));
    this.#finals = new Verdicts(table.core.attributes);
    this.external = rules.peer === "ebgp";
    this.dropsMed = this.external && !rules.policy.rsClient;
  }

  /** Whether the verdict on a set is the same for all prefixes. */
  get isSteady(): boolean {
    return this.#constant !== undefined || this.#verdicts !== undefined;
  }

  get rejectsAll(): boolean {
    return this.#constant === "reject";
  }

  /** Why a route may not go to these peers, whatever the filter says; undefined if it may. */
  refuse(attrs: AttrId, source: RouteSource): string | undefined {
    const { policy, peer } = this.rules;
    const flags = this.#table.core.attributes.flags(attrs);
    if ((flags & WATCHED) !== 0) {
      if (policy.interpretCommunities) {
        if ((flags & SetFlag.NoAdvertise) !== 0) return "community NO_ADVERTISE";
        if (this.external && (flags & SetFlag.NoExport) !== 0) return "community NO_EXPORT";
        if (peer !== "ibgp" && (flags & SetFlag.NoExportSubconfed) !== 0) return "community NO_EXPORT_SUBCONFED";
        if ((flags & SetFlag.LlgrStale) !== 0 && !this.rules.longLived && this.external) return "long-lived stale";
      }
      // RFC 9234 §5: a leak goes to no provider, peer or route server.
      const { role } = policy;
      if ((flags & SetFlag.Otc) !== 0 && (role === Role.Customer || role === Role.Peer || role === Role.RsClient)) {
        return "only to customers (RFC 9234)";
      }
    }
    const from = source.peer;
    if (peer === "ibgp" && from?.internal && !from.rrClient && !policy.rrClient) {
      return "from another internal peer, and neither is a reflector's client";
    }
    return undefined;
  }

  /**
   * The verdict on a route: NO_ROUTE, the same set (to be changed as `block-encoder.ts` does), or another set, which
   * is final: it goes out as it is. That one is unheld.
   */
  judge(slot: Slot, attrs: AttrId, source: RouteSource): AttrId {
    if (this.#constant === "reject" || this.refuse(attrs, source) !== undefined) return NO_ROUTE;
    if (this.#constant === "accept") return this.isPlain(attrs, source) ? attrs : this.#finish(attrs, source);
    const known = this.#verdicts ? this.#verdicts.get(attrs, source.id) : UNDECIDED;
    if (known !== UNDECIDED) return known;
    const before = this.input(attrs, source);
    const after = this.#filter(slot, before, source);
    const verdict = this.#settle(attrs, source, before, after);
    this.#verdicts?.put(attrs, source.id, verdict);
    return verdict;
  }

  /** Attributes after the filter, before what the session adds; undefined: rejected. */
  filtered(slot: Slot, attrs: AttrId, source: RouteSource): RouteAttributes | undefined {
    const before = this.input(attrs, source);
    const after = this.#filter(slot, before, source);
    return after && this.#isSame(after, before, source) ? this.#settled(before, source) : after;
  }

  /** What the export filter sees: a MED from elsewhere does not go to another AS (RFC 4271 §5.1.4). */
  input(attrs: AttrId, source: RouteSource): RouteAttributes {
    if (source.kind === RouteKind.Bgp) return this.#lazy.of(attrs, this.dropsMed);
    const whole = this.#table.complete(this.#table.core.attributes.attributes(attrs), attrs, source.id);
    if (!this.dropsMed || whole.multiExitDisc === undefined) return whole;
    const { multiExitDisc: _, ...rest } = whole;
    return rest;
  }

  /** Whether the octets of a set can be changed as they are: a BGP route's, with nothing that has rules of its own. */
  isPlain(attrs: AttrId, source: RouteSource): boolean {
    const flags = this.#table.core.attributes.flags(attrs);
    if (source.kind !== RouteKind.Bgp || (flags & ODD) !== 0) return false;
    if (this.rules.peer === "confederation" || this.rules.policy.role !== undefined) return false;
    return (flags & MANDATORY) === MANDATORY;
  }

  /** Which next hop goes out with a route of BGP (BIRD's order of rules). */
  nextHopMode(source: RouteSource, nextHop: IpAddress | undefined, fresh: boolean): NextHopMode {
    const { policy, channel, family, extendedNextHop, peer } = this.rules;
    const internal = source.peer?.internal ?? true;
    if (switchedOn(channel.nextHopSelf, internal)) return "self";
    if (nextHop && switchedOn(channel.nextHopKeep, internal)) return "keep";
    if (nextHop && fresh) return "keep";
    if (!nextHop) return "gateway";
    if (nextHop.family !== family && !extendedNextHop) return "gateway";
    if (peer !== "ebgp" && !isUnspecified(nextHop)) return "keep";
    const shared = policy.direct && policy.iface !== undefined && source.peer?.iface === policy.iface;
    return shared ? "keep" : "gateway";
  }

  /** Our own address as next hop. */
  ownNextHop(): { address: IpAddress; linkLocal?: IpAddress } {
    const { policy, channel, family, extendedNextHop } = this.rules;
    if (channel.nextHopAddress) return { address: channel.nextHopAddress };
    const { localAddress, nextHop4, nextHop6, linkLocal, direct } = policy;
    const six = { address: nextHop6 ?? localAddress, ...(linkLocal && direct ? { linkLocal } : {}) };
    if (family === 6) return six;
    const four = nextHop4 ?? (localAddress.family === 4 ? localAddress : undefined);
    return four && !(extendedNextHop && localAddress.family === 6) ? { address: four } : six;
  }

  /** Final attributes of a route as these peers get them, or undefined if there is no next hop to announce. */
  finalize(
    after: RouteAttributes,
    before: RouteAttributes,
    attrs: AttrId,
    source: RouteSource,
  ): RouteAttributes | undefined {
    const hop = this.#nextHop(after, before, attrs, source);
    if (!hop) return undefined;
    const a: { -readonly [K in keyof PathAttributes]: PathAttributes[K] } = { ...pathOf(after) };
    a.origin ??= Origin.Igp;
    a.asPath = this.#path(a.asPath ?? []);
    if (this.external) this.#outside(a);
    else this.#inside(a, source);
    if (a.unknown) a.unknown = forwardUnknown(a.unknown);
    if (this.rules.policy.role !== undefined) this.#onlyToCustomer(a);
    this.#aigp(a, after);
    return { ...a, nextHop: hop.address, ...(hop.linkLocal ? { nextHopLinkLocal: hop.linkLocal } : {}) };
  }

  #filter(slot: Slot, input: RouteAttributes, source: RouteSource): RouteAttributes | undefined {
    if (this.#constant) return this.#constant === "accept" ? input : undefined;
    return this.rules.filter.run(this.#table.prefixes.net(slot), input, source, this.#table.core.env.filterEnv);
  }

  #settle(attrs: AttrId, source: RouteSource, before: RouteAttributes, after: RouteAttributes | undefined): AttrId {
    if (!after) return NO_ROUTE;
    const same = this.#isSame(after, before, source);
    if (same && this.isPlain(attrs, source)) return attrs;
    const given = this.#settled(before, source);
    const final = this.finalize(same ? given : after, given, attrs, source);
    return final ? this.#table.core.attributes.intern(final) : NO_ROUTE;
  }

  #isSame(after: RouteAttributes, before: RouteAttributes, source: RouteSource): boolean {
    return after === before || (source.kind === RouteKind.Bgp && this.#lazy.isSame(after));
  }

  /** What the filter got, as an object that stays. */
  #settled(input: RouteAttributes, source: RouteSource): RouteAttributes {
    return source.kind === RouteKind.Bgp ? this.#lazy.whole() : input;
  }

  /** An accepted route that is not plain, remembered. */
  #finish(attrs: AttrId, source: RouteSource): AttrId {
    const known = this.#finals.get(attrs, source.id);
    if (known !== UNDECIDED && known !== attrs) return known;
    const before = this.#settled(this.input(attrs, source), source);
    const final = this.finalize(before, before, attrs, source);
    const verdict = final ? this.#table.core.attributes.intern(final) : NO_ROUTE;
    this.#finals.put(attrs, source.id, verdict);
    return verdict;
  }

  #nextHop(
    after: RouteAttributes,
    before: RouteAttributes,
    attrs: AttrId,
    source: RouteSource,
  ): { address: IpAddress; linkLocal?: IpAddress } | undefined {
    const { nextHop } = after;
    const fresh = nextHop !== undefined && (before.nextHop === undefined || !sameAddress(before.nextHop, nextHop));
    const mode = this.nextHopMode(source, nextHop, fresh);
    const gateway = mode === "gateway" ? this.#gateway(after, attrs, source) : undefined;
    const kept = mode === "keep" ? nextHop : gateway;
    if (!kept) return this.#valid(this.ownNextHop());
    const linkLocal = mode === "keep" && this.rules.policy.direct ? after.nextHopLinkLocal : undefined;
    return this.#valid(linkLocal ? { address: kept, linkLocal } : { address: kept });
  }

  #valid<H extends { address: IpAddress }>(hop: H): H | undefined {
    if (isUnspecified(hop.address)) return undefined;
    return hop.address.family === this.rules.family || this.rules.extendedNextHop ? hop : undefined;
  }

  /** A gateway that the peer can use itself, too. */
  #gateway(after: RouteAttributes, attrs: AttrId, source: RouteSource): IpAddress | undefined {
    const { policy, family, peer } = this.rules;
    const whole = this.#table.complete(after, attrs, source.id);
    const hops = whole.nextHops ?? [];
    const [hop] = hops;
    if ((whole.dest ?? "unicast") !== "unicast" || hops.length !== 1 || !hop?.gateway) return undefined;
    if (isLinkLocal(hop.gateway) || hop.gateway.family !== family) return undefined;
    if (peer !== "ebgp") return hop.gateway;
    return policy.direct && policy.iface !== undefined && hop.iface === policy.iface ? hop.gateway : undefined;
  }

  #path(path: NonNullable<PathAttributes["asPath"]>): NonNullable<PathAttributes["asPath"]> {
    const { policy, peer } = this.rules;
    if (peer === "ibgp") return path;
    if (peer === "confederation") return prepend(path, policy.localAs, 1, true);
    const outside = hasConfederation(path) ? withoutConfederation(path) : path;
    return policy.rsClient ? outside : prepend(outside, policy.localAs);
  }

  #outside(a: { -readonly [K in keyof PathAttributes]: PathAttributes[K] }): void {
    if (!this.rules.policy.allowLocalPref) delete a.localPref;
    delete a.originatorId;
    delete a.clusterList;
  }

  #inside(a: { -readonly [K in keyof PathAttributes]: PathAttributes[K] }, source: RouteSource): void {
    const { policy, localId, peer } = this.rules;
    a.localPref ??= policy.defaultLocalPref;
    if (peer !== "ibgp" || !source.peer?.internal) return;
    a.originatorId ??= source.peer.bgpId; // RFC 4456 §8
    a.clusterList = [policy.clusterId || localId, ...(a.clusterList ?? [])];
  }

  /** RFC 9234 §5: what goes down to a customer, a peer or a client goes no further up. */
  #onlyToCustomer(a: { -readonly [K in keyof PathAttributes]: PathAttributes[K] }): void {
    const { role, localAs } = this.rules.policy;
    if (role === Role.Provider || role === Role.Peer || role === Role.Rs) a.onlyToCustomer ??= localAs;
  }

  #aigp(a: { -readonly [K in keyof PathAttributes]: PathAttributes[K] }, after: RouteAttributes): void {
    const { aigp } = this.rules.channel;
    if (aigp === "off") {
      delete a.aigp;
      return;
    }
    const way = BigInt(after.igpMetric ?? 0);
    if (a.aigp?.metric !== undefined) a.aigp = { ...a.aigp, metric: a.aigp.metric + way };
    else if (aigp === "originate") a.aigp = { metric: way };
  }
}

function pathOf(attributes: RouteAttributes): PathAttributes {
  const {
    dest: _d,
    nextHops: _n,
    nextHopLinkLocal: _l,
    recursive: _r,
    preference: _p,
    scope: _s,
    from: _f,
    igpMetric: _i,
    kernel: _k,
    custom: _c,
    ...path
  } = attributes;
  return path;
}

const WATCHED = SetFlag.NoAdvertise | SetFlag.NoExport | SetFlag.NoExportSubconfed | SetFlag.LlgrStale | SetFlag.Otc;
const ODD = SetFlag.Otc | SetFlag.Aigp | SetFlag.Confederation | SetFlag.As4;
const MANDATORY = SetFlag.Origin | SetFlag.AsPath;

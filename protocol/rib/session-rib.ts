/**
 * One Established session's way into and out of the tables. An UPDATE of the plain kind goes from the receive buffer
 * into the columns without becoming an object; any other takes the codec's way, to the same end.
 *
 * Each message is read whole before anything is touched: all or nothing (RFC 7606 §3(j)).
 */
import type { PathAttributes } from "../codec/attribute.ts";
import type { CodecContext, FamilyKey } from "../codec/capability.ts";
import type { AttributeFault } from "../codec/error.ts";
import { AttributeCode, RefreshSubtype } from "../codec/iana.ts";
import { decodeMessage } from "../codec/message.ts";
import type { Nlri } from "../codec/nlri.ts";
import type { RouteRefresh } from "../codec/notification.ts";
import { addressFrom, formatPrefix, type IpAddress, isLinkLocal, isUnspecified } from "../wire/address.ts";
import { AttributeScan, SetFlag } from "./attribute-scan.ts";
import type { BgpChannel } from "./bgp-channel.ts";
import { BgpImport, type Refusal } from "./bgp-import.ts";
import type { BgpPeerPolicy, PeerSession } from "./bgp-policy.ts";
import { isBogus4, isBogus6 } from "./bogus.ts";
import { FaultLog } from "./fault-log.ts";
import { faultWords } from "./fault-words.ts";
import type { Rib } from "./rib.ts";
import type { AttrId, RouteAttributes, RouteSource, Slot } from "./route.ts";

export interface SessionRibInit {
  readonly rib: Rib;
  readonly channels: readonly BgpChannel[];
  readonly session: PeerSession;
  /** Describes the peer; routes belong to each channel's own source. */
  readonly source: RouteSource;
  readonly config: BgpPeerPolicy;
  log(level: "remote" | "warning", text: string): void;
  /** There is something to pull. */
  wake(): void;
}

export class SessionRib {
  /** Asks the session to send ROUTE-REFRESH. */
  onExpectRefresh: ((afi: number, safi: number) => void) | undefined;
  /** Attributes and messages that were malformed and survived (RFC 7606). */
  faults = 0;
  readonly #init: SessionRibInit;
  readonly #import: BgpImport;
  readonly #scan = new AttributeScan();
  readonly #context: CodecContext;
  readonly #setContext: number;
  readonly #byFamily = new Map<number, BgpChannel>();
  readonly #v4: BgpChannel | undefined;
  readonly #log: FaultLog;
  readonly #refreshing = new Set<BgpChannel>();
  readonly #links: { close(): void };
  #turn = 0;
  #scratch = new Uint8Array(4096);
  #lastHop6: Hop6 = NO_HOP6;

  constructor(init: SessionRibInit) {
    const { rib, session, config, channels } = init;
    this.#init = init;
    this.#log = new FaultLog(() => rib.core.env.now(), init.log);
    this.#context = session.context;
    const { internal, peerAs, localId } = session;
    this.#import = new BgpImport({ core: rib.core, policy: config, internal, peerAs, localId });
    this.#setContext = rib.attributes.context({ defaultLocalPref: config.defaultLocalPref });
    this.#scan.watchedAs = config.localAs;
    this.#scan.watchedCluster = config.clusterId || localId;
    this.#scan.internal = internal || config.allowLocalPref;
    this.#links = rib.onLinkChange(() => this.#import.forget());
    for (const channel of channels) {
      this.#byFamily.set((channel.afi << 8) | channel.safi, channel);
      rib.updateSource(this.#describe(channel));
      channel.onRefreshNeeded = () => this.onExpectRefresh?.(channel.afi, channel.safi);
      channel.up({ rib, session, policy: config, wake: () => init.wake(), log: (text) => init.log("warning", text) });
    }
    this.#v4 = this.#byFamily.get((1 << 8) | 1);
  }

  readonly congested = false;

  /** One whole UPDATE. @throws NotificationError when the session must end */
  receiveUpdate(message: Uint8Array): void {
    this.#init.rib.core.tick();
    if (!this.#receivePlain(message)) this.#receiveOdd(message);
  }

  receiveRefresh({ afi, safi, subtype }: RouteRefresh): void {
    const channel = this.#byFamily.get((afi << 8) | safi);
    if (!channel) return;
    if (subtype === RefreshSubtype.Normal) channel.resend();
    else if (subtype === RefreshSubtype.BeginningOfRr) {
      this.#refreshing.add(channel);
      channel.refreshBegin();
    } else if (subtype === RefreshSubtype.EndOfRr && this.#refreshing.delete(channel)) channel.refreshEnd();
  }

  /** Whole messages to write next, about `budget` octets; undefined: nothing now. */
  pull(budget: number): Uint8Array | undefined {
    const { channels } = this.#init;
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[(this.#turn + i) % channels.length]!;
      const octets = channel.pull(budget);
      if (!octets) continue;
      this.#turn = (this.#turn + i) % channels.length;
      return octets;
    }
    return undefined;
  }

  /** The session is over. @param reason families whose routes stay, marked stale (RFC 4724); true: all */
  close(reason: { readonly keepStale: boolean | ReadonlySet<FamilyKey> }): void {
    this.#links.close();
    for (const channel of this.#init.channels) {
      const { keepStale } = reason;
      const keep = typeof keepStale === "boolean" ? keepStale : keepStale.has(`${channel.afi}/${channel.safi}`);
      channel.onRefreshNeeded = undefined;
      channel.close({ keepStale: keep });
    }
  }

  /** An IPv4 message without oddities. @returns false: take the codec's way, nothing was touched */
  #receivePlain(m: Uint8Array): boolean {
    const end = m.length;
    if (end < 23 || !this.#context.as4) return false;
    const withdrawnEnd = 21 + ((m[19]! << 8) | m[20]!);
    if (withdrawnEnd + 2 > end) return false;
    const attributesAt = withdrawnEnd + 2;
    const attributesEnd = attributesAt + ((m[withdrawnEnd]! << 8) | m[withdrawnEnd + 1]!);
    if (attributesEnd > end) return false;
    const v4 = this.#v4;
    const classic = withdrawnEnd > 21 || attributesEnd < end;
    if (classic && (!v4 || this.#context.addPathRx.has("1/1"))) return false;
    if (!isNlri(m, 21, withdrawnEnd, 32) || !isNlri(m, attributesEnd, end, 32)) return false;
    const scan = this.#scan;
    scan.run(m, attributesAt, attributesEnd);
    if (scan.odd) return false;
    if (scan.reachAt !== 0 || scan.unreachAt !== 0) {
      return !classic && this.#receiveMultiprotocol(m, attributesAt, attributesEnd);
    }
    if (attributesEnd === end) {
      if (attributesAt < attributesEnd) return false; // attributes of nothing: the codec knows
      if (v4) this.#withdraw4(v4, m, 21, withdrawnEnd);
      return true;
    }
    if ((scan.flags & MANDATORY_V4) !== MANDATORY_V4 || this.#import.needsObject(scan)) return false;
    this.#withdraw4(v4!, m, 21, withdrawnEnd);
    const refusal = this.#import.refuseScan(scan) ?? this.#import.refuseHop4(scan.nextHop);
    if (refusal) this.#refuse4(v4!, m, attributesEnd, end, refusal);
    else this.#announce4(v4!, m, attributesAt, attributesEnd, end);
    return true;
  }

  #announce4(channel: BgpChannel, m: Uint8Array, start: number, nlri: number, end: number): void {
    const { intake, table } = channel;
    const { attributes } = table.core;
    const { prefixes } = table;
    if (intake.ignoresAll) {
      for (let at = nlri; at < end; at += 1 + ((m[at]! + 7) >>> 3)) intake.ignore();
      return;
    }
    const hop = attributes.nextHops.index4(this.#scan.nextHop);
    const set = attributes.internBlock(m, start, nlri, this.#scan, this.#setContext, hop);
    for (let at = nlri; at < end; ) {
      const length = m[at]!;
      const word = wordAt(m, at + 1, length);
      at += 1 + ((length + 7) >>> 3);
      if (isBogus4(word, length)) this.#bogus(word, 0, 0, 0, length, 4, channel);
      else intake.announce(prefixes.add4(word, length), 0, set);
    }
    attributes.sweep(set);
  }

  #withdraw4(channel: BgpChannel, m: Uint8Array, start: number, end: number): void {
    const { intake, table } = channel;
    for (let at = start; at < end; ) {
      const length = m[at]!;
      const slot = table.prefixes.find4(wordAt(m, at + 1, length), length);
      if (slot === 0) intake.withdrawUnknown();
      else intake.withdraw(slot as Slot, 0);
      at += 1 + ((length + 7) >>> 3);
    }
  }

  #refuse4(channel: BgpChannel, m: Uint8Array, nlri: number, end: number, refusal: Refusal): void {
    if (refusal.text !== undefined) {
      this.#fault(refusal.text);
      const length = m[nlri]!;
      this.#withdrawn(formatPrefix(prefix4(wordAt(m, nlri + 1, length), length)));
    }
    this.#withdraw4(channel, m, nlri, end);
  }

  /** MP_REACH_NLRI or MP_UNREACH_NLRI alone in its message, of a family that is plain. */
  #receiveMultiprotocol(m: Uint8Array, start: number, end: number): boolean {
    const scan = this.#scan;
    if (scan.reachAt !== 0 && (scan.unreachAt !== 0 || (scan.flags & SetFlag.NextHop) !== 0)) return false;
    const value = scan.reachAt !== 0 ? scan.reachValue : scan.unreachValue;
    const family = (m[value]! << 16) | (m[value + 1]! << 8) | m[value + 2]!;
    const channel = this.#byFamily.get(family);
    if (channel?.afi !== 2 || this.#context.addPathRx.has(`${channel.afi}/${channel.safi}` as FamilyKey)) return false;
    if (scan.reachAt === 0) {
      // Attributes beside it mean nothing, but then it is no End-of-RIB either: the codec decides.
      if (scan.unreachAt !== start || scan.unreachEnd !== end || !isNlri(m, value + 3, scan.unreachEnd, 128))
        return false;
      this.#withdraw6(channel, m, value + 3, scan.unreachEnd);
      return true;
    }
    return this.#announce6(channel, m, start, end);
  }

  #announce6(channel: BgpChannel, m: Uint8Array, start: number, end: number): boolean {
    const scan = this.#scan;
    const { reachValue, reachEnd } = scan;
    const hopLength = m[reachValue + 3]!;
    const nlri = reachValue + 5 + hopLength;
    if ((hopLength !== 16 && hopLength !== 32) || nlri > reachEnd || !isNlri(m, nlri, reachEnd, 128)) return false;
    if ((scan.flags & MANDATORY) !== MANDATORY || this.#import.needsObject(scan)) return false;
    const { hop, linkLocal, refusal: badHop } = this.#hop6(m, reachValue + 4, hopLength);
    const refusal = this.#import.refuseScan(scan) ?? badHop;
    if (refusal) {
      this.#refuse6(channel, m, nlri, reachEnd, refusal);
      return true;
    }
    const { intake, table } = channel;
    const { attributes } = table.core;
    const { prefixes } = table;
    const number = attributes.nextHops.index(hop, linkLocal);
    const block = this.#withoutReach(m, start, end);
    const set = attributes.internBlock(block.octets, block.start, block.end, scan, this.#setContext, number);
    for (let at = nlri; at < reachEnd; ) {
      const length = m[at]!;
      const w0 = wordAt(m, at + 1, length);
      const w1 = wordAt(m, at + 5, length - 32);
      const w2 = wordAt(m, at + 9, length - 64);
      const w3 = wordAt(m, at + 13, length - 96);
      at += 1 + ((length + 7) >>> 3);
      if (isBogus6(w0, w1, w2, w3, length)) this.#bogus(w0, w1, w2, w3, length, 6, channel);
      else intake.announce(prefixes.add6(w0, w1, w2, w3, length), 0, set);
    }
    attributes.sweep(set);
    return true;
  }

  /** The next hop field of MP_REACH_NLRI, and the verdict on it: mostly that of the message before. */
  #hop6(m: Uint8Array, at: number, length: number): Hop6 {
    const last = this.#lastHop6;
    let same = last.octets.length === length && this.#import.generation === last.generation;
    for (let i = 0; i < length && same; i++) same = last.octets[i] === m[at + i];
    if (same) return last;
    const second = length === 32 ? addressFrom(m, 6, at + 16) : undefined;
    const linkLocal = second && isLinkLocal(second) ? second : undefined;
    const hop = usable(addressFrom(m, 6, at), linkLocal);
    const refusal = this.#import.refuseHop(hop, linkLocal);
    const { generation } = this.#import;
    this.#lastHop6 = { octets: m.slice(at, at + length), generation, hop, linkLocal, refusal };
    return this.#lastHop6;
  }

  /** The attribute list without MP_REACH_NLRI: where it stands, or put together. */
  #withoutReach(m: Uint8Array, start: number, end: number): { octets: Uint8Array; start: number; end: number } {
    const { reachAt, reachEnd } = this.#scan;
    if (reachAt === start) return { octets: m, start: reachEnd, end };
    if (reachEnd === end) return { octets: m, start, end: reachAt };
    const length = end - start - (reachEnd - reachAt);
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    let to = 0;
    for (let at = start; at < reachAt; at++) this.#scratch[to++] = m[at]!;
    for (let at = reachEnd; at < end; at++) this.#scratch[to++] = m[at]!;
    return { octets: this.#scratch, start: 0, end: length };
  }

  #withdraw6(channel: BgpChannel, m: Uint8Array, start: number, end: number): void {
    const { intake, table } = channel;
    for (let at = start; at < end; ) {
      const length = m[at]!;
      const w0 = wordAt(m, at + 1, length);
      const w1 = wordAt(m, at + 5, length - 32);
      const w2 = wordAt(m, at + 9, length - 64);
      const slot = table.prefixes.find6(w0, w1, w2, wordAt(m, at + 13, length - 96), length);
      if (slot === 0) intake.withdrawUnknown();
      else intake.withdraw(slot as Slot, 0);
      at += 1 + ((length + 7) >>> 3);
    }
  }

  #refuse6(channel: BgpChannel, m: Uint8Array, nlri: number, end: number, refusal: Refusal): void {
    if (refusal.text !== undefined) this.#fault(refusal.text);
    this.#withdraw6(channel, m, nlri, end);
  }

  /** The codec's way: any message. */
  #receiveOdd(message: Uint8Array): void {
    const update = decodeMessage(message, this.#context);
    if (update.type !== "update") return;
    this.#reportFaults(update.faults);
    const { attributes, verdict, faults } = update;
    const { mpReach, mpUnreach } = attributes;
    const unreach = mpUnreach && this.#byFamily.get((mpUnreach.afi << 8) | mpUnreach.safi);
    const reach = mpReach && this.#byFamily.get((mpReach.afi << 8) | mpReach.safi);
    if (this.#v4) this.#withdrawAll(this.#v4, update.withdrawn);
    if (unreach) this.#withdrawAll(unreach, mpUnreach.nlri);
    const bad = verdict === "treat-as-withdraw";
    const [first] = [...update.announced, ...(mpReach?.nlri ?? [])];
    if (bad && first) this.#withdrawn(formatPrefix(first.prefix));
    const discarded = faults.some((fault) => fault.attribute === AttributeCode.LocalPref);
    if (this.#v4)
      this.#announceAll(
        this.#v4,
        update.announced,
        bad ? undefined : attributes,
        attributes.nextHop,
        undefined,
        discarded,
      );
    if (reach && mpReach.nlri.length > 0) {
      const [first, linkLocal] = mpReach.nextHops;
      const hop = first && usable(first, linkLocal);
      this.#announceAll(reach, mpReach.nlri, bad ? undefined : attributes, hop, linkLocal, discarded);
    }
  }

  /** @param wire undefined: to be treated as withdrawn */
  #announceAll(
    channel: BgpChannel,
    nlri: readonly Nlri[],
    wire: PathAttributes | undefined,
    hop: IpAddress | undefined,
    linkLocal: IpAddress | undefined,
    localPrefDiscarded: boolean,
  ): void {
    if (nlri.length === 0) return;
    const refusal = wire && (this.#import.refuse(wire) ?? (hop ? this.#import.refuseHop(hop, linkLocal) : undefined));
    if (refusal?.text !== undefined) {
      this.#fault(refusal.text);
      this.#withdrawn(formatPrefix(nlri[0]!.prefix));
    }
    if (!wire || refusal || !hop) return this.#withdrawAll(channel, nlri);
    const settled = this.#settle(this.#accepted(channel, wire), hop, linkLocal, localPrefDiscarded);
    const set = channel.table.core.attributes.intern(settled);
    for (const { prefix, pathId } of nlri) {
      const { family, w0, w1, w2, w3, length } = prefix;
      const bogus = family === 4 ? isBogus4(w0, length) : isBogus6(w0, w1, w2, w3, length);
      if (bogus) this.#bogus(w0, w1, w2, w3, length, family, channel);
      else channel.intake.announce(channel.table.prefixes.add(prefix), pathId ?? 0, set);
    }
    channel.table.core.attributes.sweep(set as AttrId);
  }

  /** AIGP of a session that is not enabled for it is as if it were unknown (RFC 7311 §3.2). */
  #accepted(channel: BgpChannel, wire: PathAttributes): PathAttributes {
    if (wire.aigp === undefined || channel.bgp.aigp !== "off") return wire;
    this.#fault("Discarding AIGP attribute received on non-AIGP session");
    const { aigp: _, ...rest } = wire;
    return rest;
  }

  #settle(
    wire: PathAttributes,
    hop: IpAddress,
    linkLocal: IpAddress | undefined,
    localPrefDiscarded: boolean,
  ): RouteAttributes {
    const { mpReach: _r, mpUnreach: _u, as4Path: _p, as4Aggregator: _a, ...rest } = this.#import.marked(wire);
    const localPref = rest.localPref ?? (localPrefDiscarded ? undefined : this.#init.config.defaultLocalPref);
    return {
      ...rest,
      nextHop: hop,
      ...(localPref === undefined ? {} : { localPref }),
      ...(linkLocal ? { nextHopLinkLocal: linkLocal } : {}),
    };
  }

  #withdrawAll(channel: BgpChannel, nlri: readonly Nlri[]): void {
    for (const { prefix, pathId } of nlri) {
      const slot = channel.table.prefixes.find(prefix);
      if (slot === undefined) channel.intake.withdrawUnknown();
      else channel.intake.withdraw(slot, pathId ?? 0);
    }
  }

  #describe(channel: BgpChannel): RouteSource {
    const { source, config } = this.#init;
    const { pathMetric, medMetric, igpMetric, preferOlder, deterministicMed, defaultMed, defaultLocalPref } = config;
    const peer = source.peer && { ...source.peer, ...(config.direct && config.iface ? { iface: config.iface } : {}) };
    return {
      ...source,
      id: channel.options.source.id,
      preference: channel.options.preference,
      ...(peer ? { peer } : {}),
      decision: { pathMetric, medMetric, igpMetric, preferOlder, deterministicMed, defaultMed, defaultLocalPref },
    };
  }

  #reportFaults(faults: readonly AttributeFault[]): void {
    for (const fault of faults) this.#fault(faultWords(fault));
  }

  #fault(text: string): void {
    this.faults++;
    this.#log.write("remote", text);
  }

  #withdrawn(prefix: string): void {
    this.#log.write("remote", `Invalid route ${prefix} withdrawn`);
  }

  #bogus(w0: number, w1: number, w2: number, w3: number, length: number, family: 4 | 6, channel: BgpChannel): void {
    channel.intake.refuse();
    const [a, b, c, d] = [w0 >>> 0, w1 >>> 0, w2 >>> 0, w3 >>> 0] as const;
    const text = formatPrefix({ family, w0: a, w1: b, w2: c, w3: d, length });
    this.#log.write("warning", `Ignoring bogus route ${text} received via ${channel.options.protocol}`);
  }
}

/** On a link without global addresses bird sends `::` and its link-local address: that one counts. */
function usable(hop: IpAddress, linkLocal: IpAddress | undefined): IpAddress {
  return linkLocal && isUnspecified(hop) ? linkLocal : hop;
}

/** Whether octets are well-formed prefixes to the end. */
function isNlri(m: Uint8Array, start: number, end: number, most: number): boolean {
  let at = start;
  while (at < end) {
    const length = m[at]!;
    if (length > most) return false;
    at += 1 + ((length + 7) >>> 3);
  }
  return at === end;
}

/** Up to 32 bits of a prefix from `at` on, the rest clear; signed. */
function wordAt(m: Uint8Array, at: number, length: number): number {
  if (length <= 0) return 0;
  let word = m[at]! << 24;
  if (length > 8) word |= m[at + 1]! << 16;
  if (length > 16) word |= m[at + 2]! << 8;
  if (length > 24) word |= m[at + 3]!;
  return length >= 32 ? word : word & (-1 << (32 - length));
}

function prefix4(
  word: number,
  length: number,
): { family: 4; w0: number; w1: number; w2: number; w3: number; length: number } {
  return { family: 4, w0: word >>> 0, w1: 0, w2: 0, w3: 0, length };
}

interface Hop6 {
  readonly octets: Uint8Array;
  readonly generation: number;
  readonly hop: IpAddress;
  readonly linkLocal: IpAddress | undefined;
  readonly refusal: Refusal | undefined;
}

const NO_HOP6: Hop6 = {
  octets: new Uint8Array(0),
  generation: -1,
  hop: { family: 6, w0: 0, w1: 0, w2: 0, w3: 0 },
  linkLocal: undefined,
  refusal: undefined,
};
const MANDATORY = SetFlag.Origin | SetFlag.AsPath;
const MANDATORY_V4 = MANDATORY | SetFlag.NextHop;

/**
 * An attribute set as the peers of an update group get it, in octets. A final set goes as it is; a plain one is copied
 * with BGP's changes made on the way (own AS in front, next hop, MED, LOCAL_PREF), which `BgpExport.finalize` and the
 * codec do slowly: the tests compare the two.
 */
import { encodeAttributes } from "../codec/attribute.ts";
import type { CodecContext } from "../codec/capability.ts";
import { AttributeCode, Flags, SegmentType } from "../codec/iana.ts";
import { addressOctets, type IpAddress } from "../wire/address.ts";
import { ByteWriter } from "../wire/bytes.ts";
import { type AttributeStore, SetWord } from "./attribute-store.ts";
import type { BgpExport } from "./bgp-export.ts";
import { splitExtra } from "./extras.ts";
import type { AttrId, RouteAttributes, RouteSource } from "./route.ts";

export class BlockEncoder {
  /** What `encode` wrote: the attribute list without MP_REACH_NLRI. */
  octets: Uint8Array = new Uint8Array(4096);
  length = 0;
  /** For MP_REACH_NLRI: the next hop field. Empty where NEXT_HOP is in the list. */
  nextHop: Uint8Array = NONE;
  /** The next hop announced: its owner does not get the route. */
  address: IpAddress | undefined;
  readonly #export: BgpExport;
  readonly #store: AttributeStore;
  readonly #context: CodecContext;
  /** IPv4 with an IPv4 next hop: in NEXT_HOP, not in MP_REACH_NLRI. */
  readonly #classic: boolean;
  readonly #own: { readonly address: IpAddress; readonly linkLocal?: IpAddress };
  readonly #ownOctets: Uint8Array;

  constructor(bgpExport: BgpExport, context: CodecContext, store: AttributeStore) {
    this.#export = bgpExport;
    this.#context = context;
    this.#store = store;
    this.#classic = bgpExport.rules.family === 4 && !bgpExport.rules.extendedNextHop;
    this.#own = bgpExport.ownNextHop();
    this.#ownOctets = hopOctets(this.#own.address, this.#own.linkLocal);
  }

  /** What was encoded last, while that holds: the same again costs nothing. */
  #last = { attrs: 0, serial: 0, source: NOBODY, final: false, fits: false };

  /** @returns false if there is no next hop to announce it with, or the list has to be made otherwise and cannot */
  encode(attrs: AttrId, source: RouteSource, final: boolean): boolean {
    const last = this.#last;
    const serial = this.#store.word(attrs, SetWord.Serial);
    if (last.attrs === attrs && last.serial === serial && last.source === source && last.final === final)
      return last.fits;
    this.length = 0;
    last.attrs = attrs;
    last.serial = serial;
    last.source = source;
    last.final = final;
    last.fits = final ? this.#final(attrs) : this.#plain(attrs, source);
    return last.fits;
  }

  #plain(attrs: AttrId, source: RouteSource): boolean {
    const hop = this.#plainHop(attrs, source);
    if (!hop) return false;
    this.address = hop.address;
    this.nextHop = this.#classic ? NONE : hop === this.#own ? this.#ownOctets : hopOctets(hop.address, hop.linkLocal);
    if (this.#context.as4 && this.#copy(attrs, source, hop.address)) return true;
    return this.#slowly(attrs, source);
  }

  #final(attrs: AttrId): boolean {
    const entry = this.#store.nextHops.get(this.#store.word(attrs, SetWord.NextHop));
    if (!entry) return false;
    this.address = entry.address;
    this.nextHop = this.#classic ? NONE : hopOctets(entry.address, entry.linkLocal);
    if (!this.#context.as4) {
      this.#write(this.#store.attributes(attrs));
      return true;
    }
    const block = this.#store.block(attrs);
    this.#room(block.length);
    if (this.#classic) this.#take(block, 0, block.length);
    else this.#without(block, AttributeCode.NextHop);
    return true;
  }

  #plainHop(attrs: AttrId, source: RouteSource): { address: IpAddress; linkLocal?: IpAddress } | undefined {
    const entry = this.#store.nextHops.get(this.#store.word(attrs, SetWord.NextHop));
    const mode = this.#export.nextHopMode(source, entry?.address, false);
    if (mode === "self") return this.#own;
    if (mode === "keep") return entry;
    const stored = this.#store.attributes(attrs);
    const final = this.#export.finalize(stored, stored, attrs, source);
    return (
      final?.nextHop && {
        address: final.nextHop,
        ...(final.nextHopLinkLocal ? { linkLocal: final.nextHopLinkLocal } : {}),
      }
    );
  }

  #slowly(attrs: AttrId, source: RouteSource): boolean {
    const before = this.#export.input(attrs, source);
    const final = this.#export.finalize(before, before, attrs, source);
    if (!final) return false;
    this.#write(final);
    return true;
  }

  #write(attributes: RouteAttributes): void {
    const { path, nextHop } = splitExtra(attributes);
    const { nextHop: _, ...rest } = path;
    const w = new ByteWriter(256);
    encodeAttributes(w, this.#classic && nextHop ? { ...rest, nextHop } : rest, this.#context);
    const octets = w.finish();
    this.length = 0;
    this.#room(octets.length);
    this.#take(octets, 0, octets.length);
  }

  /** The changes of a plain set on its octets. @returns false if they are not in order of code */
  #copy(attrs: AttrId, source: RouteSource, hop: IpAddress): boolean {
    const block = this.#store.blockPage(attrs);
    let at = this.#store.blockStart(attrs);
    const stop = at + this.#store.blockLength(attrs);
    const { external, dropsMed, rules } = this.#export;
    const reflect = !external && source.peer?.internal === true;
    this.#room(stop - at + EXTRA_ROOM);
    let last = 0;
    while (at < stop) {
      const flags = block[at]!;
      const code = block[at + 1]!;
      const wide = (flags & Flags.ExtendedLength) !== 0;
      const value = at + (wide ? 4 : 3);
      const end = value + (wide ? (block[at + 2]! << 8) | block[at + 3]! : block[at + 2]!);
      if (code <= last) return false;
      this.#insert(last, code, attrs, source, hop, reflect);
      last = code;
      switch (code) {
        case AttributeCode.AsPath:
          this.#path(block, value, end);
          break;
        case AttributeCode.NextHop:
          break; // inserted behind AS_PATH
        case AttributeCode.MultiExitDisc:
          if (!dropsMed) this.#attribute(Flags.Optional, code, block, value, end);
          break;
        case AttributeCode.LocalPref:
          if (!external || rules.policy.allowLocalPref) this.#attribute(Flags.Transitive, code, block, value, end);
          break;
        case AttributeCode.OriginatorId:
          if (!external) this.#attribute(Flags.Optional, code, block, value, end);
          break;
        case AttributeCode.ClusterList:
          if (!external) this.#clusters(block, value, end, reflect);
          break;
        case AttributeCode.Origin:
        case AttributeCode.AtomicAggregate:
          this.#attribute(Flags.Transitive, code, block, value, end);
          break;
        default:
          this.#other(flags, code, block, value, end);
      }
      at = end;
    }
    this.#insert(last, 256, attrs, source, hop, reflect);
    return true;
  }

  /** What the set lacks and the peer needs, between two codes. */
  #insert(last: number, code: number, attrs: AttrId, source: RouteSource, hop: IpAddress, reflect: boolean): void {
    if (this.#classic && last < AttributeCode.NextHop && code >= AttributeCode.NextHop) {
      this.#word(Flags.Transitive, AttributeCode.NextHop, hop.w0);
    }
    if (this.#export.external) return;
    if (last < AttributeCode.LocalPref && code > AttributeCode.LocalPref) {
      const { defaultLocalPref } = this.#export.rules.policy;
      const value = this.#store.defaultLocalPref(attrs) ?? defaultLocalPref;
      this.#word(Flags.Transitive, AttributeCode.LocalPref, value);
    }
    if (!reflect) return;
    if (last < AttributeCode.OriginatorId && code > AttributeCode.OriginatorId) {
      this.#word(Flags.Optional, AttributeCode.OriginatorId, source.peer?.bgpId ?? 0);
    }
    if (last < AttributeCode.ClusterList && code > AttributeCode.ClusterList) this.#clusters(NONE, 0, 0, true);
  }

  /** Well-known and others that pass; an unknown optional one gets the Partial bit, or stays behind (RFC 4271 §5). */
  #other(flags: number, code: number, block: Uint8Array, value: number, end: number): void {
    const known =
      code === AttributeCode.Aggregator ||
      code === AttributeCode.Communities ||
      code === AttributeCode.ExtendedCommunities ||
      code === AttributeCode.LargeCommunity;
    const kind = flags & (Flags.Optional | Flags.Transitive | Flags.Partial);
    if (known) this.#attribute(kind, code, block, value, end);
    else if ((flags & Flags.Transitive) !== 0) this.#attribute(kind | Flags.Partial, code, block, value, end);
  }

  /** Our AS in front (RFC 4271 §5.1.2). */
  #path(block: Uint8Array, value: number, end: number): void {
    const { external, rules } = this.#export;
    if (!external || rules.policy.rsClient) {
      this.#attribute(Flags.Transitive, AttributeCode.AsPath, block, value, end);
      return;
    }
    const joined = end > value && block[value] === SegmentType.AsSequence && block[value + 1]! < 255;
    this.#header(Flags.Transitive, AttributeCode.AsPath, end - value + (joined ? 4 : 6));
    this.octets[this.length++] = SegmentType.AsSequence;
    this.octets[this.length++] = joined ? block[value + 1]! + 1 : 1;
    this.#quad(rules.policy.localAs);
    this.#take(block, joined ? value + 2 : value, end);
  }

  #clusters(block: Uint8Array, value: number, end: number, reflect: boolean): void {
    const { policy, localId } = this.#export.rules;
    this.#header(Flags.Optional, AttributeCode.ClusterList, end - value + (reflect ? 4 : 0));
    if (reflect) this.#quad(policy.clusterId || localId);
    this.#take(block, value, end);
  }

  #attribute(flags: number, code: number, block: Uint8Array, value: number, end: number): void {
    this.#header(flags, code, end - value);
    this.#take(block, value, end);
  }

  #word(flags: number, code: number, value: number): void {
    this.#header(flags, code, 4);
    this.#quad(value);
  }

  #header(flags: number, code: number, length: number): void {
    const o = this.octets;
    o[this.length++] = length > 255 ? flags | Flags.ExtendedLength : flags;
    o[this.length++] = code;
    if (length > 255) o[this.length++] = length >>> 8;
    o[this.length++] = length;
  }

  #quad(value: number): void {
    const o = this.octets;
    const at = this.length;
    o[at] = value >>> 24;
    o[at + 1] = value >>> 16;
    o[at + 2] = value >>> 8;
    o[at + 3] = value;
    this.length = at + 4;
  }

  #take(block: Uint8Array, start: number, end: number): void {
    const o = this.octets;
    let to = this.length;
    for (let from = start; from < end; from++) o[to++] = block[from]!;
    this.length = to;
  }

  #without(block: Uint8Array, unwanted: number): void {
    let at = 0;
    while (at < block.length) {
      const wide = (block[at]! & Flags.ExtendedLength) !== 0;
      const end = at + (wide ? 4 + ((block[at + 2]! << 8) | block[at + 3]!) : 3 + block[at + 2]!);
      if (block[at + 1] !== unwanted) this.#take(block, at, end);
      at = end;
    }
  }

  #room(length: number): void {
    if (this.octets.length < length) this.octets = new Uint8Array(Math.max(length, this.octets.length * 2));
  }
}

/** The next hop field of MP_REACH_NLRI: 4, 16 or 32 octets (RFC 2545 §3). */
function hopOctets(address: IpAddress, linkLocal?: IpAddress): Uint8Array {
  const global = addressOctets(address);
  if (!linkLocal) return global;
  const both = new Uint8Array(32);
  both.set(global);
  both.set(addressOctets(linkLocal), 16);
  return both;
}

/** More than all that a set can gain: our AS, NEXT_HOP, LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST. */
const EXTRA_ROOM = 64;
const NOBODY: RouteSource = { id: 0, protocol: "", kind: 1, preference: 0 };
const NONE: Uint8Array = new Uint8Array(0);

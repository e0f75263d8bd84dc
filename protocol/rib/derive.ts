/**
 * What a filter made of a set, stored: the octets of the set with the few attributes changed that filters change, instead
 * of all encoded anew (bench/rib.ts, `import filter`). Tests compare it with `AttributeStore.intern`.
 */
import type { AsPath } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import { AttributeCode, Flags } from "../codec/iana.ts";
import { AttributeScan } from "./attribute-scan.ts";
import type { AttrId, RouteAttributes } from "./route.ts";
import { SetWord } from "./set-word.ts";

/** Attributes whose value can be put in place, in order of code. */
const PATCHES: readonly { readonly key: keyof RouteAttributes; readonly code: number; readonly flags: number }[] = [
  { key: "origin", code: AttributeCode.Origin, flags: Flags.Transitive },
  { key: "asPath", code: AttributeCode.AsPath, flags: Flags.Transitive },
  { key: "multiExitDisc", code: AttributeCode.MultiExitDisc, flags: Flags.Optional },
  { key: "localPref", code: AttributeCode.LocalPref, flags: Flags.Transitive },
  { key: "communities", code: AttributeCode.Communities, flags: Flags.Optional | Flags.Transitive },
  { key: "extCommunities", code: AttributeCode.ExtendedCommunities, flags: Flags.Optional | Flags.Transitive },
  { key: "largeCommunities", code: AttributeCode.LargeCommunity, flags: Flags.Optional | Flags.Transitive },
];

/** What it needs of the AttributeStore, which is where it lives. */
export interface SetSource {
  word(id: AttrId, word: number): number;
  attributes(id: AttrId): RouteAttributes;
  intern(attributes: RouteAttributes): AttrId;
  defaultLocalPref(id: AttrId): number | undefined;
  contextOf(id: AttrId): number;
  blockPage(id: AttrId): Uint8Array;
  blockStart(id: AttrId): number;
  blockLength(id: AttrId): number;
  internBlock(
    octets: Uint8Array,
    start: number,
    end: number,
    scan: AttributeScan,
    context: number,
    nextHop: number,
  ): AttrId;
}

export class Deriver {
  readonly #store: SetSource;
  readonly #scan = new AttributeScan();
  #octets = new Uint8Array(1024);
  #length = 0;
  /** What came of the last few sets. */
  readonly #recent: { base: number; serial: number; after: RouteAttributes; result: AttrId; resultSerial: number }[] =
    [];
  #nextRecent = 0;

  constructor(store: SetSource) {
    this.#store = store;
    this.#scan.internal = true;
  }

  /** The set of `after`, which a filter made of `base`. Nobody holds it yet. */
  derive(base: AttrId, after: RouteAttributes): AttrId {
    const store = this.#store;
    const serial = store.word(base, SetWord.Serial);
    for (const r of this.#recent) {
      if (r.base !== base || r.serial !== serial || store.word(r.result, SetWord.Serial) !== r.resultSerial) continue;
      if (r.after === after || sameAttributes(r.after, after)) return r.result;
    }
    const result = this.#patch(base, store.attributes(base), after) ?? store.intern(after);
    const resultSerial = store.word(result, SetWord.Serial);
    this.#recent[this.#nextRecent] = { base, serial, after, result, resultSerial };
    this.#nextRecent = (this.#nextRecent + 1) % RECENT;
    return result;
  }

  /** @returns undefined if other attributes changed, or the octets are not in order of code */
  #patch(base: AttrId, before: RouteAttributes, after: RouteAttributes): AttrId | undefined {
    const store = this.#store;
    if (store.word(base, SetWord.Extra) !== 0) return undefined;
    if (!sameElse(before, after)) return undefined;
    const changed = changedPatches(before, after);
    // Without a LOCAL_PREF of its own the set would get the default of its context back.
    if (after.localPref === undefined && store.defaultLocalPref(base) !== undefined) return undefined;
    if (!this.#write(base, after, changed)) return undefined;
    this.#scan.run(this.#octets, 0, this.#length);
    const context = store.contextOf(base);
    return store.internBlock(this.#octets, 0, this.#length, this.#scan, context, store.word(base, SetWord.NextHop));
  }

  #write(base: AttrId, after: RouteAttributes, changed: number): boolean {
    const block = this.#store.blockPage(base);
    let at = this.#store.blockStart(base);
    const stop = at + this.#store.blockLength(base);
    this.#length = 0;
    this.#room(stop - at);
    let patch = 0;
    let last = 0;
    while (at < stop) {
      const wide = (block[at]! & Flags.ExtendedLength) !== 0;
      const end = at + (wide ? 4 + ((block[at + 2]! << 8) | block[at + 3]!) : 3 + block[at + 2]!);
      const code = block[at + 1]!;
      if (code <= last) return false;
      last = code;
      for (; patch < PATCHES.length && PATCHES[patch]!.code < code; patch++) this.#put(patch, changed, after);
      if (patch < PATCHES.length && PATCHES[patch]!.code === code && (changed & (1 << patch)) !== 0)
        this.#put(patch++, changed, after);
      else for (let from = at; from < end; from++) this.#octets[this.#length++] = block[from]!;
      at = end;
    }
    for (; patch < PATCHES.length; patch++) this.#put(patch, changed, after);
    return true;
  }

  #put(number: number, changed: number, after: RouteAttributes): void {
    if ((changed & (1 << number)) === 0) return;
    const { code, flags } = PATCHES[number]!;
    switch (code) {
      case AttributeCode.Origin:
        if (after.origin === undefined) return;
        this.#header(flags, code, 1);
        this.#octets[this.#length++] = after.origin;
        return;
      case AttributeCode.AsPath:
        if (after.asPath) this.#path(flags, after.asPath);
        return;
      case AttributeCode.MultiExitDisc:
        if (after.multiExitDisc !== undefined) this.#word(flags, code, after.multiExitDisc);
        return;
      case AttributeCode.LocalPref:
        if (after.localPref !== undefined) this.#word(flags, code, after.localPref);
        return;
      case AttributeCode.Communities:
        this.#communities(flags, after.communities ?? []);
        return;
      case AttributeCode.ExtendedCommunities:
        this.#extended(flags, after.extCommunities ?? []);
        return;
      default:
        this.#large(flags, after.largeCommunities ?? []);
    }
  }

  #path(flags: number, path: AsPath): void {
    let length = 0;
    for (const { asns } of path) length += Math.ceil(asns.length / 255) * 2 + asns.length * 4;
    this.#header(flags, AttributeCode.AsPath, length);
    for (const { type, asns } of path) {
      for (let from = 0; from < asns.length; from += 255) {
        const end = Math.min(asns.length, from + 255);
        this.#octets[this.#length++] = type;
        this.#octets[this.#length++] = end - from;
        for (let i = from; i < end; i++) this.#quad(asns[i]!);
      }
    }
  }

  /** An empty list is no attribute. */
  #communities(flags: number, list: readonly number[]): void {
    if (list.length === 0) return;
    this.#header(flags, AttributeCode.Communities, list.length * 4);
    for (const community of list) this.#quad(community);
  }

  #extended(flags: number, list: readonly ExtCommunity[]): void {
    if (list.length === 0) return;
    this.#header(flags, AttributeCode.ExtendedCommunities, list.length * 8);
    for (const { hi, lo } of list) {
      this.#quad(hi);
      this.#quad(lo);
    }
  }

  #large(flags: number, list: readonly LargeCommunity[]): void {
    if (list.length === 0) return;
    this.#header(flags, AttributeCode.LargeCommunity, list.length * 12);
    for (const { global, local1, local2 } of list) {
      this.#quad(global);
      this.#quad(local1);
      this.#quad(local2);
    }
  }

  #word(flags: number, code: number, value: number): void {
    this.#header(flags, code, 4);
    this.#quad(value);
  }

  #header(flags: number, code: number, length: number): void {
    this.#room(length + 4);
    this.#octets[this.#length++] = length > 255 ? flags | Flags.ExtendedLength : flags;
    this.#octets[this.#length++] = code;
    if (length > 255) this.#octets[this.#length++] = length >>> 8;
    this.#octets[this.#length++] = length;
  }

  #quad(value: number): void {
    const o = this.#octets;
    const at = this.#length;
    o[at] = value >>> 24;
    o[at + 1] = value >>> 16;
    o[at + 2] = value >>> 8;
    o[at + 3] = value;
    this.#length = at + 4;
  }

  /** Room for so many octets and all that may follow of the set. */
  #room(length: number): void {
    const wanted = this.#length + length + MOST_BLOCK;
    if (this.#octets.length >= wanted) return;
    const larger = new Uint8Array(wanted * 2);
    larger.set(this.#octets.subarray(0, this.#length));
    this.#octets = larger;
  }
}

/** Equal by value, as far as filters make new values; what they did not touch is the same object. */
function sameAttributes(a: RouteAttributes, b: RouteAttributes): boolean {
  const changed = changedPatches(a, b);
  if (changed !== 0 && (changed !== COMMUNITIES || !sameNumbers(a.communities, b.communities))) return false;
  return sameElse(a, b);
}

/** Bits of PATCHES that are not the same object. One comparison a line: a loop over keys is ten times slower. */
function changedPatches(a: RouteAttributes, b: RouteAttributes): number {
  return (
    (a.origin === b.origin ? 0 : 1) |
    (a.asPath === b.asPath ? 0 : 2) |
    (a.multiExitDisc === b.multiExitDisc ? 0 : 4) |
    (a.localPref === b.localPref ? 0 : 8) |
    (a.communities === b.communities ? 0 : COMMUNITIES) |
    (a.extCommunities === b.extCommunities ? 0 : 32) |
    (a.largeCommunities === b.largeCommunities ? 0 : 64)
  );
}

/** Whether all that is not in PATCHES is the same object. */
function sameElse(a: RouteAttributes, b: RouteAttributes): boolean {
  return (
    a.nextHop === b.nextHop &&
    a.atomicAggregate === b.atomicAggregate &&
    a.aggregator === b.aggregator &&
    a.originatorId === b.originatorId &&
    a.clusterList === b.clusterList &&
    a.pmsiTunnel === b.pmsiTunnel &&
    a.ipv6ExtCommunities === b.ipv6ExtCommunities &&
    a.aigp === b.aigp &&
    a.onlyToCustomer === b.onlyToCustomer &&
    a.unknown === b.unknown &&
    a.partial === b.partial &&
    a.dest === b.dest &&
    a.nextHops === b.nextHops &&
    a.nextHopLinkLocal === b.nextHopLinkLocal &&
    a.recursive === b.recursive &&
    a.preference === b.preference &&
    a.scope === b.scope &&
    a.from === b.from &&
    a.igpMetric === b.igpMetric &&
    a.kernel === b.kernel &&
    a.custom === b.custom
  );
}

function sameNumbers(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  if (!a || !b || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const COMMUNITIES = 16;
const RECENT = 4;
/** An attribute list has no more octets than a message. */
const MOST_BLOCK = 1 << 12;

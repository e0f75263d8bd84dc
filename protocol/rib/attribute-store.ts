/**
 * All attribute sets of a speaker: octets -> AttrId, each stored once, with what the decision asks of it in columns.
 *
 * A set is known by its octets as received (the MP attributes taken out), its next hop, and what is not on the wire
 * (`Extra`: preference, gateways, custom attributes). It becomes an object only where a filter or a person looks.
 * Sets are counted; one that nobody holds is forgotten, and its octets are used again for a set of like size.
 */
import { decodeAttributes, encodeAttributes } from "../codec/attribute.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../codec/capability.ts";
import { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { Arena, RECORD_OFFSET } from "./arena.ts";
import { AttributeScan, SetFlag } from "./attribute-scan.ts";
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import { DecodeCache } from "./decode-cache.ts";
import { Deriver } from "./derive.ts";
import { type Extra, Extras, splitExtra } from "./extras.ts";
import { HashIndex } from "./hash-index.ts";
import { NextHops } from "./next-hops.ts";
import type { AttrId, RouteAttributes } from "./route.ts";
import { SET_STRIDE, SetWord } from "./set-word.ts";

/** What a set's octets leave unsaid: filled in where it is read. Equal ones are shared between peers. */
export interface SetContext {
  /** LOCAL_PREF of routes that came without one (BIRD's `default bgp_local_pref`). */
  readonly defaultLocalPref?: number;
}

export class AttributeStore {
  readonly rows: Rows = new Rows(SET_STRIDE);
  readonly nextHops: NextHops = new NextHops();
  readonly #arena = new Arena();
  readonly #extras = new Extras();
  readonly #contexts: SetContext[] = [{}];
  readonly #scan = new AttributeScan();
  readonly #decoded = new DecodeCache();
  readonly #deriver: Deriver = new Deriver(this);
  readonly #index = new HashIndex();
  #size = 0;
  #limit = 1;
  /** Freed rows by the size class of the octets they keep; class 0 keeps none. Linked through Hash. */
  readonly #free = new Int32Array(CLASSES + 1);
  /** Pages of rows that were given back. */
  readonly #vacant: number[] = [];
  #serial = 0;
  readonly #seed: number;

  constructor(seed = 0) {
    this.#seed = seed | 0;
    this.#scan.internal = true;
  }

  /** Sets in the store. */
  get size(): number {
    return this.#size;
  }

  get octets(): number {
    return this.rows.octets + this.#arena.octets + this.#index.octets;
  }

  /** The number of a context, for `internBlock`. */
  context(context: SetContext): number {
    const known = this.#contexts.findIndex((c) => c.defaultLocalPref === context.defaultLocalPref);
    return known >= 0 ? known : this.#contexts.push(context) - 1;
  }

  /**
   * The set of these octets, which `scan` has just read: hot path. Nobody holds it yet: `hold` or `sweep` it.
   * @param nextHop number of the next hop that MP_REACH_NLRI named, or of NEXT_HOP; 0 if there is none
   */
  internBlock(
    o: Uint8Array,
    start: number,
    end: number,
    scan: AttributeScan,
    context: number,
    nextHop: number,
    extra = 0,
  ): AttrId {
    const tail = ((end - start) | (context << LENGTH_BITS)) >>> 0;
    const hash = this.#hash(o, start, end, tail ^ Math.imul(nextHop, 0x27d4_eb2d) ^ Math.imul(extra, 0x1656_67b1));
    const { entries, mask } = this.#index;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = entries[i]!;
      if (entry === 0) break;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const id = entry & mask;
      if (id === 0) continue;
      const page = this.rows.pages[id >>> PAGE_BITS]!;
      const at = (id & PAGE_MASK) * SET_STRIDE;
      if (page[at] !== hash || page[at + SetWord.Length]! >>> 0 !== tail) continue;
      if (page[at + SetWord.NextHop] !== nextHop || page[at + SetWord.Extra] !== extra) continue;
      if (this.#arena.equals(page[at + SetWord.At]!, o, start, end)) return id as AttrId;
    }
    return this.#make(o, start, end, scan, tail, nextHop, extra, hash);
  }

  /** The set of what a filter made of `base`. Nobody holds it yet. */
  derive(base: AttrId, after: RouteAttributes): AttrId {
    return this.#deriver.derive(base, after);
  }

  /** The set of an object's attributes. Nobody holds it yet. */
  intern(attributes: RouteAttributes): AttrId {
    const { path, extra, nextHop, linkLocal } = splitExtra(attributes);
    const w = new ByteWriter(128);
    encodeAttributes(w, path, STORED);
    const octets = w.finish();
    this.#scan.run(octets, 0, octets.length);
    const hop = nextHop ? this.nextHops.index(nextHop, linkLocal) : 0;
    return this.internBlock(octets, 0, octets.length, this.#scan, 0, hop, extra ? this.#extras.index(extra) : 0);
  }

  hold(id: AttrId): void {
    this.rows.pages[id >>> PAGE_BITS]![(id & PAGE_MASK) * SET_STRIDE + SetWord.References]!++;
  }

  release(id: AttrId): void {
    const page = this.rows.pages[id >>> PAGE_BITS]!;
    const at = (id & PAGE_MASK) * SET_STRIDE;
    if (--page[at + SetWord.References]! === 0) this.#forget(id, page, at);
  }

  /** Forgets a set that nobody came to hold. */
  sweep(id: AttrId): void {
    const page = this.rows.pages[id >>> PAGE_BITS]!;
    const at = (id & PAGE_MASK) * SET_STRIDE;
    if (page[at + SetWord.References] === 0 && page[at + SetWord.Serial] !== 0) this.#forget(id, page, at);
  }

  /** One word of a set's row; 0 of a row that is gone. */
  word(id: AttrId, word: number): number {
    const page = this.rows.pages[id >>> PAGE_BITS];
    return page === undefined ? 0 : page[(id & PAGE_MASK) * SET_STRIDE + word]!;
  }

  flags(id: AttrId): number {
    return this.word(id, SetWord.Flags);
  }

  /** What is not on the wire, if the set has any of it. */
  extra(id: AttrId): Extra | undefined {
    const index = this.word(id, SetWord.Extra);
    return index === 0 ? undefined : this.#extras.get(index);
  }

  defaultLocalPref(id: AttrId): number | undefined {
    return this.#contexts[this.word(id, SetWord.Length) >>> LENGTH_BITS]?.defaultLocalPref;
  }

  /** Number of the context a set is in. */
  contextOf(id: AttrId): number {
    return this.word(id, SetWord.Length) >>> LENGTH_BITS;
  }

  /** The octets of the set, without MP attributes: a view, good until the store changes. */
  block(id: AttrId): Uint8Array {
    return this.#arena.view(this.word(id, SetWord.At), this.word(id, SetWord.Length) & LENGTH_MASK);
  }

  /** The page of octets that holds a set, from `blockStart` to `blockEnd`: as `block`, without an object. */
  blockPage(id: AttrId): Uint8Array {
    return this.#arena.page(this.word(id, SetWord.At));
  }

  blockStart(id: AttrId): number {
    return this.word(id, SetWord.At) & RECORD_OFFSET;
  }

  blockLength(id: AttrId): number {
    return this.word(id, SetWord.Length) & LENGTH_MASK;
  }

  /** The set as an object; the same one while it is in the small cache of those looked at last. */
  attributes(id: AttrId): RouteAttributes {
    const serial = this.word(id, SetWord.Serial);
    return this.#decoded.get(id, serial) ?? this.#decoded.put(id, serial, this.#decode(id));
  }

  #decode(id: AttrId): RouteAttributes {
    const block = this.block(id);
    const decoded = decodeAttributes(new ByteReader(block), STORED).attributes;
    const result: { -readonly [K in keyof RouteAttributes]: RouteAttributes[K] } = { ...decoded };
    const hop = this.nextHops.get(this.word(id, SetWord.NextHop));
    if (hop) result.nextHop = hop.address;
    if (hop?.linkLocal) result.nextHopLinkLocal = hop.linkLocal;
    const localPref = this.defaultLocalPref(id);
    if (localPref !== undefined && result.localPref === undefined) result.localPref = localPref;
    const extra = this.extra(id);
    return extra ? Object.assign(result, extra) : result;
  }

  #make(
    o: Uint8Array,
    start: number,
    end: number,
    scan: AttributeScan,
    tail: number,
    nextHop: number,
    extra: number,
    hash: number,
  ): AttrId {
    if (this.#index.isFull(this.#size)) this.#reindex();
    const id = this.#row(end - start);
    const page = this.rows.pages[id >>> PAGE_BITS]!;
    const at = (id & PAGE_MASK) * SET_STRIDE;
    this.#arena.write(page[at + SetWord.At]!, o, start, end);
    page[at] = hash;
    page[at + SetWord.Length] = tail;
    page[at + SetWord.References] = 0;
    page[at + SetWord.LocalPref] = scan.localPref;
    page[at + SetWord.Med] = scan.med;
    page[at + SetWord.Path] =
      Math.min(scan.pathLength, 0xffff) | (scan.origin << 16) | (Math.min(scan.clusters, 255) << 18);
    page[at + SetWord.FirstAs] = scan.firstAs;
    page[at + SetWord.NextHop] = nextHop;
    page[at + SetWord.Extra] = extra;
    page[at + SetWord.Originator] = scan.originatorId;
    page[at + SetWord.Flags] = scan.flags;
    this.#serial = (this.#serial + 1) & 0x7fff_ffff || 1;
    page[at + SetWord.Serial] = this.#serial;
    if (nextHop !== 0) this.nextHops.hold(nextHop);
    const recursive = extra === 0 ? undefined : this.#extras.get(extra)?.recursive;
    if (recursive) this.nextHops.hold(this.nextHops.index(recursive));
    if (extra !== 0) this.#extras.hold(extra);
    this.#index.enter(id, hash);
    this.#size++;
    return id as AttrId;
  }

  /** A free row with room for so many octets in the arena. */
  #row(length: number): number {
    const size = sizeClass(length);
    let id = this.#free[size]!;
    if (id !== 0 && size !== 0) {
      this.#free[size] = this.rows.get(id, SetWord.Hash);
      this.#arena.reuse(length);
      return id;
    }
    if (this.#free[0] === 0) this.#occupy();
    id = this.#free[0]!;
    if (id !== 0) this.#free[0] = this.rows.get(id, SetWord.Hash);
    else id = this.#limit++;
    this.rows.touch(id)[(id & PAGE_MASK) * SET_STRIDE + SetWord.At] = this.#arena.allocate(length);
    return id;
  }

  /** A page of rows that was given back is used again. */
  #occupy(): void {
    const page = this.#vacant.pop();
    if (page === undefined) return;
    const first = Math.max(1, page << PAGE_BITS);
    for (let id = (page << PAGE_BITS) + PAGE_MASK; id >= first; id--) {
      this.rows.set(id, SetWord.Hash, this.#free[0]!);
      this.#free[0] = id;
    }
  }

  #forget(id: number, page: Int32Array, at: number): void {
    const length = page[at + SetWord.Length]! & LENGTH_MASK;
    const nextHop = page[at + SetWord.NextHop]!;
    const extra = page[at + SetWord.Extra]!;
    this.#index.leave(id, page[at]!);
    page[at + SetWord.Serial] = 0;
    if (nextHop !== 0) this.nextHops.release(nextHop);
    const recursive = extra === 0 ? undefined : this.#extras.get(extra)?.recursive;
    if (recursive) this.nextHops.release(this.nextHops.index(recursive));
    if (extra !== 0) this.#extras.release(extra);
    const size = sizeClass(length);
    page[at] = this.#free[size]!;
    this.#free[size] = id;
    this.#size--;
    this.#arena.discard(length);
    if (this.#size === 0) this.#reset();
    else if (this.#arena.isSparse) this.#compact();
  }

  #reindex(): void {
    this.#index.renew(this.#size, this.#limit + 1);
    for (let id = 1; id < this.#limit; id++) {
      if (this.rows.get(id, SetWord.Serial) !== 0) this.#index.enter(id, this.rows.get(id, SetWord.Hash));
    }
  }

  /** Most of the arena is dead: the living octets move together, and the rest goes back. */
  #compact(): void {
    const octets = this.#arena.renew();
    this.#free.fill(0);
    let limit = 1;
    for (let id = 1; id < this.#limit; id++) {
      if (this.rows.get(id, SetWord.Serial) === 0) continue;
      const length = this.rows.get(id, SetWord.Length) & LENGTH_MASK;
      const from = this.rows.get(id, SetWord.At);
      const to = this.#arena.allocate(length);
      this.rows.set(id, SetWord.At, to);
      octets(from, to, length);
      limit = id + 1;
    }
    this.#limit = limit;
    this.rows.pages.length = Math.min(this.rows.pages.length, ((limit - 1) >>> PAGE_BITS) + 1);
    this.#vacant.length = 0;
    for (let page = this.rows.pages.length - 1; page >= 0; page--) this.#freeRows(page);
    if (this.#index.isSparse(this.#size, this.#limit)) this.#reindex();
  }

  /** The rows of a page that have no set are free; a page that has none at all goes back. */
  #freeRows(page: number): void {
    const first = Math.max(1, page << PAGE_BITS);
    const end = Math.min(this.#limit, (page + 1) << PAGE_BITS);
    let live = false;
    for (let id = first; id < end && !live; id++) live = this.rows.get(id, SetWord.Serial) !== 0;
    if (!live && end === (page + 1) << PAGE_BITS) {
      this.rows.pages[page] = undefined;
      this.#vacant.push(page);
      return;
    }
    for (let id = end - 1; id >= first; id--) {
      if (this.rows.get(id, SetWord.Serial) !== 0) continue;
      this.rows.set(id, SetWord.Hash, this.#free[0]!);
      this.#free[0] = id;
    }
  }

  #reset(): void {
    this.rows.clear();
    this.#vacant.length = 0;
    this.#arena.renew();
    this.#free.fill(0);
    this.#limit = 1;
    this.#index.reset();
  }

  /** Four octets a step: an attribute list has about sixty. */
  #hash(o: Uint8Array, start: number, end: number, salt: number): number {
    let h = salt ^ this.#seed;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      h ^= o[at]! | (o[at + 1]! << 8) | (o[at + 2]! << 16) | (o[at + 3]! << 24);
      h = Math.imul(h ^ (h >>> 15), 0x9e37_79b1);
    }
    for (; at < end; at++) h = Math.imul(h ^ o[at]! ^ (h >>> 15), 0x9e37_79b1);
    h ^= h >>> 16;
    h = Math.imul(h, 0x85eb_ca6b);
    return h ^ (h >>> 13);
  }
}

/** Octets are allotted in multiples of eight; class n has room for 8n of them, from 1 on. */
function sizeClass(length: number): number {
  const size = (length + 7) >>> 3;
  return size <= CLASSES ? size : 0;
}

/** Sets are stored as an internal four-octet peer would send them: with all that there is. */
export const STORED: CodecContext = { ...DEFAULT_CONTEXT, peer: "ibgp" };

const CLASSES = 64;
const LENGTH_BITS = 20;
const LENGTH_MASK: number = (1 << LENGTH_BITS) - 1;

export { SET_STRIDE, SetFlag, SetWord };

/**
 * All prefixes of one family that any table knows: prefix -> Slot, one row a prefix, shared by all tables.
 *
 * Open addressing over the rows: an index entry is the slot in its low bits and the hash's upper bits above them, so
 * that a miss seldom touches a row. Neighbouring prefixes share a run of sixteen entries: what one origin announces
 * together lies together (bench/rib.ts, `insert`). The longest match asks the index once for each length in use.
 */
import { type IpAddress, type Prefix, prefixOf } from "../wire/address.ts";
import { PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import { HashIndex, mix } from "./hash-index.ts";
import type { Net, NetType, RoaNet, Slot } from "./route.ts";

export class PrefixTable {
  readonly netType: NetType;
  readonly #six: boolean;
  readonly #roa: boolean;
  readonly #rows: Rows;
  readonly #seed: number;
  readonly #index = new HashIndex();
  #size = 0;
  #limit = 1;
  #free = 0;
  readonly #lengths = new Int32Array(129);

  constructor(netType: NetType, seed = 0) {
    this.netType = netType;
    this.#six = netType.startsWith("ipv6") || netType.endsWith("6");
    this.#roa = netType.startsWith("roa");
    this.#rows = new Rows((this.#six ? 5 : 2) + (this.#roa ? 2 : 0));
    this.#seed = seed | 0;
  }

  /** Prefixes in the table. */
  get size(): number {
    return this.#size;
  }

  /** All slots are below it, and above 0. */
  get limit(): number {
    return this.#limit;
  }

  get octets(): number {
    return this.#rows.octets + this.#index.octets;
  }

  find(net: Net): Slot | undefined {
    const slot = this.#six
      ? this.#find6(net, this.#hashOf(net))
      : this.#find4(net.w0, net.length, net, this.#hashOf(net));
    return slot === 0 ? undefined : (slot as Slot);
  }

  /** Finds or makes the slot; one that nobody holds afterwards is to be given to `sweep`. */
  add(net: Net): Slot {
    const hash = this.#hashOf(net);
    const slot = this.#six ? this.#find6(net, hash) : this.#find4(net.w0, net.length, net, hash);
    return (slot !== 0 ? slot : this.#insert(net.w0, net.w1, net.w2, net.w3, net.length, net, hash)) as Slot;
  }

  /** `find` for an IPv4 prefix whose host bits are clear, without an object; 0 if there is none. */
  find4(w0: number, length: number): number {
    return this.#find4(w0, length, undefined, this.#hash4(w0, length));
  }

  add4(w0: number, length: number): Slot {
    const hash = this.#hash4(w0, length);
    const slot = this.#find4(w0, length, undefined, hash);
    return (slot !== 0 ? slot : this.#insert(w0, 0, 0, 0, length, undefined, hash)) as Slot;
  }

  find6(w0: number, w1: number, w2: number, w3: number, length: number): number {
    return this.#probe6(w0, w1, w2, w3, length, this.#hash6(w0, w1, w2, w3, length));
  }

  add6(w0: number, w1: number, w2: number, w3: number, length: number): Slot {
    const hash = this.#hash6(w0, w1, w2, w3, length);
    const slot = this.#probe6(w0, w1, w2, w3, length, hash);
    return (slot !== 0 ? slot : this.#insert(w0, w1, w2, w3, length, undefined, hash)) as Slot;
  }

  net(slot: Slot): Net {
    const page = this.#rows.pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * this.#rows.stride;
    const six = this.#six;
    const key = at + 1;
    const prefix: Prefix = {
      family: six ? 6 : 4,
      w0: page[key]! >>> 0,
      w1: six ? page[key + 1]! >>> 0 : 0,
      w2: six ? page[key + 2]! >>> 0 : 0,
      w3: six ? page[key + 3]! >>> 0 : 0,
      length: page[at]! & LENGTH_MASK,
    };
    if (!this.#roa) return prefix;
    const tail = key + (six ? 4 : 1);
    return { ...prefix, asn: page[tail]! >>> 0, maxLength: page[tail + 1]! };
  }

  /** Prefix length of a slot in use. */
  lengthOf(slot: Slot): number {
    return this.#rows.pages[slot >>> PAGE_BITS]![(slot & PAGE_MASK) * this.#rows.stride]! & LENGTH_MASK;
  }

  /** Upper 32 bits of the prefix, signed. */
  word0(slot: Slot): number {
    return this.#rows.pages[slot >>> PAGE_BITS]![(slot & PAGE_MASK) * this.#rows.stride + 1]!;
  }

  /** Writes the NLRI of a slot (RFC 4271 §4.3) and returns where the next octet goes: at most 17 octets on. */
  writeNlri(slot: Slot, octets: Uint8Array, at: number): number {
    const page = this.#rows.pages[slot >>> PAGE_BITS]!;
    const row = (slot & PAGE_MASK) * this.#rows.stride;
    const length = page[row]! & LENGTH_MASK;
    octets[at] = length;
    let word = row + 1;
    let value = page[word]!;
    let to = at + 1;
    for (let bits = length; bits > 0; bits -= 8) {
      octets[to++] = value >>> 24;
      value <<= 8;
      if (((length - bits) & 31) === 24) value = page[++word]!;
    }
    return to;
  }

  isUsed(slot: number): boolean {
    const page = this.#rows.pages[slot >>> PAGE_BITS];
    return page !== undefined && page[(slot & PAGE_MASK) * this.#rows.stride]! > 0;
  }

  /** Counts one more reason for the slot to stay: a table's route, an exported prefix. */
  hold(slot: Slot): void {
    this.#rows.pages[slot >>> PAGE_BITS]![(slot & PAGE_MASK) * this.#rows.stride]! += ONE_USE;
  }

  release(slot: Slot): void {
    const page = this.#rows.pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * this.#rows.stride;
    const meta = page[at]! - ONE_USE;
    page[at] = meta;
    if (meta < IN_USE + ONE_USE) this.#remove(slot, page, at);
  }

  /** Frees a slot that `add` made if nobody came to hold it. */
  sweep(slot: Slot): void {
    const page = this.#rows.pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * this.#rows.stride;
    if (page[at]! < IN_USE + ONE_USE) this.#remove(slot, page, at);
  }

  /** The most specific prefix that covers `net` (or is it) and that `accept` takes. */
  longestMatch(net: IpAddress | Prefix, accept: (slot: Slot) => boolean): Slot | undefined {
    const top = "length" in net ? net.length : this.#six ? 128 : 32;
    for (let length = top; length >= 0; length--) {
      if (this.#lengths[length] === 0) continue;
      const p = prefixOf(net, length);
      const slot = this.#six ? this.find6(p.w0, p.w1, p.w2, p.w3, length) : this.find4(p.w0, length);
      if (slot !== 0 && accept(slot as Slot)) return slot as Slot;
    }
    return undefined;
  }

  /** Whether there is any prefix of this length. */
  hasLength(length: number): boolean {
    return this.#lengths[length] !== 0;
  }

  /** Every entry of a ROA table whose prefix is exactly this one, whatever its AS and longest length. */
  *roas(prefix: Prefix): Generator<Slot> {
    const hash = this.#hashOf(prefix);
    for (let i = hash & this.#index.mask; ; i = (i + 1) & this.#index.mask) {
      const entry = this.#index.entries[i]!;
      if (entry === 0) return;
      if (((entry ^ hash) & ~this.#index.mask) !== 0) continue;
      const slot = entry & this.#index.mask;
      if (slot !== 0 && this.#matches(slot, prefix)) yield slot as Slot;
    }
  }

  #matches(slot: number, p: Prefix): boolean {
    const page = this.#rows.pages[slot >>> PAGE_BITS]!;
    const at = (slot & PAGE_MASK) * this.#rows.stride;
    if ((page[at]! & LENGTH_MASK) !== p.length || page[at + 1] !== (p.w0 | 0)) return false;
    return !this.#six || (page[at + 2] === (p.w1 | 0) && page[at + 3] === (p.w2 | 0) && page[at + 4] === (p.w3 | 0));
  }

  #find4(w0: number, length: number, net: Net | undefined, hash: number): number {
    const { entries, mask } = this.#index;
    const { pages, stride } = this.#rows;
    const word = w0 | 0;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = entries[i]!;
      if (entry === 0) return 0;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const slot = entry & mask;
      const page = pages[slot >>> PAGE_BITS]!;
      const at = (slot & PAGE_MASK) * stride;
      if (page[at + 1] !== word || (page[at]! & LENGTH_MASK) !== length || slot === 0) continue;
      if (!this.#roa || this.#sameRoa(page, at + 2, net)) return slot;
    }
  }

  #find6(net: Net, hash: number): number {
    if (!this.#roa) return this.#probe6(net.w0, net.w1, net.w2, net.w3, net.length, hash);
    for (const slot of this.roas(net)) {
      const page = this.#rows.pages[slot >>> PAGE_BITS]!;
      if (this.#sameRoa(page, (slot & PAGE_MASK) * this.#rows.stride + 5, net)) return slot;
    }
    return 0;
  }

  #probe6(w0: number, w1: number, w2: number, w3: number, length: number, hash: number): number {
    const { entries, mask } = this.#index;
    const { pages, stride } = this.#rows;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = entries[i]!;
      if (entry === 0) return 0;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const slot = entry & mask;
      const page = pages[slot >>> PAGE_BITS]!;
      const at = (slot & PAGE_MASK) * stride;
      if (
        page[at + 1] === (w0 | 0) &&
        page[at + 2] === (w1 | 0) &&
        page[at + 3] === (w2 | 0) &&
        page[at + 4] === (w3 | 0) &&
        (page[at]! & LENGTH_MASK) === length &&
        slot !== 0
      )
        return slot;
    }
  }

  #sameRoa(page: Int32Array, at: number, net: Net | undefined): boolean {
    const roa = net as RoaNet | undefined;
    return page[at] === ((roa?.asn ?? 0) | 0) && page[at + 1] === (roa?.maxLength ?? 0);
  }

  #insert(w0: number, w1: number, w2: number, w3: number, length: number, net: Net | undefined, hash: number): number {
    if (this.#index.isFull(this.#size)) this.#rebuild();
    const slot = this.#free !== 0 ? this.#free : this.#limit++;
    const page = this.#rows.touch(slot);
    const at = (slot & PAGE_MASK) * this.#rows.stride;
    if (this.#free !== 0) this.#free = page[at + 1]!;
    page[at] = IN_USE | length;
    page[at + 1] = w0;
    let tail = at + 2;
    if (this.#six) {
      page[at + 2] = w1;
      page[at + 3] = w2;
      page[at + 4] = w3;
      tail = at + 5;
    }
    if (this.#roa) {
      page[tail] = (net as RoaNet).asn ?? 0;
      page[tail + 1] = (net as RoaNet).maxLength ?? length;
    }
    this.#index.enter(slot, hash);
    this.#size++;
    this.#lengths[length]!++;
    return slot;
  }

  /** Rows are read in order, so that it is the index alone that is hopped over. */
  #rebuild(): void {
    const index = this.#index;
    index.renew(this.#size, this.#limit + 1);
    const { pages, stride } = this.#rows;
    for (let first = 0; first < this.#limit; first += PAGE_MASK + 1) {
      const page = pages[first >>> PAGE_BITS]!;
      const rows = Math.min(PAGE_MASK + 1, this.#limit - first);
      for (let row = 0, at = 0; row < rows; row++, at += stride) {
        if (page[at] !== 0) index.enter(first + row, this.#hashAt(page, at));
      }
    }
  }

  #remove(slot: number, page: Int32Array, at: number): void {
    const length = page[at]! & LENGTH_MASK;
    this.#index.leave(slot, this.#hashAt(page, at));
    page[at] = 0;
    page[at + 1] = this.#free;
    this.#free = slot;
    this.#size--;
    this.#lengths[length]!--;
    if (this.#size === 0) this.#reset();
  }

  /** The last prefix is gone: the memory goes back. */
  #reset(): void {
    this.#rows.clear();
    this.#index.reset();
    this.#limit = 1;
    this.#free = 0;
  }

  #hashAt(page: Int32Array, at: number): number {
    const length = page[at]! & LENGTH_MASK;
    if (!this.#six) return this.#hash4(page[at + 1]!, length);
    return this.#hash6(page[at + 1]!, page[at + 2]!, page[at + 3]!, page[at + 4]!, length);
  }

  #hashOf(net: Net): number {
    return this.#six ? this.#hash6(net.w0, net.w1, net.w2, net.w3, net.length) : this.#hash4(net.w0, net.length);
  }

  #hash4(w0: number, length: number): number {
    const value = length === 0 ? 0 : w0 >>> (32 - length);
    return (mix(Math.imul(value >>> 4, 33) + length + this.#seed) << 4) | (value & 15);
  }

  #hash6(w0: number, w1: number, w2: number, w3: number, length: number): number {
    const last = length === 0 ? 0 : (length - 1) >>> 5;
    const shift = 31 - ((length - 1) & 31);
    const word = last === 0 ? w0 : last === 1 ? w1 : last === 2 ? w2 : w3;
    const low = length === 0 ? 0 : (word >>> shift) & 7;
    let h = Math.imul((last === 0 ? w0 & ~(7 << shift) : w0) ^ this.#seed, GOLDEN);
    if (last >= 1) h = Math.imul(h ^ (h >>> 15) ^ (last === 1 ? w1 & ~(7 << shift) : w1), GOLDEN);
    if (last >= 2) h = Math.imul(h ^ (h >>> 15) ^ (last === 2 ? w2 & ~(7 << shift) : w2), GOLDEN);
    if (last >= 3) h = Math.imul(h ^ (h >>> 15) ^ (w3 & ~(7 << shift)), GOLDEN);
    return (mix(h + length) << 3) | low;
  }
}

const GOLDEN = 0x9e37_79b1 | 0;

/** The first word of a row: length in 8 bits, a mark that the row is in use, and the number of holders above. */
const LENGTH_MASK = 0xff;
const IN_USE = 0x100;
const ONE_USE = 0x200;

/**
 * Prefix sets: `[10.0.0.0/8, 10.0.0.0/8+, 192.168.0.0/16{16,24}, 10.1.0.0/16-]`.
 *
 * Every pattern says: of the prefixes under this one, those of these lengths. Patterns of one prefix are
 * joined, and each takes over what its nearest cover allows. Then a search is: find the last pattern not
 * behind the prefix (binary search behind a jump table), climb to the first that covers it, look its
 * length up. Patterns that reach shorter lengths than their own prefix (`-`, `{4,8}` of a /16) are
 * entered at each shorter prefix as well.
 */
import { formatPrefix, type IpAddress, ipv4, ipv6, type Prefix, prefixOf, width } from "../wire/address.ts";

/** `lengths` from low to high; the prefix itself may be longer than low. */
export interface PrefixPattern {
  readonly prefix: Prefix;
  readonly low: number;
  readonly high: number;
}

export class PrefixSet {
  readonly family: 4 | 6 | undefined;
  readonly count: number;
  readonly #words: Words;
  readonly #lengths: Uint8Array;
  readonly #parents: Int32Array;
  /** Which lengths each entry itself allows, and together with its covers: indices into the masks. */
  readonly #own: Uint32Array;
  readonly #all: Uint32Array;
  readonly #masks = new MaskTable();
  /** By the top bits of the address: the first entry not below them. */
  readonly #jump: Uint32Array | undefined;
  readonly #shift: number = 32;
  #key: string | undefined;

  constructor(patterns: readonly PrefixPattern[]) {
    this.family = patterns[0]?.prefix.family;
    const columns = sortedColumns(patterns, this.#masks);
    this.#words = columns.words;
    this.#lengths = columns.lengths;
    this.#own = columns.masks;
    this.count = columns.count;
    this.#all = new Uint32Array(this.count);
    this.#parents = new Int32Array(this.count);
    this.#link();
    if (this.count > JUMP_FROM) {
      const bits = Math.min(16, Math.ceil(Math.log2(this.count)));
      this.#shift = 32 - bits;
      this.#jump = jumpTable(this.#words[0].subarray(0, this.count), this.#shift);
    }
  }

  get key(): string {
    this.#key ??= this.format();
    return this.#key;
  }

  /** `[10.0.0.0/8{0.1.255.0}]`: bit n from the top stands for length n, as bird prints its tries. */
  format(): string {
    const parts: string[] = [];
    for (let i = 0; i < this.count; i++) {
      const lengths = this.#masks.lengths(this.#own[i]!);
      const prefix = formatPrefix(this.#prefix(i));
      // Length 0 has no bit: it is said by the prefix alone.
      if (this.#lengths[i] === 0 && lengths[0] === 1) parts.push(prefix);
      if (lengths.lastIndexOf(1) > 0) parts.push(`${prefix}{${formatMask(this.family ?? 4, lengths)}}`);
    }
    return `[${parts.join(", ")}]`;
  }

  matches(prefix: Prefix): boolean {
    if (prefix.family !== this.family) return false;
    let i = this.family === 4 ? this.#last4(prefix.w0, prefix.length) : this.#last6(prefix, prefix.length);
    while (i >= 0 && !this.#covers(i, prefix)) i = this.#parents[i]!;
    return i >= 0 && this.#masks.has(this.#all[i]!, prefix.length);
  }

  /** Each entry's nearest cover, and what that allows as well. */
  #link(): void {
    const words = this.#words;
    let open = -1; // the innermost entry around the current place
    for (let i = 0; i < this.count; i++) {
      while (open >= 0 && !this.#contains(open, words, i)) open = this.#parents[open]!;
      this.#parents[i] = open;
      const own = this.#own[i]!;
      this.#all[i] = open < 0 ? own : this.#masks.union(own, this.#all[open]!);
      open = i;
    }
  }

  #contains(outer: number, [w0, w1, w2, w3]: Words, inner: number): boolean {
    const length = this.#lengths[outer]!;
    if (length > this.#lengths[inner]! || !sameBits(w0[outer]!, w0[inner]!, length)) return false;
    if (length <= 32) return true;
    if (!sameBits(w1[outer]!, w1[inner]!, length - 32) || !sameBits(w2[outer]!, w2[inner]!, length - 64)) return false;
    return sameBits(w3[outer]!, w3[inner]!, length - 96);
  }

  #prefix(i: number): Prefix {
    const [w0, w1, w2, w3] = this.#words;
    const ip: IpAddress = this.family === 6 ? ipv6(w0[i]!, w1[i]!, w2[i]!, w3[i]!) : ipv4(w0[i]!);
    return prefixOf(ip, this.#lengths[i]!);
  }

  /** The last entry not behind the prefix in order of address, then length; -1 if there is none. */
  #last4(word: number, length: number): number {
    const w0 = this.#words[0];
    const lengths = this.#lengths;
    const jump = this.#jump;
    const top = word >>> this.#shift;
    let from = jump ? jump[top]! : 0;
    let to = jump ? jump[top + 1]! : this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = w0[middle]!;
      if (other < word || (other === word && lengths[middle]! <= length)) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  #last6(ip: IpAddress, length: number): number {
    const jump = this.#jump;
    const top = ip.w0 >>> this.#shift;
    let from = jump ? jump[top]! : 0;
    let to = jump ? jump[top + 1]! : this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const order = this.#order6(middle, ip);
      if (order < 0 || (order === 0 && this.#lengths[middle]! <= length)) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  #order6(i: number, ip: IpAddress): number {
    const [w0, w1, w2, w3] = this.#words;
    return w0[i]! - ip.w0 || w1[i]! - ip.w1 || w2[i]! - ip.w2 || w3[i]! - ip.w3;
  }

  #covers(i: number, prefix: Prefix): boolean {
    const length = this.#lengths[i]!;
    if (length > prefix.length) return false;
    const [w0, w1, w2, w3] = this.#words;
    if (!sameBits(w0[i]!, prefix.w0, length)) return false;
    if (length <= 32) return true;
    if (!sameBits(w1[i]!, prefix.w1, length - 32)) return false;
    if (length <= 64) return true;
    return sameBits(w2[i]!, prefix.w2, length - 64) && (length <= 96 || sameBits(w3[i]!, prefix.w3, length - 96));
  }
}

/** Sets of lengths, each kept once: there are few, however many patterns. */
class MaskTable {
  readonly #masks: Uint8Array[] = [];
  readonly #byText = new Map<string, number>();
  readonly #unions = new Map<number, number>();
  /** By low * 256 + high. */
  readonly #ranges: number[] = [];

  range(low: number, high: number): number {
    const known = this.#ranges[low * 256 + high];
    if (known !== undefined) return known;
    const mask = new Uint8Array(129).fill(1, low, high + 1);
    const index = this.#intern(mask);
    this.#ranges[low * 256 + high] = index;
    return index;
  }

  union(a: number, b: number): number {
    if (a === b) return a;
    const pair = a * 0x10_0000 + b;
    const known = this.#unions.get(pair);
    if (known !== undefined) return known;
    const other = this.#masks[b] as Uint8Array;
    const index = this.#intern((this.#masks[a] as Uint8Array).map((bit, i) => bit | other[i]!));
    this.#unions.set(pair, index);
    return index;
  }

  has(mask: number, length: number): boolean {
    return (this.#masks[mask] as Uint8Array)[length]! !== 0;
  }

  lengths(mask: number): Uint8Array {
    return this.#masks[mask] as Uint8Array;
  }

  #intern(mask: Uint8Array): number {
    const text = mask.join("");
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    this.#byText.set(text, this.#masks.length);
    return this.#masks.push(mask) - 1;
  }
}

type Words = readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];

/** One row a prefix, in order of address, then length. */
interface Columns {
  readonly count: number;
  readonly words: Words;
  readonly lengths: Uint8Array;
  readonly masks: Uint32Array;
}

interface Entry {
  readonly prefix: Prefix;
  readonly mask: number;
}

function sortedColumns(patterns: readonly PrefixPattern[], masks: MaskTable): Columns {
  if (patterns[0]?.prefix.family !== 6) return columns4(patterns, masks);
  const entries: Entry[] = [];
  eachEntry(patterns, masks, (prefix, mask) => entries.push({ prefix, mask }));
  return columns6(entries.sort(order), masks);
}

/** A pattern stands at its prefix, and at each shorter one that it reaches. */
function eachEntry(
  patterns: readonly PrefixPattern[],
  masks: MaskTable,
  add: (prefix: Prefix, mask: number) => void,
): void {
  for (const { prefix, low, high } of patterns) {
    if (high >= prefix.length) add(prefix, masks.range(Math.max(low, prefix.length), high));
    for (let length = low; length < prefix.length && length <= high; length++) {
      add(prefixOf(prefix, length), masks.range(length, length));
    }
  }
}

/** Generated sets are large: address, length and mask in one number each, for the sort that knows numbers. */
function columns4(patterns: readonly PrefixPattern[], masks: MaskTable): Columns {
  const unsorted: number[] = [];
  eachEntry(patterns, masks, (prefix, mask) => {
    unsorted.push((prefix.w0 * 64 + prefix.length) * MASK_LIMIT + mask);
  });
  const keys = Float64Array.from(unsorted).sort();
  const columns = emptyColumns(keys.length, false);
  let count = 0;
  let last = -1;
  for (const key of keys) {
    const address = Math.floor(key / MASK_LIMIT);
    const mask = key - address * MASK_LIMIT;
    if (address === last) columns.masks[count - 1] = masks.union(columns.masks[count - 1]!, mask);
    else {
      columns.words[0][count] = Math.floor(address / 64);
      columns.lengths[count] = address % 64;
      columns.masks[count++] = mask;
    }
    last = address;
  }
  return { ...columns, count };
}

/** Ranges of lengths in IPv4: fewer than that. */
const MASK_LIMIT = 2048;

function columns6(entries: readonly Entry[], masks: MaskTable): Columns {
  const columns = emptyColumns(entries.length, true);
  const [w0, w1, w2, w3] = columns.words;
  let count = 0;
  let last: Entry | undefined;
  for (const entry of entries) {
    const { prefix, mask } = entry;
    if (last && order(last, entry) === 0) columns.masks[count - 1] = masks.union(columns.masks[count - 1]!, mask);
    else {
      [w0[count], w1[count], w2[count], w3[count]] = [prefix.w0, prefix.w1, prefix.w2, prefix.w3];
      columns.lengths[count] = prefix.length;
      columns.masks[count++] = mask;
    }
    last = entry;
  }
  return { ...columns, count };
}

function emptyColumns(n: number, wide: boolean): Columns {
  const m = wide ? n : 0;
  const words: Words = [new Uint32Array(n), new Uint32Array(m), new Uint32Array(m), new Uint32Array(m)];
  return { count: 0, words, lengths: new Uint8Array(n), masks: new Uint32Array(n) };
}

function order({ prefix: a }: Entry, { prefix: b }: Entry): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3 || a.length - b.length;
}

function sameBits(a: number, b: number, length: number): boolean {
  return length >= 32 ? a === b : length <= 0 || (a ^ b) >>> (32 - length) === 0;
}

function jumpTable(w0: Uint32Array, shift: number): Uint32Array {
  const size = 2 ** (32 - shift);
  const table = new Uint32Array(size + 1);
  let i = 0;
  for (let top = 0; top < size; top++) {
    while (i < w0.length && w0[i]! >>> shift < top) i++;
    table[top] = i;
  }
  table[size] = w0.length;
  return table;
}

function formatMask(family: 4 | 6, lengths: Uint8Array): string {
  const word = (first: number): number => {
    let bits = 0;
    for (let i = 0; i < 32; i++) bits = bits * 2 + lengths[first + i]!;
    return bits;
  };
  const text = (first: number): string => formatPrefix({ ...ip(family, first), length: 0 }).slice(0, -2);
  const ip = (which: 4 | 6, first: number): IpAddress =>
    which === 4 ? ipv4(word(first)) : ipv6(word(first), word(first + 32), word(first + 64), word(first + 96));
  return text(1);
}

/** Fewer entries are searched quickly enough without a jump table, which has about as many. */
const JUMP_FROM = 16;

/** Whether a pattern's lengths make sense for its family. */
export function validLengths(prefix: Prefix, low: number, high: number): boolean {
  return low <= high && high <= width(prefix.family);
}

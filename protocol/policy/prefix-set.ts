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
  readonly #words: readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  readonly #lengths: Uint8Array;
  readonly #parents: Int32Array;
  /** Which lengths each entry itself allows, and together with its covers: indices into the masks. */
  readonly #own: Uint32Array;
  readonly #all: Uint32Array;
  readonly #masks = new MaskTable();
  /** By the top 16 bits: the first entry not below them. */
  readonly #jump: Uint32Array | undefined;
  #key: string | undefined;

  constructor(patterns: readonly PrefixPattern[]) {
    this.family = patterns[0]?.prefix.family;
    const entries = joinedEntries(patterns, this.#masks);
    const n = entries.length;
    this.count = n;
    const wide = this.family === 6 ? n : 0;
    this.#words = [new Uint32Array(n), new Uint32Array(wide), new Uint32Array(wide), new Uint32Array(wide)];
    this.#lengths = new Uint8Array(n);
    this.#own = new Uint32Array(n);
    this.#all = new Uint32Array(n);
    this.#parents = new Int32Array(n);
    this.#fill(entries);
    if (n > JUMP_FROM) this.#jump = jumpTable(this.#words[0]);
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

  #fill(entries: readonly Entry[]): void {
    const [w0, w1, w2, w3] = this.#words;
    /** The chain of entries that cover the current one, outermost first. */
    const open: number[] = [];
    for (const [i, { prefix, mask }] of entries.entries()) {
      w0[i] = prefix.w0;
      if (prefix.family === 6) [w1[i], w2[i], w3[i]] = [prefix.w1, prefix.w2, prefix.w3];
      this.#lengths[i] = prefix.length;
      while (open.length > 0 && !this.#covers(open.at(-1) as number, prefix)) open.pop();
      const parent = open.at(-1) ?? -1;
      this.#parents[i] = parent;
      this.#own[i] = mask;
      this.#all[i] = parent < 0 ? mask : this.#masks.union(mask, this.#all[parent]!);
      open.push(i);
    }
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
    let from = jump ? jump[word >>> 16]! : 0;
    let to = jump ? jump[(word >>> 16) + 1]! : this.count;
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
    let from = jump ? jump[ip.w0 >>> 16]! : 0;
    let to = jump ? jump[(ip.w0 >>> 16) + 1]! : this.count;
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
  readonly #ranges = new Map<number, number>();

  range(low: number, high: number): number {
    const known = this.#ranges.get(low * 256 + high);
    if (known !== undefined) return known;
    const mask = new Uint8Array(129).fill(1, low, high + 1);
    const index = this.#intern(mask);
    this.#ranges.set(low * 256 + high, index);
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

interface Entry {
  readonly prefix: Prefix;
  readonly mask: number;
}

/** In order of address, then length; one for each prefix. */
function joinedEntries(patterns: readonly PrefixPattern[], masks: MaskTable): Entry[] {
  const entries: Entry[] = [];
  for (const { prefix, low, high } of patterns) {
    if (high >= prefix.length) {
      entries.push({ prefix, mask: masks.range(Math.max(low, prefix.length), high) });
    }
    for (let length = low; length < prefix.length && length <= high; length++) {
      entries.push({ prefix: prefixOf(prefix, length), mask: masks.range(length, length) });
    }
  }
  if (!entries.every((entry, i) => i === 0 || order(entries[i - 1] as Entry, entry) <= 0)) entries.sort(order);
  const result: Entry[] = [];
  for (const entry of entries) {
    const last = result.at(-1);
    if (last && order(last, entry) === 0) {
      result[result.length - 1] = { prefix: entry.prefix, mask: masks.union(last.mask, entry.mask) };
    } else result.push(entry);
  }
  return result;
}

function order({ prefix: a }: Entry, { prefix: b }: Entry): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3 || a.length - b.length;
}

function sameBits(a: number, b: number, length: number): boolean {
  return length >= 32 ? a === b : length <= 0 || (a ^ b) >>> (32 - length) === 0;
}

function jumpTable(w0: Uint32Array): Uint32Array {
  const table = new Uint32Array(0x1_0001);
  let i = 0;
  for (let top = 0; top <= 0xffff; top++) {
    while (i < w0.length && w0[i]! >>> 16 < top) i++;
    table[top] = i;
  }
  table[0x1_0000] = w0.length;
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

/** Fewer entries are searched quickly enough without a jump table of 256 kB. */
const JUMP_FROM = 2048;

/** Whether a pattern's lengths make sense for its family. */
export function validLengths(prefix: Prefix, low: number, high: number): boolean {
  return low <= high && high <= width(prefix.family);
}

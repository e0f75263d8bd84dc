/**
 * The memory of the tables: rows of 32-bit words in pages, so that growth copies nothing and what is not used costs
 * nothing; and sets of slots that remember the order in which they were marked.
 *
 * The words of one row lie side by side: a lookup touches one cache line, not one a column.
 */

/** Rows in a page. Small enough that a daemon with one route stays small. */
export const PAGE_BITS = 12;
export const PAGE_ROWS: number = 1 << PAGE_BITS;
export const PAGE_MASK: number = PAGE_ROWS - 1;

/** An array of rows, each `stride` words, zero until written. */
export class Rows {
  readonly stride: number;
  /** Hot code indexes it: row `r` is in page `r >>> PAGE_BITS` at `(r & PAGE_MASK) * stride`. */
  readonly pages: (Int32Array | undefined)[] = [];

  constructor(stride: number) {
    this.stride = stride;
  }

  /** The page that holds a row, made if there is none. */
  touch(row: number): Int32Array {
    const at = row >>> PAGE_BITS;
    return this.pages[at] ?? this.#make(at);
  }

  get(row: number, word: number): number {
    const page = this.pages[row >>> PAGE_BITS];
    return page === undefined ? 0 : page[(row & PAGE_MASK) * this.stride + word]!;
  }

  set(row: number, word: number, value: number): void {
    this.touch(row)[(row & PAGE_MASK) * this.stride + word] = value;
  }

  /** Forgets everything. */
  clear(): void {
    this.pages.length = 0;
  }

  /** Gives back pages whose rows are all zero in their first word. */
  trim(): void {
    for (const [at, page] of this.pages.entries()) {
      if (page && isBlank(page, this.stride)) this.pages[at] = undefined;
    }
  }

  get octets(): number {
    let octets = 0;
    for (const page of this.pages) octets += page?.byteLength ?? 0;
    return octets;
  }

  #make(at: number): Int32Array {
    while (this.pages.length <= at) this.pages.push(undefined);
    const page = new Int32Array(PAGE_ROWS * this.stride);
    this.pages[at] = page;
    return page;
  }
}

function isBlank(page: Int32Array, stride: number): boolean {
  for (let at = 0; at < page.length; at += stride) if (page[at] !== 0) return false;
  return true;
}

/** A set of small numbers, a bit each. */
export class BitSet {
  #bits = new Uint32Array(0);

  has(n: number): boolean {
    return ((this.#bits[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    const word = n >>> 5;
    if (word >= this.#bits.length) {
      const bits = new Uint32Array(Math.max(64, word + 1, this.#bits.length * 2));
      bits.set(this.#bits);
      this.#bits = bits;
    }
    this.#bits[word] = this.#bits[word]! | (1 << (n & 31));
  }

  delete(n: number): void {
    const word = n >>> 5;
    if (word < this.#bits.length) this.#bits[word] = this.#bits[word]! & ~(1 << (n & 31));
  }

  clear(): void {
    this.#bits = new Uint32Array(0);
  }
}

/** A first-in first-out set of small numbers: one that is in it already keeps its place. */
export class DirtySet {
  #bits = new Uint32Array(0);
  #queue = new Int32Array(0);
  #head = 0;
  #tail = 0;

  get size(): number {
    return this.#tail - this.#head;
  }

  has(n: number): boolean {
    return ((this.#bits[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  /** @returns whether it is new. */
  add(n: number): boolean {
    const word = n >>> 5;
    if (word >= this.#bits.length) this.#widen(word + 1);
    const mask = 1 << (n & 31);
    const bits = this.#bits[word]!;
    if ((bits & mask) !== 0) return false;
    this.#bits[word] = bits | mask;
    if (this.#tail === this.#queue.length) this.#lengthen();
    this.#queue[this.#tail++] = n;
    return true;
  }

  /** The oldest, taken out; 0 if there is none. */
  take(): number {
    if (this.#head === this.#tail) return 0;
    const n = this.#queue[this.#head++]!;
    this.#bits[n >>> 5] = this.#bits[n >>> 5]! & ~(1 << (n & 31));
    if (this.#head === this.#tail) this.#empty();
    return n;
  }

  clear(): void {
    this.#bits = new Uint32Array(0);
    this.#head = this.#tail = 0;
    this.#queue = new Int32Array(0);
  }

  /** A drained set keeps little memory. */
  #empty(): void {
    this.#head = this.#tail = 0;
    if (this.#queue.length > KEPT_QUEUE) this.#queue = new Int32Array(0);
  }

  #widen(words: number): void {
    const bits = new Uint32Array(Math.max(64, words, this.#bits.length * 2));
    bits.set(this.#bits);
    this.#bits = bits;
  }

  #lengthen(): void {
    const live = this.#queue.subarray(this.#head, this.#tail);
    const roomy = live.length < this.#queue.length && live.length * 2 <= this.#queue.length;
    const queue = roomy ? this.#queue : new Int32Array(Math.max(64, this.#queue.length * 2));
    if (roomy) queue.copyWithin(0, this.#head, this.#tail);
    else queue.set(live);
    this.#queue = queue;
    this.#tail = live.length;
    this.#head = 0;
  }
}

const KEPT_QUEUE = 1 << 12;

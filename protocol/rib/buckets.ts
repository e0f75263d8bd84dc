/** Entries of a round put together by key, in the order of the first of each: for packing by attribute set. */

export class Buckets {
  readonly #next: Int32Array;
  readonly #firsts: Int32Array;
  readonly #lasts: Int32Array;
  readonly #keys: Int32Array;
  readonly #tags: Int32Array;
  /** Open addressing: number of the bucket plus one. */
  readonly #index: Int32Array;
  readonly #used: Int32Array;
  #size = 0;

  /** @param most entries in a round; a power of two */
  constructor(most: number) {
    this.#next = new Int32Array(most);
    this.#firsts = new Int32Array(most);
    this.#lasts = new Int32Array(most);
    this.#keys = new Int32Array(most);
    this.#tags = new Int32Array(most);
    this.#used = new Int32Array(most);
    this.#index = new Int32Array(most * 2);
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    for (let i = 0; i < this.#size; i++) this.#index[this.#used[i]!] = 0;
    this.#size = 0;
  }

  add(entry: number, key: number, tag: number): void {
    this.#next[entry] = -1;
    const bucket = this.#find(key, tag);
    if (this.#firsts[bucket] === -1) this.#firsts[bucket] = entry;
    else this.#next[this.#lasts[bucket]!] = entry;
    this.#lasts[bucket] = entry;
  }

  first(bucket: number): number {
    return this.#firsts[bucket]!;
  }

  /** The next entry of the same bucket; negative: there is none. */
  next(entry: number): number {
    return this.#next[entry]!;
  }

  #find(key: number, tag: number): number {
    const last = this.#size - 1;
    if (last >= 0 && this.#keys[last] === key && this.#tags[last] === tag) return last;
    const mask = this.#index.length - 1;
    let i = (Math.imul(key ^ Math.imul(tag, 0x85eb_ca6b), 0x9e37_79b1) >>> 7) & mask;
    for (let number = this.#index[i]!; number !== 0; number = this.#index[i]!) {
      if (this.#keys[number - 1] === key && this.#tags[number - 1] === tag) return number - 1;
      i = (i + 1) & mask;
    }
    const bucket = this.#size++;
    this.#index[i] = bucket + 1;
    this.#used[bucket] = i;
    this.#keys[bucket] = key;
    this.#tags[bucket] = tag;
    this.#firsts[bucket] = -1;
    return bucket;
  }
}

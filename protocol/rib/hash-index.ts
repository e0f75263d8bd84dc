/**
 * Open addressing for rows that know their own keys: an entry is the row's number in its low bits and the hash's upper
 * bits above them, so that a probe seldom has to look at a row. The loop that compares keys is the owner's.
 */

export class HashIndex {
  /** 0: free. Row 0 stands for nothing: an entry that says so is a grave, over which probes go on. */
  entries: Uint32Array = new Uint32Array(FIRST);
  mask: number = FIRST - 1;
  #graves = 0;

  get octets(): number {
    return this.entries.byteLength;
  }

  /** Whether it has to be made anew before one more comes to `size` rows. */
  isFull(size: number): boolean {
    return (size + this.#graves + 1) * 10 > (this.mask + 1) * 7;
  }

  /**
   * Empty, of a size that suits so many rows: twice what it was, or the same without the graves, or less.
   * @param limit all row numbers are below it: they have to fit the low bits
   */
  renew(size: number, limit: number): void {
    let slots = this.mask + 1;
    if (size * 20 > slots * 7) slots *= 2;
    while (slots > FIRST && size * 8 < slots && slots > limit * 2) slots /= 2;
    this.entries = new Uint32Array(slots);
    this.mask = slots - 1;
    this.#graves = 0;
  }

  enter(row: number, hash: number): void {
    const { entries, mask } = this;
    let i = hash & mask;
    while (entries[i] !== 0) i = (i + 1) & mask;
    entries[i] = (hash & ~mask) | row;
  }

  /** Puts a grave in a row's place; where nothing is behind it, not even that. */
  leave(row: number, hash: number): void {
    const { entries, mask } = this;
    const entry = ((hash & ~mask) | row) >>> 0;
    let i = hash & mask;
    while (entries[i] !== entry) i = (i + 1) & mask;
    if (entries[(i + 1) & mask] === 0) {
      entries[i] = 0;
      return;
    }
    entries[i] = mask + 1;
    this.#graves++;
  }

  /** Whether so few rows are in it that a smaller one would do. */
  isSparse(size: number, limit: number): boolean {
    return this.mask + 1 > FIRST && size * 8 < this.mask + 1 && limit * 2 < this.mask + 1;
  }

  reset(): void {
    this.entries = new Uint32Array(FIRST);
    this.mask = FIRST - 1;
    this.#graves = 0;
  }
}

/** The finaliser of MurmurHash3: every bit in moves every bit out. */
export function mix(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85eb_ca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2_ae35);
  return x ^ (x >>> 16);
}

const FIRST = 1 << 8;

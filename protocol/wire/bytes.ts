/**
 * Octets in and out, in network order. `ByteReader` alone indexes wire octets, and checks each read:
 * what lies beyond the end is a `ShortRead`, which every decoder turns into its own RFC's error.
 */

/** A read past the end. Decoders catch it where they know what it means; it never leaves the codec. */
export class ShortRead extends Error {
  override readonly name = "ShortRead";
}

export class ByteReader {
  readonly #octets: Uint8Array;
  #end: number;
  #at: number;

  constructor(octets: Uint8Array, start = 0, end: number = octets.length) {
    this.#octets = octets;
    this.#at = start;
    this.#end = Math.min(end, octets.length);
  }

  /** Octets left to read. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Position in the underlying octets, for error offsets. */
  get at(): number {
    return this.#at;
  }

  u8(): number {
    const at = this.#take(1);
    return this.#octets[at]!;
  }

  /** The next octet, which stays to be read. */
  peek(): number {
    if (this.left < 1) throw new ShortRead("1 octet wanted, 0 left");
    return this.#octets[this.#at]!;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#octets[at]! << 8) | this.#octets[at + 1]!;
  }

  u24(): number {
    const at = this.#take(3);
    const o = this.#octets;
    return (o[at]! << 16) | (o[at + 1]! << 8) | o[at + 2]!;
  }

  u32(): number {
    const at = this.#take(4);
    const o = this.#octets;
    return ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0;
  }

  /** As many `u32` in one list. */
  u32s(count: number): number[] {
    let at = this.#take(count * 4);
    const o = this.#octets;
    const words = new Array<number>(count);
    for (let i = 0; i < count; i++, at += 4) {
      words[i] = ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0;
    }
    return words;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** A view of the next octets: copy what you keep. */
  view(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#octets.subarray(at, at + length);
  }

  /** A copy of the next octets: safe to keep. */
  copy(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#octets.slice(at, at + length);
  }

  /** A reader of the next octets alone; this one goes on behind them. */
  sub(length: number): ByteReader {
    const at = this.#take(length);
    return new ByteReader(this.#octets, at, at + length);
  }

  /** A view between two positions: for error data. Copy what you keep. */
  between(start: number, end: number): Uint8Array {
    return this.#octets.subarray(start, Math.min(end, this.#octets.length));
  }

  /** Until `leave`, reads as if nothing came behind the next octets: a `sub` that costs nothing. */
  enter(length: number): number {
    const at = this.#take(length);
    const outer = this.#end;
    this.#end = this.#at;
    this.#at = at;
    return outer;
  }

  /** Goes on behind the octets of `enter`, read or not. @param outer what `enter` returned */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#end) throw new ShortRead(`${length} octets wanted, ${this.left} left`);
    this.#at = at + length;
    return at;
  }
}

/** A growing buffer; `finish` gives a copy of what was written. Methods chain. */
export class ByteWriter {
  #octets: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#octets = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#octets[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value & 0xffff);
  }

  u32(value: number): this {
    const at = this.#grow(4);
    const o = this.#octets;
    o[at] = value >>> 24;
    o[at + 1] = value >>> 16;
    o[at + 2] = value >>> 8;
    o[at + 3] = value;
    return this;
  }

  u64(value: bigint): this {
    return this.u32(Number(value >> 32n)).u32(Number(value & 0xffff_ffffn));
  }

  bytes(octets: Uint8Array): this {
    const at = this.#grow(octets.length);
    this.#octets.set(octets, at);
    return this;
  }

  /** Overwrites two octets written before: for lengths known only afterwards. */
  patchU16(at: number, value: number): this {
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value;
    return this;
  }

  patchU8(at: number, value: number): this {
    this.#octets[at] = value;
    return this;
  }

  /** Forgets everything behind `length`: for what turned out not to fit. */
  truncate(length: number): this {
    this.#length = Math.min(length, this.#length);
    return this;
  }

  finish(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }

  #grow(length: number): number {
    const at = this.#length;
    this.#length = at + length;
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#octets.length * 2));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    return at;
  }
}

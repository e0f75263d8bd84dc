/**
 * The octets of a file between its chunks and its records, and reads of numbers in either byte order.
 *
 * Captures are read by index and not by ByteReader: every reader of a file first checks that the whole record is
 * there, and a call and a check an octet would double the time of a pass over a large file (bench/decode.ts).
 */

/** A queue of octets: chunks in, records out as one piece. */
export class Input {
  #octets: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #owned = false;
  #offset = 0;

  /** What waits. A view, valid until the next `push`. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** Index in `octets` of the first octet not taken yet. */
  get at(): number {
    return this.#start;
  }

  get left(): number {
    return this.#end - this.#start;
  }

  /** How many octets of the file were taken before `at`. */
  get offset(): number {
    return this.#offset;
  }

  /** A chunk is kept as it is when nothing waits, and must then not change until it is taken. */
  push(chunk: Uint8Array): void {
    const left = this.left;
    if (left === 0) {
      this.#octets = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#end + chunk.length > this.#octets.length) {
      // Twice what is needed, so that a long record made of short chunks is not copied with each of them.
      const larger = new Uint8Array(2 * (left + chunk.length));
      larger.set(this.#octets.subarray(this.#start, this.#end));
      this.#octets = larger;
      this.#start = 0;
      this.#end = left;
      this.#owned = true;
    }
    this.#octets.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what waits, so that the chunk it came in may change. */
  own(): void {
    if (this.#owned || this.left === 0) return;
    this.#octets = this.#octets.slice(this.#start, this.#end);
    this.#end = this.left;
    this.#start = 0;
    this.#owned = true;
  }

  /** Moves on by `length` octets, as many as are there. @returns how many */
  take(length: number): number {
    const taken = Math.min(length, this.left);
    this.#start += taken;
    this.#offset += taken;
    return taken;
  }
}

export function u16be(o: Uint8Array, at: number): number {
  return (o[at]! << 8) | o[at + 1]!;
}

export function u32be(o: Uint8Array, at: number): number {
  return ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0;
}

export function u16le(o: Uint8Array, at: number): number {
  return (o[at + 1]! << 8) | o[at]!;
}

export function u32le(o: Uint8Array, at: number): number {
  return ((o[at + 3]! << 24) | (o[at + 2]! << 16) | (o[at + 1]! << 8) | o[at]!) >>> 0;
}

const EMPTY = new Uint8Array(0);

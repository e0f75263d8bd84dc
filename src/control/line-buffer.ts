/**
 * Octets from a client to command lines. A line may come in any number of pieces, and pieces may hold any
 * number of lines; what has no end in sight after 64 KiB is refused.
 */
export class LineBuffer {
  #octets: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Up to here there is no LF: a line that grows by one octet at a time is not searched again and again. */
  #searched = 0;

  push(chunk: Uint8Array): void {
    this.#reserve(chunk.length);
    this.#octets.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Octets kept. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** The next whole line without its LF; undefined while there is none. */
  next(): string | undefined {
    const at = this.#octets.subarray(0, this.#end).indexOf(LF, Math.max(this.#searched, this.#start));
    if (at < 0) {
      this.#searched = this.#end;
      return undefined;
    }
    if (at - this.#start > LINE_LIMIT) return undefined; // see tooLong
    const line = this.#octets.toString("utf8", this.#start, at);
    this.#start = at + 1;
    this.#searched = this.#start;
    return line;
  }

  /** Whether the line at the front exceeds the limit, complete or not. */
  get tooLong(): boolean {
    if (this.size <= LINE_LIMIT) return false;
    const at = this.#octets.subarray(0, this.#end).indexOf(LF, this.#start);
    return at < 0 || at - this.#start > LINE_LIMIT;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#octets.length) return;
    const size = this.size;
    const octets = Buffer.allocUnsafe(Math.max(SMALLEST, 2 * (size + more)));
    octets.set(this.#octets.subarray(this.#start, this.#end));
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#octets = octets;
    this.#start = 0;
    this.#end = size;
  }
}

/** Octets of a command line, its LF not counted. */
export const LINE_LIMIT = 65_536;
const SMALLEST = 512;
const LF = 10;

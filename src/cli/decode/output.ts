/**
 * Lines to standard output, in large pieces, no faster than it takes them. A reader that goes away (`| head`) ends the work
 * without a word.
 */
import type { Writable } from "node:stream";

export class Output {
  readonly #stream: Writable;
  #buffer: Buffer = Buffer.allocUnsafe(CAPACITY);
  #length = 0;
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("error", this.#failed);
    stream.on("close", this.#failed);
  }

  /** Nobody reads any more. */
  get closed(): boolean {
    return this.#closed;
  }

  line(text: string): void {
    this.text(text);
    this.#buffer[this.#length++] = NEWLINE;
  }

  /** Becomes octets at once: strings that wait are what a garbage collector has most work with. */
  text(text: string): void {
    const most = text.length * 3 + 1; // of UTF-8, and a newline
    if (this.#length + most > this.#buffer.length) this.#grow(most);
    this.#length += this.#buffer.write(text, this.#length);
  }

  /** Hands on what has gathered, and waits while the reader is behind. */
  async relay(): Promise<void> {
    if (this.#length === 0) return;
    // The stream keeps what it is given until it is written: the next lines need another buffer.
    const full = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(Math.min(CAPACITY, 2 * full.length));
    this.#length = 0;
    if (this.#closed) return;
    if (!this.#stream.write(full)) await this.#drained();
  }

  /** All that is left. */
  async end(): Promise<void> {
    await this.relay();
    this.#stream.off("close", this.#failed);
  }

  #grow(most: number): void {
    const larger = Buffer.allocUnsafe(2 * this.#buffer.length + most);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "close", "error"]) this.#stream.off(event, done);
        resolve();
      };
      for (const event of ["drain", "close", "error"]) this.#stream.on(event, done);
      if (this.#closed) done();
    });
  }

  readonly #failed = (): void => {
    this.#closed = true;
  };
}

const CAPACITY = 1 << 20;
const NEWLINE = 0x0a;

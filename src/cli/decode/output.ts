/**
 * Lines to standard output, in large pieces, no faster than it takes them. A reader that goes away (`| head`) ends the work
 * without a word.
 */
import type { Writable } from "node:stream";

export class Output {
  readonly #stream: Writable;
  #pieces: string[] = [];
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
    this.#pieces.push(text, "\n");
    this.#length += text.length + 1;
  }

  text(text: string): void {
    this.#pieces.push(text);
    this.#length += text.length;
  }

  /** Hands on what has gathered once it is worth it, and waits while the reader is behind. */
  async relay(least: number = WORTH): Promise<void> {
    if (this.#length < least || this.#length === 0) return;
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    if (this.#closed) return;
    if (!this.#stream.write(text)) await this.#drained();
  }

  /** All that is left. */
  async end(): Promise<void> {
    await this.relay(0);
    this.#stream.off("close", this.#failed);
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

const WORTH = 64 << 10;

/** Octets received and not yet read: a queue of chunks, cut into messages on demand. */
import { Framer } from "../../../protocol/codec/message.ts";

export class Input {
  readonly #framer = new Framer();
  readonly #chunks: Uint8Array[] = [];
  #reader: Generator<Uint8Array> | undefined;
  #buffered = 0;
  #current = 0;

  /** Octets of whole chunks that nobody has looked at, and the rest of the current one. */
  get buffered(): number {
    return this.#buffered + this.#current;
  }

  get empty(): boolean {
    return this.#reader === undefined && this.#chunks.length === 0;
  }

  /** Enough for now: stop reading the socket. */
  get full(): boolean {
    return this.#buffered > MOST_OCTETS;
  }

  add(octets: Uint8Array): void {
    this.#chunks.push(octets);
    this.#buffered += octets.length;
  }

  setLimit(limit: number): void {
    this.#framer.setLimit(limit);
  }

  /**
   * The next whole message; undefined until more comes. A view: copy what is kept.
   * @throws NotificationError for a bad header, now and at each later call
   */
  next(): Uint8Array | undefined {
    for (;;) {
      if (!this.#reader) {
        const chunk = this.#chunks.shift();
        if (!chunk) return undefined;
        this.#buffered -= chunk.length;
        this.#current = chunk.length;
        this.#reader = this.#framer.push(chunk);
      }
      const { value, done } = this.#reader.next();
      if (!done) {
        this.#current -= value.length;
        return value;
      }
      this.#reader = undefined;
      this.#current = 0;
    }
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#reader = undefined;
    this.#buffered = 0;
    this.#current = 0;
  }
}

const MOST_OCTETS = 262_144;

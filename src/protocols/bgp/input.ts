/** Octets received and not yet read: a queue of chunks, cut into messages on demand. */
import { type CodecContext, type FamilyKey, familyKey } from "../../../protocol/codec/capability.ts";
import type { NotificationError } from "../../../protocol/codec/error.ts";
import { ErrorCode } from "../../../protocol/codec/iana.ts";
import { decodeMessage, Framer } from "../../../protocol/codec/message.ts";
import { endOfRib } from "../../../protocol/codec/update.ts";
import type { Event } from "../../../protocol/fsm/step.ts";

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

/** The family whose End-of-RIB this UPDATE is (RFC 4724 §2); only the shortest are looked at. */
export function endOfRibIn(message: Uint8Array, context: CodecContext | undefined): FamilyKey | undefined {
  if (message.length > LONGEST_END_OF_RIB || !context) return undefined;
  const update = decodeMessage(message, context);
  const family = update.type === "update" ? endOfRib(update) : undefined;
  return family && familyKey(family.afi, family.safi);
}

/** What a message that cannot be read is to the state machine. */
export function errorEvent(error: NotificationError): Event {
  if (error.code === ErrorCode.Open) return { type: "open-error", error };
  return { type: error.code === ErrorCode.Update ? "update-error" : "header-error", error };
}

/** An UPDATE with an empty MP_UNREACH, extended length or not. */
const LONGEST_END_OF_RIB = 30;
const MOST_OCTETS = 262_144;

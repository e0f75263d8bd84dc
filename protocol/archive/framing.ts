/**
 * BGP messages out of one direction of a connection, as a capture has it: perhaps joined half-way, perhaps with holes.
 *
 * Unlike the codec's Framer, which ends the session at the first bad header, this one looks for the next marker with a
 * plausible length and type behind it, and says how much it passed over.
 */
import { HEADER_LENGTH, MAX_EXTENDED_LENGTH } from "../codec/message.ts";
import { isMarker } from "./guess.ts";
import { Input, u16be } from "./input.ts";
import type { Outlet } from "./reassembly.ts";
import type { Moment } from "./record.ts";

export interface MessageSink {
  /** The longest message that may come now (RFC 8654). */
  readonly limit: number;
  /** @param octets valid during the call; the header alone if its length cannot be believed */
  message(octets: Uint8Array, at: Moment): void;
  gap(missing: number, skipped: number, at: Moment): void;
}

export class MessageFinder implements Outlet {
  readonly #sink: MessageSink;
  readonly #input = new Input();
  #gap: Gap | undefined = { missing: 0, skipped: 0, since: undefined };

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** Octets of a message that is not whole yet. */
  get held(): number {
    return this.#input.left;
  }

  /** The next octet is the first of the connection, so that no marker has to be looked for. */
  start(): void {
    this.#gap = undefined;
  }

  data(octets: Uint8Array, at: Moment): void {
    this.#input.push(octets);
    while (this.#next(at)) {
      // one message, or one step of the search
    }
    this.#input.own();
  }

  gap(missing: number, at: Moment): void {
    const started = this.#gap;
    // The head of the message that the hole tore apart is of no use.
    const head = this.#input.take(this.#input.left);
    if (started && started.missing === 0) {
      this.#gap = { missing, skipped: started.skipped + head, since: at };
      return;
    }
    if (started) this.#report({ ...started, skipped: started.skipped + head }, at);
    this.#gap = { missing, skipped: started ? 0 : head, since: at };
  }

  abandoned(missing: number, waiting: number, at: Moment): void {
    this.gap(missing, at);
    if (this.#gap) this.#gap.skipped += waiting;
  }

  /** Nothing more will come. A message that is not whole was never sent as far as anybody knows. */
  end(): void {
    const gap = this.#gap;
    const left = this.#input.take(this.#input.left);
    this.#gap = undefined;
    if (gap?.since) this.#report({ ...gap, skipped: gap.skipped + left }, gap.since);
  }

  /** @returns false when more octets are needed */
  #next(at: Moment): boolean {
    if (this.#gap && !this.#seek(this.#gap, at)) return false;
    const { octets, at: start, left } = this.#input;
    for (let i = 0; i < Math.min(left, MARKER); i++) {
      if (octets[start + i] !== 0xff) return this.#lost(at);
    }
    if (left < HEADER_LENGTH) return false;
    const length = u16be(octets, start + MARKER);
    if (length < HEADER_LENGTH || length > this.#sink.limit) {
      // RFC 4271 §6.1: judged from the header alone; what its length would skip may be good messages.
      this.#input.take(HEADER_LENGTH);
      this.#sink.message(octets.subarray(start, start + HEADER_LENGTH), at);
      return this.#lost(at);
    }
    if (left < length) return false;
    this.#input.take(length);
    this.#sink.message(octets.subarray(start, start + length), at);
    return true;
  }

  #lost(at: Moment): boolean {
    this.#gap = { missing: 0, skipped: 0, since: at };
    return true;
  }

  /** @returns false if no marker is among what is here; all but what may become one is passed over */
  #seek(gap: Gap, at: Moment): boolean {
    const { octets, at: start, left } = this.#input;
    gap.since ??= at;
    const end = start + left;
    let i = start;
    while (i + HEADER_LENGTH <= end && !this.#plausible(octets, i)) i = behindLastOther(octets, i);
    gap.skipped += this.#input.take(Math.min(i, end) - start);
    if (i + HEADER_LENGTH > end) return false;
    this.#gap = undefined;
    this.#report(gap, at);
    return true;
  }

  #plausible(octets: Uint8Array, at: number): boolean {
    if (!isMarker(octets, at)) return false;
    const length = u16be(octets, at + MARKER);
    const type = octets[at + MARKER + 2]!;
    return (
      length >= HEADER_LENGTH && length <= Math.min(this.#sink.limit, MAX_EXTENDED_LENGTH) && type >= 1 && type <= 5
    );
  }

  #report({ missing, skipped, since }: Gap, at: Moment): void {
    if (missing + skipped > 0) this.#sink.gap(missing, skipped, since ?? at);
  }
}

interface Gap {
  missing: number;
  skipped: number;
  /** Undefined before the first octet of a connection joined half-way. */
  since: Moment | undefined;
}

/** Where a marker may start next: behind the last of 16 octets that is none of its own. */
function behindLastOther(octets: Uint8Array, at: number): number {
  for (let i = at + MARKER - 1; i >= at; i--) if (octets[i] !== 0xff) return i + 1;
  return at + 1;
}

const MARKER = 16;

/**
 * One direction of a TCP connection: segments in, octets in order out (RFC 9293 §3.4).
 *
 * A capture is not a receiver: it cannot ask for what it missed. So octets come out as soon as they are whole, and a hole
 * is given up as soon as it is known that nothing will fill it: when the receiver acknowledged it, when too much waits
 * behind it, or at the end. Where octets came twice and differ, the first that were captured count.
 */
import type { Moment } from "./record.ts";

/** What comes out of a direction, in order of the stream. */
export interface Outlet {
  /** @param octets valid during the call @param at the packet with which the stream became whole up to their end */
  data(octets: Uint8Array, at: Moment): void;
  /** @param missing octets that never came */
  gap(missing: number, at: Moment): void;
  /** The capture ended with `waiting` octets behind a hole that nobody acknowledged. */
  abandoned(missing: number, waiting: number, at: Moment): void;
}

export class Reassembly {
  readonly #outlet: Outlet;
  /** Sequence number of the next octet to hand out; undefined before the first packet. */
  #next: number | undefined;
  /** Initial sequence number, or what stands for it in a connection joined half-way. */
  #initial: number | undefined;
  #fin: number | undefined;
  #closed = false;
  #sawSyn = false;
  /** Nothing was handed out yet, so that the start may still move. */
  #fresh = true;
  #waiting: Piece[] = [];
  #waitingOctets = 0;
  /** The latest packet that had a part in the stream since the last gap. */
  #whole: Moment | undefined;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** Undefined until the first packet of this direction. */
  get initial(): number | undefined {
    return this.#initial;
  }

  /** Whether the start of the connection was captured. */
  get sawSyn(): boolean {
    return this.#sawSyn;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get waitingOctets(): number {
    return this.#waitingOctets;
  }

  syn(seq: number): void {
    if (this.#next !== undefined) return; // sent again
    this.#initial = seq;
    this.#next = (seq + 1) >>> 0;
    this.#sawSyn = true;
  }

  /**
   * @param seq of the first octet
   * @param cut how many octets more the packet had than the capture kept
   * @param acknowledged the last acknowledgement that the other direction sent, if any
   */
  segment(seq: number, octets: Uint8Array, cut: number, at: Moment, acknowledged: number | undefined): void {
    if (this.#closed) return;
    if (this.#next === undefined) this.#join(seq, acknowledged);
    const total = octets.length + cut;
    const past = -distance(seq, this.#next!); // octets that came before
    if (total === 0 || past >= total) return;
    this.#givenTime(at);
    if (past >= 0 && this.#waiting.length === 0) {
      this.#deliver(octets.subarray(Math.min(past, octets.length)), at);
      this.#lose(Math.min(cut, total - past), at);
    } else {
      this.#keep(seq, octets, cut, at);
      this.#drain();
      while (this.#waitingOctets > MAX_WAITING || this.#waiting.length > MAX_PIECES) this.#skipHole(at);
    }
    this.#checkFin();
  }

  /** The other side has everything before `ack`: what is not here by now was never captured. */
  acknowledge(ack: number, at: Moment): void {
    if (this.#next === undefined || this.#closed) return;
    const limit = this.#fin !== undefined && distance(ack, this.#fin) > 0 ? this.#fin : ack;
    const ahead = distance(limit, this.#next);
    if (ahead <= 0) return;
    if (ahead === 1 && this.#waiting.length === 0) {
      // A FIN that was not captured, or the answer to a keep-alive with which a capture began.
      if (this.#fresh && !this.#sawSyn) this.#next = limit;
      return;
    }
    while (distance(limit, this.#next) > 0 && !this.#closed) {
      const first = this.#waiting[0];
      if (first && distance(first.seq, limit) < 0) this.#skipHole(at);
      else this.#lose(distance(limit, this.#next), at);
      this.#drain();
    }
    this.#checkFin();
  }

  fin(seq: number): void {
    if (this.#next === undefined) this.#join(seq, undefined);
    this.#fin ??= seq;
    this.#checkFin();
  }

  /** Ends the direction: nobody will send again what is missing. */
  end(at: Moment): void {
    while (this.#waiting.length > 0) this.#skipHole(at);
    this.#closed = true;
  }

  /**
   * The capture ends. What is missing may have been sent again after it: what waits is no stream, and is only counted, so
   * that nothing is lost without a word.
   */
  abandon(): void {
    const first = this.#waiting[0];
    if (!first || this.#closed) return;
    this.#closed = true;
    this.#outlet.abandoned(distance(first.seq, this.#next!), this.#waitingOctets, first.at);
    this.#waiting = [];
    this.#waitingOctets = 0;
  }

  /** Where a reset may stand to be believed: within what a receiver would look at (RFC 5961 §3.2). */
  inWindow(seq: number): boolean {
    if (this.#next === undefined) return false;
    const offset = distance(seq, this.#next);
    return offset >= -1 && offset <= MAX_WINDOW;
  }

  /** A connection joined half-way starts with its first packet, or behind a keep-alive probe. */
  #join(seq: number, acknowledged: number | undefined): void {
    this.#initial = (seq - 1) >>> 0;
    this.#next = acknowledged !== undefined && distance(acknowledged, seq) === 1 ? acknowledged : seq;
  }

  /** Keeps those octets that are neither handed out nor waiting already. */
  #keep(seq: number, octets: Uint8Array, cut: number, at: Moment): void {
    const origin = this.#next!;
    const base = distance(seq, origin);
    let from = Math.max(0, base);
    const end = base + octets.length + cut;
    if (end <= from || end > MAX_WINDOW) return;
    let i = this.#firstBehind(from);
    while (from < end) {
      const next = this.#waiting[i];
      const nextFrom = next ? distance(next.seq, origin) : end;
      const until = Math.min(end, nextFrom);
      if (until > from) {
        const part = octets.slice(from - base, Math.max(from - base, Math.min(octets.length, until - base)));
        const piece = { seq: (origin + from) >>> 0, octets: part, cut: until - from - part.length, at };
        this.#waiting.splice(i++, 0, piece);
        this.#waitingOctets += part.length;
      }
      from = Math.max(until, next ? nextFrom + lengthOf(next) : end);
      i++;
    }
  }

  /** Index of the first piece that ends behind `from`, by halving: they are in order and do not overlap. */
  #firstBehind(from: number): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const piece = this.#waiting[middle]!;
      if (distance(piece.seq, this.#next!) + lengthOf(piece) > from) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Hands out what waits and is next. */
  #drain(): void {
    let done = 0;
    for (const piece of this.#waiting) {
      if (distance(piece.seq, this.#next!) > 0) break;
      done++;
      this.#waitingOctets -= piece.octets.length;
      this.#deliver(piece.octets, piece.at);
      this.#lose(piece.cut, piece.at);
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  /** Of a one-sided capture nobody ever acknowledges anything: there time has to tell that a hole stays. */
  #givenTime(at: Moment): void {
    while (this.#waiting.length > 0) {
      const since = this.#waiting[0]!.at.seconds;
      if (since === undefined || at.seconds === undefined || at.seconds - since <= PATIENCE_SECONDS) return;
      this.#skipHole(at);
    }
  }

  #skipHole(at: Moment): void {
    const first = this.#waiting[0]!;
    this.#lose(distance(first.seq, this.#next!), at);
    this.#drain();
  }

  #deliver(octets: Uint8Array, at: Moment): void {
    if (octets.length === 0) return;
    this.#next = (this.#next! + octets.length) >>> 0;
    this.#fresh = false;
    if (this.#whole === undefined || at.frame > this.#whole.frame) this.#whole = at;
    this.#outlet.data(octets, this.#whole);
  }

  #lose(missing: number, at: Moment): void {
    if (missing <= 0) return;
    this.#next = (this.#next! + missing) >>> 0;
    this.#fresh = false;
    this.#whole = undefined;
    this.#outlet.gap(missing, at);
  }

  #checkFin(): void {
    if (this.#fin !== undefined && !this.#closed && distance(this.#next!, this.#fin) >= 0) this.#closed = true;
  }
}

interface Piece {
  readonly seq: number;
  readonly octets: Uint8Array;
  /** Octets behind them that the snap length cut off. */
  readonly cut: number;
  readonly at: Moment;
}

function lengthOf(piece: Piece): number {
  return piece.octets.length + piece.cut;
}

/** How far `a` is ahead of `b` in sequence space, with its wrap at 2^32. */
function distance(a: number, b: number): number {
  return (a - b) | 0;
}

/** Out-of-order octets held in one direction. */
const MAX_WAITING = 1 << 20;
/** And in how many pieces: each costs memory beside its octets. */
const MAX_PIECES = 16_384;
/** BGP's usual hold time: a session whose octets came no further for so long is over. */
const PATIENCE_SECONDS = 180;
/** The largest window TCP has (RFC 7323 §2.3). */
const MAX_WINDOW = 1 << 30;

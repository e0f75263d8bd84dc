/**
 * What happened last, so that a fail-over can be read afterwards: a bounded ring of events with both
 * clocks. Each kind has a share of its own, so that a flood of one does not wash away the others, and a
 * flood is counted rather than kept.
 */
import type { Clock, Millis } from "../host.ts";

export type TimelineKind =
  | "link"
  | "protocol"
  | "session"
  | "bfd"
  | "client"
  | "config"
  | "decision"
  | "update"
  | "kernel"
  | "note";

export interface TimelineEvent {
  /** Counts from 1, in the order of what happened. */
  readonly number: number;
  /** Monotonic. */
  readonly at: Millis;
  readonly wall: Millis;
  readonly kind: TimelineKind;
  /** Whom it is about: a protocol, an interface, a table. */
  readonly subject: string;
  readonly text: string;
}

/** One kind's share. */
interface Share {
  readonly ring: TimelineEvent[];
  /** Where the next one goes once the ring is full. */
  next: number;
  /** Events that may still be kept in this second. */
  allowance: number;
  second: number;
  dropped: number;
}

export class Timeline {
  readonly #clock: Pick<Clock, "now" | "wall">;
  readonly #size: number;
  readonly #shares = new Map<TimelineKind, Share>();
  readonly #listeners = new Set<(event: TimelineEvent) => void>();
  #count = 0;

  /** @param size events of each kind */
  constructor(clock: Pick<Clock, "now" | "wall">, size: number = SHARE) {
    this.#clock = clock;
    this.#size = size;
  }

  /**
   * Whether an event of this kind would be kept now; if not, it is counted. Asked first by those who come
   * in floods and would have to make a text.
   * @param now spares those who know it the clock
   */
  wants(kind: TimelineKind, now: number = this.#clock.now()): boolean {
    const share = this.#share(kind);
    const second = Math.floor(now / 1000);
    if (second !== share.second) {
      share.second = second;
      share.allowance = PER_SECOND;
    }
    if (share.allowance > 0) return true;
    share.dropped++;
    return false;
  }

  add(kind: TimelineKind, subject: string, text: string): void {
    if (!this.wants(kind)) return;
    const share = this.#share(kind);
    share.allowance--;
    if (share.dropped > 0) {
      const { dropped } = share;
      share.dropped = 0;
      this.#keep(share, kind, "", `${dropped} more were not kept`);
    }
    this.#keep(share, kind, subject, text);
  }

  /** The newest events that a filter lets through, oldest first. */
  last(most: number, filter?: (event: TimelineEvent) => boolean): TimelineEvent[] {
    const all = [...this.#shares.values()].flatMap((share) => share.ring);
    const wanted = filter ? all.filter(filter) : all;
    return wanted.sort((a, b) => a.number - b.number).slice(-most);
  }

  onEvent(listener: (event: TimelineEvent) => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  #share(kind: TimelineKind): Share {
    let share = this.#shares.get(kind);
    if (!share) {
      share = { ring: [], next: 0, allowance: PER_SECOND, second: -1, dropped: 0 };
      this.#shares.set(kind, share);
    }
    return share;
  }

  #keep(share: Share, kind: TimelineKind, subject: string, text: string): void {
    const event: TimelineEvent = {
      number: ++this.#count,
      at: this.#clock.now(),
      wall: this.#clock.wall(),
      kind,
      subject,
      text: text.slice(0, LONGEST),
    };
    share.ring[share.next] = event;
    share.next = (share.next + 1) % this.#size;
    for (const listener of this.#listeners) listener(event);
  }
}

/** Events kept of each kind. */
const SHARE = 1024;
/** Events of one kind in a second; a full table that comes in has a million. */
const PER_SECOND = 200;
/** Characters of an event. */
const LONGEST = 240;

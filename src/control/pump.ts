/**
 * Shares the event loop among control connections: each gets short turns, who has used least of late goes
 * first, and between the rounds everything else in the process runs. So a client with one short command
 * is answered at once, however many stream tables or pour in nonsense.
 */
export interface Runnable {
  /** Works until `deadline` (on the pump's clock) at most; whether there is more to do at once. */
  turn(deadline: number): boolean;
}

/** Time that a connection has used, weighed down as it grows old. */
interface Use {
  ms: number;
  at: number;
}

export class Pump {
  readonly #now: () => number;
  readonly #ready = new Set<Runnable>();
  readonly #uses = new WeakMap<Runnable, Use>();
  #roundEnds = 0;
  #inRound = false;
  #scheduled = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** There is a command to run, or a reply can go on: now, unless this round of the event loop has given its share. */
  ready(runnable: Runnable): void {
    this.#ready.add(runnable);
    if (!this.#inRound) this.#round();
  }

  drop(runnable: Runnable): void {
    this.#ready.delete(runnable);
  }

  #round(): void {
    const now = this.#now();
    // A round is over when the immediate has run; until then all events of one poll share its time.
    if (!this.#scheduled) this.#roundEnds = now + ROUND_MS;
    if (now < this.#roundEnds) {
      this.#inRound = true;
      try {
        this.#serve(now);
      } finally {
        this.#inRound = false;
      }
    }
    this.#schedule();
  }

  #serve(start: number): void {
    for (const runnable of this.#inOrder(start)) {
      const now = this.#now();
      if (now >= this.#roundEnds) return;
      this.#ready.delete(runnable);
      const more = runnable.turn(Math.min(now + TURN_MS, this.#roundEnds));
      this.#count(runnable, this.#now(), now);
      if (more) this.#ready.add(runnable);
    }
  }

  #inOrder(now: number): Iterable<Runnable> {
    if (this.#ready.size < 2) return [...this.#ready];
    const weighed = Array.from(this.#ready, (runnable) => ({ runnable, ms: this.#used(runnable, now) }));
    return weighed.sort((a, b) => a.ms - b.ms).map(({ runnable }) => runnable);
  }

  #used(runnable: Runnable, now: number): number {
    const use = this.#uses.get(runnable);
    return use ? use.ms * 2 ** ((use.at - now) / HALF_LIFE_MS) : 0;
  }

  #count(runnable: Runnable, now: number, since: number): void {
    this.#uses.set(runnable, { ms: this.#used(runnable, now) + now - since, at: now });
  }

  /** Also with nothing left to do: the immediate marks the end of this round. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#ready.size > 0) this.#round();
    });
  }
}

/** Time for all clients together between two looks at sockets and timers. */
const ROUND_MS = 2;
/** Time for one client before the next has its turn. */
const TURN_MS = 0.5;
/** What was used so long ago counts half. */
const HALF_LIFE_MS = 100;

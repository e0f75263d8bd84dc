/**
 * Shares the event loop among control connections: each gets short turns, who has just sent a command
 * goes before who streams a long reply, and between the rounds everything else in the process runs.
 */
export interface Runnable {
  /** Works until `deadline` (on the pump's clock) at most; whether there is more to do at once. */
  turn(deadline: number): boolean;
}

export class Pump {
  readonly #now: () => number;
  readonly #fresh = new Set<Runnable>();
  readonly #streaming = new Set<Runnable>();
  #roundEnds = 0;
  #inRound = false;
  #scheduled = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A command came: runs it now, unless this round of the event loop has given its share already. */
  fresh(runnable: Runnable): void {
    this.#streaming.delete(runnable);
    this.#fresh.add(runnable);
    if (!this.#inRound) this.#round();
  }

  /** A long reply can go on. */
  resume(runnable: Runnable): void {
    if (!this.#fresh.has(runnable)) this.#streaming.add(runnable);
    this.#schedule();
  }

  drop(runnable: Runnable): void {
    this.#fresh.delete(runnable);
    this.#streaming.delete(runnable);
  }

  #round(): void {
    const now = this.#now();
    // A round is over when the immediate has run; until then all events of one poll share its time.
    if (!this.#scheduled) this.#roundEnds = now + ROUND_MS;
    this.#inRound = true;
    try {
      this.#serve(this.#fresh);
      this.#serve(this.#streaming);
    } finally {
      this.#inRound = false;
    }
    this.#schedule();
  }

  #serve(queue: Set<Runnable>): void {
    for (const runnable of queue) {
      const now = this.#now();
      if (now >= this.#roundEnds) return;
      queue.delete(runnable);
      if (runnable.turn(Math.min(now + TURN_MS, this.#roundEnds))) this.#streaming.add(runnable);
    }
  }

  /** Also with nothing left to do: the immediate marks the end of this round. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#fresh.size > 0 || this.#streaming.size > 0) this.#round();
    });
  }
}

/** Time for all clients together between two looks at sockets and timers. */
const ROUND_MS = 4;
/** Time for one client before the next has its turn. */
const TURN_MS = 1;

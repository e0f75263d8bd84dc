/**
 * Virtual time: a queue of events in order of their deadline, run one after the other without waiting.
 * It is the clock and the scheduler of every simulated host.
 */
import type { Clock, Job, Millis, Scheduler, Timer } from "../host.ts";

interface Entry {
  readonly at: Millis;
  readonly order: number;
  callback: (() => void) | undefined;
}

export class VirtualTime {
  /** What hosts see; `jump` moves the wall clock alone. */
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  #now: Millis = 0;
  #wall: Millis = Date.UTC(2026, 0, 1);
  #order = 0;
  readonly #heap: Entry[] = [];
  readonly #jobs = new Set<Job>();
  readonly #soon: (() => void)[] = [];
  #events = 0;

  constructor() {
    this.clock = {
      now: () => this.#now,
      wall: () => this.#wall + this.#now,
      at: (deadline, callback) => this.at(deadline, callback),
    };
    this.scheduler = {
      run: (job) => {
        this.#jobs.add(job);
      },
      cancel: (job) => {
        this.#jobs.delete(job);
      },
    };
  }

  get now(): Millis {
    return this.#now;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Host.soon: behind the current event, before any other. */
  readonly soon = (callback: () => void): void => {
    this.#soon.push(callback);
  };

  at(deadline: Millis, callback: () => void): Timer {
    const entry: Entry = { at: Math.max(deadline, this.#now), order: this.#order++, callback };
    this.#push(entry);
    return {
      cancel: () => {
        entry.callback = undefined;
      },
    };
  }

  after(ms: Millis, callback: () => void): Timer {
    return this.at(this.#now + ms, callback);
  }

  /** The wall clock steps; deadlines do not. */
  jump(ms: Millis): void {
    this.#wall += ms;
  }

  /**
   * Runs what is due until `until`, or until nothing is left.
   * @throws Error if there are more events than `most`: something chases its own tail
   */
  run(until: Millis, most = 10_000_000): void {
    const limit = this.#events + most;
    for (;;) {
      this.#settle();
      const next = this.#heap[0];
      if (!next || next.at > until) break;
      this.#pop();
      if (!next.callback) continue;
      this.#now = Math.max(this.#now, next.at);
      if (++this.#events > limit) throw new Error(`more than ${most} events before ${until} ms`);
      next.callback();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Runs the next event that is due until `until`. @returns false: there is none */
  runNext(until: Millis): boolean {
    this.#settle();
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.at > until) return false;
      this.#pop();
      if (!next.callback) continue;
      this.#now = Math.max(this.#now, next.at);
      this.#events++;
      next.callback();
      this.#settle();
      return true;
    }
  }

  /** Everything of this instant: callbacks of the turn, then jobs in turns. */
  #settle(): void {
    for (;;) {
      const callback = this.#soon.shift();
      if (callback) {
        callback();
        continue;
      }
      if (this.#jobs.size === 0) return;
      for (const job of [...this.#jobs]) {
        if (this.#jobs.has(job) && !job.step()) this.#jobs.delete(job);
        while (this.#soon.length > 0) this.#soon.shift()!();
      }
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * What the outside world looks like to a speaker: time, chance, log and turns of the event loop, all
 * injected, and Node's forms of them. The simulator brings its own.
 */
import type { LogClass, Place } from "./config/schema.ts";

/** Monotonic milliseconds; only differences mean anything. */
export type Millis = number;

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic, fractional milliseconds. */
  now(): Millis;
  /** Milliseconds since 1970, for what people read; may jump. */
  wall(): number;
  /** Runs `callback` at (not before) the deadline, once. */
  at(deadline: Millis, callback: () => void): Timer;
}

/** Uniform in [0, 1). */
export type Random = () => number;

export type Log = (level: LogClass, text: string, details?: LogDetails) => void;

/** Facts beside the text, for the JSON log and the timeline. */
export interface LogDetails {
  readonly protocol?: string;
  readonly place?: Place;
  readonly [key: string]: unknown;
}

/** Work in slices: `step` does a little (well under 10 ms) and says whether there is more. */
export interface Job {
  step(): boolean;
}

export interface Scheduler {
  /** Runs the job's steps between other events until it is done; one that is scheduled already stays so once. */
  run(job: Job): void;
  cancel(job: Job): void;
}

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly scheduler: Scheduler;
  /** Runs behind the current event, before any other. Left out: a microtask. */
  readonly soon?: (callback: () => void) => void;
}

export function nodeClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    at: (deadline, callback) => armed(deadline, callback),
  };
}

/** Jobs take turns, one slice each, with I/O between the rounds. */
export function nodeScheduler(): Scheduler {
  const jobs = new Set<Job>();
  let queued = false;
  const turn = (): void => {
    queued = false;
    const until = performance.now() + SLICE_MS;
    while (jobs.size > 0 && performance.now() < until) {
      for (const job of [...jobs]) if (jobs.has(job) && !job.step()) jobs.delete(job);
    }
    if (jobs.size > 0) wake();
  };
  const wake = (): void => {
    if (queued) return;
    queued = true;
    setImmediate(turn);
  };
  return {
    run: (job) => {
      jobs.add(job);
      wake();
    },
    cancel: (job) => {
      jobs.delete(job);
    },
  };
}

/** setTimeout may fire up to a millisecond early and takes at most 2^31 - 1 ms: arm again until the deadline is past. */
function armed(deadline: Millis, callback: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const wait = deadline - performance.now();
    if (wait > 0) handle = setTimeout(arm, Math.min(Math.ceil(wait), LONGEST_TIMEOUT_MS));
    else callback();
  };
  handle = setTimeout(arm, Math.min(Math.max(0, Math.ceil(deadline - performance.now())), LONGEST_TIMEOUT_MS));
  return { cancel: () => clearTimeout(handle) };
}

const SLICE_MS = 5;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

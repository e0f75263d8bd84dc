/**
 * Keeps a peer that errs in a loop from filling the disk: each source (class and protocol) may burst, then
 * gets a line now and then that says how many were left out.
 */
import type { LogClass } from "../config/schema.ts";

export interface Verdict {
  readonly pass: boolean;
  /** How many lines of this source were left out before this one. */
  readonly held: number;
}

interface Bucket {
  tokens: number;
  at: number;
  held: number;
}

export class Limiter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #burst: number;
  readonly #perSecond: number;

  constructor(burst: number = BURST, perSecond: number = PER_SECOND) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /**
   * What the daemon tells of itself (`info` of no protocol: five thousand neighbours added) is not held back.
   * @param now monotonic milliseconds
   */
  admit(level: LogClass, source: string, now: number): Verdict {
    if (UNLIMITED.has(level) || (level === "info" && source === "")) return PASS;
    const key = `${level} ${source}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= MAX_SOURCES) this.#buckets.clear();
      bucket = { tokens: this.#burst, at: now, held: 0 };
      this.#buckets.set(key, bucket);
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    if (bucket.tokens < 1) {
      bucket.held++;
      return HOLD;
    }
    bucket.tokens--;
    if (bucket.held === 0) return PASS;
    const { held } = bucket;
    bucket.held = 0;
    return { pass: true, held };
  }
}

/** Somebody switched these on to see all, or they are the daemon's last words. */
const UNLIMITED: ReadonlySet<LogClass> = new Set(["debug", "trace", "fatal"]);
const PASS: Verdict = { pass: true, held: 0 };
const HOLD: Verdict = { pass: false, held: 0 };
const BURST = 500;
const PER_SECOND = 20;
const MAX_SOURCES = 10_000;

/**
 * Brings a Fib's entries to the kernel: what is queued in one turn goes out in one batch on the next
 * microtask, what queues up meanwhile in the batch behind it. Failures wait for a reason to be tried again.
 */
import { type Entry, forget, plan, settle } from "./entries.ts";
import { Errno } from "./errno.ts";
import type { Kernel, RouteChange, RouteFailure } from "./types.ts";

export interface ApplierEvents {
  /** Each failure once until it succeeds or fails otherwise; a missing right once for all routes. */
  failures(failures: readonly RouteFailure[]): void;
  /** The table is not what we take it for: read it. */
  astray(): void;
  trouble(error: Error): void;
}

export class Applier {
  readonly #kernel: Kernel;
  readonly #events: ApplierEvents;
  /** To be tried again: failed, or put off. */
  readonly #waiting = new Set<Entry>();
  #queue: Entry[] = [];
  #running = false;
  #due = false;
  #flushing = false;
  #idle: (() => void)[] = [];
  #retryTimer: NodeJS.Timeout | undefined;
  #retryDue = false;
  /** The first EPERM: until `retry` the kernel is not asked again. */
  #denied: RouteFailure | undefined;
  /** It was reported: the first one speaks for all routes, until something is granted. */
  #denialTold = false;
  /** Number of the reading of the table that runs or ran last: entries remember in which they were answered. */
  reading = 0;

  constructor(kernel: Kernel, events: ApplierEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  /** Until then entries queue up. */
  start(): void {
    this.#running = true;
    this.#schedule();
  }

  /** Nothing is sent from now on, what is queued is forgotten. */
  stop(): void {
    this.#running = false;
    this.#queue = [];
    this.#waiting.clear();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
  }

  enqueue(entry: Entry): void {
    if (entry.queued) return;
    entry.queued = true;
    this.#queue.push(entry);
    this.#schedule();
  }

  /** As if it had never failed. */
  renew(entry: Entry): void {
    entry.failure = undefined;
    this.#waiting.delete(entry);
  }

  /** Leaves it to the next `retryLater`. */
  postpone(entry: Entry): void {
    this.#waiting.add(entry);
    this.retryLater(POSTPONE_MS);
  }

  settled(): Promise<void> {
    if (!this.#flushing && (this.#queue.length === 0 || !this.#running)) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  failures(): RouteFailure[] {
    return [...this.#waiting].flatMap((entry) => entry.failure ?? []);
  }

  /** Tries everything again that waits, and permissions too. */
  retry(): void {
    this.#denied = undefined;
    for (const entry of [...this.#waiting]) {
      this.renew(entry);
      this.enqueue(entry);
    }
  }

  /** The same once the events of this round of the loop are in; permissions do not come back so. */
  retrySoon(): void {
    if (this.#retryDue || this.#waiting.size === 0 || this.#denied) return;
    this.#retryDue = true;
    setImmediate(() => {
      this.#retryDue = false;
      if (this.#running && !this.#denied) this.retry();
    });
  }

  /** The same after a while: the longer the more there is to try. */
  retryLater(wait = 0): void {
    if (this.#retryTimer || this.#waiting.size === 0 || this.#denied || !this.#running) return;
    const ms = Math.max(wait, RETRY_MS + this.#waiting.size * RETRY_MS_EACH);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      if (!this.#denied) this.retry();
    }, ms);
  }

  #schedule(): void {
    if (this.#due || this.#flushing || !this.#running) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#queue.length > 0 && this.#running) await this.#round();
    this.#flushing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #round(): Promise<void> {
    const entries: Entry[] = [];
    const changes: RouteChange[] = [];
    for (const entry of this.#queue.splice(0, ROUND)) {
      entry.queued = false;
      const change = plan(entry);
      if (!change) {
        forget(entry);
        continue;
      }
      entry.sent = change;
      entry.uncertain = false;
      entries.push(entry);
      changes.push(change);
    }
    if (changes.length === 0) return;
    const failures = await this.#ask(changes);
    if (failures) this.#settle(entries, failures);
    else this.#lost(entries);
  }

  /** @returns undefined if the answer was lost: anything may have happened */
  async #ask(changes: readonly RouteChange[]): Promise<readonly RouteFailure[] | undefined> {
    const denied = this.#denied;
    if (denied) return changes.map((change, index) => ({ ...denied, change, index }));
    try {
      return await this.#kernel.apply(changes);
    } catch (error) {
      this.#events.trouble(error as Error);
      return undefined;
    }
  }

  #settle(entries: readonly Entry[], failures: readonly RouteFailure[]): void {
    const news: RouteFailure[] = [];
    let at = 0;
    for (const [index, entry] of entries.entries()) {
      const failure = failures[at]?.index === index ? failures[at++] : undefined;
      entry.reading = this.reading;
      settle(entry, failure);
      if (entry.failure) this.#failed(entry, entry.failure, news);
      else if (this.#waiting.size > 0) this.#waiting.delete(entry);
      if (!entry.failure && entry.wanted) entry.reported = 0;
      if (plan(entry)) this.enqueue(entry);
      else forget(entry);
    }
    // What failed may have waited for a route that came with it.
    if (failures.length < entries.length) {
      this.#denialTold = false;
      this.retryLater();
    }
    if (news.length > 0) this.#events.failures(news);
  }

  #failed(entry: Entry, failure: RouteFailure, news: RouteFailure[]): void {
    this.#waiting.add(entry);
    const denied = failure.errno === Errno.EPERM || failure.errno === Errno.EACCES;
    if (denied) this.#denied ??= failure;
    if (failure.errno === Errno.EEXIST && !entry.occupied) this.#events.astray();
    const known = entry.reported === failure.errno || (denied && this.#denialTold);
    entry.reported = failure.errno;
    if (denied) this.#denialTold = true;
    if (!known) news.push(failure);
  }

  #lost(entries: readonly Entry[]): void {
    for (const entry of entries) {
      entry.sent = undefined;
      entry.uncertain = true;
      this.#waiting.add(entry);
    }
    this.#events.astray();
    this.retryLater(POSTPONE_MS);
  }
}

/** So many requests to a round: what comes in meanwhile waits no longer than these take, some 20 ms. */
const ROUND = 8192;
const RETRY_MS = 100;
const RETRY_MS_EACH = 0.1;
const POSTPONE_MS = 1000;

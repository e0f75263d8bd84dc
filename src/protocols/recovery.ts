/**
 * Recovery from our own graceful restart (RFC 4724 §4.1): nothing is announced until every peer that can
 * say so has told all it has, or the time for it is over. A peer that hears our End-of-RIB too early
 * would give up routes that we have not learned yet.
 */
import type { Clock, Log, Millis } from "../host.ts";
import type { Protocol } from "./protocol.ts";

export class Recovery {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #protocols: () => readonly Protocol[];
  readonly #until: Millis;
  readonly #waiting = new Set<() => void>();
  #over = false;

  constructor(clock: Clock, log: Log, protocols: () => readonly Protocol[], waitMs: number) {
    this.#clock = clock;
    this.#log = log;
    this.#protocols = protocols;
    this.#until = clock.now() + waitMs;
    log("info", "Graceful restart started");
    this.#look();
  }

  get over(): boolean {
    return this.#over;
  }

  /** Calls back once, when announcements may begin. */
  onOver(callback: () => void): void {
    if (this.#over) callback();
    else this.#waiting.add(callback);
  }

  #look(): void {
    const { now } = { now: this.#clock.now() };
    const running = this.#protocols().filter((protocol) => protocol.state !== "down");
    // In the first moments no protocol has started yet
    const complete = running.length > 0 && running.every((protocol) => protocol.synced !== false);
    if (!complete && now < this.#until) {
      this.#clock.at(Math.min(now + LOOK_MS, this.#until), () => this.#look());
      return;
    }
    this.#over = true;
    this.#log("info", complete ? "Graceful restart done" : "Graceful restart done: the wait for End-of-RIB is over");
    for (const callback of this.#waiting) callback();
    this.#waiting.clear();
  }
}

const LOOK_MS = 100;

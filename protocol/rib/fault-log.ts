/** A peer's faults in the log: a few lines a second, then one that says how many more there were. */

export type LogLevel = "remote" | "warning";

export class FaultLog {
  readonly #now: () => number;
  readonly #log: (level: LogLevel, text: string) => void;
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(now: () => number, log: (level: LogLevel, text: string) => void) {
    this.#now = now;
    this.#log = log;
  }

  write(level: LogLevel, text: string): void {
    const now = this.#now();
    if (now - this.#since >= PERIOD_MS) {
      if (this.#lines > LINES) this.#log("warning", `${this.#lines - LINES} more lines of this kind left out`);
      this.#since = now;
      this.#lines = 0;
    }
    if (this.#lines++ < LINES) this.#log(level, text);
  }
}

const PERIOD_MS = 1000;
const LINES = 20;

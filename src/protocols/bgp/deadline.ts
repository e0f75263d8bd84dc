/** One timer for the earliest of many deadlines; one that fires too early is harmless, so it is not moved back. */
import type { Clock, Millis, Timer } from "../../host.ts";

export class Deadline {
  readonly #clock: Clock;
  readonly #due: () => void;
  #timer: Timer | undefined;
  #at: Millis = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Fires at `at` or before. */
  by(at: Millis): void {
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.at(at, () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#due();
    });
  }
}

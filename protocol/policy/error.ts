/** Errors of configurations and filters: found while reading, or while a filter runs. */
import type { Place } from "./place.ts";

/** Something in the text is wrong; `place` is where bird would point to. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/** Thrown by values and operators, which know no place; becomes a `PolicyError` or rejects the route. */
export class Fault {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** A run-time error, with its place. Thrown often where a filter is wrong: no stack is kept. */
export class RunFault {
  readonly message: string;
  readonly place: Place;

  constructor(message: string, place: Place) {
    this.message = message;
    this.place = place;
  }
}

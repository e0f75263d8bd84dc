/** What compiled filters are made of: closures, how values come from them, and what they tell. */

import type { RouteAttribute } from "./attributes.ts";
import { Fault, RunFault } from "./error.ts";
import type { Place } from "./place.ts";
import type { Run } from "./run.ts";
import type { FunctionDefinition } from "./tree.ts";
import { Type, typeName } from "./types.ts";
import type { Typed } from "./values.ts";

export type Thunk = (run: Run) => unknown;

/** How a term's value comes at run time. */
export interface Compiled {
  readonly get: Thunk;
  /** Bare values of this type; `Void`: `Typed`, since only running tells. */
  readonly type: Type;
  /** Whether it can be void. */
  readonly voidable: boolean;
  readonly constant?: unknown;
  /** What it reads, if that is all it does. */
  readonly attribute?: RouteAttribute;
}

/** What a filter does beside its verdict; collected while compiling. */
export interface Facts {
  readsNet: boolean;
  readsSource: boolean;
  impure: boolean;
  readonly writes: Set<string>;
}

export interface CompiledFunction {
  /** Runs the body; the value is in `run.result`. Gives a signal as statements do. */
  readonly enter: (run: Run, args: readonly Thunk[]) => number;
  readonly type: Type;
  readonly voidable: boolean;
}

/** What compiling a term needs to know of its surroundings. */
export interface Context {
  readonly facts: Facts;
  functionOf(definition: FunctionDefinition): CompiledFunction;
}

/** Thrown by `accept` and `reject` inside a function that is part of an expression. */
export const EXIT: object = Object.freeze({});

/** Statements' signals: go on, or stop with a verdict or a value. */
export const NEXT = 0;
export const ACCEPTED = 1;
export const REJECTED = 2;
export const RETURNED = 3;

/** @param type what the value is if it is bare; `Void` if it is `Typed` */
export function typedOf(value: unknown, type: Type): Typed {
  if (value === undefined) return VOID;
  return type === Type.Void ? (value as Typed) : { type, value };
}

/** The bare value of the type that has to be; anything else is a run-time error. */
export function checked(
  value: unknown,
  type: Type,
  expected: Type,
  index: number,
  name: string,
  place: Place,
): unknown {
  const typed = typedOf(value, type);
  if (typed.type !== expected) throw mismatch(index, name, expected, typed.type, place);
  return typed.value;
}

export function mismatch(index: number, name: string, expected: Type, got: Type, place: Place): RunFault {
  const message = `Argument ${index} of ${name} must be of type ${typeName(expected)}, got type ${typeName(got)}`;
  return new RunFault(message, place);
}

/** Faults get the place. */
export function guarded(action: (...args: never[]) => unknown, place: Place): (...args: never[]) => unknown {
  const call = action as (a: unknown, b: unknown, c: unknown) => unknown; // none takes more
  return (a: unknown, b: unknown, c: unknown) => {
    try {
      return call(a, b, c);
    } catch (fault) {
      if (fault instanceof Fault) throw new RunFault(fault.message, place);
      throw fault;
    }
  };
}

const VOID: Typed = { type: Type.Void, value: undefined };

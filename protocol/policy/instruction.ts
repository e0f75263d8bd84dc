/** The shape of an operator or built-in function of the filter language. */
import type { Type } from "./types.ts";

export interface Resolution {
  readonly type: Type;
  readonly run: (...args: never[]) => unknown;
}

export interface Instruction {
  /** As in `Argument 1 of ADD must be ...`. */
  readonly name: string;
  /** Tells instructions of one name apart. */
  readonly detail?: string;
  readonly args: readonly Type[];
  /** What can be said of the result before running; `Void` if nothing. */
  readonly result: Type;
  /** Both arguments have to be of one type, where both are known. */
  readonly sameTypes?: true;
  /** By run-time types; undefined if it cannot be done for them. Void arguments come as `Type.Void`. */
  readonly resolve: (types: readonly Type[]) => Resolution | undefined;
  /** What to say then. */
  readonly mismatch: string;
}

/** Where something stands in the text, and the cells that local variables live in. */
import type { Type } from "./types.ts";

/** A place in a configuration file; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A local variable: a cell of its own in every running function. No function calls itself, so one is enough. */
export interface Variable {
  readonly name: string;
  readonly type: Type;
  value: unknown;
}

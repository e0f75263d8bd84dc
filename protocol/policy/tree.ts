/**
 * Filters as trees: what the parser builds, with names resolved and types checked, and what is
 * compiled to functions. Constant parts are folded already.
 */
import type { RouteAttribute } from "./attributes.ts";
import type { Instruction } from "./instruction.ts";
import type { PathMaskItem } from "./path-mask.ts";
import type { Place, Variable } from "./place.ts";
import type { Type } from "./types.ts";

export interface Constant {
  readonly kind: "constant";
  readonly type: Type;
  readonly value: unknown;
}

/** `type` is what can be said before running; `Void` if nothing. */
export type Term =
  | Constant
  | {
      readonly kind: "apply";
      readonly type: Type;
      readonly instruction: Instruction;
      readonly args: readonly Term[];
      readonly place: Place;
    }
  /** `&&`, `||`: later parts count only if none before decides. */
  | { readonly kind: "and" | "or"; readonly type: Type; readonly args: readonly Term[]; readonly place: Place }
  | { readonly kind: "variable"; readonly type: Type; readonly variable: Variable; readonly place: Place }
  | { readonly kind: "attribute"; readonly type: Type; readonly attribute: RouteAttribute; readonly place: Place }
  | {
      readonly kind: "call";
      readonly type: Type;
      readonly callee: FunctionDefinition;
      readonly args: readonly Term[];
      readonly place: Place;
    }
  /** A path mask with parts that only running can tell. */
  | {
      readonly kind: "mask";
      readonly type: Type;
      readonly parts: readonly MaskPart[];
      readonly place: Place;
    }
  | {
      readonly kind: "roa";
      readonly type: Type;
      readonly table: string;
      /** Else it is a run-time error. */
      readonly isRoa: boolean;
      /** Net and AS; empty for those of the route. */
      readonly args: readonly Term[];
      readonly place: Place;
    };

export type MaskPart = PathMaskItem | { readonly kind: "term"; readonly term: Term };

export type Statement =
  | { readonly kind: "block"; readonly body: readonly Statement[] }
  | {
      readonly kind: "if";
      /** `if` and every `else if`. */
      readonly branches: readonly { readonly condition: Term; readonly body: Statement }[];
      readonly otherwise?: Statement;
      readonly place: Place;
    }
  | { readonly kind: "declare"; readonly variable: Variable; readonly value?: Term; readonly place: Place }
  | { readonly kind: "assign"; readonly variable: Variable; readonly value: Term; readonly place: Place }
  | { readonly kind: "set"; readonly attribute: RouteAttribute; readonly value: Term; readonly place: Place }
  | { readonly kind: "unset"; readonly attribute: RouteAttribute; readonly place: Place }
  | { readonly kind: "print"; readonly terms: readonly Term[]; readonly newline: boolean; readonly place: Place }
  | {
      readonly kind: "finish";
      readonly verdict: "accept" | "reject" | "error";
      readonly terms: readonly Term[];
      readonly place: Place;
    }
  | { readonly kind: "return"; readonly value?: Term; readonly place: Place }
  | {
      readonly kind: "case";
      readonly term: Term;
      readonly branches: readonly CaseBranch[];
      readonly otherwise?: Statement;
      readonly place: Place;
    }
  | {
      readonly kind: "for";
      readonly variable: Variable;
      readonly term: Term;
      readonly body: Statement;
      readonly place: Place;
    }
  /** A function called for what it does. */
  | { readonly kind: "evaluate"; readonly term: Term; readonly place: Place }
  | { readonly kind: "assert"; readonly condition: Term; readonly text: string; readonly place: Place };

export interface CaseBranch {
  readonly labels: readonly CaseLabel[];
  readonly body: Statement;
}

export interface CaseLabel {
  readonly type: Type;
  readonly from: unknown;
  readonly to: unknown;
}

export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly Variable[];
  /** As declared with `->`; else only running can tell. */
  readonly returns: Type;
  readonly body: Statement;
  readonly place: Place;
}

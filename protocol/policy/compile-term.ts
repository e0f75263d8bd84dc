/**
 * Terms to closures. Where types are known, values go bare from closure to closure and nothing is
 * checked while running; where only running can tell (the result of a function, an attribute that may be
 * absent), the value is checked, and what does not fit is a `RunFault` with the place in the filter.
 */
import type { AsPath } from "../codec/as-path.ts";
import type { Prefix } from "../wire/address.ts";
import { maskItem } from "./checker.ts";
import { compileDirect, readingOf, rememberingBoth } from "./compile-direct.ts";
import {
  type Compiled,
  type Context,
  checked,
  EXIT,
  guarded,
  mismatch,
  NEXT,
  type Thunk,
  typedOf,
} from "./compiled.ts";
import { RunFault } from "./error.ts";
import type { Instruction } from "./instruction.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { type PathMaskItem, pathMask } from "./path-mask.ts";
import type { Place } from "./place.ts";
import { EMPTY_LIST, type Run } from "./run.ts";
import type { Constant, Term } from "./tree.ts";
import { RoaState, Type } from "./types.ts";
import type { Typed } from "./values.ts";

export function compileTerm(term: Term, context: Context): Compiled {
  switch (term.kind) {
    case "constant":
      return compileConstant(term);
    case "variable": {
      const { variable } = term;
      return { get: () => variable.value, type: variable.type, voidable: true };
    }
    case "attribute": {
      const { attribute } = term;
      if (attribute.depends === "net") context.facts.readsNet = true;
      if (attribute.depends === "source") context.facts.readsSource = true;
      return readingOf(attribute);
    }
    case "and":
    case "or":
      return compileLogical(term.kind, term.args, term.place, context);
    case "apply":
      return compileApply(term.instruction, term.args, term.place, context);
    case "call":
      return compileCall(term, context);
    case "mask":
      return compileMask(term, context);
    case "roa":
      return compileRoa(term, context);
  }
}

function compileConstant({ type, value }: Constant): Compiled {
  return { get: () => value, type, voidable: value === undefined, constant: value };
}

/** A bare boolean, checked where needed. */
export function compileBool(
  term: Term,
  name: string,
  index: number,
  place: Place,
  context: Context,
): (run: Run) => boolean {
  const { get, type, voidable } = compileTerm(term, context);
  if (type === Type.Bool && !voidable) return get as (run: Run) => boolean;
  return (run) => checked(get(run), type, Type.Bool, index, name, place) as boolean;
}

function compileLogical(kind: "and" | "or", args: readonly Term[], place: Place, context: Context): Compiled {
  const name = kind === "and" ? "AND" : "OR";
  const parts = args.map((arg, i) => compileBool(arg, name, Math.min(i + 1, 2), place, context));
  const [first, second, third] = parts as [(run: Run) => boolean, (run: Run) => boolean, ((run: Run) => boolean)?];
  const decisive = kind === "or";
  const result = { type: Type.Bool, voidable: false };
  if (parts.length === 2) {
    return { ...result, get: decisive ? (run) => first(run) || second(run) : (run) => first(run) && second(run) };
  }
  if (parts.length === 3 && third) {
    const get: Thunk = decisive
      ? (run) => first(run) || second(run) || third(run)
      : (run) => first(run) && second(run) && third(run);
    return { ...result, get };
  }
  return {
    ...result,
    get: (run) => {
      for (let i = 0; i < parts.length; i++) if (parts[i]?.(run) === decisive) return decisive;
      return !decisive;
    },
  };
}

function compileApply(instruction: Instruction, args: readonly Term[], place: Place, context: Context): Compiled {
  const [first] = args;
  if (instruction === INSTRUCTIONS.DEFINED && first) return compileDefined(first, context);
  const parts = args.map((arg) => compileTerm(arg, context));
  const types = parts.map((part) => part.type);
  const known = types.every((type) => type !== Type.Void);
  const resolution = known && fits(instruction, types) ? instruction.resolve(types) : undefined;
  const slow = slowPath(instruction, types, place);
  if (!resolution || resolution.type === Type.Void) {
    const type = instruction.result;
    const get: Thunk = (run) => {
      const typed = slow(parts.map((part) => part.get(run)));
      return type === Type.Void ? typed : typed.value;
    };
    return { get, type, voidable: false };
  }
  const safe = SAFE.has(instruction.name) ? resolution.run : guarded(resolution.run, place);
  const run = LISTS.has(instruction.name) ? rememberingBoth(safe) : safe;
  const direct = compileDirect(instruction, parts);
  const get = parts.some((part) => part.voidable)
    ? withVoid(run, parts, (values) => slow(values).value)
    : (direct ?? bare(run, parts));
  return { get, type: resolution.type, voidable: false };
}

type Apply = (...args: unknown[]) => unknown;

/** Calls with no checks at all; constants are not looked up again. */
function bare(apply: (...args: never[]) => unknown, parts: readonly Compiled[]): Thunk {
  const call = apply as Apply;
  const [first, second] = parts as [Compiled, Compiled];
  const a = first.get;
  if (parts.length === 1) return (run) => call(a(run));
  if (parts.length === 2) {
    const b = second.get;
    if ("constant" in second) {
      const { constant } = second;
      return (run) => call(a(run), constant);
    }
    if ("constant" in first) {
      const { constant } = first;
      return (run) => call(constant, b(run));
    }
    return (run) => call(a(run), b(run));
  }
  return (run) => call(...parts.map((part) => part.get(run)));
}

/** The same, where an argument may be void. */
function withVoid(
  apply: (...args: never[]) => unknown,
  parts: readonly Compiled[],
  slow: (values: unknown[]) => unknown,
): Thunk {
  const call = apply as Apply;
  const [first, second] = parts as [Compiled, Compiled];
  const a = first.get;
  if (parts.length === 1) {
    return (run) => {
      const x = a(run);
      return x === undefined ? slow([x]) : call(x);
    };
  }
  if (parts.length === 2) {
    const b = second.get;
    return (run) => {
      const x = a(run);
      const y = b(run);
      return x === undefined || y === undefined ? slow([x, y]) : call(x, y);
    };
  }
  return (run) => {
    const values = parts.map((part) => part.get(run));
    return values.includes(undefined) ? slow(values) : call(...values);
  };
}

/** `defined(x)`: not void, and no list that only reads as empty. */
function compileDefined(term: Term, context: Context): Compiled {
  const { get } = compileTerm(term, context);
  return {
    get: (run) => {
      const value = get(run);
      return value !== undefined && value !== EMPTY_LIST;
    },
    type: Type.Bool,
    voidable: false,
  };
}

/** Checks and resolves by the types that the values have. */
function slowPath(
  instruction: Instruction,
  types: readonly Type[],
  place: Place,
): (values: readonly unknown[]) => Typed {
  return (values) => {
    const typed = values.map((value, i) => typedOf(value, types[i] as Type));
    for (const [i, expected] of instruction.args.entries()) {
      const got = typed[i]?.type ?? Type.Void;
      if (expected !== Type.Void && got !== expected) throw mismatch(i + 1, instruction.name, expected, got, place);
    }
    const resolution = instruction.resolve(typed.map((value) => value.type));
    if (!resolution) throw new RunFault(instruction.mismatch, place);
    const value = guarded(resolution.run, place)(...(typed.map((part) => part.value) as never[]));
    return { type: resolution.type, value };
  };
}

function fits(instruction: Instruction, types: readonly Type[]): boolean {
  return instruction.args.every((expected, i) => expected === Type.Void || expected === types[i]);
}

function compileCall(term: Term & { readonly kind: "call" }, context: Context): Compiled {
  const callee = context.functionOf(term.callee);
  const args = term.callee.parameters.map((parameter, i) =>
    argument(term.args[i] as Term, parameter.type, term.place, context),
  );
  const get: Thunk = (run) => {
    const signal = callee.enter(run, args);
    if (signal !== NEXT) {
      run.signal = signal;
      throw EXIT;
    }
    return run.result;
  };
  return { get, type: callee.type, voidable: callee.voidable };
}

/** An argument's value, of the parameter's type or void. */
export function argument(term: Term, type: Type, place: Place, context: Context): Thunk {
  const compiled = compileTerm(term, context);
  if (compiled.type === type) return compiled.get;
  return (run) => {
    const typed = typedOf(compiled.get(run), compiled.type);
    if (typed.type !== type && typed.type !== Type.Void) {
      throw new RunFault("Mismatched argument and variable type", place);
    }
    return typed.value;
  };
}

function compileMask(term: Term & { readonly kind: "mask" }, context: Context): Compiled {
  const parts = term.parts.map((part) => (part.kind === "term" ? compileTerm(part.term, context) : part));
  const get = (run: Run): unknown => {
    const items = parts.map((part): PathMaskItem => {
      if (!("get" in part)) return part;
      const { type, value } = typedOf(part.get(run), part.type);
      return maskItem(type, value);
    });
    return pathMask(items);
  };
  return { get: guarded(get as (run: never) => unknown, term.place) as Thunk, type: Type.PathMask, voidable: false };
}

/** RFC 6811. A route without AS_PATH has no origin to check: BIRD calls that a run-time error. */
function compileRoa(term: Term & { readonly kind: "roa" }, context: Context): Compiled {
  const { table, place, isRoa } = term;
  context.facts.impure = true;
  const [net, asn] = term.args.map((arg) => compileTerm(arg, context));
  const check = (run: Run, prefix: Prefix, origin: number): number => {
    if (!isRoa) throw new RunFault("Table type must be either ROA4 or ROA6", place);
    // Prefixes of no IP family are never covered.
    return "text" in prefix ? RoaState.Unknown : run.env.roaCheck(table, prefix, origin);
  };
  if (!net || !asn) {
    context.facts.readsNet = true;
    const origin = INSTRUCTIONS.AS_PATH_LAST.resolve([Type.Path])?.run as (path: AsPath) => number;
    const get: Thunk = (run) => {
      const { asPath } = run.attrs;
      if (!asPath) throw new RunFault("Missing AS_PATH attribute", place);
      return check(run, run.net as Prefix, origin(asPath));
    };
    return { get, type: Type.EnumRoa, voidable: false };
  }
  const get: Thunk = (run) => {
    const prefix = checked(net.get(run), net.type, Type.Net, 1, "ROA_CHECK_EXPLICIT", place) as Prefix;
    return check(run, prefix, checked(asn.get(run), asn.type, Type.Int, 2, "ROA_CHECK_EXPLICIT", place) as number);
  };
  return { get, type: Type.EnumRoa, voidable: false };
}

/** Instructions that cannot fail once their types fit. */
const SAFE: ReadonlySet<string> = new Set([
  "ADD",
  "SUBTRACT",
  "MULTIPLY",
  "NOT",
  "EQ",
  "NEQ",
  "LT",
  "LTE",
  "LC_CONSTRUCT",
  "TYPE",
  "IS_V4",
  "IP",
  "LENGTH",
  "AS_PATH_FIRST",
  "AS_PATH_LAST",
  "AS_PATH_LAST_NAG",
  "PAIR_DATA",
  "LC_DATA1",
  "LC_DATA2",
  "IP_MASK",
  "PATH_PREPEND",
  "MIN",
  "MAX",
  "FORMAT",
]);

const LISTS: ReadonlySet<string> = new Set(["PATH_PREPEND", "CLIST_ADD", "CLIST_DEL", "CLIST_FILTER"]);

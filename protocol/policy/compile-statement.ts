/** Statements to closures that give a signal: go on, accept, reject, return. */
import type { AsPath } from "../codec/as-path.ts";
import type { RouteAttributes } from "../rib/route.ts";
import type { RouteAttribute } from "./attributes.ts";
import { argument, compileBool, compileTerm } from "./compile-term.ts";
import {
  ACCEPTED,
  type Compiled,
  type CompiledFunction,
  type Context,
  checked,
  guarded,
  NEXT,
  REJECTED,
  RETURNED,
  type Thunk,
  typedOf,
} from "./compiled.ts";
import { RunFault } from "./error.ts";
import type { Place, Variable } from "./place.ts";
import type { Run } from "./run.ts";
import { IntervalTree } from "./sets.ts";
import type { FunctionDefinition, Statement, Term } from "./tree.ts";
import { Type, typeName } from "./types.ts";
import { formatValue } from "./values.ts";

export type Step = (run: Run) => number;

/** How `return` leaves its value: bare, or `Typed` if the returns of a function differ in type. */
export interface Returns {
  readonly types: Set<Type>;
  typed: boolean;
}

/** @param returns of the function around; absent in a filter, where `return` is a verdict */
export function compileStatement(statement: Statement, context: Context, returns?: Returns): Step {
  switch (statement.kind) {
    case "block":
      return compileBlock(statement.body, context, returns);
    case "if":
      return compileIf(statement, context, returns);
    case "declare":
      return compileDeclare(statement, context);
    case "assign":
      return compileAssign(statement.variable, statement.value, statement.place, "VAR_SET", context);
    case "set":
      return compileSet(statement.attribute, statement.value, statement.place, context);
    case "unset": {
      const { unset, name } = statement.attribute;
      context.facts.writes.add(name);
      return remembered(
        (run) => unset?.(run),
        () => undefined,
      );
    }
    case "print":
      return compilePrint(statement.terms, statement.newline, context);
    case "finish":
      return compileFinish(statement, context);
    case "return":
      return compileReturn(statement, context, returns);
    case "case":
      return compileCase(statement, context, returns);
    case "for":
      return compileFor(statement, context, returns);
    case "evaluate":
      return compileEvaluate(statement.term, context);
    case "assert":
      return compileAssert(statement.condition, statement.place, context);
  }
}

/** A statement as a block runs it: with a test in front, if it is an `if` with one branch. */
interface Guarded {
  readonly test: ((run: Run) => boolean) | undefined;
  readonly step: Step;
}

function compileBlock(body: readonly Statement[], context: Context, returns?: Returns): Step {
  const rows = body.map((statement) => compileGuarded(statement, context, returns));
  const [first] = rows;
  if (!first) return () => NEXT;
  if (rows.length === 1 && !first.test) return first.step;
  const tests = rows.map((row) => row.test);
  const steps = rows.map((row) => row.step);
  const count = rows.length;
  return (run) => {
    for (let i = 0; i < count; i++) {
      const test = tests[i];
      if (test !== undefined && !test(run)) continue;
      const signal = (steps[i] as Step)(run);
      if (signal !== NEXT) return signal;
    }
    return NEXT;
  };
}

function compileGuarded(statement: Statement, context: Context, returns?: Returns): Guarded {
  if (statement.kind === "if" && statement.branches.length === 1 && !statement.otherwise) {
    const [branch] = statement.branches;
    if (branch) {
      const test = compileBool(branch.condition, "CONDITION", 1, statement.place, context);
      return { test, step: compileStatement(branch.body, context, returns) };
    }
  }
  return { test: undefined, step: compileStatement(statement, context, returns) };
}

function compileIf(statement: Statement & { readonly kind: "if" }, context: Context, returns?: Returns): Step {
  const branches = statement.branches.map(({ condition, body }) => ({
    test: compileBool(condition, "CONDITION", 1, statement.place, context),
    body: compileStatement(body, context, returns),
  }));
  const otherwise = statement.otherwise ? compileStatement(statement.otherwise, context, returns) : () => NEXT;
  return (run) => {
    for (let i = 0; i < branches.length; i++) {
      const { test, body } = branches[i] as (typeof branches)[number];
      if (test(run)) return body(run);
    }
    return otherwise(run);
  };
}

/** A variable without a value is void each time its declaration is passed. */
function compileDeclare(statement: Statement & { readonly kind: "declare" }, context: Context): Step {
  const { variable, value, place } = statement;
  if (value) return compileAssign(variable, value, place, "VAR_INIT", context);
  return () => {
    variable.value = undefined;
    return NEXT;
  };
}

function compileAssign(variable: Variable, value: Term, place: Place, name: string, context: Context): Step {
  const { get, type, voidable } = compileTerm(value, context);
  if (type === variable.type && !voidable) {
    return (run) => {
      variable.value = get(run);
      return NEXT;
    };
  }
  return (run) => {
    variable.value = checked(get(run), type, variable.type, 1, name, place);
    return NEXT;
  };
}

function compileSet(attribute: RouteAttribute, value: Term, place: Place, context: Context): Step {
  context.facts.writes.add(attribute.name);
  if (attribute.type === Type.Opaque) {
    return () => {
      throw new RunFault("Setting opaque attribute is not allowed", place);
    };
  }
  const { get, type, voidable } = compileTerm(value, context);
  const isPlain = type === attribute.type && !voidable;
  const name = attribute.access === "static" ? "RTA_SET" : "EA_SET";
  const fitting: Thunk = isPlain ? get : (run) => checked(get(run), type, attribute.type, 1, name, place);
  const store = attribute.set as (run: Run, value: unknown) => void;
  if (attribute.access === "dynamic") return remembered(store, fitting);
  // Static attributes may refuse a value, and ask the outside world.
  const set = guarded(store as never, place) as typeof store;
  return (run) => {
    const value = fitting(run);
    if (run.bundled) run.detach();
    set(run, value);
    return NEXT;
  };
}

/** A write that depends on nothing but the attributes and the value: done once for a bundle of routes. */
function remembered(store: (run: Run, value: unknown) => void, get: Thunk): Step {
  let before: RouteAttributes | undefined;
  let last: unknown;
  let after: RouteAttributes | undefined;
  return (run) => {
    const value = get(run);
    if (!run.bundled) {
      store(run, value);
      return NEXT;
    }
    const { attrs } = run;
    if (attrs !== before || value !== last || after === undefined) {
      run.detach();
      store(run, value);
      before = attrs;
      last = value;
      after = run.attrs;
    }
    run.attrs = after;
    return NEXT;
  };
}

function compilePrint(terms: readonly Term[], newline: boolean, context: Context): Step {
  context.facts.impure = true;
  const parts = terms.map((term) => compileTerm(term, context));
  return (run) => {
    printAll(run, parts);
    if (newline) flush(run);
    return NEXT;
  };
}

function printAll(run: Run, parts: readonly Compiled[]): void {
  for (const part of parts) {
    const { type, value } = typedOf(part.get(run), part.type);
    if (run.text.length < LONGEST_LINE) run.text += formatValue(type, value);
  }
}

export function flush(run: Run): void {
  const { text } = run;
  run.text = "";
  run.env.print(text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)} ... <too long>` : text);
}

function compileFinish(statement: Statement & { readonly kind: "finish" }, context: Context): Step {
  const signal = statement.verdict === "accept" ? ACCEPTED : REJECTED;
  const { place } = statement;
  if (statement.terms.length === 0) {
    return (run) => {
      run.env.finished?.(place);
      return signal;
    };
  }
  const print = compilePrint(statement.terms, true, context);
  return (run) => {
    print(run);
    run.env.finished?.(place);
    return signal;
  };
}

function compileReturn(
  statement: Statement & { readonly kind: "return" },
  context: Context,
  returns: Returns | undefined,
): Step {
  const { value, place } = statement;
  if (!value) return () => RETURNED;
  const { get, type, voidable } = compileTerm(value, context);
  if (!returns) {
    // In a filter: true accepts, false rejects.
    return (run) => {
      const typed = typedOf(get(run), type);
      if (typed.type !== Type.Bool) throw new RunFault("Can't return non-bool from non-function", place);
      run.env.finished?.(place);
      return typed.value ? ACCEPTED : REJECTED;
    };
  }
  returns.types.add(type);
  if (voidable) returns.types.add(MAYBE_VOID);
  return (run) => {
    const result = get(run);
    run.result = returns.typed && result !== undefined && type !== Type.Void ? { type, value: result } : result;
    return RETURNED;
  };
}

function compileCase(statement: Statement & { readonly kind: "case" }, context: Context, returns?: Returns): Step {
  const { get, type } = compileTerm(statement.term, context);
  const steps = statement.branches.map(({ body }) => compileStatement(body, context, returns));
  const labels = statement.branches.flatMap((branch, i) =>
    branch.labels.map((label) => ({ ...label, step: steps[i] })),
  );
  const trees = new Map(
    [...new Set(labels.map((label) => label.type))].map((labelType) => {
      const tree = new IntervalTree(
        labelType,
        labels.filter((label) => label.type === labelType),
      );
      return [labelType, tree];
    }),
  );
  const otherwise = statement.otherwise ? compileStatement(statement.otherwise, context, returns) : () => NEXT;
  return (run) => {
    const typed = typedOf(get(run), type);
    const found = trees.get(typed.type)?.find(typed.value);
    return (found?.step ?? otherwise)(run);
  };
}

function compileFor(statement: Statement & { readonly kind: "for" }, context: Context, returns?: Returns): Step {
  const { variable, place } = statement;
  const { get, type } = compileTerm(statement.term, context);
  const body = compileStatement(statement.body, context, returns);
  return (run) => {
    const list = typedOf(get(run), type);
    for (const element of elements(list.type, list.value, variable, place)) {
      variable.value = element;
      const signal = body(run);
      if (signal !== NEXT) return signal;
    }
    return NEXT;
  };
}

function elements(type: Type, value: unknown, variable: Variable, place: Place): Iterable<unknown> {
  const element = ELEMENTS.get(type);
  if (element === undefined) {
    throw new RunFault(`Value of expression in FOR must be iterable, got ${typeName(type)}`, place);
  }
  if (element !== variable.type) {
    throw new RunFault("Mismatched argument and variable type", place);
  }
  return type === Type.Path ? (value as AsPath).flatMap(({ asns }) => asns) : (value as readonly unknown[]);
}

const ELEMENTS: ReadonlyMap<Type, Type> = new Map<Type, Type>([
  [Type.Path, Type.Int],
  [Type.Clist, Type.Pair],
  [Type.Eclist, Type.Ec],
  [Type.Lclist, Type.Lc],
]);

/** A function called as a statement: its accept or reject is the caller's. */
function compileEvaluate(term: Term, context: Context): Step {
  if (term.kind !== "call") {
    const { get } = compileTerm(term, context);
    return (run) => {
      get(run);
      return NEXT;
    };
  }
  const callee = context.functionOf(term.callee);
  const args = term.callee.parameters.map((parameter, i) =>
    argument(term.args[i] as Term, parameter.type, term.place, context),
  );
  return (run) => callee.enter(run, args);
}

function compileAssert(condition: Term, place: Place, context: Context): Step {
  const test = compileBool(condition, "ASSERT", 1, place, context);
  context.facts.impure = true;
  return (run) => {
    const { assert } = run.env;
    if (!assert) throw new RunFault("No bt_assert hook registered, can't assert", place);
    assert(test(run), place);
    return NEXT;
  };
}

/** A function's body, with what its result is like. */
export function compileFunction(definition: FunctionDefinition, context: Context): CompiledFunction {
  const returns: Returns = { types: new Set(), typed: false };
  const step = compileStatement(definition.body, context, returns);
  const mayFallThrough = !alwaysEnds(definition.body);
  const voidable = mayFallThrough || returns.types.delete(MAYBE_VOID);
  const [only] = returns.types;
  const type = returns.types.size === 1 && only !== undefined ? only : Type.Void;
  returns.typed = type === Type.Void;
  const { parameters } = definition;
  const body = { step, variables: variablesOf(definition), place: definition.place, depth: 0 };
  const enter = (run: Run, args: readonly Thunk[]): number => {
    // All arguments first: one may call this very function.
    const values = args.map((get) => get(run));
    if (body.depth > 0) return enterAgain(run, body, parameters, values);
    for (let i = 0; i < values.length; i++) (parameters[i] as Variable).value = values[i];
    return runBody(run, body);
  };
  return { enter, type, voidable: voidable || type === Type.Void };
}

interface Body {
  readonly step: Step;
  readonly variables: readonly Variable[];
  readonly place: Place;
  /** How many calls of it are running. */
  depth: number;
}

function runBody(run: Run, body: Body): number {
  run.result = undefined;
  body.depth++;
  try {
    const signal = body.step(run);
    return signal === RETURNED ? NEXT : signal;
  } finally {
    body.depth--;
  }
}

/** A call from inside: what the outer one has in its variables comes back behind it. */
function enterAgain(run: Run, body: Body, parameters: readonly Variable[], values: readonly unknown[]): number {
  if (body.depth >= DEEPEST_RECURSION) throw new RunFault("Function calls itself too deep", body.place);
  const saved = body.variables.map((variable) => variable.value);
  for (let i = 0; i < values.length; i++) (parameters[i] as Variable).value = values[i];
  try {
    return runBody(run, body);
  } finally {
    for (const [i, variable] of body.variables.entries()) variable.value = saved[i];
  }
}

/** Every variable that a function declares, in whatever block. */
function variablesOf(definition: FunctionDefinition): Variable[] {
  const variables = new Set(definition.parameters);
  const visit = (statement: Statement): void => {
    if (statement.kind === "declare" || statement.kind === "for") variables.add(statement.variable);
    if (statement.kind === "block") statement.body.forEach(visit);
    if (statement.kind === "if") for (const { body } of statement.branches) visit(body);
    if (statement.kind === "case") for (const { body } of statement.branches) visit(body);
    if (statement.kind === "for") visit(statement.body);
    if ((statement.kind === "if" || statement.kind === "case") && statement.otherwise) visit(statement.otherwise);
  };
  visit(definition.body);
  return [...variables];
}

/** Each call takes a dozen frames of the stack. */
const DEEPEST_RECURSION = 128;

/** Whether control never comes out at the end. */
function alwaysEnds(statement: Statement): boolean {
  switch (statement.kind) {
    case "finish":
    case "return":
      return true;
    case "block":
      return statement.body.some(alwaysEnds);
    case "if":
      return (
        statement.otherwise !== undefined &&
        alwaysEnds(statement.otherwise) &&
        statement.branches.every(({ body }) => alwaysEnds(body))
      );
    default:
      return false;
  }
}

/** bird's line buffer. */
const LONGEST_LINE = 1024;
/** Among the types of a function's returns: one of them may be void. */
const MAYBE_VOID = -1 as Type;

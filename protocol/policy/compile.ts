/**
 * Filters ready to run: what channels, static routes, `show route where` and the library apply to routes.
 */
import type { Net, RouteAttributes, RouteSource } from "../rib/route.ts";
import { compileFunction, compileStatement, flush, type Step } from "./compile-statement.ts";
import { compileTerm } from "./compile-term.ts";
import {
  ACCEPTED,
  type CompiledFunction,
  type Context,
  EXIT,
  type Facts,
  NEXT,
  REJECTED,
  typedOf,
} from "./compiled.ts";
import { RunFault } from "./error.ts";
import { filterKey } from "./key.ts";
import type { Place } from "./place.ts";
import { type FilterEnv, type Memory, Run } from "./run.ts";
import type { FunctionDefinition, Statement, Term } from "./tree.ts";
import { Type } from "./types.ts";
import type { Typed } from "./values.ts";

export type { FilterEnv } from "./run.ts";

export interface CompiledFilter {
  /** As `show protocols all` prints it: ACCEPT (all), REJECT (none), (unnamed) (inline filter or where), or the filter's name. */
  readonly name: string;
  /** What the verdict depends on beside the attributes. */
  readonly reads: {
    readonly net: boolean;
    readonly source: boolean;
    /** It prints, or asks for what may change: a verdict cannot be kept. */
    readonly impure: boolean;
  };
  /** Equal for filters that mean the same: the functions and constants they use included. */
  readonly key: string;
  /** Names of the attributes that it may set. */
  readonly writes: ReadonlySet<string>;
  /** The route's new attributes (the same object if unchanged), or undefined if rejected. */
  run(net: Net, attrs: RouteAttributes, source: RouteSource, env: FilterEnv): RouteAttributes | undefined;
}

const NOTHING: ReadonlySet<string> = new Set();
const PURE = { net: false, source: false, impure: false } as const;

export const ACCEPT: CompiledFilter = {
  name: "ACCEPT",
  reads: PURE,
  key: "accept",
  writes: NOTHING,
  run: (_net, attrs) => attrs,
};

export const REJECT: CompiledFilter = {
  name: "REJECT",
  reads: PURE,
  key: "reject",
  writes: NOTHING,
  run: () => undefined,
};

/** What an inline filter and a `where` are called. */
export const UNNAMED = "(unnamed)";

/** @param body falling off its end rejects */
export function compileFilter(name: string, body: Statement): CompiledFilter {
  return lazy(name, body, (step, run) => verdict(step, run, name));
}

/** `where EXPR` accepts what it is true for. */
export function compileWhere(condition: Term, place: Place): CompiledFilter {
  return compileFilter(UNNAMED, {
    kind: "if",
    branches: [{ condition, body: { kind: "finish", verdict: "accept", terms: [], place } }],
    otherwise: { kind: "finish", verdict: "reject", terms: [], place },
    place,
  });
}

/** The block of a static route: it changes the route, and has no say in whether there is one. */
export function compileRouteBlock(body: Statement): CompiledFilter {
  return lazy(UNNAMED, body, (step, run) => {
    execute(step, run);
    return run.attrs;
  });
}

/** An expression's value; for `eval`, and `print` in commands. Throws `RunFault`. */
export function evaluateTerm(term: Term, env: FilterEnv): Typed {
  const facts = noFacts();
  const compiled = compileTerm(term, contextFor(facts));
  const run = new Run(undefined, NO_ATTRIBUTES, undefined, env, { last: undefined });
  const get = (): never => {
    throw new RunFault("No route to access", NOWHERE);
  };
  for (const name of ["net", "attrs", "source"]) Object.defineProperty(run, name, { get });
  try {
    return typedOf(compiled.get(run), compiled.type);
  } catch (thrown) {
    if (thrown === EXIT) throw new RunFault("No verdict can be given here", NOWHERE);
    throw thrown;
  } finally {
    if (run.text !== "") flush(run);
  }
}

type RunFilter = (step: Step, run: Run) => RouteAttributes | undefined;

/** Compiled when first used: a configuration may define many filters that nobody runs. */
function lazy(name: string, body: Statement, runStep: RunFilter): CompiledFilter {
  let compiled: { readonly step: Step; readonly facts: Facts } | undefined;
  const ready = (): { readonly step: Step; readonly facts: Facts } => {
    if (!compiled) {
      const facts = noFacts();
      compiled = { step: compileStatement(body, contextFor(facts)), facts };
    }
    return compiled;
  };
  let key: string | undefined;
  const memory: Memory = { last: undefined };
  return {
    name,
    get reads() {
      const { readsNet, readsSource, impure } = ready().facts;
      return { net: readsNet, source: readsSource, impure };
    },
    get writes() {
      return ready().facts.writes;
    },
    get key() {
      key ??= filterKey(body);
      return key;
    },
    run: (net, attrs, source, env) => runStep((compiled ?? ready()).step, new Run(net, attrs, source, env, memory)),
  };
}

function verdict(step: Step, run: Run, name: string): RouteAttributes | undefined {
  const signal = execute(step, run);
  if (signal === ACCEPTED) return run.attrs;
  if (signal === NEXT) run.env.error(`Filter ${name} did not return accept nor reject. Make up your mind`, NOWHERE);
  return undefined;
}

/** Run-time errors reject the route and are told; what was printed goes out in any case. */
function execute(step: Step, run: Run): number {
  let signal: number;
  try {
    signal = step(run);
  } catch (thrown) {
    if (thrown === EXIT) signal = run.signal;
    else if (thrown instanceof RunFault) {
      run.env.error(thrown.message, thrown.place);
      signal = REJECTED;
    } else if (thrown instanceof RangeError) {
      run.env.error("Stack overflow", NOWHERE);
      signal = REJECTED;
    } else throw thrown;
  }
  if (run.text !== "") flush(run);
  return signal;
}

/** Functions are compiled once, with what they do beside their result. */
const functions = new WeakMap<FunctionDefinition, KnownFunction>();

interface KnownFunction {
  readonly compiled: CompiledFunction;
  readonly facts: Facts;
}

function contextFor(facts: Facts): Context {
  return {
    facts,
    functionOf: (definition) => {
      const known = functions.get(definition) ?? compileNew(definition);
      facts.readsNet ||= known.facts.readsNet;
      facts.readsSource ||= known.facts.readsSource;
      facts.impure ||= known.facts.impure;
      for (const name of known.facts.writes) facts.writes.add(name);
      return known.compiled;
    },
  };
}

/** Calls of itself inside a function go through what stands here until it is compiled. */
function compileNew(definition: FunctionDefinition): KnownFunction {
  const facts = noFacts();
  let compiled: CompiledFunction | undefined;
  const itself: CompiledFunction = {
    type: Type.Void,
    voidable: true,
    enter: (run, args) => {
      const { enter, type } = compiled as CompiledFunction;
      const signal = enter(run, args);
      if (type !== Type.Void && run.result !== undefined) run.result = { type, value: run.result };
      return signal;
    },
  };
  functions.set(definition, { compiled: itself, facts });
  compiled = compileFunction(definition, contextFor(facts));
  const known = { compiled, facts };
  functions.set(definition, known);
  return known;
}

function noFacts(): Facts {
  return { readsNet: false, readsSource: false, impure: false, writes: new Set() };
}

const NO_ATTRIBUTES: RouteAttributes = {};
/** Of errors that are about a filter as a whole. */
const NOWHERE: Place = { file: "", line: 0, column: 0 };

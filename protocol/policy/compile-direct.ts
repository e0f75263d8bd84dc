/**
 * Closures for what filters do most, with as few calls as can be: each call from closure to closure costs
 * about as much as all that is done in it (bench/policy.ts).
 *
 * Paths and lists are shared by the routes of one bundle: what was found for the last one is remembered by
 * its identity.
 */
import type { AsPath } from "../codec/as-path.ts";
import type { LargeCommunity } from "../codec/community.ts";
import type { Net } from "../rib/route.ts";
import type { Prefix } from "../wire/address.ts";
import type { RouteAttribute } from "./attributes.ts";
import { BGP_COMMUNITY, BGP_PATH, NET } from "./attributes.ts";
import type { Compiled, Thunk } from "./compiled.ts";
import type { Instruction } from "./instruction.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import type { PathMask } from "./path-mask.ts";
import type { PrefixSet } from "./prefix-set.ts";
import { EMPTY_LIST } from "./run.ts";
import type { ValueSet } from "./sets.ts";
import { isNumeric, Type } from "./types.ts";

/** undefined: nothing better than a call of the instruction. */
export function compileDirect(instruction: Instruction, parts: readonly Compiled[]): Thunk | undefined {
  const [first, second] = parts;
  if (!first) return undefined;
  if (instruction === INSTRUCTIONS.LENGTH && first.attribute === NET) return (run) => (run.net as Net).length;
  if (!second) return undefined;
  if (instruction === INSTRUCTIONS.MATCH) return compileMatch(first, second);
  if (!PRIMITIVE.has(first.type) || first.type !== second.type) return undefined;
  if ("constant" in second) return compileAgainst(instruction, first.get, second.constant);
  return "constant" in first ? compileFrom(instruction, first.constant, second.get) : undefined;
}

/** `value = 5`, `value < 5` */
function compileAgainst(instruction: Instruction, get: Thunk, constant: unknown): Thunk | undefined {
  if (instruction === INSTRUCTIONS.EQ) return (run) => get(run) === constant;
  if (instruction === INSTRUCTIONS.NEQ) return (run) => get(run) !== constant;
  if (typeof constant !== "number") return undefined;
  if (instruction === INSTRUCTIONS.LT) return (run) => (get(run) as number) < constant;
  if (instruction === INSTRUCTIONS.LTE) return (run) => (get(run) as number) <= constant;
  return undefined;
}

/** `5 < value`, which is what `value > 5` means */
function compileFrom(instruction: Instruction, constant: unknown, get: Thunk): Thunk | undefined {
  if (typeof constant !== "number") return undefined;
  if (instruction === INSTRUCTIONS.LT) return (run) => constant < (get(run) as number);
  if (instruction === INSTRUCTIONS.LTE) return (run) => constant <= (get(run) as number);
  return undefined;
}

function compileMatch(first: Compiled, second: Compiled): Thunk | undefined {
  if ("constant" in first && first.type === Type.Pair && second.type === Type.Clist) {
    const pair = first.constant as number;
    return remembering(second, (list) => (list as readonly number[]).includes(pair));
  }
  if (!("constant" in second)) return undefined;
  const { constant } = second;
  switch (second.type) {
    case Type.PathMask: {
      const { matches } = constant as PathMask;
      return remembering(first, (path) => matches(path as AsPath));
    }
    case Type.Set:
      return compileSetMatch(first, constant as ValueSet);
    case Type.PrefixSet: {
      const set = constant as PrefixSet;
      const { get } = first;
      if (first.attribute === NET) return (run) => set.matches(run.net as Prefix);
      return (run) => set.matches(get(run) as Prefix);
    }
    default:
      return undefined;
  }
}

/** Where the set suits the type, nothing can go wrong any more. */
function compileSetMatch(operand: Compiled, set: ValueSet): Thunk | undefined {
  const { get, type } = operand;
  if (type === Type.Clist && CLIST_ELEMENTS.has(set.type ?? Type.Void)) {
    return remembering(operand, (list) => set.hasAnyOf(list as readonly number[]));
  }
  if (type === Type.Path && set.type === Type.Int) return remembering(operand, (path) => set.hasAnyAs(path as AsPath));
  if (type === Type.Lclist && set.type === Type.Lc) {
    return remembering(operand, (list) => set.hasAny(list as readonly LargeCommunity[]));
  }
  if (type !== set.type || !isNumeric(type)) return undefined;
  const test = set.numberTest();
  return (run) => test(get(run) as number);
}

function remembering({ get, attribute }: Compiled, test: (value: unknown) => boolean): Thunk {
  let last: unknown;
  let result = false;
  if (attribute === BGP_PATH) {
    return (run) => {
      const value = run.attrs.asPath ?? EMPTY_LIST;
      if (value !== last) {
        result = test(value);
        last = value;
      }
      return result;
    };
  }
  if (attribute === BGP_COMMUNITY) {
    return (run) => {
      const value = run.attrs.communities ?? EMPTY_LIST;
      if (value !== last) {
        result = test(value);
        last = value;
      }
      return result;
    };
  }
  return (run) => {
    const value = get(run);
    if (value !== last) {
      result = test(value);
      last = value;
    }
    return result;
  };
}

/** For what makes lists of lists: nothing but the arguments counts. */
export function rememberingBoth(apply: (...args: never[]) => unknown): (...args: never[]) => unknown {
  const call = apply as (a: unknown, b: unknown) => unknown;
  let lastA: unknown;
  let lastB: unknown;
  let result: unknown;
  return (a: unknown, b: unknown) => {
    if (a !== lastA || b !== lastB || result === undefined) {
      result = call(a, b);
      lastA = a;
      lastB = b;
    }
    return result;
  };
}

/** Marks what is read, so that two steps can become one. */
export function readingOf(attribute: RouteAttribute): Compiled {
  return { get: attribute.get, type: attribute.type, voidable: attribute.voidable, attribute };
}

const CLIST_ELEMENTS: ReadonlySet<Type> = new Set([Type.Pair, Type.Quad, Type.Ip]);

/** Types whose values `===` compares as bird does. */
const PRIMITIVE: ReadonlySet<Type> = new Set([
  Type.Int,
  Type.Bool,
  Type.Pair,
  Type.Quad,
  Type.String,
  Type.EnumRts,
  Type.EnumOrigin,
  Type.EnumScope,
  Type.EnumRtd,
  Type.EnumRoa,
  Type.EnumNetType,
]);

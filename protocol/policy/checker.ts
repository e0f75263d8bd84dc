/**
 * Makes terms: checks the types that are known before running, with bird's words, and works out what is
 * constant.
 */

import type { IpAddress } from "../wire/address.ts";
import { Fault, PolicyError } from "./error.ts";
import type { Instruction } from "./instruction.ts";
import { type PathMaskItem, pathMask } from "./path-mask.ts";
import type { Place } from "./place.ts";
import type { ValueSet } from "./sets.ts";
import type { Constant, FunctionDefinition, MaskPart, Term } from "./tree.ts";
import { Type, typeName } from "./types.ts";

export function constant(type: Type, value: unknown): Constant {
  return { kind: "constant", type, value };
}

/** Stands for what is wrong until that is told. */
export const UNKNOWN: Term = { kind: "constant", type: Type.Void, value: undefined };

/** @param place the last token read, to which bird points, and the line that run-time errors name */
export function apply(instruction: Instruction, args: readonly Term[], place: Place): Term {
  const terms = instruction.sameTypes ? promotePair(args) : args;
  for (const [i, expected] of instruction.args.entries()) {
    checkType(terms[i] as Term, expected, i + 1, instruction.name, place);
  }
  const [first, second] = terms;
  if (instruction.sameTypes && first && second && first.type !== second.type) {
    if (first.type !== Type.Void && second.type !== Type.Void) {
      throw new PolicyError(`Arguments 1 and 2 of ${instruction.name} must be of the same type`, place);
    }
  }
  const constants = terms.filter((term): term is Constant => term.kind === "constant");
  if (constants.length === terms.length) return fold(instruction, constants, place);
  const type = instruction.result === Type.Void && instruction.name.startsWith("CLIST_") ? first?.type : undefined;
  return { kind: "apply", type: type ?? instruction.result, instruction, args: terms, place };
}

/** `&&` and `||`; chains of one of them are kept flat, however long. */
export function logical(kind: "and" | "or", left: Term, right: Term, place: Place): Term {
  const name = kind === "and" ? "AND" : "OR";
  checkType(left, Type.Bool, 1, name, place);
  checkType(right, Type.Bool, 2, name, place);
  if (left.kind === "constant") return left.value === (kind === "and") ? right : left;
  if (left.kind === kind) {
    (left.args as Term[]).push(right);
    return left;
  }
  return { kind, type: Type.Bool, args: [left, right], place };
}

/** `RTA_SET`, `EA_SET`, `VAR_SET`: what is assigned has to fit. An IPv4 constant fits a quad. */
export function assigned(type: Type, term: Term, name: string, place: Place): Term {
  const value = promote(term, type);
  checkType(value, type, 1, name, place);
  return value;
}

export function checkType(term: Term, expected: Type, index: number, name: string, place: Place): void {
  if (expected === Type.Void || term.type === Type.Void || term.type === expected) return;
  const [wanted, got] = [typeName(expected), typeName(term.type)];
  throw new PolicyError(`Argument ${index} of ${name} must be of type ${wanted}, got type ${got}`, place);
}

export function call(callee: FunctionDefinition, args: readonly Term[], place: Place): Term {
  const { name, parameters } = callee;
  if (args.length !== parameters.length) {
    const message = `Function '${name}' expects ${parameters.length} arguments, got ${args.length} arguments`;
    throw new PolicyError(message, place);
  }
  const values = parameters.map((parameter, i) => {
    const value = promote(args[i] as Term, parameter.type);
    if (value.type !== Type.Void && value.type !== parameter.type) {
      const [wanted, got] = [typeName(parameter.type), typeName(value.type)];
      throw new PolicyError(`Argument ${i + 1} of '${name}' must be ${wanted}, got ${got}`, place);
    }
    return value;
  });
  return { kind: "call", type: callee.returns, callee, args: values, place };
}

/** A path mask; constant if all its parts are. */
export function mask(parts: readonly MaskPart[], place: Place): Term {
  const items: PathMaskItem[] = [];
  for (const part of parts) {
    if (part.kind !== "term") items.push(part);
    else if (part.term.kind === "constant") {
      const { type, value } = part.term;
      items.push(preevaluate(place, () => maskItem(type, value)));
    }
  }
  if (parts[0]?.kind === "repeat") preevaluate(place, () => fault("Path mask iterator '+' cannot be first"));
  if (items.length === parts.length) return constant(Type.PathMask, pathMask(items));
  return { kind: "mask", type: Type.PathMask, parts, place };
}

/** What a value means as a part of a mask. */
export function maskItem(type: Type, value: unknown): PathMaskItem {
  if (type === Type.Int) return { kind: "asn", asn: value as number };
  if (type !== Type.Set) return fault("Error resolving path mask template: value not an integer");
  const set = value as ValueSet;
  if (set.type !== undefined && set.type !== Type.Int) return fault("Only integer sets allowed in path mask");
  return { kind: "set", set };
}

function fold(instruction: Instruction, args: readonly Constant[], place: Place): Constant {
  return preevaluate(place, () => {
    const resolution = instruction.resolve(args.map(runtimeType));
    if (!resolution) return fault(instruction.mismatch);
    return constant(resolution.type, resolution.run(...(args.map(({ value }) => value) as never[])));
  });
}

function runtimeType({ type, value }: Constant): Type {
  return value === undefined ? Type.Void : type;
}

function preevaluate<V>(place: Place, action: () => V): V {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new PolicyError(`filter preevaluation, line ${place.line}: ${error.message}`, place);
  }
}

function fault(message: string): never {
  throw new Fault(message);
}

function promote(term: Term, type: Type): Term {
  if (type !== Type.Quad || term.kind !== "constant" || term.type !== Type.Ip) return term;
  const ip = term.value as IpAddress;
  return ip.family === 4 ? constant(Type.Quad, ip.w0) : term;
}

function promotePair(args: readonly Term[]): readonly Term[] {
  const [left, right] = args as readonly [Term, Term];
  return [promote(left, right.type), promote(right, left.type)];
}

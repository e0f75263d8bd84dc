/** The identity of a filter by its meaning: what differs in name, place or layout only is the same. */
import type { Variable } from "./place.ts";
import type { Constant, FunctionDefinition, Statement, Term } from "./tree.ts";
import { formatValue } from "./values.ts";

export function filterKey(body: Statement): string {
  return condensed(text(body, new Map()));
}

/** Kept for each function: many filters call the same ones. */
const functionKeys = new WeakMap<FunctionDefinition, string>();

function functionKey(definition: FunctionDefinition): string {
  const known = functionKeys.get(definition);
  if (known !== undefined) return known;
  const numbers = new Map<Variable, number>();
  const parameters = definition.parameters.map((parameter) => variableText(parameter, numbers)).join(",");
  const key = condensed(`(${parameters}):${definition.returns}${text(definition.body, numbers)}`);
  functionKeys.set(definition, key);
  return key;
}

/** Variables by the order in which they appear, all else by what it is. */
function text(node: unknown, numbers: Map<Variable, number>): string {
  if (Array.isArray(node)) return `[${node.map((item) => text(item, numbers)).join(",")}]`;
  if (typeof node !== "object" || node === null) return JSON.stringify(node) ?? "-";
  if (isConstant(node)) return `${node.type}:${JSON.stringify(formatValue(node.type, node.value))}`;
  const parts: string[] = [];
  for (const [name, value] of Object.entries(node)) {
    if (name === "place") continue;
    parts.push(`${name}=${property(name, value, numbers)}`);
  }
  return `{${parts.join(" ")}}`;
}

function property(name: string, value: unknown, numbers: Map<Variable, number>): string {
  switch (name) {
    case "variable":
      return variableText(value as Variable, numbers);
    case "callee":
      return functionKey(value as FunctionDefinition);
    case "attribute":
      return (value as { readonly name: string }).name;
    case "instruction": {
      const { name: instruction, detail } = value as { readonly name: string; readonly detail?: string };
      return `${instruction}/${detail ?? ""}`;
    }
    case "set":
      return (value as { readonly key: string }).key;
    case "labels":
      return (value as readonly { type: Constant["type"]; from: unknown; to: unknown }[])
        .map(({ type, from, to }) => `${type}:${formatValue(type, from)}..${formatValue(type, to)}`)
        .join(",");
    default:
      return text(value, numbers);
  }
}

function isConstant(node: object): node is Constant {
  return (node as Partial<Term>).kind === "constant";
}

function variableText(variable: Variable, numbers: Map<Variable, number>): string {
  let number = numbers.get(variable);
  if (number === undefined) {
    number = numbers.size;
    numbers.set(variable, number);
  }
  return `v${number}:${variable.type}`;
}

/** Long texts by a hash of 106 bits (two rounds of cyrb53, public domain), so that keys stay small. */
function condensed(long: string): string {
  return long.length <= LONGEST ? long : `#${long.length}:${hash(long, 1)}:${hash(long, 2)}`;
}

function hash(input: string, seed: number): string {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let i = 0; i < input.length; i++) {
    const code = input.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (b & 0x1f_ffff) + (a >>> 0)).toString(36);
}

const LONGEST = 200;

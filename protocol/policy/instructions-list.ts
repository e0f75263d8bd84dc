/**
 * What filters do with lists: `add`, `delete`, `filter`, `.min`, `.max` on AS paths and community lists.
 * Lists are never changed: where nothing changes, the very same list comes back.
 */
import type { AsPath } from "../codec/as-path.ts";
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import type { IpAddress } from "../wire/address.ts";
import { Fault } from "./error.ts";
import type { Instruction, Resolution } from "./instruction.ts";
import { compareLarge, compareWide } from "./scalars.ts";
import type { ValueSet } from "./sets.ts";
import { Type } from "./types.ts";

type Element = number | ExtCommunity | LargeCommunity;
type List = readonly Element[];

/** A kind of list: its elements, and words for messages. */
interface ListKind {
  readonly type: Type;
  readonly noun: string;
  readonly same: (a: Element, b: Element) => boolean;
  /** The element that a value of this type is; undefined if it is none. */
  readonly element: (type: Type) => ((value: unknown) => Element) | undefined;
  readonly inSet: (set: ValueSet, value: Element) => boolean;
  /** Whether a set's elements fit. */
  readonly fits: (set: ValueSet) => boolean;
}

const same = (value: unknown): Element => value as Element;
const wide = (a: Element, b: Element): boolean => compareWide(a as ExtCommunity, b as ExtCommunity) === 0;
const large = (a: Element, b: Element): boolean => compareLarge(a as LargeCommunity, b as LargeCommunity) === 0;

const KINDS: readonly ListKind[] = [
  {
    type: Type.Clist,
    noun: "pair",
    same: (a, b) => a === b,
    element: (type) => {
      if (type === Type.Pair || type === Type.Quad) return same;
      return type === Type.Ip ? (value) => ipv4Word(value as IpAddress) : undefined;
    },
    inSet: (set, value) => set.hasAnyOf([value as number]),
    fits: (set) => set.type === undefined || PAIR_LIKE.has(set.type),
  },
  {
    type: Type.Eclist,
    noun: "ec",
    same: wide,
    element: (type) => (type === Type.Ec ? same : undefined),
    inSet: (set, value) => set.has(Type.Ec, value),
    fits: (set) => set.type === undefined || set.type === Type.Ec,
  },
  {
    type: Type.Lclist,
    noun: "lc",
    same: large,
    element: (type) => (type === Type.Lc ? same : undefined),
    inSet: (set, value) => set.has(Type.Lc, value),
    fits: (set) => set.type === undefined || set.type === Type.Lc,
  },
];

function ipv4Word(ip: IpAddress): number {
  if (ip.family !== 4) throw new Fault("Can't add non-pair");
  return ip.w0;
}

const PAIR_LIKE: ReadonlySet<Type> = new Set([Type.Pair, Type.Quad, Type.Ip]);

function kindOf(type: Type | undefined): ListKind | undefined {
  return KINDS.find((kind) => kind.type === type);
}

function resolveAdd([listType, type]: readonly Type[]): Resolution | undefined {
  if (listType === Type.Path) return failing("Can't add to path");
  const kind = kindOf(listType);
  if (!kind) return undefined;
  const element = kind.element(type ?? Type.Void);
  if (kind.type === Type.Clist && element === same) return ADD_NUMBER;
  if (element) return { type: kind.type, run: (list: List, value: unknown) => added(kind, list, [element(value)]) };
  if (type === kind.type) return { type: kind.type, run: (list: List, more: List) => added(kind, list, more) };
  const otherwise = `Can't add non-${kind.noun}`;
  if (type !== Type.Set) return failing(otherwise);
  return {
    type: kind.type,
    run: (_: List, set: ValueSet) => fail(kind.fits(set) ? "Can't add set" : otherwise),
  };
}

/** By far the most common. */
const ADD_NUMBER: Resolution = {
  type: Type.Clist,
  run: (list: readonly number[], value: number) => {
    if (list.includes(value)) return list;
    const result = list.slice();
    result.push(value);
    return result;
  },
};

function resolveDelete([listType, type]: readonly Type[]): Resolution | undefined {
  if (listType === Type.Path) return resolvePath(type, false, "Can't delete non-integer (set)");
  return resolveSelection(listType, type, false);
}

function resolveFilter([listType, type]: readonly Type[]): Resolution | undefined {
  if (listType === Type.Path) return resolvePath(type, true, "Can't filter integer");
  return resolveSelection(listType, type, true);
}

/** Keeps, or drops, the elements that the second argument names. */
function resolveSelection(listType: Type | undefined, type: Type | undefined, keep: boolean): Resolution | undefined {
  const kind = kindOf(listType);
  if (!kind) return undefined;
  const otherwise = keep ? `Can't filter ${kind.noun}` : `Can't delete non-${kind.noun}`;
  const select = (list: List, test: (value: Element) => boolean): List => {
    const result = list.filter((value) => test(value) === keep);
    return result.length === list.length ? list : result;
  };
  const element = keep ? undefined : kind.element(type ?? Type.Void);
  if (element) {
    return {
      type: kind.type,
      run: (list: List, value: unknown) => {
        const gone = element(value);
        return select(list, (other) => kind.same(other, gone));
      },
    };
  }
  if (type === kind.type) {
    return {
      type: kind.type,
      run: (list: List, named: List) => select(list, (value) => named.some((other) => kind.same(value, other))),
    };
  }
  if (type !== Type.Set) return failing(otherwise);
  return {
    type: kind.type,
    run: (list: List, set: ValueSet) =>
      kind.fits(set) ? select(list, (value) => kind.inSet(set, value)) : fail(otherwise),
  };
}

function resolvePath(type: Type | undefined, keep: boolean, otherwise: string): Resolution {
  if (type === Type.Int && !keep) {
    return { type: Type.Path, run: (path: AsPath, asn: number) => selected(path, (other) => other !== asn) };
  }
  if (type !== Type.Set) return failing(otherwise);
  return {
    type: Type.Path,
    run: (path: AsPath, set: ValueSet) => {
      if (set.type !== undefined && set.type !== Type.Int) return fail(otherwise);
      const test = set.numberTest();
      return selected(path, (asn) => test(asn) === keep);
    },
  };
}

/** Segments left empty go. */
function selected(path: AsPath, test: (asn: number) => boolean): AsPath {
  if (path.every(({ asns }) => asns.every(test))) return path;
  return path.map(({ type, asns }) => ({ type, asns: asns.filter(test) })).filter(({ asns }) => asns.length > 0);
}

/** What is there already is not added again. */
function added(kind: ListKind, list: List, more: List): List {
  let result: Element[] | undefined;
  for (const value of more) {
    if (!(result ?? list).some((other) => kind.same(other, value))) {
      result ??= [...list];
      result.push(value);
    }
  }
  return result ?? list;
}

function extreme(name: string, better: (order: number) => boolean): Instruction {
  const number = (list: readonly number[]): number =>
    list.reduce((best, value) => (better(value - best) ? value : best), list[0] ?? 0);
  const largest = (list: readonly LargeCommunity[]): LargeCommunity =>
    list.reduce((best, value) => (better(compareLarge(value, best)) ? value : best), list[0] ?? NO_LARGE);
  return {
    name,
    args: [Type.Void],
    result: Type.Void,
    mismatch: "Clist or lclist expected",
    resolve: ([type]) => {
      if (type === Type.Clist) return { type: Type.Pair, run: number };
      return type === Type.Lclist ? { type: Type.Lc, run: largest } : undefined;
    },
  };
}

const NO_LARGE: LargeCommunity = { global: 0, local1: 0, local2: 0 };

function failing(message: string): Resolution {
  return { type: Type.Void, run: () => fail(message) };
}

function fail(message: string): never {
  throw new Fault(message);
}

function selection(name: string, verb: string, resolve: Instruction["resolve"]): Instruction {
  return { name, args: [Type.Void, Type.Void], result: Type.Void, mismatch: `Can't ${verb} non-[e|l]clist`, resolve };
}

/** The result of the first three is of the first argument's type. */
export const LIST_INSTRUCTIONS: {
  readonly [K in "CLIST_ADD" | "CLIST_DEL" | "CLIST_FILTER" | "MIN" | "MAX"]: Instruction;
} = {
  CLIST_ADD: selection("CLIST_ADD", "add to", resolveAdd),
  CLIST_DEL: selection("CLIST_DEL", "delete in", resolveDelete),
  CLIST_FILTER: selection("CLIST_FILTER", "filter", resolveFilter),
  MIN: extreme("MIN", (sign) => sign < 0),
  MAX: extreme("MAX", (sign) => sign > 0),
};

/**
 * Names that a configuration defines, and the scopes in which they are known. A name is looked up when
 * its word is read: what is defined later is unknown, as in bird.
 */
import type { RouteAttribute } from "./attributes.ts";
import type { Variable } from "./place.ts";
import type { Constant } from "./tree.ts";

/** What is not the filter language's own: a table, a protocol, a template, kept for its owner. */
export interface ForeignSymbol {
  readonly kind: "table" | "protocol" | "template";
  readonly name: string;
  readonly value: unknown;
}

export type SymbolValue =
  | { readonly kind: "constant"; readonly name: string; readonly term: Constant }
  | { readonly kind: "variable"; readonly name: string; readonly variable: Variable }
  | { readonly kind: "attribute"; readonly name: string; readonly attribute: RouteAttribute }
  | { readonly kind: "function"; readonly name: string; readonly value: unknown }
  | { readonly kind: "filter"; readonly name: string; readonly value: unknown }
  | ForeignSymbol;

/** One level of names. The outermost is the configuration's; functions and blocks nest inside. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly #names = new Map<string, SymbolValue>();

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  find(name: string): SymbolValue | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) {
      const symbol = scope.#names.get(name);
      if (symbol) return symbol;
    }
    return undefined;
  }

  /** Only in this very scope: what is further out may be hidden, but not defined twice. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  define(symbol: SymbolValue): void {
    this.#names.set(symbol.name, symbol);
  }

  /** In the order of definition. */
  symbols(): Iterable<SymbolValue> {
    return this.#names.values();
  }
}

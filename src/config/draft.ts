/**
 * A configuration while it is read: what has been defined so far, and what is wrong with it.
 */

import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { PolicyError } from "../../protocol/policy/error.ts";
import type { LexerHost, SourceFile } from "../../protocol/policy/lexer.ts";
import { Parser } from "../../protocol/policy/parser.ts";
import { Scope } from "../../protocol/policy/symbols.ts";
import type { NetType } from "../../protocol/rib/route.ts";
import { hintFor, type Surrounding } from "./hints.ts";
import type { Config, ConfigMessage, Place, ProtocolConfig, TableConfig } from "./schema.ts";

export type Draft<C> = { -readonly [K in keyof C]: C[K] };

/**
 * A draft with every property there from the start, undefined if not said: objects that get their
 * properties one by one cost the engine more than all the parsing (bench/policy.ts).
 */
export type FullDraft<C> = {
  -readonly [K in keyof Required<C>]: Record<never, never> extends Pick<C, K> ? C[K] | undefined : C[K];
};

/** A protocol or template that is defined: its kind's word, and what it says, for `from`. */
export interface Definition {
  readonly kind: string;
  readonly name: string;
  readonly isTemplate: boolean;
  readonly draft: unknown;
}

/** A function that tests itself by `bt_assert`. */
export interface ConfigTest {
  readonly name: string;
  readonly text: string;
  readonly place: Place;
}

export class ConfigDraft {
  readonly p: Parser;
  readonly globals: Draft<
    Omit<Config, "tables" | "protocols" | "filters" | "symbols" | "warnings" | "files" | "file" | "scope">
  >;
  readonly scope: Scope = new Scope();
  readonly tables: Map<string, TableConfig> = new Map();
  /** The table that channels of a type use if they name none. */
  readonly defaultTables: Map<NetType, string> = new Map();
  readonly protocols: ProtocolConfig[] = [];
  readonly filters: Map<string, CompiledFilter> = new Map();
  readonly warnings: ConfigMessage[] = [];
  readonly errors: ConfigMessage[] = [];
  readonly strict: boolean;
  /** `bt_test_suite`. */
  readonly tests: ConfigTest[] = [];
  /** For hints. */
  surrounding: Surrounding = NOWHERE;
  hasDevice = false;
  /** The kernel protocol of each table. */
  readonly kernels: Map<string, string> = new Map();
  /** How often each kind of protocol was there without a name. */
  readonly counters: Map<string, number> = new Map();
  /** Names whose definition failed: that they are unknown is no news. */
  readonly #failed = new Set<string>();

  constructor(file: SourceFile, globals: ConfigDraft["globals"], strict: boolean, include?: LexerHost["include"]) {
    this.p = new Parser(file, this.scope, include);
    this.p.onError = (error) => this.report(error);
    this.globals = globals;
    this.strict = strict;
    for (const [name, netType] of [
      ["master4", "ipv4"],
      ["master6", "ipv6"],
    ] as const) {
      this.addTable({ name, netType, sorted: false, trie: false });
    }
  }

  addTable(table: TableConfig): void {
    this.tables.set(table.name, table);
    if (!this.defaultTables.has(table.netType)) this.defaultTables.set(table.netType, table.name);
    if (!this.scope.has(table.name)) this.scope.define({ kind: "table", name: table.name, value: table });
  }

  /** bird.conf goes on behind an error, to find more; only the first is bird's. */
  report(error: PolicyError): boolean {
    const isKnown =
      this.errors.length > 0 && error.message.endsWith("unexpected CF_SYM_UNDEFINED") && this.#failed.has(this.p.text);
    // What was not closed was told already.
    const isEcho = this.errors.length > 0 && error.message.startsWith("syntax error, unexpected END");
    if (isKnown || isEcho) return true;
    const hint = hintFor(error.message, this.p.text, this.surrounding);
    this.errors.push({ place: error.place, text: error.message, ...(hint === undefined ? {} : { hint }) });
    return this.errors.length < MOST_ERRORS;
  }

  failed(name: string): void {
    this.#failed.add(name);
  }

  warn(place: Place, text: string): void {
    this.warnings.push({ place, text });
  }
}

export const NOWHERE: Surrounding = { kind: undefined, isChannel: false };
const MOST_ERRORS = 50;

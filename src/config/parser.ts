/** bird.conf as a whole: definitions, protocols, global options, one after the other. */

import { constant } from "../../protocol/policy/checker.ts";
import { ACCEPT, compileFilter, evaluateTerm, type FilterEnv } from "../../protocol/policy/compile.ts";
import { RunFault } from "../../protocol/policy/error.ts";
import { defineAttribute, parseBody, parseFunction, parseType } from "../../protocol/policy/parse-statement.ts";
import { parseTerm } from "../../protocol/policy/parse-term.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import type { SymbolValue } from "../../protocol/policy/symbols.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { Constant } from "../../protocol/policy/tree.ts";
import { Type } from "../../protocol/policy/types.ts";
import type { ConfigDraft } from "./draft.ts";
import { parseGlobal } from "./globals.ts";
import { parseText } from "./options.ts";
import { parseProtocol } from "./protocol.ts";

export function parseConfig(c: ConfigDraft): void {
  const { p } = c;
  while (p.peek() !== T.END) p.recover(() => parseEntry(c));
  p.recover(() => p.expectEnd());
  if (c.errors.length === 0 && c.protocols.length === 0) p.fail("No protocol is specified in the config file");
}

function parseEntry(c: ConfigDraft): void {
  const { p } = c;
  const token = p.peek();
  const parse = ENTRIES.get(token);
  if (parse) {
    p.take();
    parse(c);
  } else if (token !== T[";"]) {
    if (parseGlobal(c)) return;
    p.wantMany();
    p.unexpected();
  } else p.take();
}

/** `define NAME = expression;` */
function parseDefine(c: ConfigDraft): void {
  const { p } = c;
  const name = p.name();
  // Until it is known to be right: what uses it is not to blame.
  c.failed(name);
  p.expect(T["="]);
  const term = parseTerm(p);
  p.expect(T[";"]);
  p.define({ kind: "constant", name, term: evaluated(c, term) });
}

/** What an expression in the configuration is worth. */
function evaluated(c: ConfigDraft, term: ReturnType<typeof parseTerm>): Constant {
  if (term.kind === "constant") return term;
  try {
    const { type, value } = evaluateTerm(term, loadEnv(c));
    return constant(type, value);
  } catch (fault) {
    if (!(fault instanceof RunFault)) throw fault;
    c.warn(fault.place, `filters, line ${fault.place.line}: ${fault.message}`);
    c.p.fail("Runtime error");
  }
}

/** While the configuration is read there is no route, no table, no interface. */
function loadEnv(c: ConfigDraft): FilterEnv {
  return {
    print: (text) => c.warn(c.p.here, text),
    error: () => {},
    roaCheck: () => 0,
    interfaceIndex: () => 0,
    routerId: 0,
  };
}

function parseFilter(c: ConfigDraft): void {
  const { p } = c;
  const name = p.name();
  p.define({ kind: "filter", name, value: name });
  c.filters.set(name, ACCEPT); // what an error leaves behind
  c.filters.set(name, compileFilter(name, parseBody(p)));
}

/** `attribute TYPE NAME;` */
function parseAttribute(c: ConfigDraft): void {
  const { p } = c;
  const type = parseType(p);
  const name = p.name();
  p.expect(T[";"]);
  if (!ATTRIBUTE_TYPES.has(type)) p.fail("Custom route attribute of unsupported type");
  defineAttribute(p, name, type);
}

/** `eval EXPR`: worth a number, and nothing more. */
function parseEval(c: ConfigDraft): void {
  const { p } = c;
  const term = parseTerm(p);
  if (evaluated(c, term).type !== Type.Int) p.failLater("Integer expression expected");
}

/** `bt_test_suite(function, "text")`, `bt_test_same(a, b, N)`: tests of the configuration, run by `check`. */
function parseTestSuite(c: ConfigDraft): void {
  const { p } = c;
  p.expect(T["("]);
  const symbol = parseKnown(p);
  p.expect(T[","]);
  const text = parseText(p);
  p.expect(T[")"]);
  if (symbol.kind !== "function") p.fail("Function name required");
  c.tests.push({ name: symbol.name, text, place: p.here });
}

function parseTestSame(c: ConfigDraft): void {
  const { p } = c;
  p.expect(T["("]);
  const first = parseKnown(p);
  p.expect(T[","]);
  const second = parseKnown(p);
  p.expect(T[","]);
  if (!p.is(T.NUM)) p.unexpected();
  p.take();
  p.expect(T[")"]);
  if (first.kind !== "function" || second.kind !== "function") p.fail("Function name required");
}

function parseKnown(p: Parser): SymbolValue {
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  p.take();
  return symbol;
}

const ATTRIBUTE_TYPES: ReadonlySet<Type> = new Set([
  Type.Int,
  Type.Ip,
  Type.Quad,
  Type.Path,
  Type.Clist,
  Type.Eclist,
  Type.Lclist,
]);

const ENTRIES: ReadonlyMap<Token, (c: ConfigDraft) => void> = new Map<Token, (c: ConfigDraft) => void>([
  [T.DEFINE, parseDefine],
  [T.FILTER, parseFilter],
  [
    T.FUNCTION,
    ({ p }) => {
      parseFunction(p);
    },
  ],
  [T.ATTRIBUTE, parseAttribute],
  [T.EVAL, parseEval],
  [T.BT_TEST_SUITE, parseTestSuite],
  [T.BT_TEST_SAME, parseTestSame],
  [T.PROTOCOL, (c) => parseProtocol(c, false)],
  [T.TEMPLATE, (c) => parseProtocol(c, true)],
]);

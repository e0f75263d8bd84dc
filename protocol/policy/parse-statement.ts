/** Statements of the filter language, and the bodies of filters and functions. */
import { customAttribute, DYNAMIC_ATTRIBUTES, type RouteAttribute, STATIC_ATTRIBUTES } from "./attributes.ts";
import { apply, assigned, call, checkType, constant } from "./checker.ts";
import { INSTRUCTIONS, type InstructionName } from "./instructions.ts";
import { parseCaseItem, startsCaseItem } from "./parse-set.ts";
import { attributeTerm, parseArguments, parseTerm } from "./parse-term.ts";
import { type Parser, setTypeOf } from "./parser.ts";
import type { Place, Variable } from "./place.ts";
import { EMPTY_LIST } from "./run.ts";
import type { SymbolValue } from "./symbols.ts";
import { T, type Token, type TokenName } from "./tokens.ts";
import type { CaseBranch, CaseLabel, FunctionDefinition, Statement, Term } from "./tree.ts";
import { TYPE_WORDS, Type, typeName } from "./types.ts";

/** `[declarations] { statements }` */
export function parseBody(p: Parser): Statement {
  return p.scoped(() => parseBodyInside(p));
}

/** In the scope of the parameters: bird lets nothing there hide one. */
function parseBodyInside(p: Parser): Statement {
  const body: Statement[] = [];
  while (startsType(p)) {
    const variable = parseDeclared(p);
    p.expect(T[";"]);
    body.push({ kind: "declare", variable, place: p.here });
  }
  p.expect(T["{"]);
  parseStatements(p, body);
  return { kind: "block", body };
}

/** `name(int a; prefix b) -> bool { ... }`, after `function`; defines the name, which is known in the body already. */
export function parseFunction(p: Parser): FunctionDefinition {
  const name = p.name();
  const parameters: Variable[] = [];
  const definition: Draft = { name, parameters, returns: Type.Void, body: NO_BODY, place: p.here };
  p.define({ kind: "function", name, value: definition });
  p.scoped(() => {
    p.expect(T["("]);
    parseParameters(p, parameters);
    definition.returns = parseReturnType(p);
    definition.body = parseBodyInside(p);
  });
  return definition;
}

type Draft = { -readonly [K in keyof FunctionDefinition]: FunctionDefinition[K] };
const NO_BODY: Statement = { kind: "block", body: [] };

function parseParameters(p: Parser, into: Variable[]): void {
  if (p.accept(T[")"])) return;
  for (;;) {
    into.push(parseDeclared(p));
    if (into.length > MOST_PARAMETERS) p.fail("Too many declarations, at most 255 allowed");
    if (p.accept(T[")"])) return;
    // Newer birds separate by commas.
    if (p.peek() === T[","]) p.take();
    else p.expect(T[";"]);
  }
}

const MOST_PARAMETERS = 255;

/** `-> type`, of bird 2.14. */
function parseReturnType(p: Parser): Type {
  if (p.peek() !== T["-"]) return Type.Void;
  p.take();
  p.expect(T[">"]);
  return parseType(p);
}

/** `{ commands }` of a static route: changes to the route, no declarations. After `{`. */
export function parseRouteBlock(p: Parser): Statement {
  const body: Statement[] = [];
  while (!p.accept(T["}"])) body.push(parseCommand(p));
  return { kind: "block", body };
}

/** After `{`, up to and with `}`. */
function parseStatements(p: Parser, into: Statement[]): void {
  while (!p.accept(T["}"])) {
    if (p.peek() === T.END) {
      p.wantMany();
      p.unexpected();
    }
    p.recover(() => into.push(parseStatement(p)));
  }
}

function parseBlock(p: Parser): Statement {
  const body: Statement[] = [];
  p.scoped(() => parseStatements(p, body));
  return { kind: "block", body };
}

function parseStatement(p: Parser): Statement {
  return startsType(p) ? parseDeclaration(p) : parseCommand(p);
}

/** A statement that may stand behind `then`: no declaration. */
function parseCommand(p: Parser): Statement {
  return p.nested(() => {
    const token = p.peek();
    const parse = COMMANDS.get(token);
    if (parse) {
      p.take();
      return parse(p);
    }
    const fixed = STATIC_ATTRIBUTES.get(token);
    if (fixed) return parseStaticSet(p, fixed);
    const dynamic = DYNAMIC_ATTRIBUTES.get(token);
    if (dynamic) return parseDynamic(p, dynamic);
    if (token === T.CF_SYM_KNOWN) return parseSymbolCommand(p);
    p.wantMany();
    p.unexpected();
  });
}

/** The name is known behind the declaration, not in it. */
function parseDeclaration(p: Parser): Statement {
  const type = parseType(p);
  const name = p.name();
  const term = p.accept(T["="]) ? parseTerm(p) : undefined;
  p.expect(T[";"]);
  const variable: Variable = { name, type, value: undefined };
  p.define({ kind: "variable", name, variable });
  const place = p.here;
  if (!term) return { kind: "declare", variable, place };
  return { kind: "declare", variable, value: assigned(type, term, "VAR_INIT", place), place };
}

/** `type name`. */
function parseDeclared(p: Parser): Variable {
  const type = parseType(p);
  const name = p.name();
  p.peek();
  const variable: Variable = { name, type, value: undefined };
  p.define({ kind: "variable", name, variable });
  return variable;
}

function startsType(p: Parser): boolean {
  const token = p.peek();
  if (TYPES.has(token)) return true;
  // A word of newer birds, no keyword of 2.0.
  if (token === T.CF_SYM_UNDEFINED && p.text === BYTESTRING) return true;
  p.wantMany();
  return false;
}

export function parseType(p: Parser): Type {
  if (!startsType(p)) p.unexpected();
  let type = TYPES.get(p.peek()) ?? Type.Bytes;
  p.take();
  while (p.accept(T.SET)) {
    const set = setTypeOf(type);
    if (set === undefined) p.fail("You can't create sets of this type.");
    type = set;
  }
  return type;
}

function parseStaticSet(p: Parser, attribute: RouteAttribute): Statement {
  p.take();
  p.expect(T["="]);
  const term = parseTerm(p);
  p.expect(T[";"]);
  if (!attribute.set) p.fail("This static attribute is read-only.");
  return { kind: "set", attribute, value: assigned(attribute.type, term, "RTA_SET", p.here), place: p.here };
}

/** `attr = x;`, `attr.add(x);`, `attr.empty;` */
function parseDynamic(p: Parser, attribute: RouteAttribute): Statement {
  p.take();
  if (p.accept(T["="])) return parseSet(p, attribute);
  p.expect(T["."]);
  return parseUpdate(p, attribute);
}

function parseSet(p: Parser, attribute: RouteAttribute): Statement {
  const term = parseTerm(p);
  p.expect(T[";"]);
  return { kind: "set", attribute, value: assigned(attribute.type, term, "EA_SET", p.here), place: p.here };
}

function parseUpdate(p: Parser, attribute: RouteAttribute): Statement {
  const value = parseUpdated(p, attributeTerm(p, attribute));
  return { kind: "set", attribute, value, place: p.here };
}

/** After `target.`: the value that the method gives. */
function parseUpdated(p: Parser, target: Term): Term {
  if (p.accept(T.EMPTY)) {
    p.expect(T[";"]);
    if (!EMPTYABLE.has(target.type)) p.fail("Can't empty that attribute");
    return constant(target.type, EMPTY_LIST);
  }
  const name = UPDATES.get(p.peek());
  if (!name) {
    p.wantMany();
    p.unexpected();
  }
  p.take();
  p.expect(T["("]);
  const argument = parseTerm(p);
  p.expect(T[")"]);
  p.expect(T[";"]);
  return apply(INSTRUCTIONS[name], [target, argument], p.here);
}

/** `name = x;`, `name(x);`, and `name.add(x);` of newer birds. */
function parseSymbolCommand(p: Parser): Statement {
  const { symbol } = p;
  p.take();
  if (p.accept(T["="])) {
    const term = parseTerm(p);
    p.expect(T[";"]);
    return assignment(p, symbol, term);
  }
  if (p.peek() === T["."] && (symbol.kind === "variable" || symbol.kind === "attribute")) {
    p.take();
    if (symbol.kind === "attribute") return parseUpdate(p, symbol.attribute);
    const { variable } = symbol;
    const target: Term = { kind: "variable", type: variable.type, variable, place: p.here };
    return { kind: "assign", variable, value: parseUpdated(p, target), place: p.here };
  }
  p.expect(T["("]);
  const args = parseArguments(p);
  if (symbol.kind !== "function") p.fail("You can't call something which is not a function. Really.");
  const term = call(symbol.value as FunctionDefinition, args, p.here);
  p.expect(T[";"]);
  return { kind: "evaluate", term, place: p.here };
}

function assignment(p: Parser, symbol: SymbolValue, term: Term): Statement {
  const place = p.here;
  if (symbol.kind === "variable") {
    const { variable } = symbol;
    return { kind: "assign", variable, value: assigned(variable.type, term, "VAR_SET", place), place };
  }
  if (symbol.kind === "attribute") {
    const { attribute } = symbol;
    return { kind: "set", attribute, value: assigned(attribute.type, term, "EA_SET", place), place };
  }
  p.fail(`Can't assign to symbol ${symbol.name}`);
}

/** After `if`. bird checks the condition when the whole statement is read. */
function parseIf(p: Parser): Statement {
  const branches: { readonly condition: Term; readonly body: Statement }[] = [];
  let otherwise: Statement | undefined;
  let place: Place;
  for (;;) {
    const condition = parseTerm(p);
    p.expect(T.THEN);
    const body = parseCommand(p);
    branches.push({ condition, body });
    const more = p.accept(T.ELSE);
    place = p.here;
    if (!more) break;
    if (p.accept(T.IF)) continue;
    otherwise = parseCommand(p);
    place = p.here;
    break;
  }
  p.semantic(() => {
    for (const { condition } of branches.toReversed()) checkType(condition, Type.Bool, 1, "CONDITION", place);
  }, undefined);
  return { kind: "if", branches, ...(otherwise ? { otherwise } : {}), place };
}

function parseCase(p: Parser): Statement {
  const term = parseTerm(p);
  p.expect(T["{"]);
  const branches: CaseBranch[] = [];
  let otherwise: Statement | undefined;
  while (!p.accept(T["}"])) {
    if (p.accept(T.ELSECOL)) {
      otherwise = parseCaseBody(p);
      continue;
    }
    if (!startsCaseItem(p)) p.unexpected();
    const labels: CaseLabel[] = [...parseCaseItem(p, parseTerm)];
    while (p.accept(T[","])) labels.push(...parseCaseItem(p, parseTerm));
    p.expect(T[":"]);
    branches.push({ labels, body: parseCaseBody(p) });
  }
  return { kind: "case", term, branches, ...(otherwise ? { otherwise } : {}), place: p.here };
}

function parseCaseBody(p: Parser): Statement {
  const body: Statement[] = [];
  p.scoped(() => {
    while (!startsCaseItem(p) && !p.is(T.ELSECOL) && !p.is(T["}"])) body.push(parseStatement(p));
  });
  return { kind: "block", body };
}

function parseFor(p: Parser): Statement {
  return p.scoped(() => {
    const variable = parseLoopVariable(p);
    p.expect(T.IN);
    const term = parseTerm(p);
    p.expect(T.DO);
    const body = parseCommand(p);
    const element = ELEMENT_OF.get(term.type);
    if (element === undefined && term.type !== Type.Void) {
      p.fail(`Value of expression in FOR must be iterable, got ${typeName(term.type)}`);
    }
    if (element !== undefined && element !== variable.type) {
      p.fail(`Loop variable '${variable.name}' in FOR must be ${typeName(element)}, is ${typeName(variable.type)}`);
    }
    return { kind: "for", variable, term, body, place: p.here };
  });
}

function parseLoopVariable(p: Parser): Variable {
  if (p.is(T.CF_SYM_KNOWN)) {
    const { symbol } = p;
    p.take();
    if (symbol.kind !== "variable") p.fail("Variable name required");
    return symbol.variable;
  }
  const type = parseType(p);
  const name = p.name();
  const variable: Variable = { name, type, value: undefined };
  p.define({ kind: "variable", name, variable });
  return variable;
}

function parseUnset(p: Parser): Statement {
  p.expect(T["("]);
  const attribute = DYNAMIC_ATTRIBUTES.get(p.peek()) ?? customOf(p);
  if (!attribute) {
    p.wantMany();
    p.unexpected();
  }
  p.take();
  p.expect(T[")"]);
  p.expect(T[";"]);
  return { kind: "unset", attribute, place: p.here };
}

/** 2.0 cannot unset a custom attribute; newer birds can. */
function customOf(p: Parser): RouteAttribute | undefined {
  return p.peek() === T.CF_SYM_KNOWN && p.symbol.kind === "attribute" ? p.symbol.attribute : undefined;
}

/** Up to and with `;`. */
function parsePrintList(p: Parser): Term[] {
  const terms: Term[] = [];
  while (!p.accept(T[";"])) {
    terms.push(parseTerm(p));
    if (!p.accept(T[","])) {
      p.expect(T[";"]);
      break;
    }
  }
  return terms;
}

function parseReturn(p: Parser): Statement {
  const value = parseTerm(p);
  p.expect(T[";"]);
  return { kind: "return", value, place: p.here };
}

function parseAssert(p: Parser): Statement {
  p.expect(T["("]);
  const from = p.lexer.offset;
  const condition = parseTerm(p);
  p.expect(T[")"]);
  const text = p.lexer
    .textFrom(from)
    .replace(/\s*\)$/, "")
    .trim();
  p.expect(T[";"]);
  checkType(condition, Type.Bool, 1, "ASSERT", p.here);
  return { kind: "assert", condition, text, place: p.here };
}

/** `bt_check_assign(x, v);`: assigns, and asserts that reading gives the same. */
function parseCheckAssign(p: Parser): Statement {
  p.expect(T["("]);
  const target = parseTerm(p);
  if (target.kind !== "variable" && target.kind !== "attribute") p.unexpected();
  p.expect(T[","]);
  const term = parseTerm(p);
  p.expect(T[")"]);
  p.expect(T[";"]);
  const place = p.here;
  const set = target.kind === "variable" ? "VAR_SET" : target.attribute.access === "static" ? "RTA_SET" : "EA_SET";
  const value = assigned(target.type, term, set, place);
  const check: Statement = {
    kind: "assert",
    condition: apply(INSTRUCTIONS.EQ, [target, value], place),
    text: "bt_check_assign",
    place,
  };
  const assign: Statement =
    target.kind === "variable"
      ? { kind: "assign", variable: target.variable, value, place }
      : { kind: "set", attribute: target.attribute, value, place };
  return { kind: "block", body: [assign, check] };
}

function finishing(verdict: "accept" | "reject" | "error"): (p: Parser) => Statement {
  return (p) => ({ kind: "finish", verdict, terms: parsePrintList(p), place: p.here });
}

function printing(newline: boolean): (p: Parser) => Statement {
  return (p) => ({ kind: "print", terms: parsePrintList(p), newline, place: p.here });
}

const COMMANDS: ReadonlyMap<Token, (p: Parser) => Statement> = new Map<Token, (p: Parser) => Statement>([
  [T["{"], parseBlock],
  [T.IF, parseIf],
  [T.CASE, parseCase],
  [T.FOR, parseFor],
  [T.ACCEPT, finishing("accept")],
  [T.REJECT, finishing("reject")],
  [T.ERROR, finishing("error")],
  [T.PRINT, printing(true)],
  [T.PRINTN, printing(false)],
  [T.RETURN, parseReturn],
  [T.UNSET, parseUnset],
  [T.BT_ASSERT, parseAssert],
  [T.BT_CHECK_ASSIGN, parseCheckAssign],
]);

const TYPES: ReadonlyMap<Token, Type> = new Map([...TYPE_WORDS].map(([word, type]) => [T[word as TokenName], type]));
const BYTESTRING = "bytestring";

const UPDATES: ReadonlyMap<Token, InstructionName> = new Map<Token, InstructionName>([
  [T.PREPEND, "PATH_PREPEND"],
  [T.ADD, "CLIST_ADD"],
  [T.DELETE, "CLIST_DEL"],
  [T.FILTER, "CLIST_FILTER"],
]);

const EMPTYABLE: ReadonlySet<Type> = new Set([Type.Path, Type.Clist, Type.Eclist, Type.Lclist]);

const ELEMENT_OF: ReadonlyMap<Type, Type> = new Map<Type, Type>([
  [Type.Path, Type.Int],
  [Type.Clist, Type.Pair],
  [Type.Eclist, Type.Ec],
  [Type.Lclist, Type.Lc],
]);

/** Also what `attribute int x;` at the top defines. */
export function defineAttribute(p: Parser, name: string, type: Type): void {
  p.define({ kind: "attribute", name, attribute: customAttribute(name, type) });
}

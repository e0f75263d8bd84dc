/** Expressions of the filter language: operators by precedence, literals, attributes, methods, built-in functions. */
import { ipv4 } from "../wire/address.ts";
import { DYNAMIC_ATTRIBUTES, type RouteAttribute, STATIC_ATTRIBUTES } from "./attributes.ts";
import { apply, call, checkType, constant, logical, mask, UNKNOWN } from "./checker.ts";
import type { Instruction } from "./instruction.ts";
import { ecConstructor, INSTRUCTIONS, type InstructionName } from "./instructions.ts";
import { parseLabelNet, parseNetTail, parsePrefixTail, parseVpnNet, plainIp, takeIp } from "./parse-net.ts";
import { parseEcKind, parseNumberSet, parseSet } from "./parse-set.ts";
import type { Parser } from "./parser.ts";
import { EMPTY_LIST } from "./run.ts";
import type { ForeignSymbol } from "./symbols.ts";
import { T, type Token } from "./tokens.ts";
import type { FunctionDefinition, MaskPart, Term } from "./tree.ts";
import { Type } from "./types.ts";

export function parseTerm(p: Parser): Term {
  return p.nested(() => parseOperators(p, LOGICAL));
}

/** Operators of `level` and tighter ones. */
function parseOperators(p: Parser, level: number): Term {
  let left = parseUnary(p);
  let strongest = TIGHTEST;
  for (let count = 0; ; count++) {
    const operator = OPERATORS.get(p.peek());
    if (!operator || operator.level < level || operator.level > strongest) {
      // Many more operators could stand here than a message lists.
      p.wantMany();
      return left;
    }
    if (count > MAX_CHAIN && operator.level !== LOGICAL) p.fail("Expression too long");
    p.take();
    // Comparisons do not associate: behind one, only weaker operators.
    strongest = operator.level === COMPARISON ? LOGICAL : operator.level;
    const right = p.nested(() => parseOperators(p, operator.level + 1));
    left = combine(p, operator, left, right);
  }
}

interface Operator {
  readonly level: number;
  readonly instruction?: Instruction;
  readonly logical?: "and" | "or";
  /** `a > b` is `b < a`. */
  readonly swapped?: true;
}

function combine(p: Parser, operator: Operator, left: Term, right: Term): Term {
  return p.semantic(() => {
    if (operator.logical) return logical(operator.logical, left, right, p.here);
    return apply(operator.instruction as Instruction, operator.swapped ? [right, left] : [left, right], p.here);
  }, UNKNOWN);
}

function parseUnary(p: Parser): Term {
  if (!p.accept(T["!"])) return parseMethods(p, parsePrimary(p));
  const operand = p.nested(() => parseUnary(p));
  p.peek();
  return p.semantic(() => apply(INSTRUCTIONS.NOT, [operand], p.here), UNKNOWN);
}

function parseMethods(p: Parser, target: Term): Term {
  let term = target;
  for (let count = 0; p.accept(T["."]); count++) {
    if (count > MAX_CHAIN) p.fail("Expression too long");
    term = parseMethod(p, term);
  }
  return term;
}

function parseMethod(p: Parser, target: Term): Term {
  const simple = METHODS.get(p.peek());
  if (simple) {
    p.take();
    return apply(INSTRUCTIONS[simple], [target], p.here);
  }
  const withArgument = METHODS_WITH_ARGUMENT.get(p.peek());
  if (!withArgument) {
    p.wantMany();
    p.unexpected();
  }
  p.take();
  p.expect(T["("]);
  const argument = parseTerm(p);
  p.expect(T[")"]);
  return apply(INSTRUCTIONS[withArgument], [target, argument], p.here);
}

function parsePrimary(p: Parser): Term {
  const token = p.peek();
  const parse = PRIMARY.get(token);
  if (parse) {
    p.take();
    return parse(p);
  }
  const literal = parseLiteral(p, token);
  if (literal) return literal;
  const attribute = STATIC_ATTRIBUTES.get(token) ?? DYNAMIC_ATTRIBUTES.get(token);
  if (attribute) {
    p.take();
    return attributeTerm(p, attribute);
  }
  if (token === T.CF_SYM_KNOWN) return parseSymbol(p);
  if (token === T.CF_SYM_UNDEFINED && p.text === FROM_HEX) {
    p.take();
    return parseCall(p, INSTRUCTIONS.FROM_HEX);
  }
  p.wantMany();
  p.unexpected();
}

/** Literals whose value is in the token. */
function parseLiteral(p: Parser, token: Token): Term | undefined {
  switch (token) {
    case T.NUM:
      return literal(p, Type.Int, p.number);
    case T.TEXT:
      return literal(p, Type.String, p.text);
    case T.ENUM:
      return literal(p, p.constant.type, p.constant.value);
    case T.IP4:
    case T.IP6:
      return parseAddress(p);
    case T.VPN_RD: {
      const distinguisher = { hi: p.number, lo: p.lexer.low };
      p.take();
      if (p.is(T.IP4) || p.is(T.IP6)) return constant(Type.Net, parseVpnNet(p, distinguisher));
      return constant(Type.Rd, distinguisher);
    }
    case T.BYTESTRING: {
      // Without the `hex:` of newer birds it is none of the filter language.
      if (p.number === 0) return undefined;
      const digits = p.text;
      p.take();
      return apply(INSTRUCTIONS.FROM_HEX, [constant(Type.String, digits)], p.here);
    }
    default:
      return undefined;
  }
}

function literal(p: Parser, type: Type, value: unknown): Term {
  p.take();
  return constant(type, value);
}

/** An address, or the prefix that it begins. */
function parseAddress(p: Parser): Term {
  const ip = p.peek() === T.IP4 ? ipv4(p.number) : p.ip;
  takeIp(p);
  if (!p.is(T["/"])) return constant(Type.Ip, plainIp(ip));
  return constant(Type.Net, parseNetTail(p, parsePrefixTail(p, ip, true)));
}

export function attributeTerm(p: Parser, attribute: RouteAttribute): Term {
  return { kind: "attribute", type: attribute.type, attribute, place: p.here };
}

/** A symbol's value, or a call of the function that it names. */
function parseSymbol(p: Parser): Term {
  const { symbol } = p;
  p.take();
  if (p.accept(T["("])) {
    const args = parseArguments(p);
    if (symbol.kind !== "function") p.fail("You can't call something which is not a function. Really.");
    return call(symbol.value as FunctionDefinition, args, p.here);
  }
  return symbolTerm(p, symbol);
}

export function symbolTerm(p: Parser, symbol: Parser["symbol"]): Term {
  switch (symbol.kind) {
    case "constant":
      return symbol.term;
    case "variable":
      return { kind: "variable", type: symbol.variable.type, variable: symbol.variable, place: p.here };
    case "attribute":
      return attributeTerm(p, symbol.attribute);
    default:
      p.failLater(`Can't get value of symbol ${symbol.name}`);
      return UNKNOWN;
  }
}

/** After `(`, up to and with `)`. */
export function parseArguments(p: Parser): Term[] {
  const args: Term[] = [];
  if (p.accept(T[")"])) return args;
  // bird lets a first comma stand for nothing.
  if (p.peek() !== T[","]) args.push(parseTerm(p));
  while (p.accept(T[","])) args.push(parseTerm(p));
  p.expect(T[")"]);
  return args;
}

/** A built-in function with as many arguments as it takes. */
function parseCall(p: Parser, instruction: Instruction): Term {
  p.expect(T["("]);
  const args: Term[] = [];
  for (let i = 0; i < instruction.args.length; i++) {
    if (i > 0) p.expect(T[","]);
    args.push(parseTerm(p));
  }
  p.expect(T[")"]);
  return apply(instruction, args, p.here);
}

/** After `(`: a term in parentheses, a pair, an extended or a large community. */
function parseParenthesized(p: Parser): Term {
  const kind = parseEcKind(p);
  if (kind !== undefined) {
    p.expect(T[","]);
    const key = parseTerm(p);
    p.expect(T[","]);
    const value = parseTerm(p);
    p.expect(T[")"]);
    return apply(ecConstructor(kind), [key, value], p.here);
  }
  const first = parseTerm(p);
  if (p.accept(T[")"])) return first;
  p.expect(T[","]);
  const second = parseTerm(p);
  if (p.accept(T[")"])) return apply(INSTRUCTIONS.PAIR_CONSTRUCT, [first, second], p.here);
  p.expect(T[","]);
  const third = parseTerm(p);
  p.expect(T[")"]);
  return apply(INSTRUCTIONS.LC_CONSTRUCT, [first, second, third], p.here);
}

/** After `[=`. */
function parseMask(p: Parser): Term {
  const parts: MaskPart[] = [];
  while (!p.is(T.PC)) {
    const part = parseMaskPart(p);
    // A second `+` in a row says nothing new.
    if (part.kind !== "repeat" || parts.at(-1)?.kind !== "repeat") parts.push(part);
  }
  checkMaskSets(p, parts);
  p.take();
  return mask(parts, p.here);
}

/** bird finds out behind the last part. */
function checkMaskSets(p: Parser, parts: readonly MaskPart[]): void {
  const isWrong = parts.some(
    (part) => part.kind === "set" && part.set.type !== undefined && part.set.type !== Type.Int,
  );
  if (isWrong) p.failLater("Only integer sets allowed in path mask");
}

function parseMaskPart(p: Parser): MaskPart {
  if (p.accept(T["*"])) return { kind: "any" };
  if (p.accept(T["?"])) return { kind: "one" };
  if (p.accept(T["+"])) return { kind: "repeat" };
  if (p.accept(T["["])) return { kind: "set", set: parseNumberSet(p, parseTerm) };
  if (p.is(T.NUM)) {
    const from = p.number;
    p.take();
    if (!p.accept(T.DDOT)) return { kind: "asn", asn: from };
    if (!p.is(T.NUM)) p.unexpected();
    const to = p.number;
    p.take();
    return { kind: "range", from, to };
  }
  if (p.accept(T["("])) {
    const term = parseTerm(p);
    p.expect(T[")"]);
    return { kind: "term", term };
  }
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  p.take();
  return { kind: "term", term: symbolTerm(p, symbol) };
}

/** `+empty+`, `-empty-`, `--empty--`, `---empty---`, after the first sign. */
function parseEmpty(p: Parser): Term {
  let signs = 1;
  while (signs < 3 && p.accept(T["-"])) signs++;
  p.expect(T.EMPTY);
  for (let i = 0; i < signs; i++) p.expect(T["-"]);
  return constant([Type.Clist, Type.Eclist, Type.Lclist][signs - 1] as Type, EMPTY_LIST);
}

function parseEmptyPath(p: Parser): Term {
  p.expect(T.EMPTY);
  p.expect(T["+"]);
  return constant(Type.Path, EMPTY_LIST);
}

/** `roa_check(table)`, of the route itself, or `roa_check(table, net, asn)`. */
function parseRoaCheck(p: Parser): Term {
  p.expect(T["("]);
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  if (symbol.kind !== "table") p.fail("Table name required");
  p.take();
  const args: Term[] = [];
  if (!p.accept(T[")"])) {
    p.expect(T[","]);
    args.push(parseTerm(p));
    p.expect(T[","]);
    args.push(parseTerm(p));
    p.expect(T[")"]);
  }
  return roaCheck(symbol, args, p);
}

/** Checked like any instruction, but never worked out at load: the table changes. */
function roaCheck(table: ForeignSymbol, args: readonly Term[], p: Parser): Term {
  const place = p.here;
  for (const [i, term] of args.entries()) {
    checkType(term, i === 0 ? Type.Net : Type.Int, i + 1, "ROA_CHECK_EXPLICIT", place);
  }
  const { netType } = table.value as { readonly netType?: string };
  const isRoa = netType === "roa4" || netType === "roa6";
  return { kind: "roa", type: Type.EnumRoa, table: table.name, isRoa, args, place };
}

const PRIMARY: ReadonlyMap<Token, (p: Parser) => Term> = new Map<Token, (p: Parser) => Term>([
  [T.TRUE, () => constant(Type.Bool, true)],
  [T.FALSE, () => constant(Type.Bool, false)],
  [T["("], parseParenthesized],
  [T["["], (p) => parseSet(p, parseTerm)],
  [T.PO, parseMask],
  [T["+"], parseEmptyPath],
  [T["-"], parseEmpty],
  [T.DEFINED, (p) => parseCall(p, INSTRUCTIONS.DEFINED)],
  [T.PREPEND, (p) => parseCall(p, INSTRUCTIONS.PATH_PREPEND)],
  [T.ADD, (p) => parseCall(p, INSTRUCTIONS.CLIST_ADD)],
  [T.DELETE, (p) => parseCall(p, INSTRUCTIONS.CLIST_DEL)],
  [T.FILTER, (p) => parseCall(p, INSTRUCTIONS.CLIST_FILTER)],
  [T.FORMAT, (p) => parseCall(p, INSTRUCTIONS.FORMAT)],
  [T.ROA_CHECK, parseRoaCheck],
  [T.MPLS, (p) => constant(Type.Net, parseLabelNet(p))],
]);

const METHODS: ReadonlyMap<Token, InstructionName> = new Map<Token, InstructionName>([
  [T.IS_V4, "IS_V4"],
  [T.TYPE, "TYPE"],
  [T.IP, "IP"],
  [T.RD, "ROUTE_DISTINGUISHER"],
  [T.LEN, "LENGTH"],
  [T.MAXLEN, "ROA_MAXLEN"],
  [T.ASN, "ASN"],
  [T.SRC, "NET_SRC"],
  [T.DST, "NET_DST"],
  [T.FIRST, "AS_PATH_FIRST"],
  [T.LAST, "AS_PATH_LAST"],
  [T.LAST_NONAGGREGATED, "AS_PATH_LAST_NAG"],
  [T.DATA, "PAIR_DATA"],
  [T.DATA1, "LC_DATA1"],
  [T.DATA2, "LC_DATA2"],
  [T.MIN, "MIN"],
  [T.MAX, "MAX"],
]);

/** All but `mask` are of newer birds (2.13). */
const METHODS_WITH_ARGUMENT: ReadonlyMap<Token, InstructionName> = new Map<Token, InstructionName>([
  [T.MASK, "IP_MASK"],
  [T.PREPEND, "PATH_PREPEND"],
  [T.ADD, "CLIST_ADD"],
  [T.DELETE, "CLIST_DEL"],
  [T.FILTER, "CLIST_FILTER"],
]);

const LOGICAL = 1;
const COMPARISON = 2;
const TIGHTEST = 4;

const OPERATORS: ReadonlyMap<Token, Operator> = new Map<Token, Operator>([
  [T.AND, { level: LOGICAL, logical: "and" }],
  [T.OR, { level: LOGICAL, logical: "or" }],
  [T["="], { level: COMPARISON, instruction: INSTRUCTIONS.EQ }],
  [T.NEQ, { level: COMPARISON, instruction: INSTRUCTIONS.NEQ }],
  [T["<"], { level: COMPARISON, instruction: INSTRUCTIONS.LT }],
  [T.LEQ, { level: COMPARISON, instruction: INSTRUCTIONS.LTE }],
  [T[">"], { level: COMPARISON, instruction: INSTRUCTIONS.LT, swapped: true }],
  [T.GEQ, { level: COMPARISON, instruction: INSTRUCTIONS.LTE, swapped: true }],
  [T["~"], { level: COMPARISON, instruction: INSTRUCTIONS.MATCH }],
  [T.NMA, { level: COMPARISON, instruction: INSTRUCTIONS.NOT_MATCH }],
  [T["+"], { level: 3, instruction: INSTRUCTIONS.ADD }],
  [T["-"], { level: 3, instruction: INSTRUCTIONS.SUBTRACT }],
  [T["*"], { level: TIGHTEST, instruction: INSTRUCTIONS.MULTIPLY }],
  [T["/"], { level: TIGHTEST, instruction: INSTRUCTIONS.DIVIDE }],
]);

/** A word of newer birds, no keyword of 2.0. */
const FROM_HEX = "from_hex";
/** Each operator costs stack when the filter runs. */
const MAX_CHAIN = 1000;

/**
 * One token ahead, and messages as bird's parser words them. bird's grammar is table-driven and says
 * `expecting A or B` if at most four tokens could stand where the wrong one does; here every token that
 * is asked for in vain is remembered until the next one is taken, which comes to the same.
 *
 * The next token is read only when asked for: what is undefined now may be defined by the statement
 * that is just ending, and errors point to the last token read.
 */

import type { IpAddress } from "../wire/address.ts";
import { Fault, PolicyError } from "./error.ts";
import { Lexer, type LexerHost, type SourceFile } from "./lexer.ts";
import type { Place } from "./place.ts";
import { Scope, type SymbolValue } from "./symbols.ts";
import { SOFT_KEYWORDS, T, type Token, tokenText } from "./tokens.ts";
import { type EnumConstant, Type } from "./types.ts";

export class Parser {
  readonly lexer: Lexer;
  scope: Scope;
  /** Told of errors inside lists of statements; false ends the reading. */
  onError: ((error: PolicyError) => boolean) | undefined;
  #token: Token = NOT_READ;
  /** Tokens looked for in vain since the last one was taken: so many of the array. */
  readonly #wanted: Token[] = [];
  #count = 0;
  #pending: PolicyError | undefined;
  #depth = 0;

  constructor(file: SourceFile, scope: Scope, include?: LexerHost["include"]) {
    this.scope = scope;
    const find = (name: string): SymbolValue | undefined => this.scope.find(name);
    this.lexer = new Lexer(file, include ? { find, include } : { find });
  }

  /** The next token; its value is in the getters below. */
  peek(): Token {
    if (this.#token === NOT_READ) this.#token = this.lexer.next();
    return this.#token;
  }

  /** Goes past the token that `peek` saw. */
  take(): void {
    if (this.#pending) this.#tell(this.#pending);
    this.#token = NOT_READ;
    this.#count = 0;
  }

  /** What is wrong in meaning only does not keep from reading on. */
  #tell(error: PolicyError): void {
    this.#pending = undefined;
    if (!this.onError?.(error)) throw error;
  }

  is(token: Token): boolean {
    if (this.peek() === token) {
      // The end is never taken.
      if (token === T.END && this.#pending) this.#tell(this.#pending);
      return true;
    }
    this.#wanted[this.#count++] = token;
    return false;
  }

  accept(token: Token): boolean {
    if (!this.is(token)) return false;
    this.take();
    return true;
  }

  expect(token: Token): void {
    if (!this.accept(token)) this.unexpected();
  }

  expectEnd(): void {
    if (!this.is(T.END)) this.unexpected();
  }

  /** Notes tokens that could stand here and that were looked for in some other way. */
  want(...tokens: readonly Token[]): void {
    for (const token of tokens) this.#wanted[this.#count++] = token;
  }

  /** For places where more could stand than a message lists. */
  wantMany(): void {
    this.want(...MANY);
  }

  unexpected(): never {
    const token = this.peek();
    this.#pending = undefined;
    const wanted = [...new Set(this.#wanted.slice(0, this.#count))].sort((a, b) => a - b).map(tokenText);
    const list = wanted.length > 0 && wanted.length <= MOST_EXPECTED ? `, expecting ${wanted.join(" or ")}` : "";
    this.fail(`syntax error, unexpected ${tokenText(token)}${list}`);
  }

  /** Where bird would say that something is wrong: the last token read. */
  get here(): Place {
    return this.lexer.place;
  }

  fail(message: string): never {
    throw new PolicyError(message, this.here);
  }

  /**
   * bird checks what it has read only when the token behind it fits; a wrong token is the first error
   * then. So with a token read ahead the error waits until that is taken.
   */
  failLater(message: string): void {
    if (this.#token === NOT_READ) this.fail(message);
    this.#pending ??= new PolicyError(message, this.here);
  }

  /** The same, where bird looks at the next token first. */
  failAhead(message: string): void {
    this.peek();
    this.failLater(message);
  }

  /** A check, told as `failLater` does; meanwhile `otherwise` stands for the result. */
  semantic<V>(check: () => V, otherwise: V): V {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof PolicyError) || this.#token === NOT_READ) throw error;
      this.#pending ??= error;
      return otherwise;
    }
  }

  /** Runs what knows no place; its faults get one. */
  attempt<V>(action: () => V): V {
    try {
      return action();
    } catch (fault) {
      if (fault instanceof Fault) this.fail(fault.message);
      throw fault;
    }
  }

  /**
   * Parses one statement of many. With a listener for errors, a wrong one is told and skipped, and
   * reading goes on behind it: at the next `;`, or before the `}` that ends what is around.
   * @param skip not for checks of what has been read as a whole
   */
  recover(parse: () => void, skip = true): void {
    const { onError } = this;
    if (!onError) return parse();
    const [depth, scope] = [this.#depth, this.scope];
    try {
      parse();
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      this.#depth = depth;
      this.scope = scope;
      this.#pending = undefined;
      if (!onError(error)) throw error;
      if (skip) this.#skip();
    }
  }

  #skip(): void {
    let open = 0;
    for (;;) {
      const token = this.#peekAnything();
      if (token === T.END || (token === T["}"] && open === 0)) return;
      this.take();
      if (token === T["{"]) open++;
      else if (token === T["}"]) open--;
      if (open === 0 && (token === T[";"] || (token === T["}"] && this.#peekAnything() !== T[";"]))) return;
    }
  }

  /** What is no token is passed over. */
  #peekAnything(): Token {
    for (;;) {
      try {
        return this.peek();
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        this.lexer.skipBad();
      }
    }
  }

  /** Nested constructs cost stack: a text that nests deeper than anybody would is refused. */
  nested<V>(parse: () => V): V {
    if (++this.#depth > MAX_DEPTH) this.fail("Nesting too deep");
    const result = parse();
    this.#depth--;
    return result;
  }

  scoped<V>(parse: () => V): V {
    const outer = this.scope;
    this.scope = new Scope(outer);
    try {
      return parse();
    } finally {
      this.scope = outer;
    }
  }

  get number(): number {
    return this.lexer.number;
  }

  get text(): string {
    return this.lexer.text;
  }

  get symbol(): SymbolValue {
    return this.lexer.symbol as SymbolValue;
  }

  get constant(): EnumConstant {
    return this.lexer.constant as EnumConstant;
  }

  get ip(): IpAddress {
    return this.lexer.ip as IpAddress;
  }

  /** A name to define: known or not, and the few keywords that may be names. */
  name(): string {
    const token = this.peek();
    if (token !== T.CF_SYM_KNOWN && token !== T.CF_SYM_UNDEFINED && !SOFT_KEYWORDS.has(token)) {
      this.want(T.CF_SYM_KNOWN, T.CF_SYM_UNDEFINED, ...SOFT_KEYWORDS);
      this.unexpected();
    }
    const name = this.text;
    this.take();
    return name;
  }

  define(symbol: SymbolValue): void {
    if (this.scope.has(symbol.name)) this.failLater(`Symbol '${symbol.name}' already defined`);
    else this.scope.define(symbol);
  }

  /** Whether a type begins here. */
  isKind(kinds: ReadonlySet<Token> | ReadonlyMap<Token, unknown>): boolean {
    if (kinds.has(this.peek())) return true;
    for (const token of kinds.keys()) this.#wanted[this.#count++] = token;
    return false;
  }
}

/** Of a set type, by the type of its elements. */
export function setTypeOf(element: Type): Type | undefined {
  if (element === Type.Net) return Type.PrefixSet;
  return SETTABLE.has(element) ? Type.Set : undefined;
}

const SETTABLE: ReadonlySet<Type> = new Set([Type.Int, Type.Pair, Type.Quad, Type.Ip, Type.Ec, Type.Lc, Type.Rd]);

const NOT_READ = -1;
/** Bison lists no more. */
const MOST_EXPECTED = 4;
const MANY: readonly Token[] = [T.QUIT, T.EXIT, T.HELP, T.CLI_MARKER, T.INVALID_TOKEN];
/** Each level takes a few frames of the stack. */
const MAX_DEPTH = 500;

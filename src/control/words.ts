/** What commands read from the parser of the configuration language, which is theirs too. */
import type { Parser } from "../../protocol/policy/parser.ts";
import type { SymbolValue } from "../../protocol/policy/symbols.ts";
import { T, TOKEN_NAMES } from "../../protocol/policy/tokens.ts";

/** A command that cannot run as it stands; answered `9001 MESSAGE`. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export function end(p: Parser): void {
  if (!p.is(T.END)) p.unexpected();
}

/** The next token's letters if it is a word: a symbol, known or not, or a keyword. */
export function word(p: Parser): string | undefined {
  const token = p.peek();
  const isSymbol = token === T.CF_SYM_UNDEFINED || token === T.CF_SYM_KNOWN;
  return isSymbol || TOKEN_NAMES[token]?.toLowerCase() === p.text ? p.text : undefined;
}

/** Takes a word of ours, which bird's grammar does not have here and no message lists. */
export function acceptWord(p: Parser, wanted: string): boolean {
  if (word(p) !== wanted) return false;
  p.take();
  return true;
}

/** A quoted string, if one comes. */
export function string(p: Parser): string | undefined {
  if (!p.is(T.TEXT)) return undefined;
  const { text } = p;
  p.take();
  return text;
}

/** A name that the configuration defines, if one comes. */
export function symbol(p: Parser): SymbolValue | undefined {
  if (!p.is(T.CF_SYM_KNOWN)) return undefined;
  const found = p.symbol;
  p.take();
  return found;
}

export function number(p: Parser): number | undefined {
  if (!p.is(T.NUM)) return undefined;
  const value = p.number;
  p.take();
  return value;
}

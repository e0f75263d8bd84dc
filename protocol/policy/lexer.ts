/**
 * The words of bird.conf, of linnet.conf and of filters given on the control socket. One character of
 * the text is one octet of the file (latin1), so that columns count as bird's do.
 *
 * Includes happen here, below the grammar, as in bird: `include "x";` at the start of a line goes on in
 * that file. Reading files is the caller's business.
 */
import type { IpAddress } from "../wire/address.ts";
import { Fault, PolicyError } from "./error.ts";
import { isHexWord, longestNumeric } from "./lexer-numeric.ts";
import type { Place } from "./place.ts";
import type { SymbolValue } from "./symbols.ts";
import { INVALID, KEYWORDS, SOFT_KEYWORDS, T, type Token } from "./tokens.ts";
import { ENUM_CONSTANTS, type EnumConstant } from "./types.ts";

export interface SourceFile {
  readonly name: string;
  /** One character for each octet. */
  readonly text: string;
}

export interface LexerHost {
  /** What a name means here and now. */
  find(name: string): SymbolValue | undefined;
  /** The files that `include` names, in order; throws `Fault`. Absent: include is not allowed. */
  include?(pattern: string, from: string): readonly SourceFile[];
}

interface Frame {
  readonly file: SourceFile;
  at: number;
  line: number;
  lineStart: number;
}

export class Lexer {
  /** NUM, IP4: the number; VPN_RD: the upper word. */
  number = 0;
  /** Symbols, keywords and TEXT: the letters. */
  text = "";
  ip: IpAddress | undefined;
  /** VPN_RD: the lower word. */
  low = 0;
  symbol: SymbolValue | undefined;
  constant: EnumConstant | undefined;
  readonly #host: LexerHost;
  readonly #outer: Frame[] = [];
  /** Files still to read before the includer goes on. */
  readonly #waiting: Frame[][] = [];
  #frame: Frame;
  /** Offset of the last piece read, and of its line's start: where an error is. */
  #start = 0;
  #atEnd = false;

  constructor(file: SourceFile, host: LexerHost) {
    this.#host = host;
    this.#frame = frameOf(file);
  }

  /** Where the last token began. */
  get place(): Place {
    const { file, line, lineStart } = this.#frame;
    // At the end of the main file bird starts counting lines again.
    return { file: file.name, line: this.#atEnd ? 1 : line, column: this.#start - lineStart + 1 };
  }

  /** For quoting the text of an expression: from here, ... */
  get offset(): number {
    return this.#frame.at;
  }

  /** ... up to what was read last; empty if a file ended between. */
  textFrom(offset: number): string {
    return utf8(this.#frame.file.text.slice(offset, this.#frame.at));
  }

  next(): Token {
    for (;;) {
      const frame = this.#frame;
      const text = frame.file.text;
      const code = text.charCodeAt(frame.at);
      if (code === NEWLINE) this.#newline(frame);
      else if (code === SPACE || code === TAB) this.#skipBlank(frame, text);
      else if (code === HASH) this.#skipLine(frame, text);
      else if (code === SLASH && text.charCodeAt(frame.at + 1) === STAR) this.#skipComment(frame, text);
      else if (frame.at >= text.length) {
        if (!this.#leave()) return T.END;
      } else if (code !== LETTER_I || !this.#includes(frame, text)) return this.#token(frame, text, code);
    }
  }

  /** After an error here: goes on behind what is wrong. */
  skipBad(): void {
    const frame = this.#frame;
    const { text } = frame.file;
    const at = Math.max(frame.at, this.#start);
    if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at);
      frame.at = end < 0 ? text.length : end + 2;
    } else if (at > frame.at) frame.at = at;
    else {
      // All that may belong to one number or address: not each of its ends once more.
      BAD.lastIndex = at;
      BAD.test(text);
      frame.at = Math.max(BAD.lastIndex, Math.min(text.length, at + 1));
    }
  }

  fail(message: string): never {
    throw new PolicyError(message, this.place);
  }

  #newline(frame: Frame): void {
    frame.at++;
    frame.line++;
    frame.lineStart = frame.at;
    this.#start = frame.at - 1;
  }

  #skipBlank(frame: Frame, text: string): void {
    // An include may be indented.
    if (frame.at === frame.lineStart && this.#includes(frame, text)) return;
    this.#start = frame.at;
    let code: number;
    do code = text.charCodeAt(++frame.at);
    while (code === SPACE || code === TAB);
  }

  #skipLine(frame: Frame, text: string): void {
    const end = text.indexOf("\n", frame.at);
    frame.at = end < 0 ? text.length : end;
    this.#start = frame.at - 1;
  }

  #skipComment(frame: Frame, text: string): void {
    this.#start = frame.at;
    frame.at += 2;
    const opened = frame.at;
    for (;;) {
      const code = text.charCodeAt(frame.at);
      this.#start = frame.at;
      if (frame.at >= text.length) {
        // Bird points to what it read last: a character, or the opening
        this.#start = frame.at === opened ? opened - 2 : Math.max(frame.lineStart - 1, frame.at - 1);
        this.fail("Unterminated comment");
      }
      if (code === NEWLINE) this.#newline(frame);
      else if (code === STAR && text.charCodeAt(frame.at + 1) === SLASH) break;
      else if (code === SLASH && text.charCodeAt(frame.at + 1) === STAR) this.fail("Comment nesting not supported");
      else frame.at++;
    }
    frame.at += 2;
  }

  /** Ends an included file: goes on with the next one, or where it was included. False at the very end. */
  #leave(): boolean {
    const waiting = this.#waiting.at(-1);
    if (!waiting) {
      this.#atEnd = true;
      return false;
    }
    const next = waiting.shift();
    if (!next) this.#waiting.pop();
    this.#frame = next ?? (this.#outer.pop() as Frame);
    return true;
  }

  /** `include "...";` if one stands here, at the start of a line. */
  #includes(frame: Frame, text: string): boolean {
    if (frame.at !== frame.lineStart) return false;
    INCLUDE.lastIndex = frame.at;
    if (!INCLUDE.test(text)) return false;
    this.#start = INCLUDE.lastIndex;
    if (!this.#host.include) this.fail("Include not allowed in CLI");
    if (text[this.#start] === '"') this.fail("Include with empty argument");
    INCLUDE_REST.lastIndex = this.#start;
    const match = INCLUDE_REST.exec(text);
    if (!match) this.fail("Unterminated include");
    frame.at = INCLUDE_REST.lastIndex;
    // The rest of this line is no start of a line.
    this.#enter(match[1] as string);
    return true;
  }

  #enter(pattern: string): void {
    if (this.#outer.length >= MAX_INCLUDE_DEPTH) this.fail("Max include depth reached");
    let files: readonly SourceFile[];
    try {
      files = this.#host.include?.(utf8(pattern), this.#frame.file.name) ?? [];
    } catch (fault) {
      if (fault instanceof Fault) this.fail(fault.message);
      throw fault;
    }
    const frames = files.map(frameOf);
    const first = frames.shift();
    if (!first) return;
    this.#outer.push(this.#frame);
    this.#waiting.push(frames);
    this.#frame = first;
  }

  #token(frame: Frame, text: string, code: number): Token {
    const at = frame.at;
    this.#start = at;
    const kind = KIND[code] ?? 0;
    if (kind === LETTER) return this.#word(frame, text);
    if (kind === DIGIT) return this.#numeric(frame, text, code);
    if (code === QUOTE) return this.#string(frame, text);
    if (code === APOSTROPHE) return this.#quotedSymbol(frame, text);
    const second = text.charCodeAt(at + 1);
    const pair = PAIRS.get(code * 256 + second);
    if (pair !== undefined) {
      frame.at += 2;
      return pair;
    }
    if (code === COLON && (second === COLON || KIND[second] === DIGIT || isHex(second))) {
      const token = this.#longest(frame, text, 1);
      if (token !== undefined) return token;
    }
    const single = SINGLES[code];
    if (single === undefined) this.fail("Unknown character");
    frame.at++;
    return single;
  }

  #word(frame: Frame, text: string): Token {
    const start = frame.at;
    let at = start + 1;
    while ((KIND[text.charCodeAt(at)] ?? 0) !== 0) at++;
    const next = text.charCodeAt(at);
    if ((next === COLON && isHexWord(text, start, at)) || at - start >= SHORTEST_BYTES) {
      const token = this.#longest(frame, text, at - start);
      if (token !== undefined) return token;
    }
    const word = text.slice(start, at);
    if (word === "else" && next === COLON) {
      frame.at = at + 1;
      return T.ELSECOL;
    }
    frame.at = at;
    return this.#meaning(word);
  }

  #meaning(word: string): Token {
    if (word.length > LONGEST_SYMBOL) this.fail("Symbol too long");
    this.text = word;
    const keyword = KEYWORDS.get(word);
    if (keyword !== undefined && !SOFT_KEYWORDS.has(keyword)) return keyword;
    const constant = ENUM_CONSTANTS.get(word);
    if (constant) {
      this.constant = constant;
      return T.ENUM;
    }
    this.symbol = this.#host.find(word);
    if (this.symbol) return T.CF_SYM_KNOWN;
    return keyword ?? T.CF_SYM_UNDEFINED;
  }

  #numeric(frame: Frame, text: string, first: number): Token {
    let at = frame.at + 1;
    let value = first - ZERO;
    let code = text.charCodeAt(at);
    for (; KIND[code] === DIGIT; code = text.charCodeAt(++at)) value = value * 10 + code - ZERO;
    // Most numbers end here; what goes on may be an address, a route distinguisher, hexadecimal.
    if (code === DOT || code === COLON || KIND[code] === LETTER || at - frame.at >= SHORTEST_BYTES) {
      const token = code === DOT ? this.#dotted(frame, text) : undefined;
      const other = token ?? this.#longest(frame, text, at - frame.at);
      if (other !== undefined) return other;
    }
    if (value > MAX_NUMBER) this.fail("Number out of range");
    frame.at = at;
    this.number = value;
    return T.NUM;
  }

  /** The plain case of a dotted quad; undefined where it needs a closer look. */
  #dotted(frame: Frame, text: string): Token | undefined {
    let at = frame.at;
    let word = 0;
    for (let part = 0; part < 4; part++) {
      if (part > 0 && text.charCodeAt(at++) !== DOT) return undefined;
      const start = at;
      let value = 0;
      for (let code = text.charCodeAt(at); KIND[code] === DIGIT; code = text.charCodeAt(++at)) {
        value = value * 10 + code - ZERO;
      }
      if (at === start || at - start > 3 || value > 255) return undefined;
      word = word * 256 + value;
    }
    if (text.charCodeAt(at) === COLON) return undefined;
    frame.at = at;
    this.number = word;
    return T.IP4;
  }

  /** What bird's longest-match rule makes of addresses and the like, if it is longer than `shorter`. */
  #longest(frame: Frame, text: string, shorter: number): Token | undefined {
    const found = longestNumeric(text, frame.at, shorter);
    if (!found) return undefined;
    if ("error" in found) this.fail(found.error);
    frame.at = found.end;
    this.number = found.number ?? 0;
    this.low = found.low ?? 0;
    this.text = found.text ?? "";
    this.ip = found.ip;
    return found.token;
  }

  #string(frame: Frame, text: string): Token {
    const start = frame.at + 1;
    let at = start;
    for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(++at)) {
      if (code === NEWLINE || at >= text.length) {
        this.#start = Math.min(at, text.length - 1);
        this.fail("Unterminated string");
      }
    }
    this.#start = at; // bird points to the closing quote
    frame.at = at + 1;
    this.text = utf8(text.slice(start, at));
    return T.TEXT;
  }

  #quotedSymbol(frame: Frame, text: string): Token {
    const start = frame.at + 1;
    let at = start;
    while (isSymbolCharacter(text.charCodeAt(at))) at++;
    this.#start = at;
    const code = text.charCodeAt(at);
    if (at >= text.length) this.#start = text.length - 1;
    if (code === NEWLINE || at >= text.length) this.fail("Unterminated symbol");
    if (code !== APOSTROPHE) this.fail("Invalid character in apostrophed symbol");
    frame.at = at + 1;
    return this.#meaning(text.slice(start, at));
  }
}

/** Text of the file's octets, for people: what is UTF-8 becomes that. */
export function utf8(octets: string): string {
  if (!/[\x80-\xff]/.test(octets)) return octets;
  return new TextDecoder().decode(Uint8Array.from(octets, (character) => character.charCodeAt(0)));
}

function frameOf(file: SourceFile): Frame {
  return { file, at: 0, line: 1, lineStart: 0 };
}

function isHex(code: number): boolean {
  return KIND[code] === DIGIT || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
}

function isSymbolCharacter(code: number): boolean {
  return (KIND[code] ?? 0) !== 0 || code === MINUS || code === DOT || code === COLON;
}

const NEWLINE = 10;
const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const APOSTROPHE = 39;
const STAR = 42;
const MINUS = 45;
const DOT = 46;
const SLASH = 47;
const ZERO = 48;
const COLON = 58;
const LETTER_I = 105;

const MAX_NUMBER = 0xffff_ffff;
const LONGEST_SYMBOL = 63;
/** Characters of the shortest hexadecimal string that needs no mark. */
const SHORTEST_BYTES = 32;
const MAX_INCLUDE_DEPTH = 8;

const LETTER = 1;
const DIGIT = 2;
/** By character code: letter, digit, or 0. */
const KIND = Uint8Array.from({ length: 256 }, (_, code) =>
  /[A-Za-z_]/.test(String.fromCharCode(code)) ? LETTER : /[0-9]/.test(String.fromCharCode(code)) ? DIGIT : 0,
);

/** Always matches, perhaps nothing. */
const BAD = /[\w:.]*/y;
const INCLUDE = /[ \t]*include[ \t]*"/y;
const INCLUDE_REST = /([^"\n]+)"[ \t]*;/y;

function pairs(table: Readonly<Record<string, Token>>): ReadonlyMap<number, Token> {
  return new Map(Object.entries(table).map(([two, token]) => [two.charCodeAt(0) * 256 + two.charCodeAt(1), token]));
}

const PAIRS = pairs({
  "!=": T.NEQ,
  "!~": T.NMA,
  "<=": T.LEQ,
  ">=": T.GEQ,
  "&&": T.AND,
  "||": T.OR,
  "[=": T.PO,
  "=]": T.PC,
  "..": T.DDOT,
});

const SINGLES: readonly (Token | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (!"={}:;,.()+*/%<>~[]?!|-".includes(character)) return undefined;
  return (T as Readonly<Record<string, Token>>)[character] ?? INVALID;
});

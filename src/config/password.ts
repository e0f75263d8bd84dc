/** Lists of passwords, each with an id and a time in which it holds. */

import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import { parseLiteral, parseNumber, takeText } from "./options.ts";
import type { PasswordConfig } from "./schema.ts";

export type PasswordDraft = Draft<PasswordConfig> & {
  /** For protocols that let it be chosen; kept to be refused. */
  algorithm?: string;
};

/** `password "x" [{ ... }]`, `key ...`, `passwords { ... }`; false if none begins here. */
export function parsePasswordOption(c: ConfigDraft, into: PasswordDraft[]): boolean {
  const { p } = c;
  if (p.accept(T.PASSWORDS)) {
    p.expect(T["{"]);
    while (!p.accept(T["}"])) {
      if (!p.accept(T.PASSWORD) && !p.accept(T.KEY)) p.unexpected();
      into.push(parsePassword(c, into.length + 1));
      p.expect(T[";"]);
    }
    return true;
  }
  if (!p.accept(T.PASSWORD) && !p.accept(T.KEY)) return false;
  // A single password replaces the ones before.
  into.splice(0, into.length, parsePassword(c, 1));
  return true;
}

function parsePassword(c: ConfigDraft, id: number): PasswordDraft {
  const { p } = c;
  const isOctets = p.is(T.BYTESTRING);
  const password = isOctets ? latin1(takeText(p)) : parseLiteral(p);
  const draft: PasswordDraft = {
    password,
    id,
    generateFrom: 0,
    generateTo: Number.POSITIVE_INFINITY,
    acceptFrom: 0,
    acceptTo: Number.POSITIVE_INFINITY,
  };
  if (!p.accept(T["{"])) return draft;
  while (!p.accept(T["}"])) {
    parseParameter(p, draft);
    p.expect(T[";"]);
  }
  if (draft.id > 255) p.fail("Password ID must be in range 0-255");
  return draft;
}

/** `id N`, `generate from|to`, `accept from|to`, `from|to`, `algorithm ...` */
function parseParameter(p: Parser, draft: PasswordDraft): void {
  if (p.accept(T.ID)) {
    draft.id = parseNumber(p);
    return;
  }
  if (p.accept(T.ALGORITHM)) {
    draft.algorithm = parseAlgorithm(p);
    return;
  }
  const generate = p.accept(T.GENERATE);
  const accept = !generate && p.accept(T.ACCEPT);
  const isFrom = p.accept(T.FROM);
  if (!isFrom && !p.accept(T.TO)) {
    if (!generate && !accept) p.wantMany();
    p.unexpected();
  }
  const when = parseDate(p);
  if (!accept) draft[isFrom ? "generateFrom" : "generateTo"] = when;
  if (!generate) draft[isFrom ? "acceptFrom" : "acceptTo"] = when;
}

function parseAlgorithm(p: Parser): string {
  if (p.accept(T.KEYED) || p.accept(T.HMAC)) {
    if (!p.isKind(HASHES)) p.unexpected();
    const { text } = p;
    p.take();
    return text;
  }
  if (!p.isKind(BLAKE)) {
    p.wantMany();
    p.unexpected();
  }
  const { text } = p;
  p.take();
  return text;
}

/** `"2026-01-31"`, `"2026-01-31 12:00:00"`, local time; seconds since 1970. */
function parseDate(p: Parser): number {
  if (!p.is(T.TEXT)) p.unexpected();
  const match = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}):(\d{2})(?:\.\d+)?)?$/.exec(p.text);
  if (!match) p.fail("Invalid date/time");
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  p.take();
  return new Date(year ?? 0, (month ?? 1) - 1, day, hour, minute, second).getTime() / 1000;
}

/** One character for each octet that the hexadecimal digits mean. */
function latin1(digits: string): string {
  return digits.replace(/../g, (octet) => String.fromCharCode(Number.parseInt(octet, 16)));
}

const HASHES: ReadonlySet<Token> = new Set([T.MD5, T.SHA1, T.SHA256, T.SHA384, T.SHA512]);
const BLAKE: ReadonlySet<Token> = new Set([T.BLAKE2S128, T.BLAKE2S256, T.BLAKE2B256, T.BLAKE2B512]);

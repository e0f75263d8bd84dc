/**
 * Protocol babel is not run, but its options are checked as bird checks them: BGP routers of the hobby
 * networks have it beside, and a mistake there is a mistake of the file.
 */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { ConfigDraft } from "./draft.ts";
import { parseAddress, parseNumber, parsePatterns, parseSwitch, parseTime, parseWord } from "./options.ts";
import { type PasswordDraft, parsePasswordOption } from "./password.ts";

/** An option that is no channel and not common to all protocols; false if none begins here. */
export function parseBabelItem(c: ConfigDraft): boolean {
  const { p } = c;
  if (p.accept(T.RANDOMIZE)) {
    p.expect(T.ROUTER);
    p.expect(T.ID);
    parseSwitch(p);
  } else if (p.accept(T.INTERFACE)) {
    parsePatterns(p, false);
    if (p.accept(T["{"])) parseInterface(c);
  } else return false;
  return true;
}

/** After `{`, up to and with `}`. */
function parseInterface(c: ConfigDraft): void {
  const p: Parser = c.p;
  const passwords: PasswordDraft[] = [];
  let isAuthenticated = false;
  while (!p.accept(T["}"])) {
    if (p.accept(T.AUTHENTICATION)) isAuthenticated = parseAuthentication(p);
    else if (!parseInterfaceOption(p) && !parsePasswordOption(c, passwords)) {
      p.wantMany();
      p.unexpected();
    }
    p.expect(T[";"]);
  }
  if (isAuthenticated !== passwords.length > 0) {
    p.fail("Authentication and password options should be used together");
  }
}

/** `none`, `mac [permissive]` */
function parseAuthentication(p: Parser): boolean {
  if (p.accept(T.NONE)) return false;
  p.expect(T.MAC);
  p.accept(T.PERMISSIVE);
  return true;
}

function parseInterfaceOption(p: Parser): boolean {
  const option = OPTIONS.get(p.peek());
  if (!option) return false;
  p.take();
  option(p);
  return true;
}

function between(p: Parser, min: number, max: number, message: string): void {
  const number = parseNumber(p);
  if (number < min || number > max) p.fail(message);
}

function parseInterval(p: Parser): void {
  p.expect(T.INTERVAL);
  parseTime(p);
}

const LINKS: ReadonlyMap<Token, string> = new Map([
  [T.WIRED, "wired"],
  [T.WIRELESS, "wireless"],
]);

const OPTIONS: ReadonlyMap<Token, (p: Parser) => void> = new Map<Token, (p: Parser) => void>([
  [T.PORT, (p) => between(p, 1, 0xffff, "Invalid port number")],
  [T.RXCOST, (p) => between(p, 1, 0xffff, "Invalid rxcost")],
  [T.LIMIT, (p) => between(p, 1, 16, "Limit must be in range 1-16")],
  [
    T.TYPE,
    (p) => {
      parseWord(p, LINKS);
    },
  ],
  [T.HELLO, parseInterval],
  [T.UPDATE, parseInterval],
  [
    T.RX,
    (p) => {
      p.expect(T.BUFFER);
      between(p, 256, 0xffff, "RX buffer must be in range 256-65535");
    },
  ],
  [
    T.TX,
    (p) => {
      if (p.accept(T.LENGTH)) return between(p, 256, 0xffff, "TX length must be in range 256-65535");
      if (p.accept(T.CLASS)) return between(p, 0, 255, "TX class must be in range 0-255");
      if (p.accept(T.DSCP)) return between(p, 0, 63, "TX DSCP must be in range 0-63");
      p.expect(T.PRIORITY);
      parseNumber(p);
    },
  ],
  [
    T.CHECK,
    (p) => {
      p.expect(T.LINK);
      parseSwitch(p);
    },
  ],
  [
    T.NEXT,
    (p) => {
      p.expect(T.HOP);
      if (!p.accept(T.IPV4)) p.expect(T.IPV6);
      parseAddress(p);
    },
  ],
]);

/**
 * The same verdict as bird 2.0.12, to the column and the letter, for every form in the tables; and by name
 * each form of which we say something else on purpose.
 */
import { describe, expect, test } from "vitest";
import { load, tables, verdict } from "./cases.ts";

/** Where we differ on purpose: what of, why, and what we say. */
const BEYOND: readonly { readonly form: string; readonly why: string; readonly text: string; readonly ours: string }[] =
  [
    {
      form: "methods with arguments in expressions",
      why: "bird 2.13",
      text: "protocol device { }\nfilter f { bgp_path = bgp_path.prepend(5).delete(6); accept; }",
      ours: "OK",
    },
    {
      form: "methods of variables as statements",
      why: "bird 2.13",
      text: "protocol device { }\nfilter f { clist c = -empty-; c.add((1, 2)); c.empty; accept; }",
      ours: "OK",
    },
    {
      form: "parameters separated by commas",
      why: "bird 2.14",
      text: "protocol device { }\nfunction f(int a, int b) { return a > b; }",
      ours: "OK",
    },
    {
      form: "declared result of a function",
      why: "bird 2.14",
      text: "protocol device { }\nfunction f(int a) -> bool { return a > 5; }",
      ours: "OK",
    },
    {
      form: "unset of a custom attribute",
      why: "bird 2.14",
      text: "protocol device { }\nattribute int a1;\nfilter f { unset(a1); accept; }",
      ours: "OK",
    },
    {
      form: "octet strings",
      why: "bird 2.14",
      text: 'protocol device { }\ndefine B = hex:01:02;\ndefine C = from_hex("0102");\nfunction f(bytestring b) { return b = B; }',
      ours: "OK",
    },
    {
      form: "protocols of newer birds, read past",
      why: "bird 2.16",
      text: "protocol device { }\nprotocol l3vpn { vpn4 { table x; }; }\nprotocol aggregator { table master4; }",
      ours: "2:31 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN",
    },
    {
      form: "rpki over ssh",
      why: "refused by name: nothing would ever come in",
      text: 'protocol device { }\nroa4 table r4;\nprotocol rpki { roa4; remote 192.0.2.1; transport ssh { user "u"; }; }',
      ours: "3:67 rpki: transport ssh is not implemented, only tcp is",
    },
    {
      form: "bmp",
      why: "refused by name: bird 2.0.12 of Debian is built without it",
      text: "protocol device { }\nprotocol bmp { }",
      ours: "2:10 protocol bmp is not implemented",
    },
  ];

describe.each(tables())("$name", ({ cases }) => {
  test.each(cases)("$snippet", ({ text, verdict: expected }) => {
    expect(verdict(text)).toBe(expected);
  });
});

describe("beyond bird 2.0.12", () => {
  test.each(BEYOND)("$form ($why)", ({ text, ours }) => {
    expect(verdict(text)).toBe(ours);
  });
});

test("every error is told, the first as bird tells it", () => {
  const result = load(
    "protocol device { scan time foo; }\nfilter a { if 5 then accept; }\nprotocol bgp { hold time 2; }\n",
  );
  expect(result.ok ? [] : result.errors.map(({ place, text }) => `${place.line}:${place.column} ${text}`)).toEqual([
    "1:29 syntax error, unexpected CF_SYM_UNDEFINED, expecting NUM or CF_SYM_KNOWN or '('",
    "2:30 Argument 1 of CONDITION must be of type bool, got type int",
    "3:27 Hold time must be in range 3-65535 or zero",
  ]);
});

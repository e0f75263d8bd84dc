import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesShell } from "../../protocol/policy/shell-pattern.ts";
import { parseAddress, parsePrefix } from "../../protocol/wire/address.ts";
import { matchesPatterns } from "../../src/protocols/pattern.ts";

describe("shell patterns", () => {
  test.each([
    ["eth*", "eth0", true],
    ["eth*", "neth0", false],
    ["*", "", true],
    ["e?h0", "eth0", true],
    ["e?h0", "eh0", false],
    ["*0*1*", "eth0.1", true],
    ["tailscale0", "tailscale0", true],
    ["tailscale", "tailscale0", false],
    ["a.c", "abc", false],
  ])("%s on %s", (pattern, text, expected) => expect(matchesShell(pattern, text)).toBe(expected));

  test("a pattern without wildcards is equality", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.]{0,8}$/), fc.stringMatching(/^[a-z0-9.]{0,8}$/), (a, b) => {
        expect(matchesShell(a, b)).toBe(a === b);
      }),
    );
  });

  test("many stars stay linear", () => {
    expect(matchesShell(`${"*a".repeat(50)}b`, "a".repeat(20_000))).toBe(false);
  });
});

describe("interface lists", () => {
  const eth0 = {
    name: "eth0",
    addresses: [{ link: 2, ip: parseAddress("10.0.0.10")!, length: 24, scope: 0, secondary: false, tentative: false }],
  };
  test("the first element that matches decides", () => {
    expect(
      matchesPatterns(
        [
          { negative: true, name: "eth*" },
          { negative: false, name: "*" },
        ],
        eth0,
      ),
    ).toBe(false);
    expect(
      matchesPatterns(
        [
          { negative: false, name: "*" },
          { negative: true, name: "eth*" },
        ],
        eth0,
      ),
    ).toBe(true);
    expect(matchesPatterns([], eth0)).toBe(false);
  });
  test("a prefix asks for an address in it", () => {
    const ten = { negative: false, prefix: parsePrefix("10.0.0.0/8")! };
    expect(matchesPatterns([ten], eth0)).toBe(true);
    expect(matchesPatterns([ten], eth0, parseAddress("192.0.2.1")!)).toBe(false);
    expect(matchesPatterns([{ ...ten, name: "wg*" }], eth0)).toBe(false);
  });
});

import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressFrom,
  addressOctets,
  compareAddress,
  comparePrefix,
  covers,
  type Family,
  formatAddress,
  formatDotted,
  formatPrefix,
  isInside,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseAddress,
  parsePrefix,
  prefixOf,
  sameAddress,
  samePrefix,
  width,
} from "../../protocol/wire/address.ts";
import { anyAddress, anyPrefix } from "../codec/arbitraries.ts";

const family = fc.constantFrom<Family>(4, 6);
const anyIp = family.chain(anyAddress);
const anyNet = family.chain(anyPrefix);
const ip = (text: string) => parseAddress(text)!;
const net = (text: string) => parsePrefix(text)!;

describe("text", () => {
  // RFC 5952 §4 and §5
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:DB8::ABCD", "2001:db8::abcd"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // one zero group is no run
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // the longest run
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // the first of equal ones
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ])("%s is %s", (text, canonical) => {
    expect(formatAddress(ip(text))).toBe(canonical);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.0",
    "1.2.3.4 ",
    "1.2.3.-4",
    "0x1.2.3.4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    ":1::",
    "1::2:",
    "12345::",
    "g::",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "::1%eth0",
  ])("%j is no address", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test("there and back; Node agrees", () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        const text = formatAddress(address);
        expect(parseAddress(text)).toEqual(address);
        expect(address.family === 4 ? isIPv4(text) : isIPv6(text)).toBe(true);
      }),
    );
  });

  test("what Node takes for an address is one, and nothing else", () => {
    const soup = fc.string({ unit: fc.constantFrom("0", "1", "a", "f", ":", "::", ".", "25"), maxLength: 20 });
    fc.assert(
      fc.property(soup, (text) => {
        const leadingZero = /(^|\.)0\d/.test(text); // we read `01` as decimal, as BIRD does
        if (!leadingZero) expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("prefixes", () => {
    fc.assert(
      fc.property(anyNet, (prefix) => {
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
      }),
    );
  });

  test.each([
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.1/8",
    "/8",
    "::/129",
    "::1/127",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/0x8",
  ])("%j is no prefix", (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test("identifiers", () => {
    expect([formatDotted(0xc000_0201), formatDotted(-1), formatDotted(0)]).toEqual([
      "192.0.2.1",
      "255.255.255.255",
      "0.0.0.0",
    ]);
  });
});

describe("octets", () => {
  test("there and back, at any place", () => {
    fc.assert(
      fc.property(anyIp, fc.nat(5), (address, at) => {
        const octets = addressOctets(address);
        expect(octets.length).toBe(width(address.family) / 8);
        expect(addressFrom(Uint8Array.of(...new Uint8Array(at), ...octets), address.family, at)).toEqual(address);
      }),
    );
  });

  test("fewer octets read as zero", () => {
    expect(formatAddress(addressFrom(Uint8Array.of(10, 1), 4))).toBe("10.1.0.0");
    expect(formatAddress(addressFrom(Uint8Array.of(0x20, 1), 6))).toBe("2001::");
  });
});

describe("prefixes", () => {
  test("prefixOf clears host bits and is idempotent", () => {
    fc.assert(
      fc.property(anyIp, fc.nat(128), (address, bits) => {
        const length = bits % (width(address.family) + 1);
        const prefix = prefixOf(address, length);
        expect(prefixOf(prefix, length)).toEqual(prefix);
        expect(isInside(address, prefix)).toBe(true);
        expect(covers(prefix, prefixOf(address, width(address.family)))).toBe(true);
      }),
    );
  });

  test.each([
    ["10.0.0.0/8", "10.1.0.0/16", true],
    ["10.1.0.0/16", "10.0.0.0/8", false],
    ["10.0.0.0/8", "10.0.0.0/8", true],
    ["10.0.0.0/8", "11.0.0.0/16", false],
    ["0.0.0.0/0", "255.0.0.0/8", true],
    ["0.0.0.0/0", "::/0", false],
    ["::/0", "0.0.0.0/0", false],
    ["2001:db8::/33", "2001:db8:8000::/48", false],
    ["2001:db8:8000::/33", "2001:db8:8000::/48", true],
    ["::/127", "::1/128", true],
  ])("%s covers %s: %s", (outer, inner, expected) => {
    expect(covers(net(outer), net(inner))).toBe(expected);
  });

  test("order: IPv4 first, by address, the shorter first", () => {
    const texts = [
      "0.0.0.0/0",
      "9.0.0.0/8",
      "10.0.0.0/8",
      "10.0.0.0/16",
      "200.0.0.0/8",
      "::/0",
      "2001:db8::/32",
      "fe80::/10",
    ];
    const mixed = [...texts].reverse().map(net);
    expect(mixed.sort(comparePrefix).map(formatPrefix)).toEqual(texts);
  });

  test("equality is order's zero", () => {
    fc.assert(
      fc.property(anyNet, anyNet, (a, b) => {
        expect(samePrefix(a, b)).toBe(comparePrefix(a, b) === 0);
        expect(sameAddress(a, b)).toBe(compareAddress(a, b) === 0);
        expect(Math.sign(comparePrefix(a, b))).toBe(-Math.sign(comparePrefix(b, a)) + 0);
        expect(samePrefix(a, { ...a })).toBe(true);
      }),
    );
  });
});

test.each([
  ["169.254.1.1", isLinkLocal, true],
  ["169.255.1.1", isLinkLocal, false],
  ["fe80::1", isLinkLocal, true],
  ["febf::1", isLinkLocal, true],
  ["fec0::1", isLinkLocal, false],
  ["224.0.0.1", isMulticast, true],
  ["239.255.255.255", isMulticast, true],
  ["240.0.0.1", isMulticast, false],
  ["ff02::1", isMulticast, true],
  ["fe80::1", isMulticast, false],
  ["127.255.0.1", isLoopback, true],
  ["128.0.0.1", isLoopback, false],
  ["::1", isLoopback, true],
  ["::2", isLoopback, false],
  ["::", isLoopback, false],
  ["1::1", isLoopback, false],
  ["0.0.0.0", isUnspecified, true],
  ["::", isUnspecified, true],
  ["::1", isUnspecified, false],
] as const)("%s: %o is %s", (text, ask, expected) => {
  expect(ask(ip(text))).toBe(expected);
});

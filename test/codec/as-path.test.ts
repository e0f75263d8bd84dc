import { describe, expect, test } from "vitest";
import {
  type AsPath,
  containsAs,
  countAs,
  decodeAsPath,
  encodeAsPath,
  firstAs,
  formatAsPath,
  hasConfederation,
  hasSet,
  lastAs,
  mergeAs4Path,
  pathFits,
  pathLength,
  prepend,
  withoutConfederation,
} from "../../protocol/codec/as-path.ts";
import { SegmentType } from "../../protocol/codec/iana.ts";
import { ByteReader, ByteWriter } from "../../protocol/wire/bytes.ts";
import { hex } from "./support.ts";

/** `1 2 {3 4} (5) ({6})`, the text form read back. */
function path(text: string): AsPath {
  const parts = text.match(/\(\{[^}]*\}\)|\{[^}]*\}|\([^)]*\)|[\d ]+/g) ?? [];
  return parts
    .map((part) => {
      const type = part.startsWith("({") ? 4 : part.startsWith("(") ? 3 : part.startsWith("{") ? 1 : 2;
      return { type: type as SegmentType, asns: (part.match(/\d+/g) ?? []).map(Number) };
    })
    .filter(({ asns }) => asns.length > 0);
}

test.each(["", "65001", "65000 65001 {65002 65003} 7", "(65010 65011) ({65012 65013}) 1"])("text form: %s", (text) => {
  expect(formatAsPath(path(text))).toBe(text);
});

describe("questions to a path", () => {
  test.each<[string, number, number | undefined, number | undefined]>([
    ["", 0, undefined, undefined],
    ["1 2 3", 3, 1, 3],
    ["1 {2 3}", 2, 1, undefined],
    ["{2 3} 1", 2, undefined, 1],
    ["(5 6) 1 2", 2, 5, 2],
    ["({5 6}) 1", 1, undefined, 1],
    ["(5)", 0, 5, 5],
  ])("%s: length %i, first %s, last %s", (text, length, first, last) => {
    expect([pathLength(path(text)), firstAs(path(text)), lastAs(path(text))]).toEqual([length, first, last]);
  });

  test("members", () => {
    expect(containsAs(path("1 2 {3}"), 3)).toBe(true);
    expect(containsAs(path("1 2 {3}"), 4)).toBe(false);
    expect(countAs(path("1 2 1 {1}"), 1)).toBe(3);
    expect([hasConfederation(path("1 (2)")), hasConfederation(path("1 {2}"))]).toEqual([true, false]);
    expect([hasSet(path("1 {2}")), hasSet(path("({1})")), hasSet(path("(1) 2"))]).toEqual([true, true, false]);
    expect(formatAsPath(withoutConfederation(path("(5) ({6}) 1 {2}")))).toBe("1 {2}");
  });
});

describe("prepend", () => {
  test.each<[string, number, number, boolean, string]>([
    ["", 9, 1, false, "9"],
    ["1 2", 9, 2, false, "9 9 1 2"],
    ["{1 2}", 9, 1, false, "9 {1 2}"],
    ["(1 2) 3", 9, 1, false, "9 (1 2) 3"],
    ["(1 2) 3", 9, 1, true, "(9 1 2) 3"],
    ["3", 9, 1, true, "(9) 3"],
  ])("%s + %i x %i, confederation %s", (text, asn, times, confederation, expected) => {
    expect(formatAsPath(prepend(path(text), asn, times, confederation))).toBe(expected);
  });

  test("a full segment gets a new one in front", () => {
    const full: AsPath = [{ type: SegmentType.AsSequence, asns: new Array<number>(255).fill(1) }];
    const longer = prepend(full, 9, 300);
    expect(longer.map(({ asns }) => asns.length)).toEqual([45, 255, 255]);
    expect(pathLength(longer)).toBe(555);
    expect(firstAs(longer)).toBe(9);
  });
});

test("a segment of more than 255 is written as several", () => {
  const long: AsPath = [{ type: SegmentType.AsSequence, asns: Array.from({ length: 600 }, (_, i) => i + 1) }];
  const w = new ByteWriter();
  encodeAsPath(w, long, true);
  const back = decodeAsPath(new ByteReader(w.finish()), true) as AsPath;
  expect(back.map(({ asns }) => asns.length)).toEqual([255, 255, 90]);
  expect(back.flatMap(({ asns }) => asns)).toEqual(long[0]!.asns);
});

/** RFC 6793 §4.2.3 */
describe("AS4_PATH merge", () => {
  test.each([
    ["65001 23456 23456", "70000 70001", "65001 70000 70001"],
    ["23456", "70000", "70000"],
    ["1 2 3", "", "1 2 3"],
    ["1", "70000 70001", "1"], // longer: ignored
    ["1 {2 3} 23456", "70000", "1 {2 3} 70000"],
    ["1 23456 {2 3}", "70000 {2 3}", "1 70000 {2 3}"],
    ["(5 6) 1 23456", "70000", "(5 6) 1 70000"], // leading confederation segments stay
    ["1 23456", "(9) 70000", "1 70000"], // those of AS4_PATH do not (§6)
    ["1 2 3 4", "70000 {70001}", "1 2 70000 {70001}"],
    ["", "", ""],
  ])("%s with %s is %s", (two, four, expected) => {
    expect(formatAsPath(mergeAs4Path(path(two), path(four)))).toBe(expected);
  });
});

test("which widths fit", () => {
  expect([pathFits(hex("0201fde9"), true), pathFits(hex("0201fde9"), false)]).toEqual([false, true]);
  expect([pathFits(hex("02010000fde9"), true), pathFits(hex("02010000fde9"), false)]).toEqual([true, false]);
  expect([pathFits(hex(""), true), pathFits(hex(""), false)]).toEqual([true, true]);
});

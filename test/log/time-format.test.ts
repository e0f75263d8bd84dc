import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { formatTime } from "../../src/log/time-format.ts";

const LETTERS = "aAbBCdDeFgGhHIjklmMnpPrRsStTuUVwWyYz%".split("");
const MOMENTS = [
  "2026-11-21T01:42:32",
  "2024-02-29T00:00:00",
  "2023-01-01T12:59:59",
  "2021-01-03T23:05:09",
  "2020-12-31T11:00:00",
];

describe("strftime, compared with date(1)", () => {
  const format = LETTERS.map((letter) => `%${letter}`).join("|");
  test.each(MOMENTS)("%s", (moment) => {
    const wall = new Date(moment).getTime();
    const said = execFileSync("date", ["-d", `@${wall / 1000}`, `+${format}`], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    expect(`${formatTime(format, wall)}\n`).toBe(said);
  });
});

describe("BIRD's fractions", () => {
  const wall = new Date("2026-11-21T01:42:32.221").getTime() + 0.5;
  test.each([
    ["%F %T.%3f", "2026-11-21 01:42:32.221"],
    ["%T.%6f", "01:42:32.221500"],
    ["%T.%f", "01:42:32.221500"],
    ["%S.%1f", "32.2"],
    ["100%%", "100%"],
    ["%Q", "%Q"],
    ["%3d", "%3d"],
  ])("%s is %s", (format, text) => expect(formatTime(format, wall)).toBe(text));

  test("of a time before 1970", () => expect(formatTime("%3f", -0.5)).toBe("999"));
});

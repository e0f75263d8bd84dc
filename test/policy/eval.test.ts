/** Expressions and what bird 2.0.12 makes of them, as recorded from its control socket. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { evaluator } from "./evaluate.ts";

const [config, lines] = readFileSync(resolve("fixtures/policy/eval.txt"), "utf8").split("---\n") as [string, string];
const evaluate = evaluator(config);
const cases = lines
  .trimEnd()
  .split("\n")
  .map((line) => {
    const at = line.lastIndexOf(" => ");
    return { expression: line.slice(0, at), reply: line.slice(at + 4) };
  });

test.each(cases)("$expression", ({ expression, reply }) => {
  expect(evaluate(expression)).toBe(reply);
});

/** Commands that bird refuses, in its words: recorded from bird 2.0.12. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { Lab, type TestDaemon } from "./lab.ts";

const CASES = pairs(readFileSync("fixtures/control/grammar.txt", "utf8"));

describe("refused as bird refuses it", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    const conf = readFileSync("fixtures/control/grammar.conf", "utf8");
    daemon = await new Lab().daemon({ conf, address: "10.0.0.10" });
  });
  test.each(CASES)("%s", async (command, words) => {
    expect(await daemon.ask(command)).toBe(`9001 ${words}\n`);
  });
});

/** A command a line, below it, indented, what it is answered. */
function pairs(text: string): [command: string, words: string][] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.flatMap((line, i) =>
    line.startsWith("\t") ? [[lines[i - 1] ?? "", line.slice(1)] as [string, string]] : [],
  );
}

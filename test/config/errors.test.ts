/** Wrong configurations: what is said, and where, is what bird says (fixtures/conf/errors.txt). */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { formatErrors, loadConfig } from "../../src/config/load.ts";

const FIXTURE = resolve(import.meta.dirname, "../../fixtures/conf/errors.txt");
const rows = readFileSync(FIXTURE, "latin1")
  .split(/^=== ?/m)
  .slice(1)
  .map((row) => {
    const end = row.indexOf("\n");
    return { said: row.slice(0, end), text: Uint8Array.from(row.slice(end + 1, -1), (c) => c.charCodeAt(0)) };
  });

describe("as bird", () => {
  test.each(rows)("$said", ({ said, text }) => {
    expect(complaint(text).split("\n")[0]).toBe(said);
  });
});

describe("the quoted line", () => {
  test.each([
    ["with a caret below", "protocol device {}\nfoo;\n", "foo;\n^"],
    [
      "tabs stay, so that the caret stands right",
      "\tprotocol device { foo; }",
      "\tprotocol device { foo; }\n\t                  ^",
    ],
    ["letters of several octets count once", "/* grün */ foo;", "/* grün */ foo;\n           ^"],
    ["nothing that steers the terminal", "x\x1b[2J\x9b1m;", "x?[2J?1m;\n^"],
  ])("%s", (_, text, quoted) => {
    const said = complaint(new TextEncoder().encode(text));
    expect(said.split("\n").slice(1).join("\n")).toBe(quoted);
  });
});

function complaint(text: Uint8Array): string {
  const result = loadConfig({
    file: "bird.conf",
    readFile: (path) => {
      if (path === "bird.conf") return text;
      throw new Error("No such file or directory");
    },
    glob: () => [],
  });
  return result.ok ? "" : formatErrors(result);
}

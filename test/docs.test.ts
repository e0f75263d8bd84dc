/**
 * What the documentation says is so: each `$ command` in a ```console block is run in a fresh copy of
 * examples/, must end with status 0 (or with the `# status N` behind it), and must print the lines below it
 * (`...` stands for anything). Links inside the repository lead somewhere.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VERSION } from "../src/version.ts";

const ROOT = resolve(import.meta.dirname, "..");
const BIN = join(ROOT, "dist/bin");
const isBuilt = existsSync(join(BIN, "linnet.js"));
if (!isBuilt) console.log("docs.test.ts skips the commands: dist/ is missing (npm run build)");

const pages = [
  ...readdirSync(ROOT).filter((file) => file.endsWith(".md")),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file)),
];

interface Command {
  readonly page: string;
  readonly command: string;
  readonly status: number;
  readonly output: readonly string[];
}

const commands = pages.flatMap((page) => commandsOf(page));
let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "linnet-docs-"));
  cpSync(join(ROOT, "examples"), join(work, "examples"), { recursive: true });
  mkdirSync(join(work, "bin"));
  for (const name of ["linnet", "linnetc"]) {
    const shim = join(work, "bin", name);
    writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${join(BIN, `${name}.js`)}" "$@"\n`);
    chmodSync(shim, 0o755);
  }
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe.skipIf(!isBuilt)("commands in the documentation", () => {
  test("are there", () => expect(commands.length).toBeGreaterThan(0));

  test.each(commands)("$page: $command", { timeout: 60_000 }, ({ command, status, output }) => {
    const path = [join(work, "bin"), process.env.PATH].join(delimiter);
    const done = spawnSync("sh", ["-c", `${command} 2>&1`], {
      cwd: work,
      env: { ...process.env, PATH: path },
      encoding: "utf8",
    });
    expect({ status: done.status, output: done.stdout }).toEqual({
      status,
      output: expect.stringMatching(pattern(output)),
    });
  });
});

describe("links", () => {
  test.each(pages)("of %s lead somewhere", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8").replace(/```[\s\S]*?```/g, "");
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
    const local = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(resolve(ROOT, dirname(page), target)))).toEqual([]);
  });
});

test("the version is that of package.json, and the changelog knows it", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(VERSION).toBe(version);
});

test("every example is documented where it lies or in a page", () => {
  const text = pages.map((page) => readFileSync(join(ROOT, page), "utf8")).join("\n");
  const examples = readdirSync(join(ROOT, "examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const unknown = examples.filter(
    ({ name }) => !text.includes(`examples/${name}`) && !existsSync(join(ROOT, "examples", name, "README.md")),
  );
  expect(unknown.map(({ name }) => relative(ROOT, join(ROOT, "examples", name)))).toEqual([]);
});

function commandsOf(page: string): Command[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const found: Command[] = [];
  for (const [, block] of text.matchAll(/^```console\n([\s\S]*?)^```/gm)) {
    for (const part of block!.split(/^\$ /m).slice(1)) {
      const [line = "", ...output] = part.trimEnd().split("\n");
      const [, command = "", status = "0"] = /^(.*?)(?:\s+# status (\d+))?$/.exec(line) ?? [];
      found.push({ page, command, status: Number(status), output });
    }
  }
  return found;
}

function pattern(output: readonly string[]): RegExp {
  if (output.length === 0) return /^/;
  const lines = output.map((line) =>
    line.trim() === "..." ? "[\\s\\S]*" : `${quoted(line).replaceAll("\\.\\.\\.", ".*")}\\n`,
  );
  return new RegExp(`^${lines.join("")}$`);
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

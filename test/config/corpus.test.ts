/**
 * Configurations from the world: the same verdict as bird 2.0.12, place and message. They are read from
 * beside the repository, and what bird says of them is recorded there.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { diskFiles } from "../../src/config/files.ts";
import { formatErrors, loadConfig } from "../../src/config/load.ts";

const CORPUS = resolve("../shared/corpus/bird-conf");
const isThere = existsSync(join(CORPUS, "verdicts.jsonl"));
if (!isThere) console.warn(`skipped: no corpus of configurations at ${CORPUS}`);

interface Verdict {
  readonly file: string;
  readonly accept: boolean;
  readonly stderr: string;
}

const verdicts: Verdict[] = isThere
  ? readFileSync(join(CORPUS, "verdicts.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Verdict)
  : [];

describe.skipIf(!isThere)("the corpus", () => {
  test.each(verdicts)("$file", ({ file, accept, stderr }) => {
    const text = readFileSync(join(CORPUS, file), "latin1");
    // bird read them as CONF.
    const result = loadConfig({ file: "CONF", text: latin1(text), ...diskFiles });
    expect(result.ok ? "" : formatErrors(result).split("\n")[0]).toBe(firstError(stderr));
    expect(result.ok).toBe(accept);
  });
});

/** Warnings may stand before it. */
function firstError(stderr: string): string {
  return stderr.split("\n").find((line) => line.includes("CONF:")) ?? "";
}

/** `text` is taken as UTF-8: octets beyond ASCII only stand in comments and strings. */
function latin1(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8");
}

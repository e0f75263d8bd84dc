/** Tables of configurations and what bird 2.0.12 says of each: `fixtures/conf/tables/*.txt`. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { diskFiles } from "../../src/config/files.ts";
import { formatErrors, type LoadResult, loadConfig } from "../../src/config/load.ts";

export interface Case {
  /** What stands at `@@` in the table's template. */
  readonly snippet: string;
  readonly text: string;
  /** `OK`, or what bird prints behind the file's name. */
  readonly verdict: string;
}

export interface Table {
  readonly name: string;
  readonly template: string;
  readonly cases: readonly Case[];
}

export const DIRECTORY: string = resolve("fixtures/conf/tables");

/**
 * The template, `---`, then a line for each case: `VERDICT | SNIPPET`, with `\n` for a new line.
 * Record anew with `node test/config/record.mjs`.
 */
export function readTable(file: string): Table {
  const whole = readFileSync(join(DIRECTORY, file), "utf8");
  const end = whole.indexOf("\n---\n") + 1;
  const [template, lines] = [whole.slice(0, end), whole.slice(end + 4)];
  const cases = lines
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [verdict, snippet] = split(line);
      const plain = snippet.replaceAll("\\n", "\n");
      return { snippet, text: template.replace("@@", () => plain), verdict };
    });
  return { name: file.replace(/\.txt$/, ""), template, cases };
}

export function tables(): Table[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(".txt"))
    .sort()
    .map(readTable);
}

/** Messages hold no bar with blanks around it; snippets may. */
function split(line: string): [string, string] {
  const at = line.indexOf(" | ");
  return [line.slice(0, at), line.slice(at + 3)];
}

export function load(text: string, options: { readonly strict?: boolean } = {}): LoadResult {
  return loadConfig({ file: "bird.conf", text, ...diskFiles, ...options });
}

/** In the form of the tables. */
export function verdict(text: string): string {
  const result = load(text);
  return result.ok ? "OK" : (formatErrors(result).split("\n")[0] ?? "").replace(/^bird: (?:bird\.conf:)?/, "");
}

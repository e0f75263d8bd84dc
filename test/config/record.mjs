/** Asks bird again for every verdict in `fixtures/conf/tables/*.txt`: by hand, where bird 2.0.12 is installed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directory = mkdtempSync(join(tmpdir(), "linnet-record-"));
for (const file of readdirSync("fixtures/conf/tables").filter((name) => name.endsWith(".txt"))) {
  const path = join("fixtures/conf/tables", file);
  const [template, lines] = readFileSync(path, "utf8").split("---\n");
  const recorded = lines
    .trimEnd()
    .split("\n")
    .map((line) => {
      const snippet = line.slice(line.indexOf(" | ") + 3);
      const plain = snippet.replaceAll("\\n", "\n");
      return `${ask(template.replace("@@", () => plain))} | ${snippet}`;
    });
  writeFileSync(path, `${template}---\n${recorded.join("\n")}\n`);
  console.log(file, recorded.length);
}
rmSync(directory, { recursive: true });

function ask(text) {
  writeFileSync(join(directory, "bird.conf"), text);
  const { status, stderr } = spawnSync("bird", ["-p", "-c", "bird.conf"], { cwd: directory, encoding: "utf8" });
  if (status === 0) return "OK";
  // Warnings come before the error.
  const error = stderr.split("\n").find((line) => line.includes("bird.conf:")) ?? stderr.trim();
  return error.replace(/^bird: (?:bird\.conf:)?/, "");
}

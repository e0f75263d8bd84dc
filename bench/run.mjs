/**
 * `npm run bench [-- NAME...] [smoke]`: bundles bench/NAME.ts and runs its `run()`, each in a process of its
 * own, then prints one table. `smoke` makes the work small: it shows that the benchmarks run, not how fast.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const BENCH = dirname(fileURLToPath(import.meta.url));
const words = process.argv.slice(2);
const smoke = words.includes("smoke");
const wanted = words.filter((word) => word !== "smoke");

const files = readdirSync(BENCH)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".ts")))
  .filter((file) => /^export (?:async )?function run\(/m.test(readFileSync(join(BENCH, file), "utf8")));
if (files.length === 0) {
  console.error(`bench: nothing called ${wanted.join(", ")} here`);
  process.exit(1);
}

// Beside node_modules, so that what is external is found.
const dist = resolve(BENCH, "../dist");
mkdirSync(dist, { recursive: true });
const directory = mkdtempSync(join(dist, "bench-"));
let failed = 0;
const rows = [];
try {
  for (const file of files) rows.push(...measure(basename(file, ".ts"), await bundle(file)));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
print(rows);
process.exitCode = failed > 0 ? 1 : 0;

async function bundle(file) {
  const outfile = join(directory, `${basename(file, ".ts")}.mjs`);
  await build({
    entryPoints: [join(BENCH, file)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi", "netlink", "netlink/*", "pino", "tinybench", "fast-check", "esbuild"],
    logLevel: "warning",
  });
  return outfile;
}

/** Results come back in a file: a benchmark may print what it likes. */
function measure(name, module) {
  const results = join(directory, `${name}.json`);
  const code = `const { run } = await import(${JSON.stringify(module)});
    const fs = await import("node:fs");
    fs.writeFileSync(${JSON.stringify(results)}, JSON.stringify(await run()));
    process.exit(0);`;
  console.log(`-- ${name}`);
  const { status } = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", code], {
    stdio: "inherit",
    env: { ...process.env, ...(smoke ? { BENCH_SMOKE: "1" } : {}) },
  });
  if (status !== 0) {
    failed++;
    return [{ bench: name, name: "failed", value: Number.NaN, unit: "" }];
  }
  return JSON.parse(readFileSync(results, "utf8")).map((row) => ({ bench: name, ...row }));
}

function print(results) {
  const table = results.map((row) => [
    row.bench,
    row.name,
    Number.isNaN(row.value) ? "-" : `${significant(row.value)} ${row.unit}`,
    row.ratio === undefined ? "" : `${row.ratio.toFixed(2)} x ${row.against ?? ""}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...table.map((cells) => cells[column].length)));
  console.log();
  for (const cells of table) {
    console.log(cells.map((cell, i) => (i === 2 ? cell.padStart(widths[i]) : cell.padEnd(widths[i] ?? 0))).join("  "));
  }
  const out = process.env.BENCH_JSON;
  if (out) writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
}

function significant(value) {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

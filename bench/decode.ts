/**
 * `linnet decode --summary` beside bgpdump and tshark, each as its own process, over the same files in one run: a table dump
 * of two million routes, and a capture of one session with a million UPDATEs.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { writeCapture, writeTable } from "./decode/generate.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How many times as fast as `against`. */
  readonly ratio?: number;
  readonly against?: string;
}

const smoke = process.env.BENCH_SMOKE !== undefined;

export async function run(): Promise<BenchResult[]> {
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-decode-"));
  try {
    const linnet = [process.execPath, await bundle(directory), "--summary"];
    const [table, capture] = [join(directory, "table.mrt"), join(directory, "capture.pcap")];
    const [prefixes, peers] = smoke ? [2000, 10] : [200_000, 10];
    writeTable(table, prefixes, peers);
    writeCapture(capture, smoke ? 2e6 : 100e6);
    return [
      ...compare("MRT table, a route", "bgpdump -m", [...linnet, table], ["bgpdump", "-m", table], prefixes * peers),
      ...compare(
        "capture, an octet",
        "tshark",
        [...linnet, capture],
        ["tshark", "-n", "-r", capture, "-Y", "bgp", "-T", "fields", "-e", "bgp.type"],
        statSync(capture).size,
      ),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The command alone, bundled as it is when it is installed. */
async function bundle(directory: string): Promise<string> {
  const source = resolve(process.cwd(), "src/cli/decode.ts");
  const entry = join(directory, "entry.ts");
  const code = `import { decodeCommand } from ${JSON.stringify(source)};
    process.exitCode = await decodeCommand(process.argv.slice(2), process);`;
  mkdirSync(join(directory, "out"));
  writeFileSync(entry, code);
  await build({
    entryPoints: [entry],
    outdir: join(directory, "out"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    banner: { js: 'import { createRequire as load } from "node:module"; const require = load(import.meta.url);' },
    logLevel: "warning",
  });
  return join(directory, "out/entry.mjs");
}

/** Both in turns, so that whatever else the machine does is shared; the best of each counts. */
function compare(name: string, against: string, ours: string[], theirs: string[], items: number): BenchResult[] {
  const best = { ours: Infinity, theirs: Infinity };
  for (let i = 0; i < (smoke ? 1 : 3); i++) {
    best.ours = Math.min(best.ours, seconds(ours) ?? Infinity);
    best.theirs = Math.min(best.theirs, seconds(theirs) ?? Infinity);
  }
  const result = { name, value: (best.ours * 1e9) / items, unit: "ns" };
  if (best.theirs === Infinity) {
    console.log(`${against} is not installed: nothing to compare with`);
    return [result];
  }
  console.log(`${name}: ${best.ours.toFixed(2)} s, ${against} ${best.theirs.toFixed(2)} s`);
  return [{ ...result, ratio: best.theirs / best.ours, against: `as fast as ${against}` }];
}

/** Undefined if there is no such program. */
function seconds([command, ...args]: string[]): number | undefined {
  const start = performance.now();
  const { error, status } = spawnSync(command!, args, { stdio: ["ignore", "ignore", "ignore"] });
  if (error) return undefined;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: exit status ${status}`);
  return (performance.now() - start) / 1000;
}

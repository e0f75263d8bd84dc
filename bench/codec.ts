/**
 * The codec against a full table: 1,000,000 prefixes in about 200,000 attribute sets.
 *
 * The first row is what a speaker does with it: parts found, attribute list read and checked, its octets interned
 * in the AttributeStore, every prefix handed over as words. Its limit is a C loop over the same octets. The second
 * is what a tool does: every message becomes an object.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEFAULT_CONTEXT } from "../protocol/codec/capability.ts";
import { decodeMessage, Framer } from "../protocol/codec/message.ts";
import { type Nlri, walkPrefixes } from "../protocol/codec/nlri.ts";
import { packUpdates } from "../protocol/codec/pack.ts";
import { emptyParts, scanUpdate } from "../protocol/codec/update.ts";
import { AttributeScan } from "../protocol/rib/attribute-scan.ts";
import { AttributeStore } from "../protocol/rib/attribute-store.ts";
import { ipv4, prefixOf } from "../protocol/wire/address.ts";
import { makeTable, type Table } from "./codec/table.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

export async function run(): Promise<BenchResult[]> {
  const small = process.argv.includes("smoke") || process.env.BENCH_SMOKE !== undefined;
  const table = makeTable(small ? 20_000 : 1_000_000);
  const results: BenchResult[] = [];
  const interned = best(5, () => decodeInterned(table)) / table.prefixes;
  const loop = cLoop(table);
  results.push({
    name: "codec: decode a full table, attributes interned (at most 250)",
    value: interned,
    unit: "ns/prefix",
    ...(loop === undefined ? {} : { ratio: interned / loop, against: `a C loop at ${loop.toFixed(1)} ns/prefix` }),
  });
  results.push({
    name: "codec: decode a full table into objects",
    value: best(3, () => decodeObjects(table)) / table.prefixes,
    unit: "ns/prefix",
  });
  const nlri = Array.from({ length: table.prefixes }, (_, i): Nlri => ({ prefix: prefixOf(ipv4(i * 256), 24) }));
  results.push({
    name: "codec: pack UPDATEs of one attribute set",
    value: best(3, () => pack(nlri)) / nlri.length,
    unit: "ns/prefix",
  });
  return results;
}

function decodeInterned({ octets, prefixes, sets }: Table): void {
  const store = new AttributeStore();
  const scan = new AttributeScan();
  const words = new Uint32Array(prefixes);
  const ids = new Uint32Array(prefixes);
  const parts = emptyParts();
  let count = 0;
  let id = 0;
  for (const message of new Framer().push(octets)) {
    scanUpdate(message, parts);
    scan.run(message, parts.attributesStart, parts.attributesEnd);
    if (scan.odd) throw new Error("the table is not a plain one");
    const set = store.internBlock(message, parts.attributesStart, parts.attributesEnd, scan, 0, 0);
    store.hold(set);
    id = set;
    walkPrefixes(message, parts.nlriStart, parts.nlriEnd, 4, false, (w0, _w1, _w2, _w3, length) => {
      words[count] = w0 | length; // host bits hold the length, as good as a column
      ids[count++] = id;
    });
  }
  if (count !== prefixes || store.size > sets) throw new Error(`${count} prefixes, ${store.size} sets`);
}

function decodeObjects({ octets, prefixes }: Table): void {
  let count = 0;
  for (const message of new Framer().push(octets)) {
    const update = decodeMessage(message, DEFAULT_CONTEXT);
    if (update.type === "update") count += update.announced.length;
  }
  if (count !== prefixes) throw new Error(`${count} prefixes`);
}

function pack(nlri: readonly Nlri[]): void {
  const attributes = { origin: 0, asPath: [{ type: 2, asns: [65001, 65002] }], nextHop: ipv4(0xc000_0201) } as const;
  let octets = 0;
  for (const message of packUpdates(attributes, nlri, DEFAULT_CONTEXT)) octets += message.length;
  if (octets < nlri.length * 4) throw new Error(`${octets} octets`);
}

/** Nanoseconds of the fastest of so many runs. */
function best(runs: number, work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    work();
    least = Math.min(least, Number(process.hrtime.bigint() - start));
  }
  return least;
}

/** Nanoseconds a prefix of bench/codec/loop.c; undefined without a compiler. */
function cLoop({ octets, prefixes }: Table): number | undefined {
  const source = sourceOf("codec/loop.c");
  if (!source) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-"));
  try {
    const [binary, file] = [join(directory, "loop"), join(directory, "table")];
    if (spawnSync("cc", ["-O2", "-o", binary, source]).status !== 0) return undefined;
    writeFileSync(file, octets);
    const [value, count] = spawnSync(binary, [file], { encoding: "utf8" }).stdout.split(" ").map(Number);
    if (count !== prefixes) throw new Error(`the C loop found ${count} prefixes`);
    return value;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Wherever this was bundled to, the source is in the repository's bench/. */
function sourceOf(name: string): string | undefined {
  const places = [dirname(fileURLToPath(import.meta.url)), join(process.cwd(), "bench")];
  return places.map((place) => join(place, name)).find((path) => existsSync(path));
}

/**
 * Makes dist/: the commands, each bundled into one file, and the library, compiled file by file.
 *
 * How soon `linnet -f` announces is what its users wait for, so the commands are made to start fast:
 * - CommonJS: Node starts such a file some 7 ms sooner than a module.
 * - What src/cli/linnet.ts imports dynamically becomes a file of its own beside it, so that `linnet decode`
 *   loads no daemon, and the daemon no decoder.
 * - Parts of Node that a plain start does not need are loaded when they are first used.
 * - The daemon's code comes with what V8 made of it in a trial run (build-cache.mjs), 30 to 60 ms of work.
 *
 *   node build.mjs              all
 *   node build.mjs --commands   the commands alone
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { addCodeCache } from "./build-cache.mjs";

const { build } = await import("esbuild").catch(() => {
  console.error("build: esbuild is missing; `npm ci` without --omit=dev brings it");
  process.exit(1);
});
const ROOT = dirname(fileURLToPath(import.meta.url));
const BIN = resolve(ROOT, "dist/bin");
const STAGING = resolve(ROOT, `dist/bin-${process.pid}`);
const COMMANDS = ["linnet", "linnetc"].map((name) => resolve(ROOT, `src/cli/${name}.ts`));
/** Loaded from node_modules when they are needed: native parts, and pino. */
const EXTERNAL = ["koffi", "netlink", "pino"];
/** Loaded when first used. */
const LATE_BUILTINS = ["child_process", "crypto", "dgram", "dns/promises", "fs/promises", "worker_threads", "zlib"];
const PRELUDE =
  '"use strict";const __moduleUrl=require("node:url").pathToFileURL(__filename).href;' +
  "const __late=(id)=>new Proxy({},{get:(_,key)=>require(id)[key]});";

/** What a command imports dynamically, found while the commands are bundled. */
const late = new Set();

const lateImports = {
  name: "late-imports",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind, importer, resolveDir }) => {
      if (kind !== "dynamic-import" || !COMMANDS.includes(importer)) return undefined;
      const file = resolve(resolveDir, path);
      late.add(file);
      return { path: `./${basename(file, ".ts")}.js`, external: true };
    });
  },
};

/** Each entry whole into one file: a shared chunk would be one more to load. */
async function bundle(files, shebang) {
  await build({
    entryPoints: Object.fromEntries(files.map((file) => [basename(file, ".ts"), file])),
    outdir: STAGING,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    external: EXTERNAL.flatMap((name) => [name, `${name}/*`]),
    // import() would wake the loader of modules, which sleeps in a CommonJS process.
    supported: { "dynamic-import": false },
    define: { "import.meta.url": "__moduleUrl" },
    banner: { js: shebang + PRELUDE },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
    plugins: [lateImports],
  });
  for (const file of files) postpone(resolve(STAGING, `${basename(file, ".ts")}.js`));
}

/** esbuild keeps a builtin's exports in a variable and asks it at each use: so it can be a proxy as well. */
function postpone(file) {
  const pattern = new RegExp(`=require\\("node:(${LATE_BUILTINS.join("|")})"\\)`, "g");
  writeFileSync(file, readFileSync(file, "utf8").replace(pattern, '=__late("node:$1")'));
}

/** Threads need files of their own: src/.../x-worker.ts becomes dist/bin/x-worker.js. */
function workers() {
  return readdirSync("src", { recursive: true })
    .filter((file) => file.endsWith("-worker.ts"))
    .map((file) => resolve(ROOT, "src", file));
}

process.chdir(ROOT);
const commandsOnly = process.argv.includes("--commands");
mkdirSync(STAGING, { recursive: true });
try {
  writeFileSync(resolve(STAGING, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  await bundle(COMMANDS, "#!/usr/bin/env node\n");
  await bundle([...late, ...workers()], "");
  for (const command of COMMANDS) chmodSync(resolve(STAGING, `${basename(command, ".ts")}.js`), 0o755);
  addCodeCache(STAGING);
  // What runs from there keeps running: the old commands give way at once, and to whole ones only.
  rmSync(BIN, { recursive: true, force: true });
  renameSync(STAGING, BIN);
} finally {
  rmSync(STAGING, { recursive: true, force: true });
}
if (!commandsOnly) {
  for (const room of ["src", "protocol", "fib"]) rmSync(resolve("dist", room), { recursive: true, force: true });
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
}

/**
 * Makes dist/: the commands, each bundled into one file, and the library, compiled file by file.
 *
 * The commands are CommonJS: Node starts a CommonJS file some 7 ms sooner than a module, and what a user
 * waits for after `linnet -f` is just that. What src/cli/linnet.ts imports dynamically becomes a file of its
 * own beside it, so that `linnet decode` loads no daemon, and the daemon no decoder.
 *
 *   node build.mjs              all
 *   node build.mjs --commands   the commands alone
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = dirname(fileURLToPath(import.meta.url));
const BIN = resolve(ROOT, "dist/bin");
const STAGING = resolve(ROOT, `dist/bin-${process.pid}`);
const COMMANDS = ["linnet", "linnetc"].map((name) => resolve(ROOT, `src/cli/${name}.ts`));
/** Loaded from node_modules when they are needed: native parts, and pino. */
const EXTERNAL = ["koffi", "netlink", "pino"];

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
function bundle(files, shebang) {
  return build({
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
    banner: { js: `${shebang}"use strict";const __moduleUrl=require("node:url").pathToFileURL(__filename).href;` },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
    plugins: [lateImports],
  });
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
  await bundle([...[...late].filter((file) => existsSync(file)), ...workers()], "");
  for (const command of COMMANDS) chmodSync(resolve(STAGING, `${basename(command, ".ts")}.js`), 0o755);
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

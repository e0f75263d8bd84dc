/**
 * Lets V8 keep what it made of the daemon's code. The daemon runs for a moment, with a session to itself on
 * loopback, so that what a start needs is compiled; V8's product of that goes into a file beside the code. Another
 * version of Node refuses it and compiles for itself: it can make a start faster, never wrong.
 *
 *   node build-cache.mjs CODE CACHE   the trial run; called by addCodeCache
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

const SELF = fileURLToPath(import.meta.url);
/** What stands for daemon.js then: code and cache lie beside it. */
const LOADER = `"use strict";
const{readFileSync}=require("node:fs");const{Script}=require("node:vm");const{wrap}=require("node:module");
const filename=__dirname+"/daemon.code.js";
let cachedData;try{cachedData=readFileSync(__dirname+"/daemon.code.cache")}catch{}
const script=new Script(wrap(readFileSync(filename,"latin1")),{filename,cachedData});
script.runInThisContext().call(exports,exports,require,module,filename,__dirname);
`;

/** @param directory where daemon.js is; it stays as it is where the trial run fails */
export function addCodeCache(directory) {
  const [plain, code, cache] = ["daemon.js", "daemon.code.js", "daemon.code.cache"].map((name) =>
    join(directory, name),
  );
  const text = readFileSync(plain, "utf8");
  if (/[^\0-\x7f]/.test(text)) throw new Error("daemon.js has letters beyond ASCII: it is read as Latin-1");
  renameSync(plain, code);
  const { status } = spawnSync(process.execPath, [SELF, code, cache], { stdio: "inherit", timeout: 30_000 });
  if (status !== 0) console.warn("build: no code cache, the daemon will start some 50 ms later");
  writeFileSync(plain, LOADER);
}

async function trial(code, cache) {
  const directory = mkdtempSync(join(tmpdir(), "linnet-build-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "bird.conf"), configuration(await freePort()));
  const script = new Script(Module.wrap(readFileSync(code, "latin1")), { filename: code });
  const module = { exports: {} };
  const load = createRequire(code);
  script.runInThisContext().call(module.exports, module.exports, load, module, code, dirname(code));
  process.chdir(directory);
  await module.exports.runDaemon({
    config: "bird.conf",
    sockets: ["bird.ctl"],
    foreground: true,
    debug: "none",
    parseOnly: false,
    gracefulRestart: false,
  });
  setTimeout(() => {
    writeFileSync(cache, script.createCachedData());
    process.exit(0);
  }, TRIAL_MS);
}

/** Each of the two is the other's neighbour. */
function configuration(port) {
  const speaker = (name, local, remote) => `protocol bgp ${name} {
    local 127.0.0.${local} port ${port} as 6500${local}; neighbor 127.0.0.${remote} port ${port} as 6500${remote};
    multihop; strict bind;
    ipv4 { import ${local === 1 ? "none" : "all"}; export filter { bgp_med = 0; accept; }; };
  }`;
  return `log "log" all; router id 127.0.0.1; protocol device { scan time 10; }
    ${speaker("a", 1, 2)} ${speaker("b", 2, 1)}
    protocol static tailscale { ipv4; route 100.64.0.0/10 via "lo"; }`;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const TRIAL_MS = 1500;
if (basename(process.argv[1] ?? "") === basename(SELF) && process.argv.length === 4)
  await trial(process.argv[2], process.argv[3]);

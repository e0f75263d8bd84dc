/**
 * Real daemons in namespaces: bird, FRR, gobgpd, exabgp, openbgpd, and linnet itself. Each is started
 * with the text of its configuration, asked through its own control channel, and gone with the lab.
 */
import { type ChildProcess, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Namespace } from "./netns.ts";
import { until } from "./netns.ts";

export interface Daemon {
  readonly namespace: Namespace;
  readonly process: ChildProcess;
  /** Where its files are. */
  readonly directory: string;
  /** Asks it something in its own words: a birdc command, a vtysh command, gobgp arguments, ... */
  query(command: string): Promise<string>;
  /** What it has printed or logged so far. */
  log(): string;
  /** SIGTERM (or another), and waits. @returns the exit code, null after a signal */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The built daemon; `npm run build` makes it. */
export const LINNET: string = fileURLToPath(new URL("../../../dist/bin/linnet.js", import.meta.url));

export interface LinnetOptions {
  /** Further files beside bird.conf, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** `bird -f` or linnet, with bird.conf; the query is a control socket command. */
export async function startBird(namespace: Namespace, conf: string, options: LinnetOptions = {}): Promise<Daemon> {
  return await birdLike(namespace, "bird", ["bird", "-f"], conf, options);
}

export async function startLinnet(namespace: Namespace, conf: string, options: LinnetOptions = {}): Promise<Daemon> {
  if (!existsSync(LINNET)) throw new Error("dist/bin/linnet.js is missing: npm run build");
  return await birdLike(namespace, "linnet", [process.execPath, LINNET, "-f"], conf, options);
}

async function birdLike(
  namespace: Namespace,
  name: string,
  command: readonly string[],
  conf: string,
  options: LinnetOptions,
): Promise<Daemon> {
  const directory = workDirectory(namespace, name);
  for (const [file, text] of Object.entries(options.files ?? {})) writeFileSync(join(directory, file), text);
  const log = join(directory, "log");
  const text = conf.includes("log ") ? conf : `log "${log}" all;\n${conf}`;
  writeFileSync(join(directory, "bird.conf"), text);
  const socket = join(directory, "bird.ctl");
  const [program, ...first] = command;
  const args = [...first, "-c", join(directory, "bird.conf"), "-s", socket, ...(options.args ?? [])];
  const daemon = start(namespace, directory, program!, args, (text) => birdCommand(socket, text), log);
  await until(`${name} in ${namespace.id} opens its socket\n${conf}`, () => {
    if (daemon.process.exitCode !== null) throw new Error(`${name} exited ${daemon.process.exitCode}: ${daemon.log()}`);
    return existsSync(socket) && daemon.query("show status");
  });
  return daemon;
}

/** One command on a bird control socket. @returns the whole reply, codes and all */
export function birdCommand(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = "";
    let greeted = false;
    connection.setEncoding("utf8");
    connection.on("error", reject);
    connection.on("close", () => resolve(text));
    connection.on("data", (chunk: string) => {
      text += chunk;
      const end = /^\d{4} .*\n/m.exec(text);
      if (!end) return;
      if (greeted) return connection.destroy();
      greeted = true;
      text = "";
      connection.write(`${command}\n`);
    });
  });
}

/** FRR's bgpd with zebra (and bfdd where asked), in directories of their own; the query is a vtysh command. */
export async function startFrr(namespace: Namespace, conf: string, options: { bfd?: boolean } = {}): Promise<Daemon> {
  const directory = workDirectory(namespace, "frr");
  execFileSync("chown", ["frr:frr", directory]);
  writeFileSync(join(directory, "vtysh.conf"), "service integrated-vtysh-config\n");
  const file = join(directory, "frr.conf");
  writeFileSync(file, `frr defaults traditional\nlog file ${join(directory, "log")} debugging\n${conf}\n`);
  execFileSync("chown", ["frr:frr", file]);
  const common = ["--vty_socket", directory, "-N", namespace.id, "-u", "frr", "-g", "frr"];
  const zserv = join(directory, "zserv");
  const own = (name: string): string[] => [
    ...common,
    "-i",
    join(directory, `${name}.pid`),
    "-z",
    zserv,
    "-A",
    "127.0.0.1",
  ];
  const pathspace = join("/var/run/frr", namespace.id);
  mkdirSync(pathspace, { recursive: true });
  execFileSync("chown", ["frr:frr", pathspace]);
  const vtysh = async (command: string): Promise<string> =>
    execFileSync("vtysh", ["--vty_socket", directory, ...command.split("\n").flatMap((line) => ["-c", line])], {
      encoding: "utf8",
    });
  namespace.spawn("/usr/lib/frr/zebra", own("zebra"), { stdio: "ignore" });
  await until("zebra's socket", () => existsSync(zserv));
  if (options.bfd)
    namespace.spawn("/usr/lib/frr/bfdd", [...own("bfdd"), "--bfdctl", join(directory, "bfdd.sock")], {
      stdio: "ignore",
    });
  const daemon = start(namespace, directory, "/usr/lib/frr/bgpd", own("bgpd"), vtysh, join(directory, "log"));
  const wanted = ["zebra", "bgpd", ...(options.bfd ? ["bfdd"] : [])];
  await until("FRR's vty sockets", () => wanted.every((name) => existsSync(join(directory, `${name}.vty`))));
  await until("FRR takes its configuration", () => {
    execFileSync("vtysh", ["--vty_socket", directory, "-f", file], { stdio: "pipe" });
    return true;
  });
  return daemon;
}

/** gobgpd with a TOML file; the query is what follows `gobgp`, e.g. `neighbor -j`. */
export async function startGobgp(namespace: Namespace, toml: string): Promise<Daemon> {
  const directory = workDirectory(namespace, "gobgp");
  writeFileSync(join(directory, "gobgpd.conf"), toml);
  const daemon = start(
    namespace,
    directory,
    "gobgpd",
    ["-f", join(directory, "gobgpd.conf"), "-l", "debug", "-p", "--pprof-disable"],
    async (command) => namespace.run("gobgp", ...command.split(" ")),
  );
  await until("gobgpd answers", () => daemon.query("global").then(() => true));
  return daemon;
}

/** exabgp; it prints what it receives as JSON lines to `received()`. */
export async function startExabgp(namespace: Namespace, conf: string): Promise<Daemon & { received(): string }> {
  const directory = workDirectory(namespace, "exabgp");
  const received = join(directory, "received");
  writeFileSync(received, "");
  chmodSync(received, 0o666); // the helper runs as nobody
  const tee = join(directory, "tee.sh");
  // Its standard output must stay open: exabgp takes a closed one for a death
  writeFileSync(tee, `#!/bin/sh\nwhile read -r line; do printf '%s\\n' "$line" >> ${received}; done\n`, {
    mode: 0o755,
  });
  writeFileSync(join(directory, "exabgp.conf"), `process tee { run ${tee}; encoder json; }\n${conf}\n`);
  const env = {
    ...process.env,
    "exabgp.daemon.drop": "false",
    "exabgp.api.cli": "false",
    "exabgp.log.level": "DEBUG",
    "exabgp.tcp.bind": "",
  };
  const daemon = start(
    namespace,
    directory,
    "exabgp",
    [join(directory, "exabgp.conf")],
    async () => "",
    undefined,
    env,
  );
  return Object.assign(daemon, { received: () => readFileSync(received, "utf8") });
}

/** OpenBGPD (another program called bgpd); the query is what follows `bgpctl`. */
export async function startOpenbgpd(namespace: Namespace, conf: string): Promise<Daemon> {
  const directory = workDirectory(namespace, "openbgpd");
  const socket = join(directory, "bgpd.sock");
  const file = join(directory, "bgpd.conf");
  const home = execFileSync("sh", ["-c", "getent passwd _openbgpd _bgpd | head -1 | cut -d: -f6"], {
    encoding: "utf8",
  }).trim();
  if (home) mkdirSync(home, { recursive: true, mode: 0o755 }); // its children change root there
  writeFileSync(file, `socket "${socket}"\n${conf}\n`, { mode: 0o600 });
  const daemon = start(namespace, directory, "/usr/sbin/bgpd", ["-d", "-f", file], async (command) =>
    execFileSync("bgpctl", ["-s", socket, ...command.split(" ")], { encoding: "utf8", stdio: "pipe" }),
  );
  await until("bgpd answers", () => existsSync(socket) && daemon.query("show summary"));
  return daemon;
}

function start(
  namespace: Namespace,
  directory: string,
  program: string,
  args: readonly string[],
  query: (command: string) => Promise<string>,
  file?: string,
  env?: NodeJS.ProcessEnv,
): Daemon {
  const child = namespace.spawn(program, args, { cwd: directory, ...(env && { env }) });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      output = (output + text).slice(-MOST_OUTPUT);
    });
  }
  return {
    namespace,
    process: child,
    directory,
    query,
    log: () => output + (file && existsSync(file) ? readFileSync(file, "utf8") : ""),
    stop: (signal = "SIGTERM") =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
        child.once("exit", (code) => resolve(code));
        child.kill(signal);
      }),
  };
}

function workDirectory(namespace: Namespace, name: string): string {
  const directory = join(namespace.lab.directory, `${namespace.id}-${name}${serial++}`);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  execFileSync("chmod", ["755", namespace.lab.directory, directory]);
  return directory;
}

let serial = 0;
const MOST_OUTPUT = 1_000_000;

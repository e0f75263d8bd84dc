/**
 * The built daemon as a process: what it says, which files it makes and leaves, how it takes signals. Runs
 * on loopback with a port that needs no root; the part about privileges needs root.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const LINNET = resolve(import.meta.dirname, "../../dist/bin/linnet.js");
const isBuilt = existsSync(LINNET);
if (!isBuilt) console.log("daemon.test.ts skips: dist/ is missing (npm run build)");
const isRoot = process.getuid?.() === 0;

const MINIMAL = `log "log" all; router id 1.1.1.1; protocol device {} protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }`;
let directory: string;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "linnet-daemon-"));
  chmodSync(directory, 0o777); // for tests that become somebody else
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!isBuilt)("linnet", { timeout: 20_000 }, () => {
  describe("says what is wrong, and starts nothing", () => {
    test.each<[string, string, string, string[]]>([
      [
        "a syntax error",
        "protocol device {}\nprotcol x;\n",
        "bird: bird.conf:2:1 syntax error, unexpected CF_SYM_UNDEFINED\n",
        [],
      ],
      ["no protocol", "", "bird: bird.conf:1:1 No protocol is specified in the config file\n", []],
      [
        "a log file out of reach",
        'router id 1.1.1.1; log "/nonexistent/x" all; protocol device {}',
        "bird: bird.conf:1:41 Unable to open log file '/nonexistent/x': No such file or directory\n",
        [],
      ],
      [
        "a socket out of reach",
        MINIMAL,
        "bird: Cannot create control socket nodir/x.ctl: No such file or directory\n",
        ["-s", "nodir/x.ctl"],
      ],
      [
        "a pid file out of reach",
        MINIMAL,
        "bird: Cannot create PID file /nonexistent/x.pid: No such file or directory\n",
        ["-P", "/nonexistent/x.pid"],
      ],
      ["a user nobody knows", MINIMAL, "bird: Cannot find user 'nosuchuser'\n", ["-u", "nosuchuser"]],
      ["a group nobody knows", MINIMAL, "bird: Cannot find group 'nosuchgroup'\n", ["-g", "nosuchgroup"]],
      [
        "a debug file out of reach",
        MINIMAL,
        "bird: Unable to open debug file /nonexistent/x: No such file or directory\n",
        ["-D", "/nonexistent/x"],
      ],
    ])("%s", (_, conf, message, args) => {
      writeFileSync(join(directory, "bird.conf"), conf);
      const { status, stderr } = run("-f", "-c", "bird.conf", "-s", "x.ctl", ...args);
      expect({ status, first: `${stderr.split("\n")[0]}\n` }).toEqual({ status: 1, first: message });
      expect(existsSync(join(directory, "x.ctl"))).toBe(false);
    });

    test("on standard error that is a file, line by line", () => {
      writeFileSync(join(directory, "bird.conf"), "protocol device {}\nprotcol x;\n");
      spawnSync("sh", ["-c", `"${process.execPath}" "${LINNET}" -p -l 2>err`], { cwd: directory });
      expect(readFileSync(join(directory, "err"), "utf8")).toBe(
        "bird: bird.conf:2:1 syntax error, unexpected CF_SYM_UNDEFINED\nprotcol x;\n^\n",
      );
    });

    test("a missing file", () => {
      expect(run("-p", "-c", "missing.conf")).toMatchObject({
        status: 1,
        stderr: "bird: Unable to open configuration file missing.conf: No such file or directory\n",
      });
    });

    test("without -f just the same: the caller gets message and status", () => {
      writeFileSync(join(directory, "bird.conf"), "nonsense");
      const { status, stderr } = run("-l");
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringContaining("bird: bird.conf:1:1 syntax error"),
      });
    });
  });

  test("-p says nothing of a valid file, whatever its log", () => {
    writeFileSync(join(directory, "bird.conf"), 'log "/nonexistent/x" all; router id 1.1.1.1; protocol device {}');
    expect(run("-p", "-l")).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });

  test("runs, and on SIGTERM leaves nothing behind but its log", async () => {
    const daemon = await started("-P", "x.pid");
    expect(readFileSync(join(directory, "x.pid"), "utf8")).toBe(`${daemon.pid}\n`);
    expect(statSync(join(directory, "x.ctl")).mode & 0o777).toBe(0o660);
    const began = performance.now();
    expect(await ended(daemon, "SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(1000);
    expect(log()).toEqual(["<INFO> Started", "<INFO> Shutting down", "<FATAL> Shutdown completed"]);
    expect([existsSync(join(directory, "x.ctl")), existsSync(join(directory, "x.pid"))]).toEqual([false, false]);
  });

  test("SIGINT is like SIGTERM, SIGUSR2 is the planned restart", async () => {
    expect(await ended(await started(), "SIGINT")).toEqual({ code: 0, signal: null });
    expect(await ended(await started(), "SIGUSR2")).toEqual({ code: 0, signal: null });
    expect(log().slice(3)).toEqual([
      "<INFO> Started",
      "<INFO> Shutting down for graceful restart",
      "<FATAL> Shutdown completed",
    ]);
  });

  test("down on the control socket ends it too", async () => {
    const daemon = await started();
    const end = ended(daemon);
    expect(await ask("down")).toContain("0007 Shutdown requested\n");
    expect(await end).toEqual({ code: 0, signal: null });
  });

  test("SIGHUP takes a new configuration, and refuses a wrong one", async () => {
    const daemon = await started();
    daemon.kill("SIGHUP");
    await logged("<INFO> Reconfigured");
    writeFileSync(join(directory, "bird.conf"), `${MINIMAL}\nnonsense`);
    daemon.kill("SIGHUP");
    await logged("<ERR> bird.conf:2:1 syntax error, unexpected CF_SYM_UNDEFINED");
    expect(log()).toEqual([
      "<INFO> Started",
      "<INFO> Reconfiguration requested by SIGHUP",
      "<INFO> Reconfiguring",
      "<INFO> Reconfigured",
      "<INFO> Reconfiguration requested by SIGHUP",
      "<ERR> bird.conf:2:1 syntax error, unexpected CF_SYM_UNDEFINED",
    ]);
    expect(await ask("show protocols")).toContain("tailscale  Static     master4    up");
  });

  test("SIGUSR1 dumps its state to the log", async () => {
    const daemon = await started();
    daemon.kill("SIGUSR1");
    await until(() => log().some((line) => /^<DBG> .*tailscale/.test(line)));
  });

  test("SIGUSR1 dumps its state to the debug file, if there is one", async () => {
    const daemon = await started("-D", "debug");
    daemon.kill("SIGUSR1");
    await until(
      () =>
        existsSync(join(directory, "debug")) && readFileSync(join(directory, "debug"), "utf8").includes("tailscale"),
    );
  });

  test("a live socket is refused, in bird's words", async () => {
    await started();
    expect(run("-f", "-c", "bird.conf", "-s", "x.ctl")).toMatchObject({
      status: 1,
      stderr: "bird: I found another BIRD running.\n",
    });
    expect(await ask("show status")).toContain("0013 Daemon is up and running");
  });

  test("a dead socket is replaced", async () => {
    await ended(await started(), "SIGKILL");
    expect(statSync(join(directory, "x.ctl")).isSocket()).toBe(true);
    await started();
    expect(await ask("show status")).toContain("1000-BIRD 2.0.12\n");
  });

  test("what is no socket stays where it is", () => {
    writeFileSync(join(directory, "bird.conf"), MINIMAL);
    writeFileSync(join(directory, "x.ctl"), "precious");
    expect(run("-f", "-c", "bird.conf", "-s", "x.ctl").status).toBe(1);
    expect(readFileSync(join(directory, "x.ctl"), "utf8")).toBe("precious");
  });

  test("serves several sockets", async () => {
    await started("-s", "y.ctl");
    expect(await ask("show status", "x.ctl")).toContain("0013");
    expect(await ask("show status", "y.ctl")).toContain("0013");
  });

  test("without -f it goes to the background, ready when the caller is back", async () => {
    writeFileSync(join(directory, "bird.conf"), MINIMAL);
    // As `out=$(linnet ... 2>&1)`: whoever reads our output must see its end.
    const words = `out=$("${process.execPath}" "${LINNET}" -c bird.conf -s x.ctl -P x.pid 2>&1); echo "$? $out"`;
    const { stdout } = spawnSync("sh", ["-c", words], { cwd: directory, encoding: "utf8", timeout: 10_000 });
    expect(stdout).toBe("0 \n");
    const pid = Number(readFileSync(join(directory, "x.pid"), "utf8"));
    try {
      expect(await ask("show status")).toContain("0013");
      const [, , ppid, , session] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /, "x x ")
        .split(" ")
        .slice(1);
      expect({ ppid: Number(ppid) !== process.pid, session: Number(session) }).toEqual({ ppid: true, session: pid });
    } finally {
      process.kill(pid, "SIGTERM");
    }
    await until(() => !existsSync(join(directory, "x.pid")));
  });

  test("no router id and no address to take one from", () => {
    if (!isRoot) return;
    writeFileSync(join(directory, "bird.conf"), "log stderr all; protocol device {}");
    const { status, stderr } = spawnSync("unshare", ["-n", process.execPath, LINNET, "-f", "-l"], {
      cwd: directory,
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining("<FATAL> Cannot determine router ID, please configure it manually\n"),
    });
  });

  test.skipIf(!isRoot)("-u and -g: somebody else, with two capabilities", async () => {
    const daemon = await started("-u", "nobody", "-g", "nogroup", "-P", "x.pid");
    const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
    const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)![1]!.trim();
    const netAdminAndBind = ((1n << 12n) | (1n << 10n)).toString(16).padStart(16, "0");
    expect({
      uid: field("Uid").split(/\s+/),
      groups: field("Groups"),
      effective: field("CapEff"),
      permitted: field("CapPrm"),
      inheritable: field("CapInh"),
    }).toEqual({
      uid: Array(4).fill("65534"),
      groups: "",
      effective: netAdminAndBind,
      permitted: netAdminAndBind,
      inheritable: "0".repeat(16),
    });
    expect(statSync(join(directory, "x.ctl")).uid).toBe(65534);
    expect(statSync(join(directory, "x.pid")).uid).toBe(65534);
    expect(await ended(daemon, "SIGTERM")).toEqual({ code: 0, signal: null });
  });

  test("systemd hears when it is ready", async () => {
    const socket = join(directory, "notify");
    // A datagram socket to listen on is what Node lacks: socat's lines tell what came.
    if (spawnSync("socat", ["-V"]).status !== 0) return;
    const listener = spawn("socat", ["-u", `UNIX-RECV:${socket}`, "STDOUT"], { stdio: ["ignore", "pipe", "ignore"] });
    children.push(listener);
    let heard = "";
    listener.stdout.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    await until(() => existsSync(socket));
    process.env.NOTIFY_SOCKET = socket;
    try {
      await started();
    } finally {
      delete process.env.NOTIFY_SOCKET;
    }
    await until(() => heard.includes("READY=1"));
  });
});

describe.skipIf(!isBuilt)("a peer that cannot be", { timeout: 20_000 }, () => {
  test("is one line in the log, and the daemon lives", async () => {
    const garbage = createServer((socket) =>
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n, and more so that it is a header"),
    );
    const port = await new Promise<number>((done) => {
      garbage.listen(0, "127.0.0.1", () => done((garbage.address() as { port: number }).port));
    });
    const peer = `protocol bgp web { local as 65001; neighbor 127.0.0.1 port ${port} as 65000; multihop; ipv4 { import none; export none; }; }`;
    const daemon = await startedWith(`${MINIMAL}\n${peer}`);
    await until(() => log().some((line) => line.startsWith("<RMT> web: Error: Connection not synchronized")));
    const shown = await ask("show protocols all web");
    expect(shown).toContain("Last error:       BGP Error: Connection not synchronized");
    await ended(daemon, "SIGTERM");
    garbage.close();
  });
});

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [LINNET, ...args], { cwd: directory, encoding: "utf8", timeout: 10_000 });
}

function started(...args: string[]): Promise<ChildProcess> {
  return startedWith(MINIMAL, ...args);
}

async function startedWith(conf: string, ...args: string[]): Promise<ChildProcess> {
  writeFileSync(join(directory, "bird.conf"), conf);
  const child = spawn(process.execPath, [LINNET, "-f", "-c", "bird.conf", "-s", "x.ctl", ...args], {
    cwd: directory,
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(child);
  const before = countStarts();
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    return countStarts() > before;
  });
  return child;
}

function countStarts(): number {
  return log().filter((line) => line === "<INFO> Started").length;
}

/** Lines of the log without their times. */
function log(): string[] {
  if (!existsSync(join(directory, "log"))) return [];
  const lines = readFileSync(join(directory, "log"), "utf8").trimEnd().split("\n");
  return lines.filter((line) => line !== "").map((line) => line.replace(/^\S+ \S+ /, ""));
}

function logged(line: string): Promise<void> {
  return until(() => log().includes(line));
}

function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((done) => {
    child.once("exit", (code, killedBy) => done({ code, signal: killedBy }));
    if (signal) child.kill(signal);
  });
}

/** One command; the whole reply, codes and all. */
function ask(command: string, socket = "x.ctl"): Promise<string> {
  return new Promise((done, reject) => {
    const connection = connect(join(directory, socket));
    let text = "";
    connection.setEncoding("utf8");
    connection.once("error", reject);
    connection.write(`${command}\n`);
    connection.on("data", (chunk: string) => {
      text += chunk;
      if ((text.match(/^\d{4} /gm)?.length ?? 0) >= 2) connection.destroy();
    });
    connection.once("close", () => done(text));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not in time; the log:\n${log().join("\n")}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

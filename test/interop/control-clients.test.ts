/**
 * Clients of the control socket as they are out there, against the built daemon: birdc, birdcl,
 * tailscaled's own (by its rules), linnetc; and what they switched, over a restart.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LINNET } from "./support/daemons.ts";
import { installed, until } from "./support/netns.ts";

const LINNETC = fileURLToPath(new URL("../../dist/bin/linnetc.js", import.meta.url));
const why = existsSync(LINNET) && existsSync(LINNETC) ? undefined : "needs dist/: npm run build";
if (why) console.log(`control-clients skipped: ${why}`);

const CONF = `router id 10.0.0.10;
log "bird.log" all;
protocol device {}
protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }
protocol static aside { ipv4; route 10.0.0.0/8 blackhole; }
protocol bgp bgp1 { local port 17900 as 65001; neighbor 127.0.0.9 port 17999 as 65000; multihop; ipv4 { import none; export all; }; }
`;

/** A daemon of ours in a directory of its own. */
class Running {
  readonly directory: string = mkdtempSync(join(tmpdir(), "linnet-clients-"));
  readonly socket: string = join(this.directory, "bird.ctl");
  #exited: Promise<unknown> = Promise.resolve();
  #kill: (signal: NodeJS.Signals) => void = () => undefined;

  async start(...args: string[]): Promise<void> {
    writeFileSync(join(this.directory, "bird.conf"), CONF);
    const own = [LINNET, "-f", "-c", "bird.conf", "-s", this.socket, ...args];
    const child = spawn(process.execPath, own, { cwd: this.directory, stdio: "ignore" });
    this.#kill = (signal) => child.kill(signal);
    this.#exited = new Promise((resolve) => child.once("exit", resolve));
    await until("the daemon's socket", async () => (await ask(this.socket, "show status")).startsWith("1000-"));
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#kill(signal);
    await this.#exited;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

describe.skipIf(why)("birdc and birdcl", () => {
  const daemon = new Running();
  beforeAll(() => daemon.start());
  afterAll(async () => {
    await daemon.stop();
    daemon.remove();
  });

  describe.each(["birdc", "birdcl"].filter((name) => installed(name)))("%s", (program) => {
    test.each([
      [["show", "status"], /^BIRD 2\.0\.12 ready\.\nBIRD 2\.0\.12\nRouter ID is 10\.0\.0\.10\n/, 0],
      [["show", "protocols"], /^tailscale {2}Static {5}master4 {4}up /m, 0],
      [["-v", "show", "route", "count"], /^0014 Total: 2 of 2 routes for 2 networks in 2 tables$/m, 0],
      [["-r", "disable", "tailscale"], /^BIRD 2\.0\.12 ready\.\nAccess restricted\nAccess denied\n$/, 1],
      [
        ["show", "protocols", "nosuch"],
        /unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN or TEXT or ALL\n$/,
        1,
      ],
      [["configure", "check"], /Configuration OK\n$/, 0],
    ])("%j", async (args, expected, status) => {
      const result = await run(program, ["-s", daemon.socket, ...args]);
      expect(result.output).toMatch(expected);
      expect(result.status).toBe(status);
    });
  });
});

describe.skipIf(why)("tailscaled's client", () => {
  const daemon = new Running();
  let client: Chirp;
  beforeAll(() => daemon.start());
  beforeEach(async () => {
    client = await Chirp.connect(daemon.socket);
  });
  afterEach(() => client.close());
  afterAll(async () => {
    await daemon.stop();
    daemon.remove();
  });

  test("switches on one connection, octet for octet", async () => {
    expect(client.welcome).toBe("0001 BIRD 2.0.12 ready.\n");
    expect(await client.command("disable tailscale")).toBe("0009-tailscale: disabled\n0000 \n");
    expect(await client.command("disable tailscale")).toBe("0008-tailscale: already disabled\n0000 \n");
    expect(await client.command("enable tailscale")).toBe("0011-tailscale: enabled\n0000 \n");
    expect(await client.command("enable tailscale")).toBe("0010-tailscale: already enabled\n0000 \n");
  });

  test("hears nothing that it did not ask for", async () => {
    for (let i = 0; i < 20; i++) {
      expect(await client.command("disable tailscale")).toBe("0009-tailscale: disabled\n0000 \n");
      await ask(daemon.socket, "restart aside");
      expect(await client.command("enable tailscale")).toBe("0011-tailscale: enabled\n0000 \n");
    }
    expect(client.surplus).toBe("");
  });

  test("is told in bird's words that there is no such protocol", async () => {
    const words = "9001 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL\n";
    expect(await client.command("disable nosuch")).toBe(words);
  });

  test("is answered while other clients are a nuisance", async () => {
    const nuisances = await Promise.all(Array.from({ length: 50 }, () => Chirp.connect(daemon.socket)));
    for (const nuisance of nuisances) nuisance.flood("show protocols all\nshow route all\nnonsense\n".repeat(500));
    for (let i = 0; i < 10; i++) {
      await client.command("disable tailscale");
      await client.command("enable tailscale");
    }
    expect(client.slowestMs).toBeLessThan(1000);
    for (const nuisance of nuisances) nuisance.close();
  });
});

describe.skipIf(why)("what clients switched", () => {
  const daemon = new Running();
  afterAll(async () => {
    await daemon.stop();
    daemon.remove();
  });

  test("outlives configure, a stop and a kill", async () => {
    await daemon.start();
    await ask(daemon.socket, "disable tailscale");
    await ask(daemon.socket, "configure");
    expect(await ask(daemon.socket, "show protocols tailscale")).toContain(" down ");
    await until("the state file", () => existsSync(`${daemon.socket}.state`));
    expect(statSync(`${daemon.socket}.state`).mode & 0o777).toBe(0o600);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await daemon.stop(signal);
      await daemon.start();
      expect(await ask(daemon.socket, "show protocols tailscale")).toContain(" down ");
      expect(await ask(daemon.socket, "show protocols all tailscale")).toMatch(
        /disabled by client \(pid \d+, user \w+\) at /,
      );
      expect(await ask(daemon.socket, "show protocols aside")).toContain(" up ");
    }
  });

  test("is not believed from another boot", async () => {
    await daemon.stop();
    const path = `${daemon.socket}.state`;
    const other = readFileSync(path, "utf8").replace(/"boot": "[^"]*"/, '"boot": "of long ago"');
    writeFileSync(path, other);
    await daemon.start();
    expect(await ask(daemon.socket, "show protocols tailscale")).toContain(" up ");
  });
});

/** What systemd does: opens the socket, puts it at descriptor 3, says whose it is, becomes the daemon. */
const MANAGER = `
import os, socket, sys
path, *command = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(command[0], command)
`;

describe.skipIf(why ?? !installed("python3"))("a socket that the service manager opened", () => {
  test("is served, and stays when the daemon goes", async () => {
    const directory = mkdtempSync(join(tmpdir(), "linnet-activation-"));
    const socket = join(directory, "bird.ctl");
    writeFileSync(join(directory, "bird.conf"), CONF);
    const daemon = [process.execPath, LINNET, "-f", "-c", "bird.conf", "-s", socket];
    const child = spawn("python3", ["-c", MANAGER, socket, ...daemon], { cwd: directory, stdio: "ignore" });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    try {
      await until("the manager's socket", () => existsSync(socket));
      // Nobody has to be there yet: the connection waits.
      expect(await ask(socket, "disable tailscale")).toBe("0009-tailscale: disabled\n0000 \n");
    } finally {
      child.kill();
      await exited;
    }
    expect(existsSync(socket)).toBe(true);
    rmSync(directory, { recursive: true, force: true });
  });
});

describe.skipIf(why)("linnetc", () => {
  const daemon = new Running();
  beforeAll(() => daemon.start());
  afterAll(async () => {
    await daemon.stop();
    daemon.remove();
  });
  const linnetc = (...args: string[]): ReturnType<typeof run> =>
    run(process.execPath, [LINNETC, "-s", daemon.socket, ...args]);

  test("prints what birdc prints", async () => {
    for (const args of [
      ["show", "protocols"],
      ["sh", "ro", "all"],
      ["-v", "show", "status"],
      ["show", "static"],
    ]) {
      const birdc = installed("birdc") ? await run("birdc", ["-s", daemon.socket, ...args]) : undefined;
      const ours = await linnetc(...args);
      expect(ours.status).toBe(0);
      const masked = (text: string): string => text.replace(/\d\d:\d\d:\d\d\.\d{3}/g, "<time>");
      if (birdc) expect(masked(ours.output)).toBe(masked(birdc.output));
    }
  });

  test.each([
    [["show", "status"], 0],
    [["show", "protocols", "nosuch"], 1],
    [["show", "s"], 1],
    [["nonsense"], 1],
    [["-x"], 1],
    [["why", "100.64.0.0/10"], 0],
    [["watch"], 0],
    [["help"], 0],
  ])("%j ends with %i", async (args, status) => {
    expect((await linnetc(...args)).status).toBe(status);
  });

  test.each([
    "show status",
    "show protocols all",
    "show route all",
    "show interfaces",
    "show static",
    "show memory",
    "show symbols",
    "show events",
  ])("--json %s is one document", async (command) => {
    const { output, status } = await linnetc("--json", ...command.split(" "));
    expect(status).toBe(0);
    expect(Object.keys(JSON.parse(output) as object).length).toBeGreaterThan(0);
  });

  test("keeps a document's output clean when it is refused", async () => {
    const result = spawnResult([LINNETC, "-s", daemon.socket, "--json", "show", "route", "table", "nosuch"]);
    expect(result).toMatchObject({ status: 1, stdout: "" });
    expect(result.stderr).toContain("syntax error");
  });

  test("says what to do when there is no daemon", async () => {
    const missing = await run(process.execPath, [LINNETC, "-s", join(daemon.directory, "none.ctl"), "show", "status"]);
    expect(missing.status).toBe(2);
    expect(missing.output).toContain("none.ctl): No such file or directory");
    expect(missing.output).toContain("-s PATH");
  });

  test("takes commands from a pipe, a line each", () => {
    const output = execFileSync(process.execPath, [LINNETC, "-s", daemon.socket], {
      input: "show status\neval 1 + 2\nquit\nshow memory\n",
      encoding: "utf8",
    });
    expect(output).toContain("Daemon is up and running\n3\n");
    expect(output).not.toContain("memory usage");
  });
});

/** Client of tailscale's rules: two writes a command, a reply ends with four digits and a blank, ten seconds. */
class Chirp {
  readonly welcome: string;
  slowestMs = 0;
  readonly #socket: Socket;
  #text = "";
  #woken: (() => void) | undefined;

  private constructor(socket: Socket, welcome: string) {
    this.#socket = socket;
    this.welcome = welcome;
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString();
      this.#woken?.();
    });
    socket.on("error", () => undefined);
  }

  static connect(path: string): Promise<Chirp> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("error", reject);
      socket.once("data", (chunk: Buffer) => resolve(new Chirp(socket, chunk.toString())));
    });
  }

  get surplus(): string {
    return this.#text;
  }

  async command(text: string): Promise<string> {
    const start = performance.now();
    this.#socket.write(text);
    this.#socket.write("\n");
    for (;;) {
      const end = /^\d{4} .*\n/m.exec(this.#text);
      if (end) {
        const reply = this.#text.slice(0, end.index + end[0].length);
        this.#text = this.#text.slice(reply.length);
        this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
        return reply;
      }
      if (performance.now() - start > 10_000) throw new Error("no reply in 10 s");
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
        setTimeout(resolve, 100);
      });
    }
  }

  /** Writes and never reads. */
  flood(text: string): void {
    this.#socket.pause();
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One command on a connection of its own. */
async function ask(path: string, command: string): Promise<string> {
  const client = await Chirp.connect(path);
  const reply = await client.command(command);
  client.close();
  return reply;
}

function run(program: string, args: readonly string[]): Promise<{ output: string; status: number }> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ output: stdout + stderr, status: error ? Number(error.code) : 0 });
    });
  });
}

function spawnResult(args: readonly string[]): { status: number; stdout: string; stderr: string } {
  try {
    return { status: 0, stdout: execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" }), stderr: "" };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { status, stdout, stderr };
  }
}

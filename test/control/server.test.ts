/** The socket itself, with real clients on real sockets: framing, patience, bounds, paths. */
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ControlServer } from "../../src/control/server.ts";
import { Lab, type TestDaemon } from "./lab.ts";

const CONF = `protocol device {}
protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }`;
const GREETING = "0001 BIRD 2.0.12 ready.\n";
const DISABLED = "0009-tailscale: disabled\n0000 \n";
const OFF_ALREADY = "0008-tailscale: already disabled\n0000 \n";

let directory: string;
let path: string;
let daemon: TestDaemon;
let server: ControlServer;
const clients: TestClient[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "linnet-control-"));
  path = join(directory, "bird.ctl");
  daemon = await new Lab().daemon({ conf: CONF, address: "10.0.0.10" });
  server = daemon.server([path]);
  await server.listen();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("framing", () => {
  test("greets at once, before anything is said", async () => {
    const client = await open();
    expect(await client.until(GREETING)).toBe(GREETING);
  });

  test("takes a command in two writes, as tailscaled makes it", async () => {
    const client = await open();
    client.socket.write("disable tailscale");
    await pause(20);
    expect(client.text).toBe(GREETING);
    client.socket.write("\n");
    expect(await client.until(`${GREETING}${DISABLED}`)).toBe(GREETING + DISABLED);
  });

  test("takes a command octet by octet", async () => {
    const client = await open();
    for (const octet of "disable tailscale\n") client.socket.write(octet);
    expect(await client.until(DISABLED)).toBe(GREETING + DISABLED);
  });

  test("answers several commands of one write in their order", async () => {
    const client = await open();
    client.socket.write("disable tailscale\ndisable tailscale\nfoo\ndisable tailscale\n");
    const expected = `${GREETING}${DISABLED}${OFF_ALREADY}9001 syntax error, unexpected CF_SYM_UNDEFINED\n${OFF_ALREADY}`;
    expect(await client.until(expected)).toBe(expected);
  });

  test.each([
    ["CRLF", "disable tailscale\r\n", DISABLED],
    ["TAB and blanks", "\tdisable \t tailscale  \n", DISABLED],
    ["NUL", "disable tailscale\0 foo\n", DISABLED],
    ["a comment", "disable tailscale # for now\n", DISABLED],
    ["a comment inside", "disable /* really */ tailscale\n", DISABLED],
    ["a trailing semicolon", "disable tailscale;\n", "9001 syntax error, unexpected ';', expecting END or TEXT\n"],
    ["an empty line", "\n", "9001 syntax error, unexpected END\n"],
    ["octets above 127", "\xe9\n", "9001 Unknown character\n"],
    ["capitals", "DISABLE tailscale\n", "9001 syntax error, unexpected CF_SYM_UNDEFINED\n"],
  ])("understands %s", async (_name, sent, reply) => {
    const client = await open();
    client.socket.write(Buffer.from(sent, "latin1"));
    expect(await client.until(GREETING + reply)).toBe(GREETING + reply);
  });

  test("sends everything to a client that has said its last word", async () => {
    const client = await open();
    client.socket.end("show protocols\n");
    await client.closed;
    expect(client.text).toContain("tailscale  Static     master4    up");
    expect(client.text.endsWith("0000 \n")).toBe(true);
  });

  test("leaves a line without an end alone when the client goes", async () => {
    const client = await open();
    client.socket.end("disable tailscale");
    await client.closed;
    expect(client.text).toBe(GREETING);
    expect(daemon.daemon.protocols()[1]?.state).toBe("up");
  });

  test.each(["help", "quit", "exit"])("says nothing to %s, and stays", async (command) => {
    const client = await open();
    client.socket.write(`${command}\ndisable tailscale\n`);
    expect(await client.until(DISABLED)).toBe(GREETING + DISABLED);
  });
});

describe("bounds", () => {
  test("takes a line of 64 KiB", async () => {
    const client = await open();
    client.socket.write(`disable tailscale #${"x".repeat(65_536 - 19)}\n`);
    expect(await client.until(DISABLED)).toBe(GREETING + DISABLED);
  });

  test("refuses a longer one and closes", async () => {
    const client = await open();
    client.socket.write(`disable tailscale #${"x".repeat(65_536 - 18)}\n`);
    await client.closed;
    expect(client.text).toBe(`${GREETING}9000 Command too long\n`);
  });

  test("refuses two megabytes without an end", async () => {
    const client = await open();
    client.socket.on("error", () => undefined);
    client.socket.write(Buffer.alloc(2 << 20, 0xaa));
    await client.until("9000 Command too long\n");
    expect((await ask("show status")).startsWith("1000-BIRD 2.0.12\n")).toBe(true);
  });

  test("answers noise line by line", async () => {
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff));
    const client = await open();
    client.socket.write(noise);
    client.socket.write("\nshow status\n");
    await client.until("0013 Daemon is up and running\n");
    const replies = client.text.split("\n").filter((line) => /^\d{4} /.test(line));
    expect(replies.every((line) => /^(0001|0013|0000|9001) /.test(line))).toBe(true);
    expect(daemon.log.filter((line) => line.startsWith("bug"))).toEqual([]);
  });

  test("a client that never reads holds up nobody and little memory", async () => {
    const deaf = await open();
    deaf.socket.pause();
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let i = 0; i < 200; i++) deaf.socket.write("show symbols\nshow protocols all\nshow interfaces\n".repeat(50));
    await pause(50);
    const start = performance.now();
    expect(await ask("disable tailscale")).toBe(DISABLED);
    expect(performance.now() - start).toBeLessThan(500);
    const after = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    expect(after - before).toBeLessThan(64 << 20);
  });

  test("a client that reads late gets all of it", async () => {
    const late = await open();
    late.socket.pause();
    const commands = 3000;
    late.socket.write("show protocols all\n".repeat(commands));
    await pause(50);
    late.socket.resume();
    await late.untilCount("\n0000 \n", commands);
    const one = await ask("show protocols all");
    const replies = late.text.slice(GREETING.length);
    expect(replies.length).toBe(one.length * commands);
  });

  test("a thousand clients are greeted and answered", async () => {
    const all = await Promise.all(Array.from({ length: 1000 }, () => open()));
    await Promise.all(all.map((client) => client.until(GREETING)));
    expect(server.connections).toBe(1000);
    for (const client of all) client.socket.write("show status\n");
    const start = performance.now();
    expect(await ask("disable tailscale")).toBe(DISABLED);
    await Promise.all(all.map((client) => client.until("0013 Daemon is up and running\n")));
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("clients that go away in the middle of a reply are no news", async () => {
    for (let i = 0; i < 50; i++) {
      const client = await open();
      client.socket.write("show protocols all\nshow symbols\n".repeat(20));
      client.socket.destroy();
    }
    await pause(20);
    expect(server.connections).toBe(0);
    expect(daemon.log.filter((line) => line.startsWith("bug"))).toEqual([]);
  });
});

describe("sessions", () => {
  test("restrict holds for one connection", async () => {
    const client = await open();
    client.socket.write("restrict\ndisable tailscale\nshow status\n");
    await client.until("0013 Daemon is up and running\n");
    expect(client.text).toContain("0016 Access restricted\n8007 Access denied\n1000-BIRD");
    expect(await ask("disable tailscale")).toBe(DISABLED);
  });

  test("echo shows what others do, between replies and only to who asked", async () => {
    const [listener, quiet] = [await open(), await open()];
    listener.socket.write("echo all\n");
    await listener.until("0000 \n");
    await ask("disable tailscale");
    await listener.until("+Disabling protocol tailscale\n");
    listener.socket.write("echo off\nshow status\n");
    await listener.until("0013 Daemon is up and running\n");
    expect(quiet.text).toBe(GREETING);
  });

  test("echo keeps no more than it was told to", async () => {
    const listener = await open();
    listener.socket.write("echo all 256\n");
    await listener.until("0000 \n");
    listener.socket.pause();
    const line = "x".repeat(100);
    for (let i = 0; i < 20_000; i++) daemon.daemon.host.log("info", line);
    listener.socket.resume();
    await listener.untilMatch(/<\d+ messages lost>\n/);
  });

  test("close sends what is due and ends all connections", async () => {
    const client = await open();
    client.socket.write("down\n");
    await client.until("0007 Shutdown requested\n");
    server.close();
    await client.closed;
    expect(existsSync(path)).toBe(false);
  });
});

describe("paths", () => {
  test("the socket is for owner and group alone", () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test("a live socket is refused", async () => {
    await expect(daemon.server([path]).listen()).rejects.toThrow("I found another BIRD running.");
    expect(await ask("disable tailscale")).toBe(DISABLED);
  });

  test("a dead socket is replaced", async () => {
    const stale = join(directory, "stale.ctl");
    await leaveDead(stale);
    const second = daemon.server([stale]);
    await second.listen();
    expect(await ask("disable tailscale", stale)).toBe(DISABLED);
    second.close();
  });

  test.each([
    ["a file", (at: string) => writeFileSync(at, "precious")],
    ["a symbolic link", (at: string) => symlinkSync("/nowhere", at)],
  ])("%s at the path stays where it is", async (_name, make) => {
    const taken = join(directory, "taken");
    make(taken);
    await expect(daemon.server([taken]).listen()).rejects.toThrow(`Cannot create control socket ${taken}: File exists`);
  });

  test("a missing directory is said in bird's words", async () => {
    const missing = join(directory, "no", "bird.ctl");
    const words = `Cannot create control socket ${missing}: No such file or directory`;
    await expect(daemon.server([missing]).listen()).rejects.toThrow(words);
  });

  test("several paths serve the same daemon; one that fails closes the others", async () => {
    const [first, second] = [join(directory, "a.ctl"), join(directory, "b.ctl")];
    const both = daemon.server([first, second, first]);
    await both.listen();
    expect(both.paths).toEqual([first, second]);
    expect(await ask("disable tailscale", first)).toBe(DISABLED);
    expect(await ask("disable tailscale", second)).toBe(OFF_ALREADY);
    both.close();
    const failing = daemon.server([first, join(directory, "no", "c.ctl")]);
    await expect(failing.listen()).rejects.toThrow("No such file or directory");
    expect(existsSync(first)).toBe(false);
  });

  test("a directory that may not be entered is said, too", async () => {
    if (process.getuid?.() === 0) return; // root may
    chmodSync(directory, 0);
    await expect(daemon.server([join(directory, "x.ctl")]).listen()).rejects.toThrow("Permission denied");
    chmodSync(directory, 0o700);
  });
});

class TestClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  text = "";
  #woken: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.text += chunk.toString("latin1");
      this.#woken?.();
    });
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("end", () => this.#woken?.());
  }

  until(part: string): Promise<string> {
    return this.#when(() => this.text.endsWith(part));
  }

  untilMatch(pattern: RegExp): Promise<string> {
    return this.#when(() => pattern.test(this.text));
  }

  untilCount(part: string, count: number): Promise<string> {
    return this.#when(() => this.text.split(part).length > count);
  }

  async #when(reached: () => boolean): Promise<string> {
    while (!reached()) {
      if (this.socket.readableEnded) throw new Error(`ended with ${JSON.stringify(this.text.slice(-200))}`);
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    }
    return this.text;
  }
}

function open(at: string = path): Promise<TestClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(at);
    const client = new TestClient(socket);
    clients.push(client);
    socket.once("connect", () => resolve(client));
    socket.once("error", reject);
  });
}

/** One command on a connection of its own; what comes behind the greeting. */
async function ask(command: string, at: string = path): Promise<string> {
  const client = await open(at);
  client.socket.end(`${command}\n`);
  await client.closed;
  return client.text.slice(GREETING.length);
}

/** A socket that nobody listens to, as a killed daemon leaves it. */
async function leaveDead(at: string): Promise<void> {
  const moved = `${at}.live`;
  const dying = createServer().listen(moved);
  await new Promise((resolve) => dying.once("listening", resolve));
  const { renameSync } = await import("node:fs");
  renameSync(moved, at); // closing unlinks the old name only
  await new Promise((resolve) => dying.close(resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

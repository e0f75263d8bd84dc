import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogClass, LogTarget } from "../../src/config/schema.ts";
import { printable } from "../../src/log/entry.ts";
import { Limiter } from "../../src/log/limiter.ts";
import { Logger, LogTargetError } from "../../src/log/logger.ts";
import { encodeSyslog, syslogSink } from "../../src/log/syslog.ts";

const ALL: ReadonlySet<LogClass> = new Set([
  "debug",
  "trace",
  "info",
  "remote",
  "warning",
  "error",
  "auth",
  "fatal",
  "bug",
]);
const PLACE = { file: "bird.conf", line: 1, column: 1 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "linnet-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function target(fields: Partial<LogTarget>): LogTarget {
  return { kind: "file", name: join(directory, "log"), classes: ALL, place: PLACE, ...fields };
}

function logger(...log: LogTarget[]): Logger {
  const made = new Logger({ kind: "stderr" });
  made.configure({ log, timeformat: { log: { format: "%F %T.%3f" } } });
  return made;
}

function lines(name = "log"): string[] {
  return readFileSync(join(directory, name), "utf8").trimEnd().split("\n");
}

describe("files", () => {
  test("get lines as bird writes them", () => {
    const { log } = logger(target({}));
    log("remote", "wrongas: Error: Bad peer AS: 65077");
    expect(lines()).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} <RMT> wrongas: Error: Bad peer AS: 65077$/),
    ]);
  });

  test("get the classes of their target alone", () => {
    const { log } = logger(target({ classes: new Set(["error"]) }));
    log("info", "no");
    log("error", "yes");
    expect(lines()).toEqual([expect.stringContaining("<ERR> yes")]);
  });

  test("are opened anew after SIGHUP", () => {
    const made = logger(target({}));
    made.log("info", "one");
    renameSync(join(directory, "log"), join(directory, "log.1"));
    made.log("info", "two");
    made.reopen();
    made.log("info", "three");
    expect(lines("log.1")).toHaveLength(2);
    expect(lines()).toEqual([expect.stringContaining("three")]);
  });

  test("keep their limit, with one backup", () => {
    const { log } = logger(target({ limit: { bytes: 200, backup: join(directory, "backup") } }));
    for (let i = 0; i < 8; i++) log("info", `line ${i} of some length`);
    expect(readFileSync(join(directory, "log")).length).toBeLessThanOrEqual(200);
    expect(readFileSync(join(directory, "backup")).length).toBeLessThanOrEqual(200);
    expect(lines().at(-1)).toContain("line 7");
  });

  test("through a link in a directory where anybody may write are refused", () => {
    chmodSync(directory, 0o1777);
    writeFileSync(join(directory, "victim"), "");
    symlinkSync(join(directory, "victim"), join(directory, "log"));
    expect(() => logger(target({}))).toThrow(LogTargetError);
    chmodSync(directory, 0o755);
    logger(target({})).log("info", "fine where only we may");
    expect(lines("victim")).toHaveLength(1);
  });

  test("that cannot be opened leave the old targets in force", () => {
    const made = logger(target({}));
    const bad = target({ name: "/nonexistent/x.log" });
    expect(() => made.configure({ log: [target({}), bad], timeformat: { log: { format: "%s" } } })).toThrow(
      LogTargetError,
    );
    made.log("info", "still here");
    expect(lines()).toEqual([expect.stringContaining("still here")]);
  });

  test("on a full disk lose lines, not the daemon", () => {
    const { log } = logger(target({ name: "/dev/full" }));
    expect(() => log("info", "nowhere to go")).not.toThrow();
  });
});

test("JSON lines have class, text, time and details", () => {
  const { log } = logger(target({ kind: "json" }));
  log("remote", "bgp1: Received: Administrative shutdown", { protocol: "bgp1" });
  expect(JSON.parse(lines()[0]!)).toEqual({
    level: 30,
    name: "linnet",
    pid: process.pid,
    time: expect.any(Number),
    class: "remote",
    protocol: "bgp1",
    msg: "bgp1: Received: Administrative shutdown",
  });
});

describe("what others wrote", () => {
  test.each([
    ["a\nb", "a\\nb"],
    ["\x1b[2Jx\0\x7f", "\\x1b[2Jx\\x00\\x7f"],
    ["\x9b31m", "\\x9b31m"],
    ["naïve — ok", "naïve — ok"],
  ])("%j is printed as %j", (text, shown) => expect(printable(text)).toBe(shown));
});

describe("syslog", () => {
  const wall = new Date("2026-11-01T01:39:33").getTime();
  test.each([
    ["info", "<30>Nov  1 01:39:33 bird: Started"],
    ["debug", "<31>Nov  1 01:39:33 bird: Started"],
    ["warning", "<28>Nov  1 01:39:33 bird: Started"],
    ["error", "<27>Nov  1 01:39:33 bird: Started"],
    ["fatal", "<26>Nov  1 01:39:33 bird: Started"],
  ] as const)("%s: %s", (level, datagram) => {
    const octets = encodeSyslog("bird", { level, text: "Started", wall, details: undefined });
    expect(new TextDecoder().decode(octets)).toBe(datagram);
  });

  test.skipIf(spawnSync("socat", ["-V"]).status !== 0)("reaches whoever listens at /dev/log", async () => {
    const path = join(directory, "devlog");
    const listener = spawn("socat", ["-u", `UNIX-RECV:${path}`, "STDOUT"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const heard = new Promise<string>((done) => listener.stdout.setEncoding("utf8").once("data", done));
      while (!existsSync(path)) await new Promise((done) => setTimeout(done, 5));
      const made = new Logger({ kind: "none" }, { devLog: path });
      made.configure({
        log: [target({ kind: "syslog", name: "linnet" })],
        timeformat: { log: { format: "%F %T.%3f" } },
      });
      made.log("warning", "hello");
      expect(await heard).toMatch(/^<28>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d linnet: hello$/);
    } finally {
      listener.kill();
    }
  });

  test("says once that it is not there, and goes on", () => {
    const notices: string[] = [];
    const sink = syslogSink(
      "bird",
      () => ({ send: () => "/dev/log: No such file or directory", close: () => undefined }),
      (text) => notices.push(text),
    );
    for (const text of ["one", "two"]) sink.write({ level: "info", text, wall, details: undefined });
    sink.close();
    expect(notices).toEqual(["syslog is not there (/dev/log: No such file or directory): going on without"]);
  });
});

describe("a source that never stops", () => {
  test("gets a burst, then its share, with a count", () => {
    const limiter = new Limiter(3, 1);
    const passed = [0, 0, 0, 0, 0].map((now) => limiter.admit("remote", "bgp1", now).pass);
    expect(passed).toEqual([true, true, true, false, false]);
    expect(limiter.admit("remote", "bgp2", 0)).toEqual({ pass: true, held: 0 });
    expect(limiter.admit("remote", "bgp1", 1000)).toEqual({ pass: true, held: 2 });
  });

  test("is never the daemon itself", () => {
    const limiter = new Limiter(1, 0);
    expect([1, 2, 3].map(() => limiter.admit("info", "", 0).pass)).toEqual([true, true, true]);
    expect([1, 2, 3].map(() => limiter.admit("info", "bgp1", 0).pass)).toEqual([true, false, false]);
  });

  test("of the debug classes is what somebody asked for", () => {
    const limiter = new Limiter(1, 0);
    expect([1, 2, 3].map(() => limiter.admit("trace", "bgp1", 0).pass)).toEqual([true, true, true]);
  });
});

test("echo hears lines that no target takes, and a listener that throws is dropped", () => {
  const made = logger(target({ classes: new Set() }));
  const heard: string[] = [];
  made.onLine(() => {
    throw new Error("gone");
  });
  const listener = made.onLine((level, text) => heard.push(`${level} ${text}`));
  made.log("info", "Started");
  listener.close();
  made.log("info", "unheard");
  expect(heard).toEqual(["info Started"]);
});

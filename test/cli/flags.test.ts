import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { type DaemonFlags, parseFlags } from "../../src/cli/flags.ts";

const DEFAULTS: DaemonFlags = {
  config: "/etc/bird/bird.conf",
  sockets: ["/run/bird/bird.ctl"],
  foreground: false,
  debug: "none",
  parseOnly: false,
  gracefulRestart: false,
};

describe("flags that run", () => {
  test.each<[string, Partial<DaemonFlags>]>([
    ["", {}],
    ["-f", { foreground: true }],
    ["-d", { foreground: true, debug: "stderr" }],
    ["-D out", { debug: { file: "out" } }],
    ["-d -D out", { foreground: true, debug: { file: "out" } }],
    ["-D out -d", { foreground: true, debug: { file: "out" } }],
    ["-pc x.conf", { parseOnly: true, config: "x.conf" }],
    ["-pcx.conf", { parseOnly: true, config: "x.conf" }],
    ["-l", { config: "bird.conf", sockets: ["bird.ctl"] }],
    ["-c a -l", { config: "a", sockets: ["bird.ctl"] }],
    ["-l -s a -s b", { config: "bird.conf", sockets: ["a", "b"] }],
    ["-R -P pid -u bird -g adm --", { gracefulRestart: true, pidFile: "pid", user: "bird", group: "adm" }],
  ])("%s", (words, expected) => {
    expect(parseFlags(split(words), "0")).toEqual({ type: "run", flags: { ...DEFAULTS, ...expected } });
  });
});

describe("flags that end it, compared with bird", () => {
  const bird = spawnSync("bird", ["--version"]).status === 0;
  const cases = [
    "--help",
    "-h",
    "-x",
    "-V",
    "-c",
    "foo",
    "--foo",
    "-b",
    "-",
    "-h -x",
    "-x -h",
    "foo -x",
    "--version foo",
    "-p -- x",
    "-f -é",
  ];
  test.skipIf(!bird).each(cases)("%s", (words) => {
    const { status, stderr } = spawnSync("bird", split(words), { encoding: "utf8" });
    const ours = parseFlags(split(words), "0");
    // getopt sees octets: of a letter beyond ASCII bird prints the first one alone.
    const text = ours.type === "exit" ? ours.text.replace("'é'", "'\ufffd'") : "";
    expect({ status: ours.type === "exit" && ours.status, text }).toEqual({ status, text: stderr });
  });
});

test("--version names BIRD, for tools, and linnet", () => {
  expect(parseFlags(["--version"], "1.2.3")).toEqual({
    type: "exit",
    status: 0,
    text: "BIRD version 2.0.12\nlinnet 1.2.3\n",
  });
});

function split(words: string): string[] {
  return words === "" ? [] : words.split(" ");
}

/** The client's own part: abbreviations, help, completion, flags, the screen. */
import { describe, expect, test } from "vitest";
import { parseCtlFlags } from "../../src/cli/linnetc/flags.ts";
import { type Look, screen, span, type WatchedProtocol } from "../../src/cli/linnetc/screen.ts";
import { COMMAND_HELP, complete, expand, helpText } from "../../src/cli/linnetc/syntax.ts";
import { COMMANDS } from "../../src/control/commands.ts";

describe("abbreviations", () => {
  // As birdc 2.0.12 sends them.
  test.each([
    ["sh pro a", "show protocols all"],
    ["sh ro ta master4 co", "show route ta master4 co"],
    ["sh route al", "show route al"],
    ["sh ro for 10.1.1.1", "show route for 10.1.1.1"],
    ["sh bfd s", "show bfd sessions"],
    ["conf stat", "configure status"],
    ["sh pro bgp1", "show protocols bgp1"],
    ["en bgp1", "enable bgp1"],
    ["sh int s", "show interfaces summary"],
    ["gr r", "graceful restart"],
    ['dis bgp1  "two  blanks"', 'disable bgp1  "two  blanks"'],
    ["show status", "show status"],
    ["ev 1 +  2", "eval 1 +  2"],
  ])("%s -> %s", (typed, sent) => {
    expect(expand(typed)).toMatchObject({ type: "line", line: sent });
  });

  test("what may mean several is refused with the choice", () => {
    const refused = expand("sh s");
    expect(refused.type).toBe("refused");
    const text = refused.type === "refused" ? refused.text : "";
    expect(text.split("\n")[0]).toBe("Ambiguous command, possible expansions are:");
    for (const command of ["show status", "show static", "show symbols"]) expect(text).toContain(command);
  });

  test("what means nothing is refused", () => {
    expect(expand("foo")).toEqual({ type: "refused", text: "No such command. Press `?' for help.\n" });
  });
});

describe("help and completion", () => {
  test("every command of the daemon has its help, and no other has", () => {
    const known = COMMANDS.map(({ words }) => words.join(" ").toLowerCase());
    const helped = COMMAND_HELP.map(({ words }) => words);
    const here = ["watch", "show protocols all", "show interfaces summary"];
    expect(helped.filter((words) => !known.includes(words) && !here.includes(words))).toEqual([]);
    expect(known.filter((words) => !helped.includes(words) && words !== "show ospf")).toEqual([]);
  });

  test("help below some words", () => {
    expect(helpText(["configure"])).toContain("configure check");
    expect(helpText(["sh", "sta"])).toContain("show");
    expect(helpText(["nonsense"])).toBe("No such command. Press `?' for help.\n");
  });

  const names = (kind: "protocol" | "table"): string[] => (kind === "protocol" ? ["bgp1", "bgp2"] : ["master4"]);
  test.each([
    ["sh", ["show "]],
    ["show pro", ["protocols "]],
    ["show protocols b", ["bgp1 ", "bgp2 "]],
    ["show protocols ", ["all ", "bgp1 ", "bgp2 "]],
    ["show route ta", ["table "]],
    ["show route table mas", ["master4 "]],
    ["disable bgp2", ["bgp2 "]],
    ["nonsense x", []],
  ])("%j completes to %j", (line, words) => {
    expect(complete(line, names)[0]).toEqual(words);
  });
});

describe("flags", () => {
  test.each([
    [[], { socket: "/run/bird/bird.ctl", verbose: false, restricted: false, json: false, words: [] }],
    [
      ["-vr", "-s", "/x", "show", "status"],
      { socket: "/x", verbose: true, restricted: true, words: ["show", "status"] },
    ],
    [["-s/y", "down"], { socket: "/y", words: ["down"] }],
    [["-l"], { socket: "bird.ctl" }],
    [["-l", "-s", "z"], { socket: "z" }],
    [["--json", "show", "route"], { json: true, words: ["show", "route"] }],
    [["show", "route", "--json"], { json: true, words: ["show", "route"] }],
    [["--", "-v"], { verbose: false, words: ["-v"] }],
  ])("%j", (args, flags) => {
    expect(parseCtlFlags(args)).toMatchObject({ type: "run", flags });
  });

  test.each([
    [["-x"], 1, "linnetc: invalid option -- 'x'"],
    [["--foo"], 1, "linnetc: invalid option -- '-'"],
    [["-s"], 1, "linnetc: option requires an argument -- 's'"],
    [["--help"], 0, "Usage: linnetc"],
  ])("%j ends at once", (args, status, text) => {
    const parsed = parseCtlFlags(args);
    expect(parsed).toMatchObject({ type: "exit", status });
    expect(parsed.type === "exit" ? parsed.text : "").toContain(text);
  });
});

describe("the screen", () => {
  const AT = Date.UTC(2026, 0, 1, 12);
  const session = (name: string, change: Partial<WatchedProtocol>, received = 0): WatchedProtocol => ({
    name,
    proto: "BGP",
    state: "up",
    since: new Date(AT - 60_000).toISOString(),
    info: "",
    bgp: { state: "Established", neighborAs: 65000, establishedAt: new Date(AT - 3_661_000).toISOString() },
    channels: [
      { routes: { imported: 12, exported: 3 }, importUpdates: { received }, exportUpdates: { accepted: received / 2 } },
    ],
    ...change,
  });
  const look = (at: number, protocols: WatchedProtocol[], events = 3): Look => ({
    at,
    status: {
      hostname: "vm",
      routerId: "10.0.0.1",
      state: "running",
      startedAt: new Date(AT - 90_000_000).toISOString(),
    },
    protocols,
    events: Array.from({ length: events }, (_, i) => ({
      wall: new Date(AT).toISOString(),
      kind: "link",
      subject: "eth0",
      text: `event ${i}`,
    })),
  });
  const SIZE = { rows: 23, columns: 80 };

  test("fits 80 columns and the rows it has", () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      session(`a_protocol_with_a_long_name_${i}`, {
        why: "x".repeat(200),
        bgp: { state: "Connect", neighborAs: 4_200_000_000 },
      }),
    );
    const lines = screen(look(AT, many, 50), undefined, SIZE, 0);
    expect(lines).toHaveLength(23);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.join("\n")).toMatch(/more below/);
  });

  test("shows sessions with routes, rates and how long", () => {
    const before = look(AT - 2000, [session("bgp1", {}, 100)]);
    const lines = screen(look(AT, [session("bgp1", {}, 300)]), before, SIZE, 0);
    expect(lines[0]).toBe("vm  router id 10.0.0.1  1 of 1 sessions up                  running, up 1d 01:00");
    expect(lines[3]).toBe("bgp1           AS65000      Established   01:01:01       12        3  100    50");
  });

  test("says below a session that is not up why", () => {
    const down = session("bgp1", { why: "no route to 10.0.0.1", bgp: { state: "Idle", neighborAs: 1 } });
    expect(screen(look(AT, [down]), undefined, SIZE, 0)[4]).toBe("  no route to 10.0.0.1");
  });

  test("ends with the newest events", () => {
    const lines = screen(look(AT, [session("bgp1", {})], 20), undefined, SIZE, 0);
    expect(lines.at(-1)).toContain("eth0         event 19");
  });

  test.each([
    [0, "0 s"],
    [59_999, "59 s"],
    [60_000, "00:01:00"],
    [86_399_000, "23:59:59"],
    [93_784_000, "1d 02:03"],
  ])("%d ms is %s", (ms, text) => expect(span(ms)).toBe(text));
});

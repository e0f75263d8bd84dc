/** Whole configurations: what they come to, files and includes, linnet.conf, warnings, hostile input. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkCommand } from "../../src/cli/check.ts";
import { formatErrors, type LoadResult, loadConfigFile } from "../../src/config/load.ts";
import type { BgpConfig, Config, StaticConfig } from "../../src/config/schema.ts";
import { load } from "./cases.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "linnet-load-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Writes the files and loads the first. */
function files(all: Readonly<Record<string, string>>): LoadResult {
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return loadConfigFile(join(directory, Object.keys(all)[0] as string));
}

function config(result: LoadResult): Config {
  if (!result.ok) throw new Error(formatErrors(result));
  return result.config;
}

/** The first line, without the directory. */
function complaint(result: LoadResult): string {
  return result.ok ? "" : (formatErrors(result).split("\n")[0] ?? "").replaceAll(`${directory}/`, "");
}

const REFERENCE = `log syslog all;
protocol device { scan time 10; }
protocol bgp {
  local as 65001;
  neighbor 10.0.0.1 as 65000;
  ipv4 {
    import none;
    export filter{
      bgp_med = 0;
      accept;
    };
  };
}
include "tailscale_bird.conf";
`;
const TAILSCALE = `protocol static tailscale {
  ipv4;
  route 100.64.0.0/10 via "tailscale0";
}
`;

test("the two files of a subnet router", () => {
  const result = config(files({ "bird.conf": REFERENCE, "tailscale_bird.conf": TAILSCALE }));
  expect(result.protocols.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
    "device device1",
    "bgp bgp1",
    "static tailscale",
  ]);
  expect(result.files).toHaveLength(2);
  const [, bgp, tailscale] = result.protocols as [unknown, BgpConfig, StaticConfig];
  expect(bgp).toMatchObject({
    localAs: 65001,
    neighborAs: 65000,
    internal: false,
    holdTime: 240,
    checkLink: true,
    localPort: 179,
  });
  expect(bgp.multihop).toBeUndefined();
  expect(bgp.channels[0]).toMatchObject({ name: "ipv4", table: "master4", preference: 100 });
  expect(bgp.channels[0]?.importFilter.name).toBe("REJECT");
  expect(bgp.channels[0]?.exportFilter.name).toBe("(unnamed)");
  expect(tailscale.routes[0]).toMatchObject({ destination: "unicast", nextHops: [{ iface: "tailscale0" }] });
  expect(result.warnings).toEqual([]);
});

test("templates: what they say, and what the protocol says instead", () => {
  const text = `protocol device { }
template bgp first_one { local as 65001; hold time 30; password "x"; ipv4 { import all; export none; import limit 5; }; }
template bgp more from first_one { med metric; }
protocol bgp a1 from more { neighbor 10.0.0.1 as 1; ipv4 { import limit 9 action warn; }; }
protocol bgp a2 from first_one { neighbor 10.0.0.2 as 65001; hold time 60; }`;
  const [, one, two] = config(load(text)).protocols as [unknown, BgpConfig, BgpConfig];
  expect(one).toMatchObject({ holdTime: 30, password: "x", medMetric: true, internal: false });
  expect(one.channels[0]?.importLimit).toEqual({ count: 9, action: "warn" });
  expect(two).toMatchObject({ holdTime: 60, medMetric: false, internal: true, multihop: 64 });
  expect(two.channels[0]?.importLimit).toEqual({ count: 5, action: "disable" });
  expect(two.channels[0]?.bgp).toMatchObject({ gateway: "recursive", igpTable: "master4", aigp: "on" });
});

test.each([
  ["itself", "protocol bgp b1 from b1 { }"],
  ["what was in error", "template bgp base { }\ntemplate bgp more from base { }\nprotocol bgp b1 from more { }"],
])("from %s is no crash", (_, text) => {
  expect(load(text).ok).toBe(false);
});

describe("includes", () => {
  const PROTOCOL = "protocol device { }\n";

  test("globs in order, within blocks, relative to the includer", () => {
    const result = config(
      files({
        "bird.conf": `${PROTOCOL}protocol static st { ipv4;\ninclude "sub/*.conf";\n}\n`,
        "sub/b.conf": "route 10.0.2.0/24 blackhole;\n",
        "sub/a.conf": 'route 10.0.1.0/24 blackhole;\n include "deeper/x.inc" ;\n',
        "sub/deeper/x.inc": "route 10.0.3.0/24 blackhole;",
        "sub/.hidden.conf": "nonsense",
      }),
    );
    const { routes } = result.protocols[1] as StaticConfig;
    expect(routes.map(({ net }) => net.w0 & 0xff00)).toEqual([0x100, 0x300, 0x200]);
  });

  test("errors name the file", () => {
    expect(complaint(files({ "bird.conf": `${PROTOCOL}include "a.conf";\n`, "a.conf": "\n  foo;\n" }))).toBe(
      "bird: a.conf:2:3 syntax error, unexpected CF_SYM_UNDEFINED",
    );
  });

  test.each([
    ["a loop", 'include "bird.conf";\n', "bird: bird.conf:1:10 Max include depth reached"],
    [
      "a missing file",
      'include "no.conf";\n',
      "bird: bird.conf:1:10 Unable to open included file no.conf: No such file or directory",
    ],
    [
      "a missing directory",
      'include "no/*.conf";\n',
      "bird: bird.conf:1:10 Unable to match pattern no/*.conf: No such file or directory",
    ],
    ["a directory", 'include "sub";\n', "bird: bird.conf:1:10 Unable to open included file sub: Is a directory"],
    [
      "a device",
      'include "/dev/zero";\n',
      "bird: bird.conf:1:10 Unable to open included file /dev/zero: Not a regular file",
    ],
  ])("%s", (_, text, expected) => {
    mkdirSync(join(directory, "sub"));
    expect(complaint(files({ "bird.conf": text }))).toBe(expected);
  });

  test("a link to nowhere that a pattern matches is passed over", () => {
    symlinkSync("nowhere", join(directory, "x.conf.d"));
    expect(files({ "bird.conf": `${PROTOCOL}include "*.d";\n` }).ok).toBe(true);
  });

  test("a missing main file", () => {
    expect(complaint(loadConfigFile(join(directory, "none.conf")))).toBe(
      "bird: Unable to open configuration file none.conf: No such file or directory",
    );
  });
});

describe("hostile input ends in a message with a place", () => {
  const deep = (open: string, close: string, count: number): string => `${open.repeat(count)}1${close.repeat(count)}`;
  test.each<[string, string, RegExp]>([
    ["100,000 parentheses", `define x = ${deep("(", ")", 100_000)};`, /^bird: bird\.conf:1:\d+ Nesting too deep$/],
    ["100,000 braces", `filter f ${"{".repeat(100_000)}`, /Nesting too deep$/],
    ["100,000 times not", `filter f { if ${"!".repeat(100_000)}true then accept; }`, /Nesting too deep$/],
    ["a sum of 100,000", `define x = 1${" + 1".repeat(100_000)};`, /Expression too long$/],
    ["an unterminated string", 'log "x', /bird\.conf:1:\d+ Unterminated string$/],
    ["an unterminated comment", "/* x", /Unterminated comment$/],
    ["NUL", "protocol device { \0 }", /bird\.conf:1:19 Unknown character$/],
    ["a number without end", `define x = ${"8".repeat(1_000_001)};`, /bird\.conf:1:\d+ /],
    ["a name without end", `define ${"y".repeat(1_000_000)} = 1;`, /Symbol too long$/],
    ["an address without end", `define x = ${"1:".repeat(500_000)};`, /bird\.conf:1:\d+ /],
    ["division by zero", "define x = 1 / 0;", /1:17 filter preevaluation, line 1: Mother told me not to divide by 0$/],
    ["a million errors", "foo;\n".repeat(100_000), /1:1 syntax error, unexpected CF_SYM_UNDEFINED$/],
  ])("%s", (_, text, expected) => {
    const result = load(text);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(formatErrors(result).split("\n")[0]).toMatch(expected);
  });

  test("long chains of else if and of || are taken", () => {
    const branches = Array.from({ length: 3000 }, (_, i) => `if bgp_med = ${i} then reject; else `).join("");
    const tests = Array.from({ length: 3000 }, (_, i) => `bgp_med = ${i}`).join(" || ");
    const text = `protocol device { }\nfilter f { ${branches} accept; }\nfilter g { if ${tests} then accept; reject; }`;
    expect([...config(load(text)).filters.values()].map((filter) => filter.key.length > 0)).toEqual([true, true]);
  });
});

describe("messages", () => {
  test("quote the line, with a caret below", () => {
    const result = load('protocol device { }\n\tlog "ä" foo;\n');
    expect(result.ok ? "" : formatErrors(result)).toBe(
      'bird: bird.conf:2:11 syntax error, unexpected CF_SYM_UNDEFINED\n\tlog "ä" foo;\n\t        ^',
    );
  });

  test.each([
    ["table t5;", "a table has a type: ipv4 table my_table;"],
    ["protocol bgp { import all; }", "ipv4 { import all; };"],
    ["protocol kernel { export all; }", "ipv4 { export filter my_filter; };"],
    ["protocol static { route 10.0.0.0/8 blackhole; }", "ipv4; or ipv6;"],
    ['protocol device { primary "eth0" 10.0.0.1; }', "preferred"],
    ["filter f { if true and true then accept; }", "&& and ||"],
    ["protocol bgp { ipv4 { import limit 5 exceed warn; }; }", "action block"],
  ])("of BIRD 1 say what it is in BIRD 2: %s", (text, hint) => {
    const result = load(text);
    expect(result.ok ? "" : result.errors[0]?.hint).toContain(hint);
  });
});

describe("linnet.conf", () => {
  const BIRD = `log syslog all;\nprotocol device { }\ndefine OURS = [100.64.0.0/10];\nprotocol bgp up1 { local as 1; neighbor 10.0.0.1 as 2; }\n`;
  const both = (text: string): LoadResult => files({ "bird.conf": BIRD, "linnet.conf": text });

  test("identity, log, recording, hooks, and options of protocols", () => {
    const result = config(
      both(`identity { syslog tag "linnet"; };
log json "/var/log/linnet.json" { info, error };
log json;
recording { size 4 MB; directory "/var/lib/linnet"; };
hook move { on route; command "/bin/true", "arg"; where net ~ OURS; table master4; protocol up1; timeout 500 ms; retries 1; }
hook "tell" { on session; command "/bin/true"; };
protocol up1 { onlink check off; };`),
    );
    expect(result.log.map(({ kind, name, classes }) => [kind, name, classes.size])).toEqual([
      ["syslog", "linnet", 9],
      ["json", "/var/log/linnet.json", 2],
      ["json", undefined, 9],
    ]);
    expect(result.linnet.recording).toEqual({ bytes: 4 << 20, directory: "/var/lib/linnet" });
    expect(result.linnet.hooks).toMatchObject([
      {
        name: "move",
        on: "route",
        argv: ["/bin/true", "arg"],
        tables: ["master4"],
        protocols: ["up1"],
        timeoutMs: 500,
        retries: 1,
      },
      { name: "tell", on: "session", protocols: [], timeoutMs: 10_000, retries: 3 },
    ]);
    expect(result.protocols.find(({ name }) => name === "up1")).toMatchObject({ onlinkCheck: false });
  });

  test.each([
    ["http { }", "linnet.conf:1:1 http: not yet implemented"],
    ["health { }", "linnet.conf:1:1 health: not yet implemented"],
    ["nonsense;", "linnet.conf:1:1 linnet.conf: unknown statement nonsense"],
    ["hook h1 { on route; }", "linnet.conf:1:21 hook h1: command must be set"],
    ['hook h1 { command "x"; }', "linnet.conf:1:24 hook h1: on route or on session must be set"],
    ["recording { size 5; foo; }", "linnet.conf:1:21 linnet.conf: unknown option foo"],
    ["protocol nosuch { }", "linnet.conf:1:10 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN"],
  ])("%s", (text, expected) => {
    expect(complaint(both(text))).toBe(`bird: ${expected}`);
  });
});

describe("linnet check", () => {
  async function check(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const out = { stdout: "", stderr: "" };
    const io = (name: "stdout" | "stderr"): { write(text: string): void } => ({
      write: (text) => {
        out[name] += text.replaceAll(`${directory}/`, "");
      },
    });
    return { status: await checkCommand(argv, { stdout: io("stdout"), stderr: io("stderr") }), ...out };
  }

  function write(text: string): string {
    const path = join(directory, "bird.conf");
    writeFileSync(path, text);
    return path;
  }

  test("says nothing of what is right", async () => {
    expect(await check(write("protocol device { }\n"))).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("tells all errors, exit status 1", async () => {
    const { status, stderr } = await check(write("foo;\nprotocol device { scan time x; }\n"));
    expect(status).toBe(1);
    expect(stderr.match(/^.*:\d+:\d+ .*$/gm)).toEqual([
      "bird: bird.conf:1:1 syntax error, unexpected CF_SYM_UNDEFINED",
      "bird.conf:2:29 syntax error, unexpected CF_SYM_UNDEFINED, expecting NUM or CF_SYM_KNOWN or '('",
    ]);
  });

  test.each([
    ["protocol ospf { area 0 { }; }", "protocol ospf (ospf1) is not implemented"],
    ["protocol bgp { local as 1; neighbor 127.0.0.1 as 2; }", "the neighbor is our own address"],
    [
      "protocol bgp { local as 1; neighbor 10.0.0.1 as 65515; ipv4 { import all; export all; }; }",
      "export all towards Azure",
    ],
    [
      "protocol bgp { local as 1; neighbor 10.0.0.1 as 2; ipv4 { import filter { bgp_med = 5; accept; }; export none; }; }",
      "bgp_med set in an import filter",
    ],
    ["protocol static 'a-b' { ipv4; }", "reach it only with the name in apostrophes"],
    ['protocol static ts { ipv4; route 100.64.0.0/10 via "tailscale0"; }', "does not reach a protocol of this name"],
    [
      'protocol device { interface "eth*"; }\nprotocol static tailscale { ipv4; route 100.64.0.0/10 via "tailscale0"; }',
      'no interface pattern of protocol device allows "tailscale0"',
    ],
    [
      'protocol bgp { local as 1; neighbor 10.0.0.1 as 2; }\nprotocol static tailscale { ipv6; route fd7a:115c:a1e0::/48 via "tailscale0"; }',
      "no BGP session has an ipv6 channel",
    ],
  ])("warns: %s", async (text, warning) => {
    const { status, stderr } = await check(write(`${text.includes("device") ? "" : "protocol device { }\n"}${text}\n`));
    expect(stderr).toContain(`warning: `);
    expect(stderr).toContain(warning);
    expect(status).toBe(0);
  });

  test("--strict refuses what is only read past", async () => {
    const path = write("protocol device { }\nprotocol ospf { area 0 { }; }\n");
    expect((await check("--strict", path)).status).toBe(1);
    expect((await check(path)).status).toBe(0);
  });

  test.each([[["--nonsense"]], [["a", "b"]], [["-c"]]])("wrong arguments: %s", async (argv) => {
    expect((await check(...argv)).status).toBe(1);
  });
});

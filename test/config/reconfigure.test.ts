/** What a reload means for what runs, and what the log says of it; the lines are those of bird 2.0.12. */
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { changeLines, compareConfigs } from "../../src/config/reconfigure.ts";
import type { Config } from "../../src/config/schema.ts";

const BASE = `
protocol device { scan time 10; }
protocol bgp {
  local as 65001;
  neighbor 10.0.0.1 as 65000;
  ipv4 { import none; export filter { bgp_med = 0; accept; }; };
}
protocol static tailscale { ipv4; route 100.64.0.0/10 via "tailscale0"; }
`;

interface Row {
  readonly what: string;
  readonly change: readonly [from: string, to: string];
  readonly protocol?: string;
  readonly verdict: string;
  readonly lines?: readonly string[];
  readonly soft?: readonly string[];
}

const rows: readonly Row[] = [
  { what: "nothing but blanks and comments", change: ["local as", "# x\n  local  as"], verdict: "unchanged" },
  {
    what: "another MED in the export filter",
    change: ["bgp_med = 0", "bgp_med = 100"],
    verdict: "changed",
    lines: ["Reloading channel bgp1.ipv4"],
    soft: ["Channel bgp1.ipv4 changed export"],
  },
  {
    what: "another import filter",
    change: ["import none", "import all"],
    verdict: "changed",
    lines: ["Reloading channel bgp1.ipv4"],
    soft: ["Channel bgp1.ipv4 changed import"],
  },
  {
    what: "the preference of a static route",
    change: ["{ ipv4; route", "{ ipv4 { preference 50; }; route"],
    protocol: "tailscale",
    verdict: "changed",
    lines: ["Reloading channel tailscale.ipv4"],
    soft: ["Channel tailscale.ipv4 changed import"],
  },
  {
    what: "one more route",
    change: ["route 100", "route 10.9.0.0/16 blackhole; route 100"],
    protocol: "tailscale",
    verdict: "changed",
  },
  { what: "a description", change: ["local as 65001;", 'local as 65001; description "x";'], verdict: "changed" },
  { what: "the scan time", change: ["scan time 10", "scan time 20"], protocol: "device1", verdict: "changed" },
  {
    what: "what the OPEN says: at the next session",
    change: ["local as 65001;", "local as 65001; hold time 30;"],
    verdict: "changed",
    lines: ["bgp1: for the next session: hold time"],
    soft: ["bgp1: for the next session: hold time"],
  },
  { what: "another neighbor", change: ["10.0.0.1", "10.0.0.2"], verdict: "restart" },
  { what: "another AS", change: ["local as 65001", "local as 65002"], verdict: "restart" },
];

describe("reload", () => {
  test.each(rows)("$what", ({ change: [from, to], protocol = "bgp1", verdict, lines = [], soft = [] }) => {
    expect(BASE).toContain(from);
    const difference = compareConfigs(load(BASE), load(BASE.replace(from, to))).protocols.get(protocol)!;
    expect(difference.kind).toBe(verdict);
    if (verdict === "restart") return;
    const open = new Set(["ipv4"]);
    expect(changeLines(protocol, difference, open, false)).toEqual(lines);
    expect(changeLines(protocol, difference, open, true)).toEqual(soft);
    expect(changeLines(protocol, difference, new Set(), false), "of channels that are down nothing").toEqual([]);
  });
});

function load(text: string): Config {
  const readFile = (): never => {
    throw new Error("No such file or directory");
  };
  const result = loadConfig({ file: "bird.conf", text, readFile, glob: () => [] });
  if (!result.ok) throw new Error(result.errors.map((error) => error.text).join("\n"));
  return result.config;
}

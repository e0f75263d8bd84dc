/**
 * Twins: a real bird and linnet, each in a namespace like the other's, with the same configuration and
 * the same peers, asked the same things by the real birdc. What they say must be the same, field by
 * field, but for times, addresses that chance gives, and the order of routes.
 */
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Daemon, startBird, startLinnet } from "./support/daemons.ts";
import { installed, Lab, noNamespaces, until } from "./support/netns.ts";

const why = noNamespaces() ?? (installed("bird", "birdc") ? undefined : "needs bird and birdc");
if (why) console.log(`control-twins skipped: ${why}`);

const ROUTER = `
router id 10.0.0.10;
hostname "twin";
define FAR = 10.30.0.0/16;
function longer(bgppath p) { return p.len > 2; }
filter picky {
  if net ~ 10.20.9.0/24 then reject;
  if net = FAR then bgp_local_pref = 250;
  accept;
}
ipv4 table side;
roa4 table roas;
protocol device { scan time 10; }
protocol direct { ipv4; ipv6; interface "eth*", "tailscale*"; }
protocol kernel kern4 { ipv4 { import none; export where source = RTS_BGP; }; }
protocol static tailscale { ipv4; route 100.64.0.0/10 via "tailscale0"; }
protocol static misc {
  ipv4;
  route 10.50.1.0/24 via 10.0.0.99;
  route 10.50.2.0/24 blackhole;
  route 10.50.3.0/24 unreachable;
  route 10.50.4.0/24 prohibit;
  route 10.50.5.0/24 via 10.0.0.98 weight 2 via 10.0.0.99 weight 3;
  route 10.50.6.0/24 via "nosuch0";
  route 10.50.7.0/24 via 192.0.2.7;
  route 10.50.8.0/24 via 10.0.0.97 { bgp_med = 33; bgp_community.add((65001,100)); bgp_ext_community.add((rt,65001,7)); bgp_large_community.add((65001,1,2)); preference = 150; };
}
protocol static six { ipv6; route fd7a:115c:a1e0::/48 via "tailscale0"; route 2001:db8::/32 blackhole; }
protocol static rs4 { roa4 { table roas; }; route 10.20.0.0/16 max 24 as 65000; }
protocol bgp one {
  description "the first peer";
  local as 65001;
  neighbor 10.0.0.1 as 65000;
  ipv4 { import keep filtered; import filter picky; export filter { bgp_med = 7; accept; }; receive limit 100 action warn; import limit 50 action block; export limit 40 action restart; };
  ipv6 { import all; export none; };
}
protocol bgp two {
  local 10.0.0.10 as 65001;
  neighbor 10.0.0.2 as 65002;
  hold time 30;
  graceful restart on;
  long lived graceful restart on;
  enable extended messages;
  advertise hostname;
  local role customer;
  ipv4 { import all; export where source = RTS_STATIC; add paths; };
}
protocol bgp three {
  local as 65001;
  neighbor 10.0.0.3 as 65001;
  ipv4 { import table; import all; export all; };
}
protocol bgp offline { disabled; local as 65001; neighbor 10.0.0.78 as 65078; ipv4 { import none; export none; }; }
protocol bgp waits { passive; local as 65001; neighbor 10.0.0.79 as 65079; ipv4 { import none; export none; }; }
protocol bgp ranged { local as 65001; neighbor range 10.0.1.0/24 as 65080; ipv4 { import none; export none; }; }
`;

const FIRST = `
router id 10.0.0.1;
protocol device {}
protocol static st {
  ipv4;
  route 10.20.1.0/24 blackhole;
  route 10.20.2.0/24 blackhole { bgp_community.add((65000,1)); bgp_community.add((65001,2)); };
  route 10.20.3.0/24 blackhole { bgp_path.prepend(64999); };
  route 10.20.4.0/24 blackhole { bgp_large_community.add((65000,1,2)); bgp_ext_community.add((rt, 65000, 5)); };
  route 10.20.5.0/24 blackhole { bgp_origin = ORIGIN_INCOMPLETE; };
  route 10.20.9.0/24 blackhole;
  route 10.30.0.0/16 blackhole;
}
protocol static six { ipv6; route 2001:db8:1::/48 blackhole; }
protocol bgp twin { local 10.0.0.1 as 65000; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; }; ipv6 { import all; export all; }; }
`;
const SECOND = `
router id 10.0.0.2;
protocol device {}
protocol static st { ipv4; route 10.30.0.0/16 blackhole; route 10.20.1.0/24 blackhole; }
protocol bgp twin { local 10.0.0.2 as 65002; neighbor 10.0.0.10 as 65001; local role provider; graceful restart on; enable extended messages; ipv4 { import all; export all; add paths; }; }
`;
const THIRD = `
router id 10.0.0.3;
protocol device {}
protocol static st { ipv4; route 10.40.0.0/16 via 10.0.0.50; route 10.41.0.0/16 via 10.0.0.51; }
protocol bgp twin { local 10.0.0.3 as 65001; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; next hop keep; }; }
`;

interface Twin {
  readonly router: Daemon;
}

const labs: Lab[] = [];
/** In all tables, once every peer has sent its own. */
const ROUTES = 24;

async function build(kind: "bird" | "linnet"): Promise<Twin> {
  const lab = new Lab();
  labs.push(lab);
  const router = lab.namespace("r");
  const peers = [lab.namespace("p1"), lab.namespace("p2"), lab.namespace("p3")] as const;
  lab.lan([
    { namespace: router, address: ["10.0.0.10/24", "fd00:10::10/64"] },
    { namespace: peers[0], address: ["10.0.0.1/24", "fd00:10::1/64"] },
    { namespace: peers[1], address: "10.0.0.2/24" },
    { namespace: peers[2], address: "10.0.0.3/24" },
  ]);
  router.ip("tuntap", "add", "mode", "tun", "tailscale0");
  router.ip("addr", "add", "100.101.102.103/32", "dev", "tailscale0");
  router.ip("link", "set", "tailscale0", "up");
  const start = kind === "bird" ? startBird : startLinnet;
  for (const [i, conf] of [FIRST, SECOND, THIRD].entries()) await startBird(peers[i]!, conf);
  const daemon = await start(router, ROUTER);
  const up = async (): Promise<boolean> => {
    const text = await daemon.query("show protocols");
    return ["one", "two", "three"].every((name) => new RegExp(`${name}.*Established`).test(text));
  };
  await until(`${kind}'s sessions`, up, 30_000);
  const complete = async (): Promise<boolean> => {
    const text = await daemon.query("show route count");
    if (text.includes(`Total: ${ROUTES} of`)) return true;
    throw new Error(text);
  };
  await until(`${kind}'s routes`, complete, 15_000);
  return { router: daemon };
}

/** What the real birdc prints, and how it ends. */
function birdc({ router }: Twin, command: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ["-v", "-s", join(router.directory, "bird.ctl"), command];
    execFile("birdc", args, (error, stdout, stderr) => resolve(`${stdout}${stderr}exit ${error?.code ?? 0}`));
  });
}

describe.skipIf(why)("bird and linnet", () => {
  let bird: Twin;
  let linnet: Twin;
  beforeAll(async () => {
    [bird, linnet] = await Promise.all([build("bird"), build("linnet")]);
  }, 90_000);
  afterAll(async () => {
    for (const lab of labs) await lab.close();
  });

  test.skipIf(!installed("prometheus-bird-exporter"))("prometheus-bird-exporter derives the same metrics", async () => {
    const [theirs, ours] = [await metrics(bird, 19_324), await metrics(linnet, 19_325)];
    expect(ours.filter((line) => line.includes('name="one"')).length).toBeGreaterThanOrEqual(20);
    expect(ours).toEqual(theirs);
  });

  test.each([
    "show status",
    "show protocols",
    "show protocols all",
    'show protocols "t*"',
    "show protocols all tailscale",
    "show interfaces",
    "show interfaces summary",
    "show static",
    "show static misc",
    "show route",
    "show route all",
    "show route count",
    "show route stats",
    "show route primary",
    "show route table all count",
    "show route 10.30.0.0/16 all",
    "show route for 10.20.2.5",
    "show route for 10.20.2.5 all",
    "show route for 192.0.2.1",
    "show route in 10.20.0.0/16",
    "show route in 10.20.0.0/16 count",
    "show route protocol one",
    "show route protocol two all",
    "show route protocol three",
    "show route filtered",
    "show route filtered all",
    "show route filtered count",
    "show route export one",
    "show route export one all",
    "show route preexport one count",
    "show route noexport two",
    "show route noexport one",
    "show route export kern4",
    "show route export three count",
    "show route import table three.ipv4",
    "show route import table three.ipv4 all",
    "show route where bgp_path.len > 1",
    "show route where longer(bgp_path)",
    "show route where source = RTS_STATIC count",
    "show route filter picky count",
    "show route filter { if net.len > 20 then accept; reject; } primary",
    "show route table roas",
    "show route table master6 all",
    "show route table side",
    "show route 10.99.0.0/16",
    "show symbols function",
    "show symbols FAR",
    "show bfd sessions",
    "show ospf",
    "eval FAR",
    "eval longer(+empty+)",
    "eval 10.0.0.0/8 ~ [10.0.0.0/8+]",
    "configure check",
    "configure",
    "configure status",
    "configure undo",
    "enable one",
    "disable misc",
    "disable misc",
    "show protocols misc",
    "show route protocol misc",
    "enable misc",
    "reload one",
    "reload out two",
    "reload waits",
    "reload offline",
    "restart offline",
    "debug one all",
    "debug all off",
    "echo off",
    "show foo",
    "",
  ])("%s", async (command) => {
    const [theirs, ours] = [await birdc(bird, command), await birdc(linnet, command)];
    expect(comparable(ours)).toBe(comparable(theirs));
  });
});

/** One scrape of a daemon by the exporter; without the counters that the order of sessions decides. */
async function metrics({ router }: Twin, port: number): Promise<string[]> {
  const address = `127.0.0.1:${port}`;
  const flags = ["-bird.v2", "-bird.socket", join(router.directory, "bird.ctl"), "-web.listen-address", address];
  const exporter = spawn("prometheus-bird-exporter", flags, { stdio: "ignore" });
  try {
    const text = await until("the exporter answers", async () => (await fetch(`http://${address}/metrics`)).text());
    return text
      .split("\n")
      .filter((line) => /^bird_/.test(line) && !/(changes_(update_export|withdraw)|uptime)/.test(line));
  } finally {
    exporter.kill();
  }
}

/** Without what chance and time decide, and without the lines that ours has more. */
function comparable(text: string): string {
  const masked = text
    .replace(/^ *(Why|Status): .*\n/gm, "")
    // How often a route changed on its way depends on which session was first.
    .replace(/^( +(?:Export updates|Export withdraws|Import withdraws):)(.*)$/gm, (_, label: string, cells: string) => {
      return label + cells.replace(/ *\d+/g, (cell) => "#".padStart(cell.length));
    })
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, "<date> <time>")
    .replace(/\d\d:\d\d:\d\d\.\d{3}/g, "<time>")
    .replace(/((?:timer|delay|wait): +)\d+\.\d{3}\/(\d+)/g, "$1<left>/$2")
    .replace(/index=\d+/g, "index=<n>")
    .replace(/fe80::[0-9a-f:]+/g, "fe80::<mac>")
    .replace(/\S+\/bird\.conf/g, "<dir>/bird.conf");
  return sortRoutes(masked);
}

/** The routes of each table in order of their prefix; a route with all its lines is one piece. */
function sortRoutes(text: string): string {
  const out: string[] = [];
  let group: string[] = [];
  const flush = (): void => {
    out.push(...group.sort());
    group = [];
  };
  for (const line of text.split("\n")) {
    const plain = line.replace(/^(\d{4}[- ]| {5})/, "");
    if (/^[0-9a-f:.]+\/\d+(-\d+ AS\d+)? +.*\[/.test(plain)) group.push(plain);
    else if (group.length > 0 && /^(\t| {20})/.test(plain)) group[group.length - 1] += `\n${plain}`;
    else {
      flush();
      out.push(plain);
    }
  }
  flush();
  return out.join("\n");
}

/** The daemon's kernel protocol under a ping: killed and started again, stopped, and as user `bird`. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Daemon, startBird, startLinnet } from "./support/daemons.ts";
import { installed, Lab, type Namespace, noNamespaces, sleep, until } from "./support/netns.ts";

const missing = noNamespaces() ?? (installed("bird") ? undefined : "needs bird");

describe.skipIf(missing)(`kernel routes of the daemon${missing ? `: ${missing}` : ""}`, () => {
  let lab: Lab;
  let client: Namespace;
  let router: Namespace;

  beforeEach(async () => {
    lab = new Lab();
    client = lab.namespace("c");
    router = lab.namespace("r");
    const peer = lab.namespace("p");
    lab.connect(client, router, { addresses: ["10.0.0.2/24", "10.0.0.1/24"] });
    lab.connect(router, peer, { addresses: ["10.1.0.1/24", "10.1.0.2/24"] });
    client.ip("route", "add", "default", "via", "10.0.0.1");
    peer.ip("route", "add", "default", "via", "10.1.0.1");
    peer.addAddress("lo", "172.20.0.1/32");
    await startBird(
      peer,
      `router id 10.1.0.2; protocol device {}
       protocol static { ipv4; route 172.20.0.0/16 blackhole; route 172.21.0.0/16 blackhole; }
       protocol bgp { local 10.1.0.2 as 65000; neighbor 10.1.0.1 as 65001; passive; error wait time 1, 2; ipv4 { import none; export all; }; }`,
    );
    router.ip("route", "add", "192.168.0.0/16", "via", "10.1.0.2", "metric", "32", "proto", "static");
  });
  afterEach(() => lab.close());

  const conf = (kernel: string): string => `router id 10.1.0.1; protocol device {}
    protocol kernel { ${kernel} ipv4 { export where source = RTS_BGP; }; }
    protocol bgp { local 10.1.0.1 as 65001; neighbor 10.1.0.2 as 65000; connect delay time 1; ipv4 { import all; export none; }; }`;
  const ours = (): string[] => router.ip("route", "show", "proto", "bird").split("\n").filter(Boolean);
  const both = (): boolean => ours().length === 2;

  /** @returns how many pings were lost, one every 10 ms while `work` runs and a little longer */
  async function lostDuring(work: () => Promise<void>): Promise<number> {
    const ping = client.spawn("ping", ["-n", "-q", "-i", "0.01", "172.20.0.1"]);
    let text = "";
    ping.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const over = new Promise((resolve) => ping.on("close", resolve));
    await sleep(200);
    await work();
    await sleep(500);
    ping.kill("SIGINT");
    await over;
    const found = /(\d+) packets transmitted, (\d+) received/.exec(text);
    if (!found) throw new Error(`ping says ${text}`);
    expect(Number(found[1])).toBeGreaterThan(50);
    return Number(found[1]) - Number(found[2]);
  }

  async function started(kernel: string, args: readonly string[] = []): Promise<Daemon> {
    const daemon = await startLinnet(router, conf(kernel), { args });
    await until("both routes are in the kernel", both);
    return daemon;
  }

  test("a ping loses nothing over kill -9 and the start after it; what is not wanted any more goes", async () => {
    let daemon = await started("persist;");
    const stale = ["route", "add", "172.29.0.0/16", "via", "10.1.0.2", "metric", "32", "proto", "bird"];
    const lost = await lostDuring(async () => {
      await daemon.stop("SIGKILL");
      expect(both()).toBe(true);
      router.ip(...stale);
      daemon = await startLinnet(router, conf("persist;"));
      await until("the stale route goes", both);
    });
    console.log(`kill -9 and restart: ${lost} pings lost`);
    expect(lost).toBe(0);
    expect(router.ip("route", "show", "proto", "static")).toContain("192.168.0.0/16");
    await daemon.stop();
    expect(both()).toBe(true); // persist
  });

  test("without persist nothing is left after SIGTERM, and nothing else touched", async () => {
    const daemon = await started("");
    expect(await daemon.stop()).toBe(0);
    expect(ours()).toEqual([]);
    expect(router.ip("route", "show", "proto", "static")).toContain("192.168.0.0/16");
  });

  test("as user bird, with what -u leaves of root's capabilities", async () => {
    const daemon = await started("", ["-u", "bird", "-g", "bird"]);
    router.ip("route", "del", "172.21.0.0/16");
    await until("the route is put back", both);
    expect(await daemon.stop()).toBe(0);
    expect(ours()).toEqual([]);
  });
});

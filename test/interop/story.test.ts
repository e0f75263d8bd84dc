/**
 * The main job, whole: a client, a route server endpoint, two subnet routers with the configuration BIRD
 * gets, and a ping every 10 ms through the one that is primary. Then everything that can happen to it
 * happens; each time the traffic must move to the standby and come back. The outages are printed.
 */
import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Daemon, startBird, startFrr, startLinnet } from "./support/daemons.ts";
import { installed, Lab, type Namespace, noNamespaces, sleep, until } from "./support/netns.ts";

const ENDPOINT = "10.0.0.10";
const ROUTERS = { primary: { address: "10.0.0.11", med: 0 }, standby: { address: "10.0.0.12", med: 100 } } as const;
type Router = keyof typeof ROUTERS;

const unable = noNamespaces() ?? (installed("ping", "bird", "stdbuf") ? undefined : "the story needs ping and bird2");
if (unable) console.log(`story.test.ts skips: ${unable}`);

/** Letter for letter what a bird user has, with the endpoint's address filled in. */
function birdConf(med: number): string {
  return `log syslog all;
protocol device { scan time 10; }
protocol bgp {
  local as 65001;
  neighbor ${ENDPOINT} as 65000;
  ipv4 {
    import none;
    export filter{
      bgp_med = ${med};
      accept;
    };
  };
}
include "tailscale_bird.conf";
`;
}

const TAILSCALE_CONF = `protocol static tailscale {
  ipv4;
  route 100.64.0.0/10 via "tailscale0";
}
`;

const BIRD_ENDPOINT = `router id ${ENDPOINT};
protocol device {}
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
template bgp peer_router { local ${ENDPOINT} as 65000; hold time 9; ipv4 { import all; export none; }; }
protocol bgp a from peer_router { neighbor ${ROUTERS.primary.address} as 65001; }
protocol bgp b from peer_router { neighbor ${ROUTERS.standby.address} as 65001; }
`;

const FRR_ENDPOINT = `router bgp 65000
 bgp router-id ${ENDPOINT}
 no bgp ebgp-requires-policy
 neighbor ${ROUTERS.primary.address} remote-as 65001
 neighbor ${ROUTERS.primary.address} timers 1 3
 neighbor ${ROUTERS.primary.address} timers connect 1
 neighbor ${ROUTERS.standby.address} remote-as 65001
 neighbor ${ROUTERS.standby.address} timers 1 3
 neighbor ${ROUTERS.standby.address} timers connect 1
`;

const endpoints = [
  { name: "bird2", start: (namespace: Namespace) => startBird(namespace, BIRD_ENDPOINT), holdMs: 0 },
  // The one whose hold timer may expire: bird refuses connections while it waits out its own errors.
  { name: "FRR", start: (namespace: Namespace) => startFrr(namespace, FRR_ENDPOINT), holdMs: 3000 },
].filter(({ name }) => name === "bird2" || installed("vtysh"));

describe.skipIf(unable !== undefined).each(endpoints)("behind $name", ({ name, start, holdMs }) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.build(start);
  });
  afterAll(async () => {
    await stage?.close();
  });

  test("traffic goes through the router with the lower MED", async () => {
    await stage.usedRouter("primary");
    expect(await stage.ping.outage(() => sleep(500))).toBeLessThan(QUICK_MS);
  });

  test("kill -TERM: Cease, and the standby at once", async () => {
    await stage.failsOver(`${name}: kill -TERM`, () => stage.stopRouter("primary", "SIGTERM"), QUICK_MS);
    await stage.comesBack(`${name}: started again`, () => stage.startRouter("primary"));
  });

  test("kill -9", async () => {
    await stage.failsOver(`${name}: kill -9`, () => stage.stopRouter("primary", "SIGKILL"), QUICK_MS);
    await stage.comesBack(`${name}: started again`, () => stage.startRouter("primary"));
  });

  test.skipIf(holdMs === 0)("a link that is cut in silence: the hold timer", async () => {
    await stage.failsOver(
      `${name}: link cut, hold time ${holdMs / 1000} s`,
      () => stage.cut("primary"),
      holdMs + QUICK_MS,
    );
    await stage.comesBack(`${name}: link mended`, () => stage.mend("primary"));
  });

  test("disable tailscale", async () => {
    const { primary } = stage.routers;
    await stage.failsOver(`${name}: disable tailscale`, () => primary!.query("disable tailscale"), QUICK_MS);
    await stage.comesBack(`${name}: enable tailscale`, () => primary!.query("enable tailscale"));
  });

  test("tailscale0 is deleted", async () => {
    await stage.failsOver(`${name}: tailscale0 deleted`, () => stage.deleteTunnel("primary"), QUICK_MS);
    await stage.comesBack(`${name}: tailscale0 is back`, () => stage.makeTunnel("primary"));
  });
});

/** The namespaces and what runs in them. */
class Stage {
  readonly routers: Partial<Record<Router, Daemon>> = {};
  readonly ping: Ping;
  readonly #lab: Lab;
  readonly #endpoint: Namespace;
  readonly #hub: Namespace;
  readonly #namespaces: Readonly<Record<Router, Namespace>>;

  private constructor(lab: Lab) {
    this.#lab = lab;
    const client = lab.namespace("client");
    this.#endpoint = lab.namespace("rs");
    this.#namespaces = { primary: lab.namespace("a"), standby: lab.namespace("b") };
    this.#hub = lab.lan([
      { namespace: this.#endpoint, address: `${ENDPOINT}/24` },
      { namespace: this.#namespaces.primary, address: `${ROUTERS.primary.address}/24` },
      { namespace: this.#namespaces.standby, address: `${ROUTERS.standby.address}/24` },
    ]);
    lab.connect(client, this.#endpoint, { addresses: ["10.1.0.2/24", "10.1.0.1/24"] });
    client.ip("route", "add", "default", "via", "10.1.0.1");
    for (const router of ["primary", "standby"] as const) {
      this.#namespaces[router].ip("route", "add", "default", "via", ENDPOINT);
      // Stands for the tailnet behind the tunnel: a tun device without tailscaled answers nothing.
      this.#namespaces[router].ip("address", "add", "100.100.100.100/32", "dev", "lo");
      this.makeTunnel(router);
    }
    this.ping = new Ping(client, "100.100.100.100");
  }

  static async build(startEndpoint: (namespace: Namespace) => Promise<Daemon>): Promise<Stage> {
    const stage = new Stage(new Lab());
    await startEndpoint(stage.#endpoint);
    await Promise.all([stage.startRouter("primary"), stage.startRouter("standby")]);
    await stage.usedRouter("primary");
    return stage;
  }

  async startRouter(router: Router): Promise<void> {
    this.routers[router] = await startLinnet(this.#namespaces[router], birdConf(ROUTERS[router].med), {
      files: { "tailscale_bird.conf": TAILSCALE_CONF },
    });
  }

  async stopRouter(router: Router, signal: NodeJS.Signals): Promise<void> {
    await this.routers[router]!.stop(signal);
  }

  makeTunnel(router: Router): void {
    this.#namespaces[router].ip("tuntap", "add", "dev", "tailscale0", "mode", "tun");
    this.#namespaces[router].ip("link", "set", "tailscale0", "up");
  }

  deleteTunnel(router: Router): void {
    this.#namespaces[router].ip("link", "del", "tailscale0");
  }

  /** The frames vanish, both ends still see their link. */
  cut(router: Router): void {
    this.#hub.ip("link", "set", this.#port(router), "nomaster");
  }

  mend(router: Router): void {
    this.#hub.ip("link", "set", this.#port(router), "master", "br0");
  }

  /** Until the endpoint's kernel sends the tailnet's traffic there. */
  async usedRouter(router: Router): Promise<void> {
    await until(`the endpoint's kernel uses the ${router}`, () =>
      this.#endpoint.ip("route", "get", "100.100.100.100").includes(`via ${ROUTERS[router].address} `),
    );
  }

  async failsOver(what: string, act: () => unknown, limitMs: number): Promise<void> {
    const outage = await this.ping.outage(async () => {
      await act();
      await this.usedRouter("standby");
      await sleep(300);
    });
    console.log(`${what}: outage ${outage.toFixed(0)} ms`);
    expect(outage).toBeLessThan(limitMs);
  }

  async comesBack(what: string, act: () => unknown): Promise<void> {
    const began = performance.now();
    let took = 0;
    const outage = await this.ping.outage(async () => {
      await act();
      await this.usedRouter("primary");
      took = performance.now() - began;
      await sleep(300);
    });
    console.log(`${what}: traffic is back after ${took.toFixed(0)} ms, outage ${outage.toFixed(0)} ms`);
    expect(outage).toBeLessThan(QUICK_MS);
  }

  async close(): Promise<void> {
    this.ping.stop();
    await this.#lab.close();
  }

  #port(router: Router): string {
    return router === "primary" ? "eth1" : "eth2";
  }
}

/** A ping every 10 ms that remembers when answers came. */
class Ping {
  readonly #child: ChildProcess;
  readonly #answers: number[] = [];
  #rest = "";

  constructor(namespace: Namespace, target: string) {
    this.#child = namespace.spawn("stdbuf", ["-oL", "ping", "-n", "-D", "-i", "0.01", target]);
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#read(text));
  }

  /** The longest time without an answer while `act` goes on, until one came after it. */
  async outage(act: () => unknown): Promise<number> {
    const from = this.#answers.length - 1;
    await act();
    const after = Date.now();
    await until("an answer to the ping", () => (this.#answers.at(-1) ?? 0) > after);
    const times = this.#answers.slice(Math.max(0, from));
    return Math.max(...times.slice(1).map((time, i) => time - times[i]!));
  }

  stop(): void {
    this.#child.kill();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const seconds = /^\[(\d+\.\d+)\] \d+ bytes from/.exec(line)?.[1];
      if (seconds !== undefined) this.#answers.push(Number(seconds) * 1000);
    }
  }
}

/** Much more than it takes (some tens of ms), and much less than any timer of BGP's. */
const QUICK_MS = 700;

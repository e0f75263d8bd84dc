/** Liveness under load: a table streams in while BFD at 50 ms x 3, keepalives at hold time 3 and the control socket go on. */
import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { encodeMessage } from "../../protocol/codec/message.ts";
import { packUpdates } from "../../protocol/codec/pack.ts";
import { buildOpen } from "../../protocol/fsm/negotiate.ts";
import { ipv4, prefixOf } from "../../protocol/wire/address.ts";
import { OPEN } from "../support/pair.ts";
import { birdCommand, startBird, startLinnet } from "./support/daemons.ts";
import { Lab, type Namespace, noNamespaces, sleep, until } from "./support/netns.ts";

const reason = noNamespaces();
const PREFIXES = 300_000;

describe.skipIf(reason !== undefined)("under load", () => {
  let lab: Lab;
  let us: Namespace;
  let them: Namespace;
  const outside = `lny${process.pid % 10000}`;

  beforeEach(() => {
    lab = new Lab();
    us = lab.namespace("us");
    them = lab.namespace("them");
    lab.connect(us, them, { addresses: [["10.9.0.1/24"], ["10.9.0.2/24"]] });
    // The blaster is this process, outside of the namespaces
    us.run("ip", "link", "add", "out0", "type", "veth", "peer", "name", outside);
    us.run("ip", "link", "set", outside, "netns", "1");
    execFileSync("ip", ["address", "add", "10.98.7.2/24", "dev", outside]);
    execFileSync("ip", ["link", "set", outside, "up"]);
    us.ip("address", "add", "10.98.7.1/24", "dev", "out0");
    us.ip("link", "set", "out0", "up");
  });
  afterEach(async () => {
    await lab.close();
    try {
      execFileSync("ip", ["link", "del", outside], { stdio: "ignore" });
    } catch {
      // gone with its other end
    }
  });

  test(`${PREFIXES} prefixes: nothing else notices`, async () => {
    const common = "protocol device {}\nprotocol bfd {}\n";
    const session = "hold time 3; bfd { interval 50 ms; multiplier 3; }; ipv4 { import all; export all; };";
    await startBird(
      them,
      `router id 10.9.0.2;\n${common}protocol bgp peer { local as 65002; neighbor 10.9.0.1 as 65001; ${session.replace("export all", "export none")} }`,
    );
    const linnet = await startLinnet(
      us,
      `router id 10.9.0.1;\n${common}protocol bgp peer { local as 65001; neighbor 10.9.0.2 as 65002; ${session} }\n` +
        "protocol bgp blaster { local as 65001; neighbor 10.98.7.2 as 65100; passive; ipv4 { import all; export none; }; }\n",
    );
    const socket = `${linnet.directory}/bird.ctl`;
    await until("BFD is up", async () => / Up /.test(await linnet.query("show bfd sessions")), 20_000);
    await until("BGP is up", async () => (await linnet.query("show protocols peer")).includes("Established"));
    const bfd = since(await linnet.query("show bfd sessions"));
    const bgp = since(await linnet.query("show protocols peer"));

    const blaster = connect({ host: "10.98.7.1", port: 179, localAddress: "10.98.7.2" });
    blaster.on("data", () => undefined);
    blaster.on("error", () => undefined);
    blaster.write(
      encodeMessage(buildOpen({ ...OPEN, localAs: 65100, localId: 0x0a620702, peerAs: 65001 }), DEFAULT_CONTEXT),
    );
    await until("the blaster is up", async () => {
      blaster.write(encodeMessage({ type: "keepalive" }, DEFAULT_CONTEXT));
      return (await linnet.query("show protocols blaster")).includes("Established");
    });
    const messages = table();
    const latencies: number[] = [];
    let streaming = true;
    const asking = (async () => {
      while (streaming) {
        const start = performance.now();
        await birdCommand(socket, "show status");
        latencies.push(performance.now() - start);
      }
    })();
    const start = performance.now();
    for (const message of messages)
      if (!blaster.write(message)) await new Promise((resolve) => blaster.once("drain", resolve));
    await until(
      "all are there",
      async () => Number(/Routes: +(\d+)/.exec(await linnet.query("show protocols all blaster"))?.[1]) >= PREFIXES,
      50_000,
    );
    const took = performance.now() - start;
    await sleep(4000); // longer than the hold time
    streaming = false;
    await asking;
    latencies.sort((a, b) => a - b);
    console.log(
      `${PREFIXES} prefixes in ${took.toFixed(0)} ms; control socket p50 ${latencies[latencies.length >> 1]!.toFixed(1)} ms, p99 ${latencies[Math.floor(latencies.length * 0.99)]!.toFixed(1)} ms (this process sends as well)`,
    );
    expect(since(await linnet.query("show bfd sessions"))).toBe(bfd);
    expect(since(await linnet.query("show protocols peer"))).toBe(bgp);
    blaster.destroy();
  });
});

/** The column of the time since when it is so. */
function since(text: string): string | undefined {
  return /(\d\d:\d\d:\d\d\.\d{3})/.exec(text)?.[1];
}

function table(): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < PREFIXES; at += 10) {
    const nlri = Array.from({ length: 10 }, (_, i) => ({
      prefix: prefixOf(ipv4((0x1400_0000 + (at + i) * 256) >>> 0), 24),
    }));
    const asPath = [{ type: 2 as const, asns: [65100, 3000 + (at % 50_000), 4000] }];
    messages.push(...packUpdates({ origin: 0, asPath, nextHop: ipv4(0x0a620702) }, nlri, DEFAULT_CONTEXT, 4096));
  }
  return messages;
}

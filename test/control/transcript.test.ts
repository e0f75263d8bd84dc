/**
 * Dialogues recorded from bird 2.0.12 on a subnet router, held again with ours: the same octets, but for
 * times. Where ours says more on purpose (`Status:`, an attempt to connect at once), the fixture says so.
 */
import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../../protocol/wire/address.ts";
import { Lab, type TestDaemon } from "./lab.ts";

const DIRECTORY = "fixtures/control";
const FILES = readdirSync(DIRECTORY).filter((name) => name.endsWith(".txt") && name !== "grammar.txt");

describe.each(FILES)("%s", (file) => {
  let router: TestDaemon;
  let lab: Lab;
  beforeEach(async () => {
    lab = new Lab();
    router = await subnetRouter(lab);
    await routeServer(lab);
    await lab.run(5000);
  });

  test("answers as bird does", async () => {
    for (const { command, reply } of dialogue(readFileSync(`${DIRECTORY}/${file}`, "utf8"))) {
      const answer = await router.ask(command);
      expect(`> ${command}\n${masked(answer)}`).toBe(`> ${command}\n${reply}`);
      await lab.run(1);
    }
    expect(router.log.filter((line) => line.startsWith("bug"))).toEqual([]);
  });
});

function subnetRouter(lab: Lab): Promise<TestDaemon> {
  return lab.daemon({
    address: "10.0.0.10",
    conf: `
      log syslog all;
      protocol device { scan time 10; }
      protocol bgp {
        local as 65001;
        neighbor 10.0.0.1 as 65000;
        ipv4 { import none; export filter { bgp_med = 0; accept; }; };
      }
      protocol static tailscale { ipv4; route 100.64.0.0/10 via "tailscale0"; }`,
    kernel: (kernel) => {
      const add = (link: number, ip: string, length: number): unknown =>
        kernel.addAddress(link, { ip: parseAddress(ip)!, length });
      add(1, "::1", 128);
      add(2, "fd00:10::10", 64);
      add(2, "fe80::988b:63ff:fe32:be05", 64);
      kernel.addLink({ name: "tailscale0", index: 4, kind: "tun", mtu: 1280, pointToPoint: true });
      add(4, "100.101.102.103", 32);
      add(4, "fd7a:115c:a1e0::1", 128);
      add(4, "fe80::873e:fcd1:2477:c81a", 64);
    },
  });
}

/** The other end, which has a route of its own to send. */
function routeServer(lab: Lab): Promise<TestDaemon> {
  return lab.daemon({
    address: "10.0.0.1",
    conf: `
      protocol device {}
      protocol bgp sr { local as 65000; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; }; }
      protocol static static1 { ipv4; route 10.0.0.0/8 blackhole; }`,
  });
}

function dialogue(text: string): { readonly command: string; readonly reply: string }[] {
  return text
    .split(/^> /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf("\n");
      return { command: part.slice(0, end), reply: part.slice(end + 1) };
    });
}

/** What differs from run to run. */
function masked(reply: string): string {
  return reply
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, "<date> <time>")
    .replace(/\d\d:\d\d:\d\d\.\d{3}/g, "<time>")
    .replace(/((?:timer|delay|wait): +)\d+\.\d{3}\/(\d+)/g, "$1<left>/$2");
}

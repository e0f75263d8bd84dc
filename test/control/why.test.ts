/** `why`: what it finds out about a prefix, in a small world of three speakers. */
import { beforeEach, describe, expect, test } from "vitest";
import { Lab, type TestDaemon } from "./lab.ts";

const ROUTER = `router id 10.0.0.10;
protocol device {}
filter only_good {
  if bgp_path.len > 3 then reject;
  if net ~ 10.66.0.0/16 then reject;
  bgp_local_pref = 150;
  accept;
}
protocol bgp left {
  local as 65001; neighbor 10.0.0.1 as 65100;
  ipv4 { import keep filtered; import filter only_good; export where net ~ 192.168.0.0/16; };
}
protocol bgp right {
  local as 65001; neighbor 10.0.0.2 as 65200;
  ipv4 { import all; export none; };
}
protocol kernel { ipv4 { import none; export all; }; }
protocol static own { ipv4; route 192.168.0.0/16 via 10.0.0.7; route 172.16.0.0/12 blackhole; }
`;

const peer = (as: number, routes: string): string => `protocol device {}
  protocol static st { ipv4; ${routes} }
  protocol bgp rt1 { local as ${as}; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; }; }`;

describe("why", () => {
  let router: TestDaemon;
  beforeEach(async () => {
    const lab = new Lab();
    router = await lab.daemon({ address: "10.0.0.10", conf: ROUTER });
    await lab.daemon({
      address: "10.0.0.1",
      conf: peer(65100, "route 10.1.0.0/16 blackhole; route 10.66.1.0/24 blackhole;"),
    });
    await lab.daemon({ address: "10.0.0.2", conf: peer(65200, "route 10.1.0.0/16 blackhole;") });
    await lab.run(5000);
  });

  test("names who sent it, the filter's line, what it saw, and the step that chose", async () => {
    const text = plain(await router.ask("why 10.1.0.0/16"));
    expect(text).toContain("10.1.0.0/16 in table master4");
    expect(text).toContain("received from left (10.0.0.1, AS 65100), the best route");
    expect(text).toMatch(/import filter only_good: accepted at \/etc\/bird\/bird.conf:7/);
    expect(text).toContain("bgp_path = 65100");
    expect(text).toContain("packets go via 10.0.0.1 on eth0");
    expect(text).toContain(
      "left is better than right by local preference: local preference 150 against local preference 100",
    );
  });

  test("says which line rejected a route that was kept", async () => {
    const text = plain(await router.ask("why 10.66.1.0/24"));
    expect(text).toContain("10.66.1.0/24 is not in table master4");
    expect(text).toContain("received from left, but not taken");
    expect(text).toContain("import filter only_good: rejected at /etc/bird/bird.conf:5");
    expect(text).toContain("net = 10.66.1.0/24");
  });

  test("says that it never came", async () => {
    const text = plain(await router.ask("why 203.0.113.0/24"));
    expect(text).toContain("203.0.113.0/24 is not in table master4\n  never received, or withdrawn since");
  });

  test("says what each peer's export did", async () => {
    const text = plain(await router.ask("why 192.168.0.0/16"));
    expect(text).toMatch(/sent to left\n {4}export filter \(unnamed\): accepted at \/etc\/bird\/bird.conf:11/);
    expect(text).toMatch(/not sent to right\n {4}export filter REJECT: rejected/);
    expect(plain(await router.ask("why 172.16.0.0/12"))).toMatch(
      /not sent to left\n {4}export filter \(unnamed\): rejected/,
    );
  });

  test("says what the kernel has", async () => {
    expect(plain(await router.ask("why 192.168.0.0/16"))).toContain("sent to kernel1");
    expect(plain(await router.ask("why 192.168.0.0/16"))).toMatch(/installed in kernel table \d+/);
  });

  test("takes an address for the prefix that holds it", async () => {
    expect(plain(await router.ask("why 10.1.2.3"))).toContain("10.1.0.0/16 in table master4");
  });

  test("keeps to one peer when asked", async () => {
    const text = plain(await router.ask("why 10.1.0.0/16 peer right"));
    expect(text).toContain("received from right");
    expect(text).not.toContain("received from left");
  });

  test("names a protocol that is down", async () => {
    await router.ask("disable left");
    expect(plain(await router.ask("why 10.66.1.0/24"))).toContain("left: is down");
    expect(plain(await router.ask("why 192.168.0.0/16"))).toContain("not sent to left: it is down");
  });

  test.each([
    ["why", "9001 syntax error, unexpected END, expecting IP4 or IP6 or VPN_RD or CF_SYM_KNOWN\n"],
    ["why 10.0.0.1/8", "9001 Invalid IPv4 prefix 10.0.0.1/8, maybe you wanted 10.0.0.0/8\n"],
    ["why 10.0.0.0/8 peer master4", "9001 Protocol name required\n"],
  ])("%s", async (command, reply) => {
    expect(await router.ask(command)).toBe(reply);
  });

  test("is a document, too", async () => {
    const document = JSON.parse(body(await router.ask("json why 10.1.0.0/16"))) as { findings: { text: string }[] };
    expect(document.findings[0]).toEqual({ depth: 0, text: "10.1.0.0/16 in table master4" });
  });
});

/** The lines without their codes. */
function body(reply: string): string {
  return reply
    .split("\n")
    .map((line) => (/^\d{4}[- ]/.test(line) ? line.slice(5) : line.slice(1)))
    .join("\n");
}

function plain(reply: string): string {
  return body(reply);
}

/** A fail-over, read afterwards from the timeline: link, session, decision, what was sent, the kernel. */
import { beforeEach, describe, expect, test } from "vitest";
import { feedTimeline } from "../../src/observe/feed.ts";
import { Timeline } from "../../src/observe/timeline.ts";
import { Lab, type TestDaemon } from "../control/lab.ts";

describe("the timeline of a router", () => {
  let lab: Lab;
  let router: TestDaemon;
  let timeline: Timeline;

  beforeEach(async () => {
    lab = new Lab();
    router = await lab.daemon({
      address: "10.0.0.10",
      conf: `protocol device {}
        protocol kernel { ipv4 { import none; export all; }; }
        protocol static tailscale { ipv4; route 100.64.0.0/10 via "tailscale0"; route 192.168.0.0/16 blackhole; }
        protocol bgp bgp1 { local as 65001; neighbor 10.0.0.1 as 65000; ipv4 { import all; export all; }; }`,
      kernel: (kernel) => kernel.addLink({ name: "tailscale0", index: 4, kind: "tun", pointToPoint: true }),
    });
    timeline = new Timeline(lab.time.clock);
    feedTimeline(timeline, router.daemon.speaker);
    await lab.daemon({
      address: "10.0.0.1",
      conf: `protocol device {}
        protocol bgp sr { local as 65000; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; }; }`,
    });
    await lab.run(5000);
  });

  const told = (): string[] => timeline.last(1000).map(({ kind, subject, text }) => `${kind} ${subject}: ${text}`);

  test("has the session and what was sent", () => {
    expect(told()).toContain("session bgp1: OpenConfirm -> Established");
    expect(told()).toContain("protocol bgp1: start -> up");
    expect(told()).toContain("update bgp1: sent: announces 100.64.0.0/10 and 1 more");
    expect(told()).toContain("update bgp1: sent: End-of-RIB");
  });

  test("has a link's end and all that follows from it, in order", async () => {
    const before = timeline.last(1)[0]?.number ?? 0;
    router.kernel.setLink(4, { adminUp: false });
    await lab.run(1); // the kernel's word comes in real time
    await lab.run(1);
    const events = timeline.last(100, (event) => event.number > before);
    expect(events.map(({ kind, subject, text }) => `${kind} ${subject}: ${text}`)).toEqual([
      "link tailscale0: down, no carrier, 0 addresses",
      "decision master4: 100.64.0.0/10 has no route any more",
      "kernel kernel1: 100.64.0.0/10 taken from the kernel",
      "kernel kernel1: 192.168.0.0/16 handed to the kernel",
      "update bgp1: sent: withdraws 100.64.0.0/10",
    ]);
  });

  test("has who switched what", async () => {
    await router.ask("disable tailscale");
    expect(told()).toContain("client tailscale: disabled by client pid 4711 user root");
    await router.ask("configure");
    expect(told()).toContain("config : reconfigured");
  });
});

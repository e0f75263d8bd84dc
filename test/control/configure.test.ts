/** `configure` in all its forms, in bird's words (transcript of bird 2.0.12 with the same kinds of files). */
import { beforeEach, describe, expect, test } from "vitest";
import { CONF, Lab, type TestDaemon } from "./lab.ts";

const BASE = `router id 10.0.0.10;
protocol device { scan time 10; }
protocol bgp {
  local as 65001;
  neighbor 10.0.0.1 as 65000;
  ipv4 {
    import none;
    export filter { bgp_med = 0; accept; };
  };
}
protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }
`;
const READING = "0002-Reading configuration from";

describe("configure", () => {
  let lab: Lab;
  let daemon: TestDaemon;

  beforeEach(async () => {
    lab = new Lab();
    daemon = await lab.daemon({
      conf: BASE,
      address: "10.0.0.10",
      files: {
        "/etc/bird/good.conf": BASE,
        "/etc/bird/filter.conf": BASE.replace("import none", "import all"),
        "/etc/bird/as.conf": BASE.replace("as 65001", "as 65002"),
        "/etc/bird/off.conf": BASE.replace("static tailscale {", "static tailscale { disabled;"),
        "/etc/bird/bad.conf": BASE.replace("  local as", "  nonsense as"),
        "/etc/bird/include.conf": `${BASE}include "part.conf";\n`,
        "/etc/bird/part.conf": "protocol static x {\n  ipv4;\n  route 10.0.0.0/8 nonsense;\n}\n",
        "/etc/bird/missing.conf": `${BASE}include "nowhere.conf";\n`,
      },
    });
    await lab.daemon({
      address: "10.0.0.1",
      conf: `protocol device {}
        protocol bgp sr { local as 65000; neighbor 10.0.0.10 external; ipv4 { import all; export all; }; }`,
    });
    await lab.run(5000);
  });

  test.each([
    ["configure", `${READING} ${CONF}\n0003 Reconfigured\n`],
    ["configure soft", `${READING} ${CONF}\n0003 Reconfigured\n`],
    ["configure check", `${READING} ${CONF}\n0020 Configuration OK\n`],
    ['configure "/etc/bird/good.conf"', `${READING} /etc/bird/good.conf\n0003 Reconfigured\n`],
    ['configure check "/etc/bird/good.conf"', `${READING} /etc/bird/good.conf\n0020 Configuration OK\n`],
    ["configure timeout 5", `${READING} ${CONF}\n0022-Undo scheduled in 5 s\n0003 Reconfigured\n`],
    ["configure timeout (2 + 3)", `${READING} ${CONF}\n0022-Undo scheduled in 5 s\n0003 Reconfigured\n`],
    ["configure timeout", `${READING} ${CONF}\n0022-Undo scheduled in 300 s\n0003 Reconfigured\n`],
    ["configure undo", "0021-Undo requested\n0019 Nothing to do\n"],
    ["configure confirm", "0019 Nothing to do\n"],
    ["configure status", "0003-Daemon is up and running\n0000 \n"],
    [
      'configure "/etc/bird/bad.conf"',
      `${READING} /etc/bird/bad.conf\n8002 /etc/bird/bad.conf:4:3 syntax error, unexpected CF_SYM_UNDEFINED\n`,
    ],
    [
      'configure check "/etc/bird/none.conf"',
      `${READING} /etc/bird/none.conf\n8002 /etc/bird/none.conf: No such file or directory\n`,
    ],
    [
      'configure "/etc/bird/include.conf"',
      `${READING} /etc/bird/include.conf\n8002 /etc/bird/part.conf:3:20 syntax error, unexpected CF_SYM_UNDEFINED\n`,
    ],
    [
      'configure "/etc/bird/missing.conf"',
      `${READING} /etc/bird/missing.conf\n8002 /etc/bird/missing.conf:12:10 Unable to open included file /etc/bird/nowhere.conf: No such file or directory\n`,
    ],
  ])("%s", async (command, reply) => {
    expect(await daemon.ask(command)).toBe(reply);
  });

  test("an error leaves everything as it is", async () => {
    const before = await daemon.ask("show protocols all bgp1");
    await daemon.ask('configure "/etc/bird/bad.conf"');
    expect(await daemon.ask("show protocols all bgp1")).toBe(before);
  });

  test.each([
    ["done", "0003 Reconfigured\n"],
    ["in progress", "0004 Reconfiguration in progress\n"],
    ["queued", "0005 Reconfiguration already in progress, queueing new config\n"],
  ] as const)("says that it is %s", async (outcome, words) => {
    daemon.daemon.configure = async () => ({ type: "applied", outcome });
    expect(await daemon.ask("configure")).toBe(`${READING} ${CONF}\n${words}`);
  });

  test("undo goes back once", async () => {
    await daemon.ask('configure "/etc/bird/filter.conf"');
    expect(await daemon.ask("show protocols all bgp1")).toContain("Input filter:   ACCEPT");
    expect(await daemon.ask("configure undo")).toBe("0021-Undo requested\n0003 Reconfigured\n");
    expect(await daemon.ask("show protocols all bgp1")).toContain("Input filter:   REJECT");
    expect(await daemon.ask("configure undo")).toBe("0021-Undo requested\n0019 Nothing to do\n");
  });

  test("what is not confirmed in time is undone, and who asked for it hears so", async () => {
    await daemon.ask('configure "/etc/bird/filter.conf" timeout 2');
    await lab.run(1900);
    expect(await daemon.ask("configure status")).toBe(
      "0003-Daemon is up and running\n0022-Undo scheduled in 1 s\n0000 \n",
    );
    expect(daemon.told).toEqual([]);
    await lab.run(200);
    expect(daemon.told).toEqual(["Config timeout expired, starting undo"]);
    expect(await daemon.ask("show protocols all bgp1")).toContain("Input filter:   REJECT");
  });

  test("what is confirmed stays", async () => {
    await daemon.ask('configure "/etc/bird/filter.conf" timeout 2');
    expect(await daemon.ask("configure confirm")).toBe("0018 Reconfiguration confirmed\n");
    expect(await daemon.ask("configure confirm")).toBe("0019 Nothing to do\n");
    await lab.run(5000);
    expect(await daemon.ask("show protocols all bgp1")).toContain("Input filter:   ACCEPT");
  });

  test("what a client switched off stays off over a reload, until the file's own word changes", async () => {
    await daemon.ask("disable tailscale");
    await daemon.ask("configure");
    expect(await daemon.ask("show protocols tailscale")).toContain("Static     master4    down");
    await daemon.ask('configure "/etc/bird/off.conf"');
    await daemon.ask('configure "/etc/bird/good.conf"');
    expect(await daemon.ask("show protocols tailscale")).toContain("Static     master4    up");
  });

  test("what a client switched on stays on, though the file says disabled", async () => {
    await daemon.ask('configure "/etc/bird/off.conf"');
    await daemon.ask("enable tailscale");
    await daemon.ask('configure "/etc/bird/off.conf"');
    expect(await daemon.ask("show protocols tailscale")).toContain("Static     master4    up");
  });

  test("down and graceful restart answer before they act", async () => {
    expect(await daemon.ask("down")).toBe("0007 Shutdown requested\n");
    await lab.run(2000);
    expect(daemon.exited).toBe("down");
  });

  test("graceful restart", async () => {
    expect(await daemon.ask("graceful restart")).toBe("0025 Graceful restart requested\n");
    await lab.run(2000);
    expect(daemon.exited).toBe("graceful-restart");
  });
});

/** Every `show` command as a JSON document: one, whole, and with the names that docs/commands.md promises. */
import { beforeAll, describe, expect, test } from "vitest";
import { Lab, type TestDaemon } from "./lab.ts";

describe("json", () => {
  let router: TestDaemon;
  beforeAll(async () => {
    const lab = new Lab();
    router = await lab.daemon({
      address: "10.0.0.10",
      conf: `protocol device {}
        protocol bfd bfd1 {}
        protocol static own { ipv4; route 192.168.0.0/16 via 10.0.0.7; route 172.16.0.0/12 blackhole; }
        protocol bgp left {
          description "the left one";
          local as 65001; neighbor 10.0.0.1 as 65100;
          ipv4 { import all; export all; import limit 10 action warn; };
        }`,
    });
    await lab.daemon({
      address: "10.0.0.1",
      conf: `protocol device {}
        protocol static st { ipv4; route 10.1.0.0/16 blackhole { bgp_community.add((65100,1)); }; }
        protocol bgp r { local as 65100; neighbor 10.0.0.10 as 65001; ipv4 { import all; export all; }; }`,
    });
    await lab.run(5000);
  });

  const ask = async (command: string): Promise<Record<string, unknown>> => {
    const reply = await router.ask(`json ${command}`);
    expect(reply.endsWith("\n0000 \n")).toBe(true);
    const lines = reply.split("\n").slice(0, -2);
    return JSON.parse(lines.map((line) => (line.startsWith("1900-") ? line.slice(5) : line.slice(1))).join("\n"));
  };

  test("show status", async () => {
    expect(await ask("show status")).toMatchObject({
      version: "2.0.12",
      routerId: "10.0.0.10",
      hostname: "vm",
      state: "running",
      startedAt: "2026-01-01T00:00:00.000Z",
    });
  });

  test("show protocols", async () => {
    const { protocols } = (await ask("show protocols")) as { protocols: unknown[] };
    expect(protocols).toHaveLength(4);
    expect(protocols[3]).toMatchObject({ name: "left", proto: "BGP", state: "up", info: "Established" });
    expect(protocols[3]).not.toHaveProperty("channels");
  });

  test("show protocols all", async () => {
    const { protocols } = (await ask("show protocols all left")) as { protocols: unknown[] };
    expect(protocols).toHaveLength(1);
    expect(protocols[0]).toMatchObject({
      description: "the left one",
      disabledInFile: false,
      bgp: {
        state: "Established",
        neighborAddress: "10.0.0.1",
        neighborAs: 65100,
        localAs: 65001,
        session: "external AS4",
      },
      channels: [
        {
          name: "ipv4",
          state: "UP",
          table: "master4",
          importFilter: "ACCEPT",
          importLimit: { count: 10, action: "warn" },
          routes: { imported: 1, exported: 2, preferred: 1 },
          importUpdates: { received: 1, rejected: 0, filtered: 0, ignored: 0, accepted: 1 },
        },
      ],
    });
  });

  test("show route", async () => {
    const { routes, tables, total } = (await ask("show route")) as Record<string, unknown[]>;
    expect(routes).toHaveLength(3);
    expect(routes).toContainEqual(
      expect.objectContaining({
        table: "master4",
        prefix: "10.1.0.0/16",
        protocol: "left",
        best: true,
        preference: 100,
        nextHops: [{ gateway: "10.0.0.1", interface: "eth0" }],
        bgp: {
          origin: "IGP",
          as_path: "65100",
          next_hop: "10.0.0.1",
          local_pref: "100",
          community: "(65100,1)",
        },
      }),
    );
    expect(tables?.[0]).toEqual({ table: "master4", shown: 3, routes: 3, nets: 3 });
    expect(total).toEqual({ shown: 3, routes: 3, nets: 3 });
  });

  test("show route count shows no routes", async () => {
    expect(await ask("show route count")).toMatchObject({ routes: [], total: { routes: 3 } });
  });

  test("show interfaces", async () => {
    const { interfaces } = (await ask("show interfaces")) as { interfaces: unknown[] };
    expect(interfaces[1]).toMatchObject({
      name: "eth0",
      up: true,
      mtu: 1500,
      addresses: [{ address: "10.0.0.10/24", preferred: true, scope: "site" }],
    });
  });

  test("show static", async () => {
    expect(await ask("show static")).toEqual({
      routes: [
        {
          protocol: "own",
          prefix: "192.168.0.0/16",
          destination: "unicast",
          nextHops: [{ gateway: "10.0.0.7", usable: true }],
        },
        { protocol: "own", prefix: "172.16.0.0/12", destination: "blackhole", nextHops: [] },
      ],
    });
  });

  test("show symbols", async () => {
    const { symbols } = (await ask("show symbols protocol")) as { symbols: unknown[] };
    expect(symbols).toContainEqual({ name: "left", kind: "protocol" });
  });

  test.each(["show memory", "show bfd sessions", "show events", "show interfaces summary"])("%s", async (command) => {
    expect(Object.keys(await ask(command)).length).toBeGreaterThan(0);
  });

  test("what shows nothing has no document", async () => {
    expect(await router.ask("json enable left")).toBe("9001 This command has no JSON form\n");
    expect(await router.ask("json show route table nosuch")).toMatch(/^9001 syntax error/);
  });
});

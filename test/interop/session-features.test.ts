/** What two BGP speakers can agree on beyond plain sessions, with real ones: proven at both ends. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Daemon } from "./support/daemons.ts";
import { startLinnet } from "./support/daemons.ts";
import { Lab, type Namespace, noNamespaces, sleep, until } from "./support/netns.ts";
import {
  BIRD,
  birdConf,
  EXABGP,
  FRR,
  GOBGP,
  linnetPeer,
  OPENBGPD,
  type Peer,
  type PeerKind,
  type PeerOptions,
} from "./support/peers.ts";

const reason = noNamespaces();

const OURS: PeerOptions = {
  as: 65001,
  address: "10.9.0.1",
  neighbor: "10.9.0.2",
  neighborAs: 65002,
  announce: ["100.64.0.0/10"],
};
const THEIRS: PeerOptions = {
  as: 65002,
  address: "10.9.0.2",
  neighbor: "10.9.0.1",
  neighborAs: 65001,
  announce: ["10.44.0.0/24"],
};

describe.skipIf(reason !== undefined)("features", () => {
  let lab: Lab;
  let us: Namespace;
  let them: Namespace;

  beforeEach(() => {
    lab = new Lab();
    us = lab.namespace("us");
    them = lab.namespace("them");
    lab.connect(us, them, {
      addresses: [
        ["10.9.0.1/24", "fd00:9::1/64"],
        ["10.9.0.2/24", "fd00:9::2/64"],
      ],
    });
  });
  afterEach(() => lab.close());

  async function pair(
    kind: PeerKind,
    ours: Partial<PeerOptions> = {},
    theirs: Partial<PeerOptions> = {},
    more = {},
  ): Promise<[Peer, Peer]> {
    const peer = await kind.start(them, { ...THEIRS, ...theirs });
    const linnet = await linnetPeer(us, { ...OURS, ...ours }, more);
    return [linnet, peer];
  }

  async function up([linnet, peer]: [Peer, Peer]): Promise<void> {
    await explained(linnet, peer, () =>
      until("both are up", async () => (await linnet.established()) && (await peer.established())),
    );
  }

  async function explained<T>(linnet: Peer, peer: Peer, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const status = await linnet.daemon.query("show protocols all peer").catch(String);
      throw new Error(
        `${String(error)}\n${status}\n${linnet.daemon.log().slice(-3000)}\n--- peer:\n${peer.daemon.log().slice(-3000)}`,
      );
    }
  }

  const detail = (daemon: Daemon): Promise<string> => daemon.query("show protocols all peer");

  test.each([BIRD, FRR])("MD5: another key is silence, and that is said; $name", async (kind) => {
    const [linnet] = await pair(kind, { md5: "right" }, { md5: "wrong", passive: true });
    await sleep(6000);
    expect(await linnet.established()).toBe(false);
    expect(await detail(linnet.daemon)).toContain("MD5 password mismatch suspected");
  });

  test("MD5: a key changed by reload touches neither its own session nor another's", async () => {
    const third = lab.namespace("third");
    lab.connect(us, third, { addresses: [["10.8.0.1/24"], ["10.8.0.2/24"]] });
    const a = await BIRD.start(them, { ...THEIRS, md5: "one" });
    const b = await BIRD.start(third, {
      ...THEIRS,
      address: "10.8.0.2",
      neighbor: "10.8.0.1",
      as: 65003,
      announce: ["10.45.0.0/24"],
    });
    const conf = (key: string): string =>
      `${birdConf({ ...OURS, md5: key })}\nprotocol bgp bystander { local as 65001; neighbor 10.8.0.2 as 65003; ipv4 { import all; export all; }; }\n`;
    const linnet = await startLinnet(us, conf("one"));
    const states = (): Promise<string> => linnet.query("show protocols");
    await until("both are up", async () => (await states()).match(/Established/g)?.length === 2);
    const since = (text: string, name: string): string | undefined =>
      new RegExp(`${name} .*? up +(\\S+)`).exec(text)?.[1];
    const before = await states();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${linnet.directory}/bird.conf`, `log "${linnet.directory}/log" all;\n${conf("two")}`);
    expect(await linnet.query("configure")).toContain("0003 Reconfigured");
    const after = await states();
    expect(since(after, "bystander")).toBe(since(before, "bystander"));
    expect(since(after, "peer")).toBe(since(before, "peer"));
    void a;
    void b;
  });

  test.each([BIRD, FRR, GOBGP, EXABGP, OPENBGPD])("multihop 3 over a router; $name", async (kind) => {
    if (!kind.present) return;
    // us - router - far, and static routes both ways
    const far = lab.namespace("far");
    lab.connect(them, far, { addresses: [["10.7.0.1/24"], ["10.7.0.2/24"]] });
    us.ip("route", "add", "10.7.0.0/24", "via", "10.9.0.2");
    far.ip("route", "add", "10.9.0.0/24", "via", "10.7.0.1");
    const peer = await kind.start(far, { ...THEIRS, address: "10.7.0.2", multihop: 3 });
    const linnet = await linnetPeer(us, { ...OURS, neighbor: "10.7.0.2", multihop: 3 });
    await up([linnet, peer]);
    await explained(linnet, peer, () => until("routes", async () => (await peer.routes()).includes("100.64.0.0/10")));
  });

  test.each([BIRD, FRR, GOBGP, OPENBGPD])("link-local addresses; $name", async (kind) => {
    const local = (namespace: Namespace): string =>
      /inet6 (fe80:[0-9a-f:]+)\/64/.exec(namespace.ip("-6", "address", "show", "eth0"))![1]!;
    const six = { announce: ["2001:db8:100::/48"], iface: "eth0" };
    const peer = await kind.start(them, {
      ...THEIRS,
      ...six,
      announce: ["2001:db8:44::/48"],
      address: local(them),
      neighbor: local(us),
      passive: true,
    });
    const linnet = await linnetPeer(us, { ...OURS, ...six, address: local(us), neighbor: local(them) });
    await up([linnet, peer]);
    await explained(linnet, peer, async () => {
      await until("they have our route", async () => (await peer.routes()).includes("2001:db8:100::/48"));
      await until("we have theirs", async () => (await linnet.routes()).includes("2001:db8:44::/48"));
    });
  });

  test.each([BIRD, GOBGP])("both families on one session; $name", async (kind) => {
    const [linnet, peer] = await pair(
      kind,
      { both: true, announce: ["100.64.0.0/10", "2001:db8:100::/48"] },
      { both: true, announce: ["10.44.0.0/24", "2001:db8:44::/48"] },
    );
    await up([linnet, peer]);
    await explained(linnet, peer, async () => {
      await until("IPv6 routes over IPv4", async () => (await peer.routes()).includes("2001:db8:100::/48"));
      // gobgpd's next hop is an IPv4-mapped address, which nobody can reach
      if (kind === GOBGP) return;
      await until("and back", async () => (await linnet.routes()).includes("2001:db8:44::/48"));
    });
  });

  test.each([BIRD, FRR])("IPv4 routes over IPv6 (RFC 8950); $name", async (kind) => {
    const ours = { address: "fd00:9::1", neighbor: "fd00:9::2" };
    const theirs = {
      address: "fd00:9::2",
      neighbor: "fd00:9::1",
      extra: kind === FRR ? "neighbor fd00:9::1 capability extended-nexthop" : "",
    };
    const channel = { channel: "extended next hop on;" };
    const peer =
      kind === BIRD
        ? await linnetLike(them, { ...THEIRS, ...theirs }, channel)
        : await kind.start(them, { ...THEIRS, ...theirs });
    const linnet = await linnetPeer(us, { ...OURS, ...ours }, channel);
    await up([linnet, peer]);
    await explained(linnet, peer, async () => {
      await until("they have our route", async () => (await peer.routes()).includes("100.64.0.0/10"));
      await until("we have theirs", async () => (await linnet.routes()).includes("10.44.0.0/24"));
    });
    expect(await detail(linnet.daemon)).toContain("Extended next hop");
  });

  test("add-path, both ways, with bird", async () => {
    const peer = await linnetLike(them, THEIRS, { channel: "add paths on;" });
    const linnet = await linnetPeer(us, OURS, { channel: "add paths on;" });
    await up([linnet, peer]);
    expect(await detail(linnet.daemon)).toMatch(/ADD-PATH\n +RX: ipv4\n +TX: ipv4/);
    await until(
      "routes",
      async () => (await peer.routes()).includes("100.64.0.0/10") && (await linnet.routes()).includes("10.44.0.0/24"),
    );
  });

  test("extended messages are negotiated with bird", async () => {
    const peer = await linnetLike(them, { ...THEIRS, extra: "enable extended messages on;" });
    const linnet = await linnetPeer(us, { ...OURS, extra: "enable extended messages on;" });
    await up([linnet, peer]);
    expect((await detail(linnet.daemon)).match(/Extended message/g)).toHaveLength(2);
    await until("routes", async () => (await peer.routes()).includes("100.64.0.0/10"));
  });

  test("route refresh: what the import filter dropped comes back without a reset", async () => {
    const [linnet, peer] = await pair(BIRD);
    await up([linnet, peer]);
    await until("routes", async () => (await linnet.routes()).includes("10.44.0.0/24"));
    const before = Number(/Import updates: +(\d+)/.exec(await detail(linnet.daemon))![1]);
    await linnet.daemon.query("reload in peer");
    await until(
      "the routes came again",
      async () => Number(/Import updates: +(\d+)/.exec(await detail(linnet.daemon))![1]) > before,
    );
    await peer.daemon.query("reload in peer");
    await sleep(300);
    expect(await peer.routes()).toContain("100.64.0.0/10");
    expect(await linnet.established()).toBe(true);
  });

  test("roles (RFC 9234) with bird: customer and provider agree, two customers do not", async () => {
    const [linnet, peer] = await pair(BIRD, { extra: "local role customer;" }, { extra: "local role provider;" });
    await up([linnet, peer]);
    expect(await detail(linnet.daemon)).toContain("Role: provider");
    await peer.daemon.stop();
    await linnet.daemon.stop();
    const [second] = await pair(BIRD, { extra: "local role customer;" }, { extra: "local role customer;" });
    await until("a mismatch is named", async () => (await detail(second.daemon)).includes("Role mismatch"));
    expect(await second.established()).toBe(false);
  });

  test("an import limit restarts, blocks, warns", async () => {
    const [linnet, peer] = await pair(
      BIRD,
      {},
      { announce: ["10.44.0.0/24", "10.45.0.0/24", "10.46.0.0/24"] },
      { channel: "import limit 2 action restart;" },
    );
    await until("the limit", async () =>
      (await linnet.daemon.query("show protocols peer")).includes("Automatic shutdown: Route limit exceeded"),
    );
    await until("the peer is told", async () =>
      (await peer.daemon.query("show protocols peer")).includes("Received: Maximum number of prefixes reached"),
    );
    await linnet.daemon.stop();
    const blocked = await linnetPeer(us, OURS, { channel: "import limit 2 action block;" });
    await explained(blocked, peer, () =>
      until("two of three", async () => (await blocked.routes()).length === 2, 20_000),
    );
    expect(await blocked.established()).toBe(true);
  });

  test("a wrong AS: both sides say so, both values are named", async () => {
    const [linnet, peer] = await pair(BIRD, { neighborAs: 64999 });
    await until("we refuse", async () =>
      (await linnet.daemon.query("show protocols peer")).includes("BGP Error: Bad peer AS"),
    );
    expect(linnet.daemon.log()).toMatch(/peer: Error: Bad peer AS: 65002, expected 64999/);
    expect(await detail(linnet.daemon)).toMatch(/65002.*64999/);
    void peer;
  });

  test("a reader that is not BGP, and a neighbor that does not answer, cost one line each", async () => {
    const listener = them.spawn("socat", ["TCP-LISTEN:179,fork,reuseaddr", "SYSTEM:echo HTTP/1.1 400 Bad Request"]);
    const linnet = await linnetPeer(us, OURS);
    await until("garbage is named", async () =>
      (await linnet.daemon.query("show protocols peer")).includes("Connection not synchronized"),
    );
    await sleep(1000);
    expect(linnet.daemon.log().match(/Connection not synchronized/g)).toHaveLength(1);
    listener.kill();
  });

  test("a direct neighbor that is not on-link holds the session back, with the reason", async () => {
    const linnet = await linnetPeer(us, { ...OURS, address: "10.9.0.1", neighbor: "192.0.2.1" });
    await sleep(300);
    expect(await linnet.daemon.query("show protocols peer")).toMatch(/start +\S+ +Idle +\n/);
    expect(await detail(linnet.daemon)).toContain("192.0.2.1 is not on-link");
    us.addAddress("eth0", "192.0.2.2/24");
    await until(
      "it starts when an address appears",
      async () => !(await linnet.daemon.query("show protocols peer")).includes("Idle"),
    );
  });

  test("dynamic neighbors: whoever connects from the range gets a session", async () => {
    const conf = birdConf(OURS)
      .replace(/neighbor 10.9.0.2 as 65002;/, "neighbor range 10.9.0.0/24 as 65002;")
      .replace(/local 10.9.0.1 as/, "local as");
    const linnet = await startLinnet(us, conf);
    const peer = await BIRD.start(them, THEIRS);
    await until("a session of its own", async () => /dynbgp1 +BGP +--- +up/.test(await linnet.query("show protocols")));
    await until("routes", async () => (await peer.routes()).includes("100.64.0.0/10"));
    await peer.daemon.stop();
    await until("gone with its peer", async () => !(await linnet.query("show protocols")).includes("dynbgp1"));
  });

  /** bird with channel options. */
  async function linnetLike(
    namespace: Namespace,
    options: PeerOptions,
    more: { channel?: string } = {},
  ): Promise<Peer> {
    const { startBird } = await import("./support/daemons.ts");
    const daemon = await startBird(
      namespace,
      birdConf(options, { ...more, timers: "connect delay time 1; error wait time 1, 2;" }),
    );
    return {
      daemon,
      established: async () => (await daemon.query("show protocols peer")).includes("Established"),
      routes: async () =>
        [...(await daemon.query("show route protocol peer")).matchAll(/([0-9a-f.:]+\/\d+) /g)].map(
          (match) => match[1]!,
        ),
    };
  }
});

/** linnet with each of the other speakers, each way of connecting: do routes pass both ways? */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab, type Namespace, noNamespaces, until } from "./support/netns.ts";
import { KINDS, linnetPeer, type Peer, type PeerKind, type PeerOptions } from "./support/peers.ts";

const reason = noNamespaces();
if (reason) console.log(`skipped: ${reason}`);

interface Scenario {
  readonly name: string;
  readonly ours: PeerOptions;
  readonly theirs: PeerOptions;
  /** Kinds that cannot do this. */
  readonly not?: readonly string[];
}

const V4 = { ours: "10.9.0.1", theirs: "10.9.0.2" };
const V6 = { ours: "fd00:9::1", theirs: "fd00:9::2" };

function scenario(
  name: string,
  change: Partial<PeerOptions> & { six?: boolean; theirAs?: number },
  not: readonly string[] = [],
): Scenario {
  const { six, theirAs = 65002, ...common } = change;
  const ends = six ? V6 : V4;
  const nets = six
    ? { ours: "2001:db8:100::/48", theirs: "2001:db8:44::/48" }
    : { ours: "100.64.0.0/10", theirs: "10.44.0.0/24" };
  return {
    name,
    not,
    ours: {
      as: 65001,
      address: ends.ours,
      neighbor: ends.theirs,
      neighborAs: theirAs,
      announce: [nets.ours],
      ...common,
    },
    theirs: {
      as: theirAs,
      address: ends.theirs,
      neighbor: ends.ours,
      neighborAs: 65001,
      announce: [nets.theirs],
      ...common,
    },
  };
}

const SCENARIOS: readonly Scenario[] = [
  scenario("IPv4", {}),
  scenario("IPv6", { six: true }),
  scenario("a four-octet AS", { theirAs: 4_200_000_001 }),
  scenario("TCP MD5", { md5: "s3cret" }),
  scenario("TTL security", { gtsm: true }, ["exabgp"]),
  scenario("hold time 9", { hold: 9 }),
];

describe.skipIf(reason !== undefined)("sessions", () => {
  let lab: Lab;
  let us: Namespace;
  let them: Namespace;

  beforeAll(() => {
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
  afterAll(() => lab.close());

  describe.each(KINDS)("with $name", (kind: PeerKind) => {
    const run = kind.present ? test : test.skip;
    for (const { name, ours, theirs } of SCENARIOS.filter((each) => !each.not?.includes(kind.name))) {
      for (const passive of ["we connect", "they connect"] as const) {
        // Its listening socket gets no key: bird cannot connect to it either
        if (kind.name === "openbgpd" && theirs.md5 !== undefined && passive === "we connect") continue;
        run(`${name}, ${passive}`, async () => {
          const peer = await kind.start(them, { ...theirs, ...(passive === "we connect" && { passive: true }) });
          const linnet = await linnetPeer(us, { ...ours, ...(passive === "they connect" && { passive: true }) });
          try {
            await routesPass(linnet, peer, ours, theirs);
          } finally {
            await Promise.all([linnet.daemon.stop(), peer.daemon.stop()]);
            await them.stopAll();
          }
        });
      }
    }
  });
});

async function routesPass(linnet: Peer, peer: Peer, ours: PeerOptions, theirs: PeerOptions): Promise<void> {
  const start = performance.now();
  try {
    await until("linnet has their route", async () => (await linnet.routes()).includes(theirs.announce[0]!), 20_000);
    await until("they have linnet's route", async () => (await peer.routes()).includes(ours.announce[0]!), 10_000);
    expect(await linnet.established()).toBe(true);
  } catch (error) {
    throw new Error(
      `${String(error)}\n${await linnet.daemon.query("show protocols all peer")}\n${linnet.daemon.log()}\n--- peer:\n${peer.daemon.log().slice(-3000)}`,
    );
  }
  expect(performance.now() - start).toBeLessThan(30_000);
}

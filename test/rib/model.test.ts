/** Random lives of several peers, compared with the plain model after each quiet point. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { RouteAttributes } from "../../protocol/rib/route.ts";
import { formatAddress, formatPrefix } from "../../protocol/wire/address.ts";
import {
  type NaiveAttributes,
  type NaivePeer,
  NaiveRib,
  NO_ADVERTISE,
  NO_EXPORT,
  sequence,
} from "../support/naive-rib.ts";
import { ip, Peer, World } from "./world.ts";

const PREFIXES = ["10.1.0.0/16", "10.2.0.0/16", "10.2.3.0/24", "192.0.2.0/24", "198.51.100.0/25", "203.0.113.7/32"];

/** Filters in both forms. */
interface Policy {
  readonly key: string;
  readonly net: boolean;
  run(prefix: string, a: NaiveAttributes): NaiveAttributes | undefined;
}

const POLICIES: readonly Policy[] = [
  { key: "accept", net: false, run: (_p, a) => a },
  { key: "reject", net: false, run: () => undefined },
  { key: "lp200", net: false, run: (_p, a) => ({ ...a, localPref: 200 }) },
  { key: "med7", net: false, run: (_p, a) => ({ ...a, med: 7 }) },
  { key: "not24", net: true, run: (p, a) => (p.endsWith("/24") ? undefined : a) },
  {
    key: "tag24",
    net: true,
    run: (p, a) => (p.endsWith("/24") ? { ...a, communities: [...(a.communities ?? []), 77] } : a),
  },
  { key: "no-short", net: false, run: (_p, a) => (a.path.length < 2 ? undefined : a) },
  { key: "hop", net: false, run: (_p, a) => ({ ...a, nextHop: "10.0.0.99" }) },
];

function toNaive(a: RouteAttributes): NaiveAttributes {
  return {
    origin: a.origin ?? 0,
    path: a.asPath?.[0]?.asns ?? [],
    nextHop: formatAddress(a.nextHop!),
    med: a.multiExitDisc,
    localPref: a.localPref,
    communities: a.communities,
  };
}

function filterOf(policy: Policy): CompiledFilter {
  const name = policy.key === "accept" ? "ACCEPT" : policy.key === "reject" ? "REJECT" : policy.key;
  return {
    name,
    key: policy.key,
    reads: { net: policy.net, source: false, impure: false },
    writes: new Set(),
    run: (net, attributes) => {
      const before = toNaive(attributes);
      const after = policy.run(formatPrefix(net), before);
      if (!after || after === before) return after && attributes;
      return {
        ...attributes,
        nextHop: ip(after.nextHop),
        ...(after.localPref === undefined ? {} : { localPref: after.localPref }),
        ...(after.med === undefined ? {} : { multiExitDisc: after.med }),
        ...(after.communities === undefined ? {} : { communities: after.communities }),
      };
    },
  };
}

const anyAttributes = fc.record({
  origin: fc.constantFrom(0, 1, 2),
  tail: fc.array(fc.constantFrom(1, 2, 3), { maxLength: 2 }),
  med: fc.option(fc.constantFrom(0, 5, 9), { nil: undefined }),
  communities: fc.option(fc.subarray([NO_EXPORT, NO_ADVERTISE, 0x00010001], { minLength: 1 }), {
    nil: undefined,
    freq: 3,
  }),
  localPref: fc.constantFrom(50, 100, 150),
  loop: fc.boolean(),
});

const anyPeer = fc.record({
  internal: fc.boolean(),
  client: fc.boolean(),
  medMetric: fc.boolean(),
  deterministicMed: fc.boolean(),
  pathMetric: fc.boolean(),
  imports: fc.nat(POLICIES.length - 1),
  exports: fc.nat(POLICIES.length - 1),
  id: fc.constantFrom(1, 2, 3),
});

const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("announce" as const),
      peer: fc.nat(3),
      nets: fc.subarray(PREFIXES, { minLength: 1 }),
      a: anyAttributes,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("withdraw" as const),
      peer: fc.nat(3),
      nets: fc.subarray(PREFIXES, { minLength: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("flap" as const), peer: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("restart" as const),
      peer: fc.nat(3),
      nets: fc.subarray(PREFIXES),
      a: anyAttributes,
      settle: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("pull" as const), peer: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("refresh" as const), peer: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("export" as const), peer: fc.nat(3), policy: fc.nat(POLICIES.length - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("import" as const), peer: fc.nat(3), policy: fc.nat(POLICIES.length - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("check" as const) }) },
);

interface AnyAttributes {
  origin: number;
  tail: number[];
  med: number | undefined;
  communities: number[] | undefined;
  localPref: number;
  loop: boolean;
}

class Pair {
  readonly world = new World();
  readonly naive = new NaiveRib(65000, "10.0.0.1");
  readonly peers: Peer[] = [];
  /** They asked to be told again. */
  readonly #refreshed = new Set<number>();
  readonly #exports: number[] = [];
  readonly #imports: number[] = [];

  constructor(
    specs: readonly {
      internal: boolean;
      client: boolean;
      medMetric: boolean;
      deterministicMed: boolean;
      pathMetric: boolean;
      imports: number;
      exports: number;
      id: number;
    }[],
  ) {
    for (const [i, spec] of specs.entries()) {
      const address = `10.0.0.${10 + i}`;
      const asn = spec.internal ? 65000 : 65001 + i;
      const { medMetric, deterministicMed, pathMetric } = spec;
      const peer = new Peer(this.world, {
        address,
        asn,
        id: `0.0.0.${spec.id}`,
        importFilter: filterOf(POLICIES[spec.imports]!),
        exportFilter: filterOf(POLICIES[spec.exports]!),
        policy: { medMetric, deterministicMed, pathMetric, rrClient: spec.internal && spec.client },
        channel: { gateway: "direct" },
        options: { keepFiltered: true },
      }).up();
      this.peers.push(peer);
      this.#impatient(peer);
      this.#exports.push(spec.exports);
      this.#imports.push(spec.imports);
      const naive: NaivePeer = {
        name: address,
        address,
        asn,
        bgpId: spec.id,
        internal: spec.internal,
        client: spec.internal && spec.client,
        options: { medMetric, deterministicMed, pathMetric },
        importFilter: (prefix, a) => POLICIES[this.#imports[i]!]!.run(prefix, a),
        exportFilter: (prefix, a) => POLICIES[this.#exports[i]!]!.run(prefix, a),
      };
      this.naive.peers.set(i, naive);
    }
  }

  setExport(i: number, policy: number): void {
    this.#exports[i] = policy;
    this.peers[i]!.channel.reconfigure({ exportFilter: filterOf(POLICIES[policy]!) });
    this.#impatient(this.peers[i]!);
  }

  /** `import none` forgets: without the peer's help nothing comes back, so the model does not go there. */
  setImport(i: number, policy: number): void {
    if (POLICIES[policy]!.key === "reject" || POLICIES[this.#imports[i]!]!.key === "reject") return;
    this.#imports[i] = policy;
    this.peers[i]!.channel.reconfigure({ importFilter: filterOf(POLICIES[policy]!) });
  }

  announce(i: number, prefixes: readonly string[], a: AnyAttributes): void {
    const peer = this.naive.peers.get(i)!;
    const path = [...(peer.internal ? [] : [peer.asn]), ...a.tail, ...(a.loop && a.med === 9 ? [65000] : [])];
    const nextHop = peer.address;
    const localPref = peer.internal ? a.localPref : undefined;
    for (const prefix of prefixes) {
      this.naive.announce(i, prefix, {
        origin: a.origin,
        path,
        nextHop,
        med: a.med,
        communities: a.communities,
        localPref,
      });
    }
    this.peers[i]!.announce(prefixes, {
      origin: a.origin as 0,
      asPath: sequence(path),
      ...(a.med === undefined ? {} : { multiExitDisc: a.med }),
      ...(a.communities ? { communities: a.communities } : {}),
      ...(localPref === undefined ? {} : { localPref }),
    });
  }

  /** The session goes and comes back with graceful restart: what is not announced again by End-of-RIB is gone. */
  restart(i: number, prefixes: readonly string[], a: AnyAttributes, settle: boolean): void {
    const peer = this.peers[i]!;
    peer.down(true);
    if (settle) this.world.settle();
    peer.up();
    this.#impatient(peer);
    this.naive.down(i);
    if (prefixes.length > 0) this.announce(i, prefixes, a);
    peer.channel.dropStale();
  }

  refresh(i: number): void {
    this.#refreshed.add(i);
    this.peers[i]!.session.receiveRefresh({ type: "route-refresh", afi: 1, safi: 1, subtype: 0 });
  }

  /** A few octets behind, and a peer goes alone. */
  #impatient(peer: Peer): void {
    const group = peer.channel.exportGroup;
    if (group) group.patience = 100;
  }

  check(): void {
    this.world.settle();
    for (const [i, peer] of this.peers.entries()) {
      for (let turns = 0; turns < 4; turns++) {
        peer.pull();
        this.world.settle();
      }
      if (!this.#refreshed.has(i)) expect(peer.needless, `to peer ${i}`).toEqual([]);
      const sorted = new Map([...peer.table].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
      expect(sorted, `view of peer ${i}`).toEqual(this.naive.view(i));
      const { imported, exported, preferred, filtered } = peer.channel.counters;
      expect({ i, imported, exported, preferred }).toEqual({
        i,
        imported: this.naive.imported(i),
        exported: this.naive.view(i).size,
        preferred: this.naive.preferred(i),
      });
      expect({ i, filtered }).toEqual({ i, filtered: this.naive.filtered(i) });
    }
  }
}

describe("several peers and the model", () => {
  test("agree at every quiet point", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(anyPeer, { minLength: 4, maxLength: 4 }),
        fc.array(anyStep, { maxLength: 40 }),
        (specs, steps) => {
          const pair = new Pair(specs);
          for (const step of steps) {
            if (step.op === "announce") pair.announce(step.peer, step.nets, step.a);
            else if (step.op === "withdraw") {
              for (const prefix of step.nets) pair.naive.withdraw(step.peer, prefix);
              pair.peers[step.peer]!.withdraw(step.nets);
            } else if (step.op === "flap") {
              pair.naive.down(step.peer);
              pair.peers[step.peer]!.down();
              pair.world.settle();
              pair.peers[step.peer]!.up();
            } else if (step.op === "restart") pair.restart(step.peer, step.nets, step.a, step.settle);
            else if (step.op === "pull") pair.peers[step.peer]!.pull(64, 1);
            else if (step.op === "refresh") pair.refresh(step.peer);
            else if (step.op === "export") pair.setExport(step.peer, step.policy);
            else if (step.op === "import") pair.setImport(step.peer, step.policy);
            else pair.check();
          }
          pair.check();
          for (const peer of pair.peers) peer.down();
          pair.world.settle();
          expect({
            routes: pair.world.table4.routeCount,
            sets: pair.world.rib.attributes.size,
            nets: pair.world.rib.prefixes("ipv4").size,
          }).toEqual({ routes: 0, sets: 0, nets: 0 });
        },
      ),
      { numRuns: 150 },
    );
  });
});

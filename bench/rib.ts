/**
 * The tables alone, without sockets: what each part of a route's way costs, and how that grows with routes and peers.
 * Times are CPU time of the process, the median of several runs after one that only warms up.
 */
import type { CompiledFilter } from "../protocol/policy/compile.ts";
import { prefixOf } from "../protocol/wire/address.ts";
import { ACCEPT, BenchPeer, Speaker } from "./rib/peers.ts";
import { churn, type Group, groups, updates } from "./rib/table.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

const smoke = process.env.BENCH_SMOKE !== undefined;
const ROUNDS = smoke ? 1 : 5;
const MILLION = smoke ? 2000 : 1_000_000;
const HALF = MILLION / 2;

export async function run(): Promise<BenchResult[]> {
  const big = groups(MILLION, 4);
  return [...ingest(big), ...propagate(big), ...change(), ...memory(), ...peers(), ...lookup(), ...growth()];
}

function ingest(big: readonly Group[]): BenchResult[] {
  const six = groups(MILLION / 5, 6);
  return [
    perRoute("insert, IPv4", MILLION, () => loaded(big, 4)),
    perRoute("insert, IPv6", MILLION / 5, () => loaded(six, 6)),
  ];
}

/** A table in a speaker that tells nobody. */
function loaded(list: readonly Group[], family: 4 | 6): () => void {
  const from = new BenchPeer(new Speaker(), 1, { imports: ACCEPT, family }).up();
  const messages = updates(list, from.asn, from.address);
  return () => void from.feed(messages);
}

function propagate(big: readonly Group[]): BenchResult[] {
  return [
    perRoute("insert and send to one peer", MILLION, () => {
      const speaker = new Speaker();
      const from = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
      new BenchPeer(speaker, 2, { exports: ACCEPT }).up();
      const messages = updates(big, from.asn, from.address);
      return () => void from.feed(messages);
    }),
    perRoute("dump to a late peer", MILLION, () => {
      const speaker = new Speaker();
      const from = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
      new BenchPeer(speaker, 2, { exports: ACCEPT }).up();
      from.feed(updates(big, from.asn, from.address));
      const late = new BenchPeer(speaker, 3, { exports: ACCEPT });
      return () => void late.up().drain();
    }),
  ];
}

function change(): BenchResult[] {
  const list = groups(HALF, 4);
  const pair = (): { speaker: Speaker; a: BenchPeer; b: BenchPeer } => {
    const speaker = new Speaker();
    const a = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
    const b = new BenchPeer(speaker, 2, { imports: ACCEPT }).up();
    new BenchPeer(speaker, 3, { exports: ACCEPT }).up();
    a.feed(updates(list, a.asn, a.address));
    return { speaker, a, b };
  };
  return [
    perRoute("a better path", HALF, () => {
      const { b } = pair();
      const messages = updates(list, b.asn, b.address, true);
      return () => void b.feed(messages);
    }),
    perRoute("the best peer is lost", HALF, () => {
      const { speaker, b } = pair();
      b.feed(updates(list, b.asn, b.address, true));
      return () => {
        b.down();
        speaker.settle();
      };
    }),
    perRoute("the only peer is lost", HALF, () => {
      const { speaker, a } = pair();
      return () => {
        a.down();
        speaker.settle();
      };
    }),
    perRoute("churn, an UPDATE each", MILLION / 5, () => {
      const { a } = pair();
      const messages = churn(list, MILLION / 5, a.asn, a.address);
      return () => void a.feed(messages);
    }),
  ];
}

/** What it is worth to remember a verdict: the same filter, which only says of itself that it looks at the prefix. */
function memory(): BenchResult[] {
  const list = groups(MILLION / 5, 4);
  const way = (net: boolean) => () => {
    const from = new BenchPeer(new Speaker(), 1, { imports: heavy(net) }).up();
    const messages = updates(list, from.asn, from.address);
    return () => void from.feed(messages);
  };
  const without = perRoute("import filter, a run a route", MILLION / 5, way(true));
  const remembered = perRoute("import filter, policy memory", MILLION / 5, way(false));
  return [without, { ...remembered, ratio: without.value / remembered.value, against: "a run a route" }];
}

function heavy(net: boolean): CompiledFilter {
  return {
    name: "heavy",
    key: `heavy ${net}`,
    reads: { net, source: false, impure: false },
    writes: new Set(["bgp_local_pref", "bgp_community"]),
    run: (_net, a) => {
      const long = (a.asPath?.[0]?.asns.length ?? 0) > 50;
      if (long || a.communities?.includes(0xffff_029a)) return undefined;
      return { ...a, localPref: 200, communities: [...(a.communities ?? []), 0xfde8_0001] };
    },
  };
}

function peers(): BenchResult[] {
  return (smoke ? [5] : [100, 500]).map((count) => {
    const each = smoke ? 10 : 100;
    return perRoute(`${count} peers, ${each} routes each, all to all`, count * (count - 1) * each, () => {
      const speaker = new Speaker();
      const list = Array.from(
        { length: count },
        (_, i) => new BenchPeer(speaker, i + 1, { imports: ACCEPT, exports: ACCEPT }),
      );
      for (const peer of list) peer.up();
      speaker.settle();
      const all = groups(count * each, 4).flatMap(({ prefixes, seed }) =>
        prefixes.map((p) => ({ prefixes: [p], seed })),
      );
      const shares = list.map((peer, i) => updates(all.slice(i * each, (i + 1) * each), peer.asn, peer.address));
      return () => {
        for (const [i, peer] of list.entries()) peer.feed(shares[i]!);
      };
    });
  });
}

function lookup(): BenchResult[] {
  const speaker = new Speaker();
  const list = groups(MILLION / 5, 4);
  const from = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
  from.feed(updates(list, from.asn, from.address));
  const table = speaker.table(4);
  const wanted = list.flatMap(({ prefixes }) => prefixes).map((p) => prefixOf({ ...p, w0: (p.w0 | 1) >>> 0 }, 32));
  return [
    perRoute("longest match", wanted.length, () => () => {
      let found = 0;
      for (const address of wanted) if (table.longestMatch(address) !== undefined) found++;
      if (found !== wanted.length) throw new Error(`${found} of ${wanted.length} addresses found`);
    }),
  ];
}

/** Time and octets a route: 10 k to 2 M routes, and to 1, 10 and 100 peers. */
function growth(): BenchResult[] {
  const sizes = smoke ? [500, 1000] : [10_000, 100_000, 1_000_000, 2_000_000];
  const results: BenchResult[] = [];
  for (const size of sizes) {
    const list = groups(size, 4);
    results.push(perRoute(`insert ${size} routes`, size, () => loaded(list, 4), 3));
    results.push({ name: `octets of ${size} routes`, value: octetsOf(list) / size, unit: "B/route" });
  }
  const list = groups(smoke ? 500 : 100_000, 4);
  const size = list.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
  for (const count of smoke ? [1, 2] : [1, 10, 100]) {
    const setUp = (): (() => void) => {
      const speaker = new Speaker();
      const from = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
      for (let i = 0; i < count; i++) new BenchPeer(speaker, i + 2, { exports: ACCEPT }).up();
      const messages = updates(list, from.asn, from.address);
      return () => void from.feed(messages);
    };
    results.push(perRoute(`${size} routes to ${count} peers`, size * count, setUp, 3));
  }
  return results;
}

/** What the tables say they hold, all told. */
function octetsOf(list: readonly Group[]): number {
  const speaker = new Speaker();
  const from = new BenchPeer(speaker, 1, { imports: ACCEPT }).up();
  from.feed(updates(list, from.asn, from.address));
  return speaker.rib.attributes.octets + speaker.rib.prefixes("ipv4").octets + speaker.table(4).octets;
}

/** Nanoseconds of CPU a route. @param setUp not counted; what it returns is */
function perRoute(name: string, routes: number, setUp: () => () => void, rounds = ROUNDS): BenchResult {
  const times: number[] = [];
  for (let round = smoke ? 1 : 0; round <= rounds; round++) {
    const work = setUp();
    globalThis.gc?.();
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) times.push(((user + system) * 1000) / routes);
  }
  times.sort((a, b) => a - b);
  return { name, value: times[times.length >> 1]!, unit: "ns/route" };
}

/** Peers of a speaker's tables, without sockets: octets in, octets out. */
import { DEFAULT_CONTEXT, type FamilyKey } from "../../protocol/codec/capability.ts";
import { ACCEPT, type CompiledFilter, REJECT } from "../../protocol/policy/compile.ts";
import { BgpChannel } from "../../protocol/rib/bgp-channel.ts";
import { Rib, type RibJob } from "../../protocol/rib/rib.ts";
import { RouteKind } from "../../protocol/rib/route.ts";
import { SessionRib } from "../../protocol/rib/session-rib.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { type IpAddress, ipv4, ipv6 } from "../../protocol/wire/address.ts";

export class Speaker {
  readonly jobs: RibJob[] = [];
  readonly rib: Rib;
  readonly peers: BenchPeer[] = [];

  constructor() {
    this.rib = new Rib({
      now: () => 0,
      wall: () => 0,
      wake: (job) => {
        if (!this.jobs.includes(job)) this.jobs.push(job);
      },
      filterEnv: { print: () => {}, error: () => {}, roaCheck: () => 0, interfaceIndex: () => 0, routerId: 1 },
    });
    for (const netType of ["ipv4", "ipv6"] as const) {
      this.rib.addTable({ name: netType, netType, sorted: false, trie: false });
    }
  }

  table(family: 4 | 6): Table {
    return this.rib.table(`ipv${family}`)!;
  }

  /** Everything that is due, and all that it makes the peers send. @returns octets sent */
  settle(): number {
    let octets = this.drain();
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) {
      if (job.step()) this.jobs.push(job);
      octets += this.drain();
    }
    return octets;
  }

  drain(): number {
    let octets = 0;
    for (const peer of this.peers) octets += peer.drain();
    return octets;
  }
}

export class BenchPeer {
  readonly channel: BgpChannel;
  readonly address: IpAddress;
  readonly #speaker: Speaker;
  readonly #number: number;
  readonly #family: 4 | 6;
  #session: SessionRib | undefined;

  /** @param number tells peers apart; from 1 */
  constructor(
    speaker: Speaker,
    number: number,
    options: { readonly imports?: CompiledFilter; readonly exports?: CompiledFilter; readonly family?: 4 | 6 } = {},
  ) {
    const { imports = REJECT, exports = REJECT, family = 4 } = options;
    this.#speaker = speaker;
    this.#number = number;
    this.#family = family;
    this.address = family === 4 ? ipv4(0x0a63_0002 + number) : ipv6(0x2001_0db8, 0, 0, number + 1);
    const source = speaker.rib.addSource({ protocol: `p${number}`, kind: RouteKind.Bgp, preference: 100 });
    this.channel = new BgpChannel({
      name: `ipv${family}`,
      protocol: source.protocol,
      table: speaker.table(family),
      source,
      importFilter: imports,
      exportFilter: exports,
      preference: 100,
      keepFiltered: false,
      afi: family === 4 ? 1 : 2,
      safi: 1,
      bgp: { nextHopKeep: "off", nextHopSelf: "off", nextHopPreferGlobal: false, gateway: "direct", aigp: "off" },
    });
    speaker.peers.push(this);
  }

  get asn(): number {
    return 65000 + this.#number;
  }

  up(): this {
    const { rib } = this.#speaker;
    const local = this.#family === 4 ? ipv4(0x0a63_0001) : ipv6(0x2001_0db8, 0, 0, 0xffff);
    this.#session = new SessionRib({
      rib,
      channels: [this.channel],
      session: {
        context: { ...DEFAULT_CONTEXT, families: new Set<FamilyKey>([this.#family === 4 ? "1/1" : "2/1"]) },
        internal: false,
        peerAs: this.asn,
        localId: 1,
        enhancedRefresh: false,
      },
      source: {
        ...this.channel.source,
        peer: {
          address: this.address,
          asn: this.asn,
          bgpId: this.#number,
          localAs: 65000,
          localId: 1,
          internal: false,
          confederation: false,
          rrClient: false,
          rsClient: false,
        },
      },
      config: {
        localAs: 65000,
        neighborAddress: this.address,
        localAddress: local,
        direct: true,
        iface: "eth0",
        onlinkCheck: false,
        rrClient: false,
        rsClient: false,
        clusterId: 0,
        allowLocalPref: false,
        allowLocalAs: 0,
        allowAsSets: true,
        enforceFirstAs: false,
        interpretCommunities: true,
        defaultMed: 0,
        defaultLocalPref: 100,
        pathMetric: true,
        medMetric: false,
        igpMetric: true,
        preferOlder: false,
        deterministicMed: false,
      },
      log: () => {},
      wake: () => {},
    });
    return this;
  }

  down(): void {
    this.#session?.close({ keepStale: false });
    this.#session = undefined;
  }

  /** Everybody takes what there is after each 64 KiB, as sockets would have it. @returns octets sent */
  feed(messages: readonly Uint8Array[]): number {
    const session = this.#session!;
    let unread = 0;
    let sent = 0;
    for (const message of messages) {
      session.receiveUpdate(message);
      unread += message.length;
      if (unread < CHUNK) continue;
      unread = 0;
      sent += this.#speaker.drain();
    }
    return sent + this.#speaker.settle();
  }

  drain(): number {
    let octets = 0;
    for (let chunk = this.#session?.pull(CHUNK); chunk; chunk = this.#session?.pull(CHUNK)) octets += chunk.length;
    return octets;
  }
}

const CHUNK = 65536;

export { ACCEPT, REJECT };

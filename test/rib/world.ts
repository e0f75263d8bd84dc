/** A speaker's tables with BGP sessions that the test itself plays the peers of: no sockets, no clock of its own. */
import { type CodecContext, DEFAULT_CONTEXT, type FamilyKey } from "../../protocol/codec/capability.ts";
import { decodeMessage, encodeMessage, type Message } from "../../protocol/codec/message.ts";
import type { Update } from "../../protocol/codec/update.ts";
import { ACCEPT, type CompiledFilter } from "../../protocol/policy/compile.ts";
import { BgpChannel, type BgpChannelOptions } from "../../protocol/rib/bgp-channel.ts";
import type { BgpChannelPolicy, BgpPeerPolicy, PeerSession } from "../../protocol/rib/bgp-policy.ts";
import { Channel, type ChannelOptions } from "../../protocol/rib/channel.ts";
import { Rib, type RibJob } from "../../protocol/rib/rib.ts";
import { RouteKind, type RouteSource } from "../../protocol/rib/route.ts";
import { SessionRib } from "../../protocol/rib/session-rib.ts";
import type { Table } from "../../protocol/rib/table.ts";
import {
  formatAddress,
  formatPrefix,
  type IpAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../../protocol/wire/address.ts";

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw new Error(`no address: ${text}`);
  return address;
}

export function net(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`no prefix: ${text}`);
  return prefix;
}

export class World {
  readonly rib: Rib;
  readonly jobs: RibJob[] = [];
  readonly printed: string[] = [];
  now = 1_000_000;

  constructor() {
    this.rib = new Rib({
      now: () => this.now,
      wall: () => this.now,
      wake: (job) => {
        if (!this.jobs.includes(job)) this.jobs.push(job);
      },
      filterEnv: {
        print: (text) => this.printed.push(text),
        error: (message) => this.printed.push(message),
        roaCheck: (table, prefix, asn) => this.rib.roaCheck(table, prefix, asn),
        interfaceIndex: () => 0,
        routerId: 0x0a000001,
      },
    });
    this.rib.addTable({ name: "master4", netType: "ipv4", sorted: false, trie: false });
    this.rib.addTable({ name: "master6", netType: "ipv6", sorted: false, trie: false });
  }

  get table4(): Table {
    return this.rib.table("master4")!;
  }

  get table6(): Table {
    return this.rib.table("master6")!;
  }

  /** Runs what was put off. */
  settle(): void {
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) if (job.step()) this.jobs.push(job);
  }

  channel(options: Partial<ChannelOptions> & { protocol: string; kind?: RouteKind }): Channel {
    const { kind = RouteKind.Static, protocol } = options;
    const preference = options.preference ?? 200;
    const source = options.source ?? this.rib.addSource({ protocol, kind, preference });
    const channel = new Channel({
      name: "ipv4",
      table: this.table4,
      importFilter: ACCEPT,
      exportFilter: ACCEPT,
      keepFiltered: false,
      preference,
      ...options,
      source,
    });
    channel.open();
    return channel;
  }
}

export interface PeerOptions {
  readonly address: string;
  readonly asn: number;
  readonly localAs?: number;
  readonly id?: string;
  readonly context?: Partial<CodecContext>;
  readonly policy?: Partial<BgpPeerPolicy>;
  readonly channel?: Partial<BgpChannelPolicy>;
  readonly options?: Partial<BgpChannelOptions>;
  readonly session?: Partial<PeerSession>;
  readonly family?: 4 | 6;
  readonly importFilter?: CompiledFilter;
  readonly exportFilter?: CompiledFilter;
}

/** One BGP neighbour: sends octets, collects what comes back as a table of its own. */
export class Peer {
  readonly world: World;
  readonly channel: BgpChannel;
  readonly source: RouteSource;
  readonly context: CodecContext;
  readonly logged: string[] = [];
  readonly refreshes: string[] = [];
  /** All that came, decoded. */
  readonly received: Message[] = [];
  /** What the peer has now: prefix -> attributes as text. */
  readonly table: Map<string, string> = new Map();
  /** Messages that told the peer what it knew. */
  readonly needless: string[] = [];
  endsOfRib = 0;
  wakes = 0;
  readonly #options: PeerOptions;
  #session: SessionRib | undefined;

  constructor(world: World, options: PeerOptions) {
    this.world = world;
    this.#options = options;
    const { asn, localAs = 65000, address, family = 4 } = options;
    const internal = asn === localAs;
    this.context = {
      ...DEFAULT_CONTEXT,
      peer: internal ? "ibgp" : "ebgp",
      families: new Set<FamilyKey>([family === 4 ? "1/1" : "2/1"]),
      ...options.context,
    };
    this.source = world.rib.addSource({ protocol: `p${address}`, kind: RouteKind.Bgp, preference: 100 });
    this.channel = new BgpChannel({
      name: family === 4 ? "ipv4" : "ipv6",
      protocol: `p${address}`,
      table: family === 4 ? world.table4 : world.table6,
      source: this.source,
      importFilter: options.importFilter ?? ACCEPT,
      exportFilter: options.exportFilter ?? ACCEPT,
      preference: 100,
      keepFiltered: false,
      afi: family === 4 ? 1 : 2,
      safi: 1,
      bgp: {
        nextHopKeep: "off",
        nextHopSelf: "off",
        nextHopPreferGlobal: false,
        gateway: internal ? "recursive" : "direct",
        aigp: internal ? "on" : "off",
        ...options.channel,
      },
      ...options.options,
    });
  }

  up(): this {
    const { asn, localAs = 65000, address, id, policy, session } = this.#options;
    const internal = asn === localAs;
    const remote = ip(address);
    const source: RouteSource = {
      ...this.source,
      peer: {
        address: remote,
        asn,
        bgpId: ip(id ?? (remote.family === 4 ? address : "9.9.9.9")).w0,
        localAs,
        localId: 0x0a000001,
        internal,
        confederation: this.context.peer === "confederation",
        rrClient: policy?.rrClient ?? false,
        rsClient: policy?.rsClient ?? false,
      },
    };
    this.#session = new SessionRib({
      rib: this.world.rib,
      channels: [this.channel],
      source,
      session: {
        context: this.context,
        internal,
        peerAs: asn,
        localId: 0x0a000001,
        enhancedRefresh: false,
        ...session,
      },
      config: {
        localAs,
        neighborAddress: remote,
        localAddress: ip(remote.family === 4 ? "10.0.0.1" : "2001:db8::1"),
        direct: !internal,
        iface: internal ? undefined : "eth0",
        onlinkCheck: true,
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
        ...policy,
      },
      log: (_level, text) => this.logged.push(text),
      wake: () => {
        this.wakes++;
      },
    });
    this.#session.onExpectRefresh = (afi, safi) => this.refreshes.push(`${afi}/${safi}`);
    return this;
  }

  get session(): SessionRib {
    if (!this.#session) throw new Error("the session is down");
    return this.#session;
  }

  down(keepStale = false): void {
    this.session.close({ keepStale });
    this.#session = undefined;
    this.table.clear();
  }

  send(message: Message): void {
    this.session.receiveUpdate(encodeMessage(message, this.context));
  }

  announce(prefixes: readonly string[], attributes: Update["attributes"] = {}): void {
    this.send(this.update(prefixes, attributes));
  }

  /** An UPDATE with sensible attributes where none are given. */
  update(prefixes: readonly string[], attributes: Update["attributes"] = {}): Message {
    const { asn, localAs = 65000, address, family = 4 } = this.#options;
    const path = asn === localAs ? [] : [{ type: 2 as const, asns: [asn] }];
    const nlri = prefixes.map((text) => ({ prefix: net(text) }));
    const base = { origin: 0 as const, asPath: path, ...(asn === localAs ? { localPref: 100 } : {}), ...attributes };
    if (family === 4) {
      return {
        type: "update",
        withdrawn: [],
        attributes: { nextHop: ip(address), ...base },
        announced: nlri,
        faults: [],
        verdict: "none",
      };
    }
    const { nextHop = ip(address), ...rest } = base as typeof base & { nextHop?: IpAddress };
    return {
      type: "update",
      withdrawn: [],
      attributes: { ...rest, mpReach: { afi: 2, safi: 1, nextHops: [nextHop], nlri } },
      announced: [],
      faults: [],
      verdict: "none",
    };
  }

  withdraw(prefixes: readonly string[]): void {
    const nlri = prefixes.map((text) => ({ prefix: net(text) }));
    const four = (this.#options.family ?? 4) === 4;
    this.send({
      type: "update",
      withdrawn: four ? nlri : [],
      attributes: four ? {} : { mpUnreach: { afi: 2, safi: 1, nlri } },
      announced: [],
      faults: [],
      verdict: "none",
    });
  }

  /** Takes what there is to take, into `table`. @returns how many chunks it was */
  pull(budget = 65536, most: number = Number.POSITIVE_INFINITY): number {
    let chunks = 0;
    while (chunks < most) {
      const octets = this.session.pull(budget);
      if (!octets) break;
      chunks++;
      for (const message of split(octets)) this.#take(decodeMessage(message, { ...this.context, peer: "unknown" }));
    }
    return chunks;
  }

  #take(message: Message): void {
    this.received.push(message);
    if (message.type !== "update") return;
    const { announced, withdrawn, attributes } = message;
    const { mpReach, mpUnreach, ...rest } = attributes;
    if (announced.length + withdrawn.length === 0 && !mpReach && (mpUnreach?.nlri.length ?? 0) === 0) this.endsOfRib++;
    for (const { prefix, pathId } of [...withdrawn, ...(mpUnreach?.nlri ?? [])]) {
      if (!this.table.delete(key(prefix, pathId))) this.needless.push(`withdraw ${key(prefix, pathId)}`);
    }
    for (const { prefix, pathId } of announced) this.#learn(key(prefix, pathId), describe(rest));
    for (const { prefix, pathId } of mpReach?.nlri ?? []) {
      this.#learn(key(prefix, pathId), describe({ ...rest, nextHops: mpReach?.nextHops }));
    }
  }

  #learn(prefix: string, line: string): void {
    if (this.table.get(prefix) === line) this.needless.push(`announce ${prefix}`);
    this.table.set(prefix, line);
  }
}

function key(prefix: Prefix, pathId: number | undefined): string {
  return pathId === undefined ? formatPrefix(prefix) : `${formatPrefix(prefix)}#${pathId}`;
}

/** Attributes as one line of text, in the order of their codes. */
export function describe(attributes: object): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "asPath") parts.push(`path ${value.map((s: { asns: number[] }) => s.asns.join(" ")).join(" | ")}`);
    else if (name === "nextHop") parts.push(`via ${formatAddress(value)}`);
    else if (name === "nextHops") parts.push(`via ${value.map(formatAddress).join(" ")}`);
    else parts.push(`${name} ${JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`);
  }
  return parts.join(", ");
}

/** Whole messages of a stretch of octets. */
export function split(octets: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = (octets[at + 16]! << 8) | octets[at + 17]!;
    messages.push(octets.subarray(at, at + length));
    at += length;
  }
  return messages;
}

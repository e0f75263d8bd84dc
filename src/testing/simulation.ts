/**
 * Many real speakers on a virtual network, in virtual time: the same code that runs in the daemon, with
 * another clock, another transport and seeded chance. A seed replays exactly.
 *
 *   const world = new Simulation(42);
 *   world.addSpeaker("a", { as: 65001, prefixes: ["10.1.0.0/16"] });
 *   world.addSpeaker("b", { as: 65002 });
 *   world.connect("a", "b");
 *   await world.start();
 *   await world.run(10_000);
 *   world.problems();   // []
 */
import { formatAsPath, prepend } from "../../protocol/codec/as-path.ts";
import { Origin } from "../../protocol/codec/iana.ts";
import type { BgpChannel } from "../../protocol/rib/bgp-channel.ts";
import type { RouteAttributes, Slot } from "../../protocol/rib/route.ts";
import { formatPrefix, ipv4, parsePrefix } from "../../protocol/wire/address.ts";
import type { BgpConfig } from "../config/schema.ts";
import type { Host, Job, LogDetails } from "../host.ts";
import type { BgpProtocol } from "../protocols/bgp.ts";
import { Speaker } from "../speaker.ts";
import { bgpConfig, speakerConfig, staticConfig } from "./config.ts";
import { type VirtualHost, VirtualNetwork } from "./network.ts";
import { seededRandom } from "./random.ts";
import { VirtualTime } from "./time.ts";

export interface SpeakerOptions {
  readonly as: number;
  readonly prefixes?: readonly string[];
  /** Changes of every session's configuration. */
  readonly bgp?: Partial<BgpConfig>;
}

/** A machine and the speaker on it, if one runs. */
export interface Node {
  readonly name: string;
  readonly host: VirtualHost;
  readonly options: SpeakerOptions;
  readonly neighbors: { readonly node: Node; readonly config: Partial<BgpConfig> }[];
  readonly log: string[];
  speaker: Speaker | undefined;
  /** Ends the life of whatever the speaker still has pending. */
  stop: () => void;
}

export class Simulation {
  readonly seed: number;
  readonly random: () => number;
  readonly time: VirtualTime = new VirtualTime();
  readonly network: VirtualNetwork;
  readonly nodes: Map<string, Node> = new Map();

  constructor(seed: number) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.network = new VirtualNetwork(this.time, this.random);
  }

  addSpeaker(name: string, options: SpeakerOptions): Node {
    const host = this.network.addHost(name, ipv4(FIRST_ADDRESS + this.nodes.size));
    const node: Node = { name, host, options, neighbors: [], log: [], speaker: undefined, stop: () => undefined };
    this.nodes.set(name, node);
    return node;
  }

  /** Makes two speakers neighbors. */
  connect(
    a: string,
    b: string,
    change: { readonly a?: Partial<BgpConfig>; readonly b?: Partial<BgpConfig> } = {},
  ): void {
    this.node(a).neighbors.push({ node: this.node(b), config: change.a ?? {} });
    this.node(b).neighbors.push({ node: this.node(a), config: change.b ?? {} });
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`no speaker ${name}`);
    return node;
  }

  async start(): Promise<void> {
    for (const node of this.nodes.values()) await this.boot(node.name);
  }

  /** Starts a speaker, or starts it again after a crash. */
  async boot(name: string): Promise<void> {
    const node = this.node(name);
    if (node.speaker) return;
    node.host.boot();
    const { host, stop } = this.#hostFor(node);
    const { as, prefixes = [], bgp } = node.options;
    const protocols = [
      staticConfig(
        "static1",
        prefixes.map((text) => parsePrefix(text)!),
      ),
      ...node.neighbors.map(({ node: other, config }) =>
        bgpConfig({
          name: other.name,
          localAs: as,
          neighborAs: other.options.as,
          neighborAddress: other.host.address,
          multihop: 64,
          ...bgp,
          ...config,
        }),
      ),
    ];
    node.stop = stop;
    node.speaker = new Speaker({
      host,
      transport: node.host.transport,
      config: speakerConfig(node.host.address.w0, protocols),
    });
    await node.speaker.start();
  }

  /** `fin`: the process dies, its kernel says so; `silent`: the power goes. */
  crash(name: string, how: "fin" | "silent"): void {
    const node = this.node(name);
    node.stop();
    node.host.crash(how);
    node.speaker = undefined;
  }

  /** Runs for so many virtual milliseconds. */
  async run(ms: number): Promise<void> {
    const until = this.time.now + ms;
    while (this.time.runNext(until)) for (let turn = 0; turn < PROMISE_TURNS; turn++) await undefined;
    this.time.run(until);
  }

  session(name: string, neighbor: string): BgpProtocol | undefined {
    return this.node(name).speaker?.protocol(neighbor) as BgpProtocol | undefined;
  }

  /** What is not as it must be once nothing happens any more; empty: all is well. */
  problems(): string[] {
    const found: string[] = [];
    for (const node of this.nodes.values()) {
      for (const line of node.log) if (line.startsWith("bug")) found.push(`${node.name}: ${line}`);
      for (const { node: other } of node.neighbors)
        if (node.speaker && other.speaker) found.push(...this.#compare(node, other));
    }
    return found;
  }

  /** Everything that the receiver has of the sender, against all that the sender says it sent. */
  #compare(sender: Node, receiver: Node): string[] {
    const out = this.session(sender.name, receiver.name);
    const back = this.session(receiver.name, sender.name);
    const label = `${sender.name} -> ${receiver.name}`;
    if (out?.state !== "up") return [`${label}: ${out?.state} ${out?.info.trim()} (${out?.status().why ?? ""})`];
    const sent = sentRoutes(out.channels[0] as BgpChannel, sender.options.as, receiver.options.as);
    const held = heldRoutes(back?.channels[0] as BgpChannel | undefined);
    const found: string[] = [];
    for (const [net, text] of sent)
      if (held.get(net) !== text) found.push(`${label}: ${net} sent ${text}, held ${held.get(net) ?? "not"}`);
    for (const net of held.keys())
      if (!sent.has(net)) found.push(`${label}: ${net} held ${held.get(net)}, but not sent`);
    return found;
  }

  /** A host whose pending work ends with it. */
  #hostFor(node: Node): { host: Host; stop: () => void } {
    let alive = true;
    const { time } = this;
    const jobs = new Set<Job>();
    return {
      host: {
        clock: {
          now: () => time.now,
          wall: () => time.clock.wall(),
          at: (deadline, callback) => time.at(deadline, () => alive && callback()),
        },
        random: this.random,
        log: (level, text, _details?: LogDetails) => {
          if (alive && node.log.push(`${level} @${time.now} ${text}`) > LOG_LINES) node.log.shift();
        },
        scheduler: {
          run: (job) => {
            if (!alive) return;
            jobs.add(job);
            time.scheduler.run(job);
          },
          cancel: (job) => time.scheduler.cancel(job),
        },
        soon: (callback) => time.soon(() => alive && callback()),
      },
      stop: () => {
        alive = false;
        for (const job of jobs) time.scheduler.cancel(job);
      },
    };
  }
}

/** What the sender's tables say that the receiver must have: the filter's result, with the AS prepended. */
function sentRoutes(channel: BgpChannel, senderAs: number, receiverAs: number): Map<string, string> {
  const result = new Map<string, string>();
  const { prefixes } = channel.table;
  for (let slot = 1 as Slot; slot < prefixes.limit; slot++) {
    if (!prefixes.isUsed(slot)) continue;
    const view = channel.exportedView(slot);
    if (view.verdict !== "exported" || !view.attributes) continue;
    const path = view.attributes.asPath ?? [];
    if (path.some((segment) => segment.asns.includes(receiverAs))) continue; // the loop check drops it
    result.set(formatPrefix(prefixes.net(slot)), textOf({ ...view.attributes, asPath: prepend(path, senderAs) }));
  }
  return result;
}

function heldRoutes(channel: BgpChannel | undefined): Map<string, string> {
  const result = new Map<string, string>();
  for (const view of channel?.receivedRoutes() ?? [])
    result.set(formatPrefix(view.net), textOf(view.attributes) + (view.stale ? " stale" : ""));
  return result;
}

function textOf({ asPath, origin, multiExitDisc }: RouteAttributes): string {
  return `path ${formatAsPath(asPath ?? [])} origin ${origin ?? Origin.Igp} med ${multiExitDisc ?? "none"}`;
}

/** Promises of the speakers take no virtual time: chains as long as this are through before the next event. */
const PROMISE_TURNS = 16;
const FIRST_ADDRESS = 0x0a00_0001;
const LOG_LINES = 200;

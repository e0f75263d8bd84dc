/** Protocol direct: a device route for each subnet of the interfaces that its patterns choose. */
import type { Channel } from "../../protocol/rib/channel.ts";
import {
  formatPrefix,
  type IpAddress,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  type Prefix,
  prefixOf,
  width,
} from "../../protocol/wire/address.ts";
import type { DebugFlag, DirectConfig } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import { channelFor, reconfigureChannel } from "./channels.ts";
import type { InterfaceView } from "./device.ts";
import { Lifecycle } from "./lifecycle.ts";
import { isUsable } from "./neighbor.ts";
import { matchesPatterns } from "./pattern.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

export class DirectProtocol implements Protocol {
  readonly proto = "Direct";
  readonly info = "";
  readonly table = "---";
  readonly name: string;
  readonly channels: readonly Channel[];
  #config: DirectConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  /** What is announced: interface index, then prefix as text. */
  readonly #announced = new Map<number, Map<string, Prefix>>();
  #listening: { close(): void } | undefined;

  constructor(config: DirectConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.channels = config.channels.map((channel) => channelFor(context, config, channel));
  }

  get config(): DirectConfig {
    return this.#config;
  }

  get state(): ProtocolState {
    return this.#life.state;
  }

  get since(): Millis {
    return this.#life.since;
  }

  get debug(): ReadonlySet<DebugFlag> {
    return this.#life.debug;
  }

  set debug(flags: ReadonlySet<DebugFlag>) {
    this.#life.debug = flags;
  }

  start(): void {
    if (this.state !== "down") return;
    for (const channel of this.channels) channel.open();
    this.#listening = this.#context.interfaces.onChange((change) => this.#refresh(change.index));
    this.#life.set(this, "up");
    this.#refreshAll();
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#listening?.close();
    this.#listening = undefined;
    this.#announced.clear();
    for (const channel of this.channels) channel.close();
    this.#life.set(this, "down");
  }

  reconfigure(config: DirectConfig, soft: boolean): void {
    this.#config = config;
    for (const [i, channel] of this.channels.entries()) reconfigureChannel(channel, config.channels[i], soft);
    this.#refreshAll();
  }

  reload(direction: "in" | "out" | "both"): boolean {
    if (direction === "out") return true; // nothing is exported to interfaces
    for (const channel of this.channels) channel.reload("in");
    return true;
  }

  status(): ProtocolStatus {
    return { kind: "plain" };
  }

  #refreshAll(): void {
    const indexes = new Set([...this.#announced.keys(), ...this.#context.interfaces.list().map((view) => view.index)]);
    for (const index of indexes) this.#refresh(index);
  }

  #refresh(index: number): void {
    if (this.state !== "up") return;
    const view = this.#context.interfaces.byIndex(index);
    const old = this.#announced.get(index) ?? new Map<string, Prefix>();
    const next = view ? this.#subnets(view) : new Map<string, Prefix>();
    for (const [key, prefix] of old) if (!next.has(key)) this.#channelOf(prefix)?.withdraw(prefix, index);
    for (const [key, prefix] of next) {
      if (old.has(key) || !view) continue;
      const attributes = { dest: "unicast" as const, nextHops: [{ iface: view.name }] };
      this.#channelOf(prefix)?.announce(prefix, attributes, index);
    }
    if (next.size > 0) this.#announced.set(index, next);
    else this.#announced.delete(index);
  }

  /** The subnets (or point-to-point peers) of an interface; loopback and link-local ones are nobody's way. */
  #subnets(view: InterfaceView): Map<string, Prefix> {
    const result = new Map<string, Prefix>();
    if (!isUsable(view, this.#config.checkLink)) return result;
    for (const address of view.addresses) {
      if (address.secondary || isLoopback(address.ip) || address.tentative) continue;
      if (address.ip.family === 6 && isLinkLocal(address.ip)) continue;
      if (!this.#isChosen(view, address.ip)) continue;
      const net = address.peer && !isUnspecified(address.peer) ? address.peer : address.ip;
      const prefix = prefixOf(net, Math.min(address.length, width(net.family)));
      result.set(`${view.name} ${formatPrefix(prefix)}`, prefix);
    }
    return result;
  }

  /** Without a list, every interface is. */
  #isChosen(view: InterfaceView, address: IpAddress): boolean {
    const { interfaces } = this.#config;
    return interfaces.length === 0 || matchesPatterns(interfaces, view, address);
  }

  #channelOf(prefix: Prefix): Channel | undefined {
    const wanted = prefix.family === 4 ? "ipv4" : "ipv6";
    return this.channels.find((channel) => channel.table.netType === wanted);
  }
}

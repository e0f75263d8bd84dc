/** Protocol pipe: routes of one table in another, both ways; `protocol/rib/pipe.ts` does the carrying. */
import type { LimitAction, LimitKind } from "../../protocol/rib/channel.ts";
import { makePipe, type PipeEnd, peerOptions } from "../../protocol/rib/pipe.ts";
import { RouteKind } from "../../protocol/rib/route.ts";
import type { Table } from "../../protocol/rib/table.ts";
import type { DebugFlag, PipeConfig } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import { channelOptions } from "./channels.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus, StopReason } from "./protocol.ts";

export class PipeProtocol implements Protocol {
  readonly proto = "Pipe";
  readonly table = "---";
  readonly name: string;
  readonly channels: readonly [PipeEnd, PipeEnd];
  #config: PipeConfig;
  readonly #context: ProtocolContext;
  readonly #life: Lifecycle;
  readonly #flushed: (() => void)[] = [];

  constructor(config: PipeConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    const { rib } = context;
    const [channel] = config.channels;
    const table = channel && rib.table(channel.table);
    const peerTable = rib.table(config.peerTable);
    if (!channel || !table || !peerTable) throw new Error(`${config.name}: no table`); // the loader has checked it
    const { preference } = channel;
    const source = rib.addSource({ protocol: config.name, kind: RouteKind.Pipe, preference });
    this.channels = makePipe({ ...channelOptions(channel), protocol: config.name, table, source }, peerTable);
    for (const end of this.channels) {
      end.onFlushed = () => this.#settle();
      end.onLimit = (kind, action, count) => this.#limit(end, kind, action, count);
    }
  }

  get config(): PipeConfig {
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

  get info(): string {
    return `${this.channels[0].table.name} <=> ${this.#peerTable.name}`;
  }

  get #peerTable(): Table {
    return this.channels[1].table;
  }

  start(): void {
    if (this.state !== "down") return;
    this.#life.set(this, "start");
    for (const end of this.channels) end.open();
    this.#life.set(this, "up");
  }

  async stop(_reason: StopReason): Promise<void> {
    if (this.state === "down") return;
    if (this.state === "up") {
      this.#life.set(this, "flush");
      for (const end of this.channels) end.close();
    }
    await new Promise<void>((resolve) => {
      this.#flushed.push(resolve);
      this.#settle();
    });
  }

  reconfigure(config: PipeConfig, soft: boolean): void {
    this.#config = config;
    const [channel] = config.channels;
    if (!channel) return;
    const [main, peer] = this.channels;
    const next = { ...main.options, ...channelOptions(channel) };
    main.reconfigure(next, { soft });
    peer.reconfigure(peerOptions(next, this.#peerTable), { soft });
  }

  /** `in` is into the pipe's own table. */
  reload(direction: "in" | "out" | "both"): boolean {
    if (this.state !== "up") return false;
    const [main, peer] = this.channels;
    if (direction !== "out") peer.reload("out");
    if (direction !== "in") main.reload("out");
    return true;
  }

  status(): ProtocolStatus {
    return { kind: "pipe", peerTable: this.#peerTable.name };
  }

  #settle(): void {
    if (this.state === "flush" && this.channels.every((end) => end.state === "DOWN")) this.#life.set(this, "down");
    if (this.state !== "down") return;
    for (const resolve of this.#flushed.splice(0)) resolve();
  }

  /** Told from within a table's change: acted on behind it. */
  #limit(end: PipeEnd, _kind: LimitKind, action: LimitAction, count: number): void {
    const kind = end === this.channels[0] ? "import" : "export";
    const text = `Protocol ${this.name} hits route ${kind} limit (${count}), action: ${action}`;
    this.#context.log("warning", text, { protocol: this.name });
    this.#context.changed(this, { type: "limit", text });
    if (action !== "restart" && action !== "disable") return;
    const { soon = queueMicrotask } = this.#context;
    soon(() => void this.#stopForLimit(action === "restart"));
  }

  async #stopForLimit(again: boolean): Promise<void> {
    if (this.state !== "up") return;
    await this.stop({ kind: again ? "restart" : "disable" });
    if (again) this.start();
  }
}

/**
 * Protocols outside our purpose (ospf, rip, babel, ...): their blocks are accepted, so that a file
 * keeps BIRD's verdict, and shown as `down` with 'not implemented'; nothing of them runs.
 */
import type { Channel } from "../../protocol/rib/channel.ts";
import type { DebugFlag, ProtocolConfig } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

export class ForeignProtocol implements Protocol {
  readonly name: string;
  readonly proto: string;
  readonly info = "not implemented";
  readonly channels: readonly Channel[] = [];
  readonly table: string;
  config: ProtocolConfig;
  readonly #life: Lifecycle;

  constructor(config: ProtocolConfig, context: ProtocolContext, proto: string) {
    this.name = config.name;
    this.proto = proto;
    this.table = config.channels[0]?.table ?? "---";
    this.config = config;
    this.#life = new Lifecycle(config, context);
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
    // stays down: the warning at load has said so
  }

  async stop(): Promise<void> {
    // it never runs
  }

  reconfigure(config: ProtocolConfig): void {
    this.config = config;
  }

  reload(): boolean {
    return false;
  }

  status(): ProtocolStatus {
    return { kind: "foreign" };
  }
}

/** What every protocol instance carries: its state with the time of the last change, and its debug flags. */
import type { DebugFlag, ProtocolConfig } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import type { Protocol, ProtocolContext, ProtocolState } from "./protocol.ts";

export class Lifecycle {
  debug: ReadonlySet<DebugFlag>;
  readonly #name: string;
  readonly #context: ProtocolContext;
  #state: ProtocolState = "down";
  #since: Millis;

  constructor(config: ProtocolConfig, context: ProtocolContext) {
    this.#name = config.name;
    this.debug = config.debug;
    this.#context = context;
    this.#since = context.clock.wall();
  }

  get state(): ProtocolState {
    return this.#state;
  }

  get since(): Millis {
    return this.#since;
  }

  /** The one place where a protocol's state changes; tells the log (`debug { states }`) and the speaker. */
  set(owner: Protocol, to: ProtocolState): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#since = this.#context.clock.wall();
    this.trace("states", `State changed to ${to}`);
    this.#context.changed(owner, { type: "state", from, to });
  }

  /** A TRACE line, if `debug` asks for its kind. */
  trace(flag: DebugFlag, text: string): void {
    if (this.debug.has(flag)) this.#context.log("trace", `${this.#name}: ${text}`, { protocol: this.#name });
  }
}

/** Protocol mrt: dumps of routing tables into files, every so often. */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { matchesShell } from "../../protocol/policy/shell-pattern.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import type { Table } from "../../protocol/rib/table.ts";
import type { DebugFlag, MrtConfig } from "../config/schema.ts";
import { systemError } from "../errno.ts";
import type { Millis, Timer } from "../host.ts";
import { formatTime } from "../log/time-format.ts";
import { Lifecycle } from "./lifecycle.ts";
import { dumpTable } from "./mrt-dump.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

export class MrtProtocol implements Protocol {
  readonly proto = "MRT";
  readonly info = "";
  readonly table = "---";
  readonly channels: readonly Channel[] = [];
  readonly name: string;
  #config: MrtConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  #timer: Timer | undefined;
  readonly #dumps = new Set<{ close(): void }>();

  constructor(config: MrtConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
  }

  get config(): MrtConfig {
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
    this.#life.set(this, "up");
    this.#arm();
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#timer?.cancel();
    for (const dump of this.#dumps) dump.close();
    this.#dumps.clear();
    this.#life.set(this, "down");
  }

  reconfigure(config: MrtConfig): void {
    this.#config = config;
    if (this.state === "up") this.#arm();
  }

  reload(): boolean {
    return false;
  }

  status(): ProtocolStatus {
    return { kind: "plain" };
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#context;
    this.#timer = clock.at(clock.now() + this.#config.period * 1000, () => {
      this.#arm();
      if (this.#dumps.size > 0) return this.#say("The last dump still runs, this one is left out");
      for (const table of this.#context.rib.tables()) {
        const wanted = matchesShell(this.#config.table, table.name);
        if (wanted && (table.netType === "ipv4" || table.netType === "ipv6")) this.#dump(table);
      }
    });
  }

  #dump(table: Table): void {
    const { clock, rib, routerId, scheduler } = this.#context;
    const { filename, filter, alwaysAddPath } = this.#config;
    const path = formatTime(filename.replaceAll("%N", table.name), clock.wall());
    const file = openDump(path);
    if (typeof file === "string") return this.#say(`Unable to open MRT file '${path}': ${file}`);
    let ended = false;
    const dump = dumpTable({
      rib,
      table,
      routerId: this.#config.routerId ?? routerId(),
      seconds: Math.floor(clock.wall() / 1000),
      filter,
      alwaysAddPath,
      scheduler,
      write: (octets) => file.write(octets),
      done: (error) => {
        ended = true;
        file.close();
        this.#dumps.delete(entry);
        if (error) this.#say(`Unable to write MRT file '${path}': ${error.message}`);
      },
    });
    const entry = {
      close: (): void => {
        dump.close();
        file.close();
      },
    };
    if (!ended) this.#dumps.add(entry);
  }

  #say(text: string): void {
    this.#context.log("error", `${this.name}: ${text}`, { protocol: this.name });
  }
}

/** Appends, as BIRD does. Records are gathered: a system call each would cost more than the dump. */
export function openDump(path: string): { write(octets: Uint8Array): void; close(): void } | string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o644);
  } catch (error) {
    return systemError(error);
  }
  const buffer = new Uint8Array(BUFFER_OCTETS);
  let length = 0;
  let open = true;
  const flush = (): void => {
    for (let at = 0; at < length; ) at += writeSync(fd, buffer, at, length - at);
    length = 0;
  };
  return {
    write: (octets) => {
      if (length + octets.length > buffer.length) flush();
      if (octets.length > buffer.length) writeSync(fd, octets);
      else {
        buffer.set(octets, length);
        length += octets.length;
      }
    },
    close: () => {
      if (!open) return;
      open = false;
      try {
        flush();
      } finally {
        closeSync(fd);
      }
    },
  };
}

const BUFFER_OCTETS = 65_536;

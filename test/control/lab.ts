/**
 * Daemons on a virtual network and in virtual time, made from bird.conf texts and asked through the
 * command table, or by a real socket: what a client would read, octet for octet.
 */

import { FakeKernel } from "../../fib/fake.ts";
import { parseAddress } from "../../protocol/wire/address.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { CommandContext } from "../../src/control/command.ts";
import { execute } from "../../src/control/execute.ts";
import { Reply } from "../../src/control/reply.ts";
import { ControlServer } from "../../src/control/server.ts";
import { Daemon } from "../../src/daemon.ts";
import type { Host } from "../../src/host.ts";
import { type Client, Speaker } from "../../src/speaker.ts";
import { VirtualNetwork } from "../../src/testing/network.ts";
import { seededRandom } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/time.ts";

export class Lab {
  readonly time: VirtualTime = new VirtualTime();
  readonly network: VirtualNetwork;
  readonly #random = seededRandom(1);

  constructor() {
    this.network = new VirtualNetwork(this.time, this.#random);
    this.network.latency = [0, 0];
  }

  /** Lets so many virtual milliseconds pass. */
  async run(ms: number): Promise<void> {
    const until = this.time.now + ms;
    while (this.time.runNext(until)) await undefined;
    this.time.run(until);
    await settled();
  }

  async daemon(options: DaemonOptions): Promise<TestDaemon> {
    const made = new TestDaemon(this, options);
    await made.start();
    return made;
  }

  hostFor(listeners: Set<(level: string, text: string) => void>): Host {
    const { time } = this;
    return {
      clock: time.clock,
      random: this.#random,
      log: (level, text) => {
        for (const listener of listeners) listener(level, text);
      },
      scheduler: time.scheduler,
      soon: time.soon,
    };
  }
}

export interface DaemonOptions {
  readonly conf: string;
  /** Of its one interface besides `lo`. */
  readonly address: string;
  /** Files that the configuration includes, or that `configure "FILE"` names. */
  readonly files?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  /** More of what the kernel has. */
  readonly kernel?: (kernel: FakeKernel) => void;
}

export class TestDaemon {
  readonly kernel: FakeKernel = new FakeKernel();
  readonly daemon: Daemon;
  readonly files: Map<string, string>;
  readonly debug: string[] = [];
  readonly log: string[] = [];
  exited: string | undefined;
  /** What SO_PEERCRED would say. */
  client: Client = { pid: 4711, uid: 0, user: "root" };
  restricted = false;
  told: string[] = [];
  readonly #lab: Lab;
  readonly #listeners = new Set<(level: never, text: string) => void>();

  constructor(lab: Lab, options: DaemonOptions) {
    this.#lab = lab;
    this.files = new Map([[CONF, options.conf], ...Object.entries(options.files ?? {})]);
    const address = parseAddress(options.address);
    if (!address) throw new Error(`no address: ${options.address}`);
    this.kernel.addLink({ name: "lo", index: 1, loopback: true, mtu: 65536 });
    this.kernel.addAddress(1, { ip: parseAddress("127.0.0.1")!, length: 8 });
    this.kernel.addLink({ name: "eth0", index: 2, mtu: 1500 });
    this.kernel.addAddress(2, { ip: address, length: 24 });
    options.kernel?.(this.kernel);
    const host = lab.hostFor(this.#listeners as Set<(level: string, text: string) => void>);
    this.#listeners.add((level: string, text: string) => this.log.push(`${level}: ${text}`));
    const { transport } = lab.network.addHost(options.address, address);
    const speaker = new Speaker({ host, transport, config: this.#config(CONF), kernel: this.kernel });
    this.daemon = new Daemon({
      speaker,
      host,
      hostname: options.hostname ?? "vm",
      load: (file) => this.#load(file),
      applyConfig: () => undefined,
      onLog: (listener) => {
        this.#listeners.add(listener as never);
        return { close: () => this.#listeners.delete(listener as never) };
      },
      debugOutput: (text) => this.debug.push(text),
      exit: (kind) => {
        this.exited = kind;
      },
    });
  }

  async start(): Promise<void> {
    await this.daemon.speaker.start();
    await this.#lab.run(0);
  }

  /** What a client reads behind a command. */
  async ask(line: string): Promise<string> {
    const reply = new Reply();
    const work = execute(line, this.#context(), reply);
    for (let step = work?.next(); step && !step.done; step = work?.next()) await this.#settle(step.value);
    return reply.take();
  }

  /** What a command waits for may need the virtual scheduler. */
  async #settle(promise: Promise<unknown> | undefined): Promise<void> {
    let pending = promise !== undefined;
    const over = (): void => {
      pending = false;
    };
    promise?.then(over, over);
    while (pending) await this.#lab.run(0);
  }

  /** A server for real sockets. */
  server(paths: readonly string[]): ControlServer {
    return new ControlServer({ target: this.daemon, paths });
  }

  #context(): CommandContext {
    const daemon = this;
    return {
      target: this.daemon,
      client: () => this.client,
      session: {
        get restricted() {
          return daemon.restricted;
        },
        set restricted(value) {
          daemon.restricted = value;
        },
        echo: () => undefined,
        tell: (text) => this.told.push(text),
      },
    };
  }

  #load(file: string): ReturnType<typeof loadConfig> {
    return loadConfig({
      file,
      readFile: (path) => {
        const text = this.files.get(path);
        if (text === undefined) throw new Error("No such file or directory");
        return Buffer.from(text, "latin1");
      },
      glob: (pattern) => [...this.files.keys()].filter((path) => path === pattern),
    });
  }

  #config(file: string): Config {
    const result = this.#load(file);
    if (result.ok) return result.config;
    throw new Error(result.errors.map(({ place, text }) => `${place.line}:${place.column} ${text}`).join("\n"));
  }
}

/** Promises that wait for each other get as many turns as they need. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The configuration file of every daemon here. */
export const CONF = "/etc/bird/bird.conf";

/**
 * The speaker as a daemon: what the control socket and the signals drive. Adds to the speaker what has
 * to do with files: (re)loading the configuration, undo and its timer, and the clients' switches that
 * outlive a restart.
 */
import type { Rib } from "../protocol/rib/rib.ts";
import type { LoadResult } from "./config/load.ts";
import type { Config, DebugFlag, LogClass } from "./config/schema.ts";
import type { Host, Millis, Timer } from "./host.ts";
import type { Timeline } from "./observe/timeline.ts";
import type { Interfaces } from "./protocols/device.ts";
import type { Protocol, StopReason } from "./protocols/protocol.ts";
import type { Client, ClientState, Speaker } from "./speaker.ts";

export interface DaemonInit {
  readonly speaker: Speaker;
  readonly host: Host;
  readonly hostname: string;
  readonly timeline?: Timeline;
  /** Reads and checks a configuration file; throws only if there is a bug. */
  readonly load: (file: string) => LoadResult;
  /** Log targets and the like follow the configuration. */
  readonly applyConfig: (config: Config) => void;
  /** Every line that goes to the log, for `echo`. */
  readonly onLog: (listener: (level: LogClass, text: string) => void) => { close(): void };
  /** Prints what `dump` shows to the debug output. */
  readonly debugOutput: (text: string) => void;
  /** Ends the process once the protocols are down. */
  readonly exit: (kind: "down" | "graceful-restart") => void;
}

export interface ConfigureOptions {
  readonly file?: string;
  readonly soft: boolean;
  readonly check: boolean;
  /** Seconds until the old configuration comes back unless confirmed. */
  readonly timeout?: number;
  /** Called if that time runs out. */
  readonly onTimeout?: () => void;
}

export type ConfigureResult =
  | { readonly type: "error"; readonly result: LoadResult & { ok: false } }
  | { readonly type: "checked"; readonly config: Config }
  | { readonly type: "applied"; readonly outcome: "done" | "in progress" | "queued" };

export class Daemon {
  /** What tools see: they take us for BIRD. */
  readonly version = "2.0.12";
  readonly startedAt: Millis;
  readonly #init: DaemonInit;
  readonly #speaker: Speaker;
  #reconfiguredAt: Millis;
  #previous: Config | undefined;
  #undo: { readonly timer: Timer; readonly deadline: Millis } | undefined;
  #leaving = false;

  constructor(init: DaemonInit) {
    this.#init = init;
    this.#speaker = init.speaker;
    this.startedAt = init.host.clock.wall();
    this.#reconfiguredAt = this.startedAt;
  }

  get config(): Config {
    return this.#speaker.config;
  }

  get reconfiguredAt(): Millis {
    return this.#reconfiguredAt;
  }

  get routerId(): number {
    return this.#speaker.routerId;
  }

  get hostname(): string {
    return this.config.hostname ?? this.#init.hostname;
  }

  get phase(): "running" | "reconfiguring" | "shutting down" {
    const { phase } = this.#speaker;
    return phase === "starting" ? "running" : phase;
  }

  get rib(): Rib {
    return this.#speaker.rib;
  }

  get interfaces(): Interfaces {
    return this.#speaker.interfaces;
  }

  get host(): Host {
    return this.#init.host;
  }

  get timeline(): Timeline | undefined {
    return this.#init.timeline;
  }

  get speaker(): Speaker {
    return this.#speaker;
  }

  protocols(): readonly Protocol[] {
    return this.#speaker.protocols();
  }

  enable(protocol: Protocol, by: Client): "enabled" | "already enabled" {
    return this.#speaker.enable(protocol, by);
  }

  disable(protocol: Protocol, by: Client, message?: string): "disabled" | "already disabled" {
    return this.#speaker.disable(protocol, by, message);
  }

  restart(protocol: Protocol, _by: Client, message?: string): "restarted" | "already disabled" {
    return this.#speaker.restart(protocol, message);
  }

  reload(protocol: Protocol, direction: "in" | "out" | "both"): "reloading" | "already disabled" | "not up" {
    return this.#speaker.reload(protocol, direction);
  }

  /** Who switched a protocol off by the control socket, if that is what keeps it down. */
  disabledBy(protocol: Protocol): ClientState | undefined {
    return this.#speaker.disabledBy(protocol);
  }

  /** `configure`, `configure check`, SIGHUP: a file with errors changes nothing. */
  async configure(options: ConfigureOptions): Promise<ConfigureResult> {
    const { host, load } = this.#init;
    const result = load(options.file ?? this.config.file);
    if (!result.ok) return { type: "error", result };
    if (options.check) return { type: "checked", config: result.config };
    this.#cancelUndo();
    this.#previous = this.config;
    const outcome = this.#apply(result.config, options.soft);
    for (const { place, text } of result.config.warnings) {
      host.log("warning", `${place.file}:${place.line}:${place.column} ${text}`, { place });
    }
    if (options.timeout !== undefined) this.#scheduleUndo(options.timeout, options.onTimeout);
    return { type: "applied", outcome };
  }

  /** Back to the configuration before the last one. */
  undo(): "nothing" | "done" | "in progress" | "queued" {
    const { host } = this.#init;
    if (!this.#previous) return "nothing";
    const config = this.#previous;
    this.#cancelUndo();
    this.#previous = undefined;
    host.log("info", "Reconfiguration undone");
    return this.#apply(config, false);
  }

  confirm(): "confirmed" | "nothing" {
    if (!this.#undo) return "nothing";
    this.#cancelUndo();
    this.#init.host.log("info", "Reconfiguration confirmed");
    return "confirmed";
  }

  /** Seconds until an unconfirmed configuration is undone. */
  get undoIn(): number | undefined {
    return this.#undo && Math.max(0, (this.#undo.deadline - this.#init.host.clock.now()) / 1000);
  }

  onLog(listener: (level: LogClass, text: string) => void): { close(): void } {
    return this.#init.onLog(listener);
  }

  setDebug(protocol: Protocol, flags: ReadonlySet<DebugFlag>): void {
    protocol.debug = flags;
  }

  dump(text: string): void {
    this.#init.debugOutput(text);
  }

  /** Stops all protocols, then ends the process; asked twice, the first reason holds. */
  /** RFC 8326: out of service, or back. */
  gracefulShutdown(protocol: Protocol, on: boolean): boolean {
    protocol.drain?.(on);
    return protocol.drain !== undefined;
  }

  shutdown(kind: "down" | "graceful-restart", message?: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const { host, exit } = this.#init;
    host.log("info", kind === "down" ? "Shutting down" : "Shutting down for graceful restart");
    const reason: StopReason =
      kind === "graceful-restart" ? { kind } : { kind: "shutdown", ...(message === undefined ? {} : { message }) };
    this.#speaker.shutdown(reason).then(
      () => exit(kind),
      (error: unknown) => {
        host.log("bug", `Shutdown: ${(error as Error).stack}`);
        exit(kind);
      },
    );
  }

  #apply(config: Config, soft: boolean): "done" | "in progress" | "queued" {
    this.#init.applyConfig(config);
    this.#reconfiguredAt = this.#init.host.clock.wall();
    return this.#speaker.reconfigure(config, { soft });
  }

  #scheduleUndo(seconds: number, onTimeout: (() => void) | undefined): void {
    const { clock, log } = this.#init.host;
    const deadline = clock.now() + seconds * 1000;
    const timer = clock.at(deadline, () => {
      log("info", "Config timeout expired, starting undo");
      onTimeout?.();
      this.undo();
    });
    this.#undo = { timer, deadline };
  }

  #cancelUndo(): void {
    this.#undo?.timer.cancel();
    this.#undo = undefined;
  }
}

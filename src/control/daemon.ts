/**
 * What the control socket drives: the daemon, cut down to what commands ask of it. src/daemon.ts is one;
 * tests bring their own.
 */
import type { Rib } from "../../protocol/rib/rib.ts";
import type { Config, DebugFlag, LogClass, MrtFlag } from "../config/schema.ts";
import type { ConfigureOptions, ConfigureResult } from "../daemon.ts";
import type { Host, Millis } from "../host.ts";
import type { Timeline } from "../observe/timeline.ts";
import type { Interfaces } from "../protocols/device.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { Client, ClientState } from "../speaker.ts";

export interface ControlTarget {
  /** As tools see it: `2.0.12`. */
  readonly version: string;
  readonly config: Config;
  /** Wall clock. */
  readonly startedAt: Millis;
  readonly reconfiguredAt: Millis;
  readonly routerId: number;
  readonly hostname: string;
  readonly phase: "running" | "reconfiguring" | "shutting down";
  readonly rib: Rib;
  readonly interfaces: Interfaces;
  readonly host: Pick<Host, "clock" | "log" | "scheduler">;
  /** Absent where nobody keeps one: then `show events` is empty. */
  readonly timeline?: Timeline | undefined;
  /** In the order of definition, dynamic BGP sessions behind their parent. */
  protocols(): readonly Protocol[];
  enable(protocol: Protocol, by: Client): "enabled" | "already enabled";
  disable(protocol: Protocol, by: Client, message?: string): "disabled" | "already disabled";
  restart(protocol: Protocol, by: Client, message?: string): "restarted" | "already disabled";
  reload(protocol: Protocol, direction: "in" | "out" | "both"): "reloading" | "already disabled" | "not up";
  /** Who switched it off by the control socket, if that is what keeps it down. */
  disabledBy(protocol: Protocol): ClientState | undefined;
  configure(options: ConfigureOptions): Promise<ConfigureResult>;
  undo(): "nothing" | "done" | "in progress" | "queued";
  confirm(): "confirmed" | "nothing";
  /** Seconds until an unconfirmed configuration is undone. */
  readonly undoIn: number | undefined;
  shutdown(kind: "down" | "graceful-restart", message?: string): void;
  /** RFC 8326 drain; undefined if the protocol has no such thing. */
  gracefulShutdown?(protocol: Protocol, on: boolean): boolean;
  onLog(listener: (level: LogClass, text: string) => void): { close(): void };
  setDebug(protocol: Protocol, flags: ReadonlySet<DebugFlag>, channel?: string): void;
  setMrtdump?(protocol: Protocol, flags: ReadonlySet<MrtFlag>): void;
  /** To the debug output: stderr or the file of -D. */
  dump(text: string): void;
}

export type { Client, ClientState };

/** Signals, and what must not end a router: exceptions that nobody caught. */
import type { Daemon } from "../daemon.ts";
import type { Log } from "../host.ts";

export interface SignalHandlers {
  readonly daemon: Daemon;
  readonly log: Log;
  /** SIGHUP: log files may have been moved away. */
  readonly reopenLogs: () => void;
  /** SIGUSR1. */
  readonly dumpState: () => void;
  /** A second SIGTERM or SIGINT: now. */
  readonly force: (status: number) => void;
}

export function handleSignals(handlers: SignalHandlers): void {
  const { daemon, log, reopenLogs, dumpState, force } = handlers;
  let leaving = false;
  const leave = (signal: "SIGINT" | "SIGTERM" | "SIGUSR2"): void => {
    if (leaving) force(128 + SIGNAL_NUMBERS[signal]);
    leaving = true;
    daemon.shutdown(signal === "SIGUSR2" ? "graceful-restart" : "down");
  };
  process.on("SIGTERM", leave);
  process.on("SIGINT", leave);
  process.on("SIGUSR2", leave);
  process.on("SIGUSR1", dumpState);
  process.on("SIGPIPE", () => undefined);
  process.on("SIGHUP", () => {
    reopenLogs();
    log("info", "Reconfiguration requested by SIGHUP");
    daemon.configure({ soft: false, check: false }).then(
      (outcome) => {
        if (outcome.type !== "error") return;
        for (const { place, text } of outcome.result.errors) {
          log("error", `${place.file}:${place.line}:${place.column} ${text}`, { place });
        }
      },
      (error: unknown) => log("bug", `Reconfiguration: ${(error as Error).stack}`),
    );
  });
}

/**
 * From the moment on that routes depend on us, an error nobody caught is logged and survived. What it broke
 * is one connection or one command; what ends with the process is every route.
 */
export function surviveExceptions(log: Log): void {
  const survive = (error: unknown): void => {
    log("bug", `Uncaught: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on("uncaughtException", survive);
  process.on("unhandledRejection", survive);
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGUSR2: 12, SIGTERM: 15 } as const;

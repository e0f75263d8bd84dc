/** `log json`: one object a line by pino, loaded only if the configuration asks for it. */
import { createRequire } from "node:module";
import type { LogClass } from "../config/schema.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Sink } from "./entry.ts";

/** Fields: level, time, pid, name, class, msg, and whatever details the line has (protocol, place, ...). */
export function jsonSink(target: Descriptor): Sink {
  const pino = createRequire(import.meta.url)("pino") as typeof import("pino").pino;
  const logger = pino(
    { level: "trace", base: { name: "linnet", pid: process.pid }, timestamp: false }, // the entry brings its own time
    { write: (line: string) => target.write(line) },
  );
  return {
    write: ({ level, text, wall, details }) => {
      logger[PINO_LEVELS[level]]({ ...details, time: Math.floor(wall), class: level }, text);
    },
    reopen: () => target.reopen(),
    close: () => target.close(),
  };
}

const PINO_LEVELS: Readonly<Record<LogClass, "trace" | "debug" | "info" | "warn" | "error" | "fatal">> = {
  debug: "debug",
  trace: "trace",
  info: "info",
  remote: "info",
  warning: "warn",
  error: "error",
  auth: "warn",
  fatal: "fatal",
  bug: "error",
};

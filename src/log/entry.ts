/** A line of the log, and the words that BIRD's log uses for its classes. */
import type { LogClass } from "../config/schema.ts";
import type { LogDetails } from "../host.ts";

export interface LogEntry {
  readonly level: LogClass;
  /** One printable line. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly wall: number;
  readonly details: LogDetails | undefined;
}

/** Where lines go. Nothing a sink meets may throw or block: a full disk never stops routing. */
export interface Sink {
  write(entry: LogEntry): void;
  /** After SIGHUP: somebody may have moved the file away. */
  reopen?(): void;
  close(): void;
}

export const CLASS_TAGS: Readonly<Record<LogClass, string>> = {
  debug: "DBG",
  trace: "TRACE",
  info: "INFO",
  remote: "RMT",
  warning: "WARN",
  error: "ERR",
  auth: "AUTH",
  fatal: "FATAL",
  bug: "BUG",
};

/**
 * What peers and clients write must not move the cursor of who reads the log, nor forge a line in it:
 * control characters (C0, DEL, C1) become escapes.
 */
export function printable(text: string): string {
  return CONTROLS.test(text) ? text.replace(ALL_CONTROLS, escaped) : text;
}

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return " ";
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
const ALL_CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

/**
 * syslog as the C library speaks it: one datagram a line to /dev/log, `<30>Nov 21 01:39:33 bird: Started`.
 * Node has no unix datagrams, so koffi makes them. Without koffi, or while nobody listens, lines are lost,
 * and one notice says so.
 */
import type { LogClass } from "../config/schema.ts";
import type { LogEntry, Sink } from "./entry.ts";
import { formatTime } from "./time-format.ts";
import type { DatagramSender } from "./unix-datagram.ts";

/** @param open called at the first line, outside of the turn that logs it: start-up does not wait for koffi */
export function syslogSink(tag: string, open: () => DatagramSender | undefined, notice: (text: string) => void): Sink {
  let sender: DatagramSender | undefined;
  let opened = false;
  let noticed = false;
  let queue: LogEntry[] = [];
  let pending: NodeJS.Immediate | undefined;
  const flush = (): void => {
    pending = undefined;
    if (!opened) sender = open();
    opened = true;
    const entries = queue;
    queue = [];
    for (const entry of entries) {
      const trouble = sender ? sender.send(encodeSyslog(tag, entry)) : "koffi is not installed";
      if (trouble && !noticed) notice(`syslog is not there (${trouble}): going on without`);
      noticed ||= trouble !== undefined;
    }
  };
  return {
    write: (entry) => {
      queue.push(entry);
      if (opened) flush();
      else pending ??= setImmediate(flush);
    },
    close: () => {
      clearImmediate(pending);
      if (queue.length > 0) flush();
      sender?.close();
    },
  };
}

export function encodeSyslog(tag: string, entry: LogEntry): Uint8Array {
  const priority = FACILITY_DAEMON | SEVERITIES[entry.level];
  return encoder.encode(`<${priority}>${formatTime("%b %e %T", entry.wall)} ${tag}: ${entry.text}`);
}

const SEVERITIES: Readonly<Record<LogClass, number>> = {
  debug: 7,
  trace: 7,
  info: 6,
  remote: 6,
  warning: 4,
  error: 3,
  auth: 3,
  fatal: 2,
  bug: 2,
};

const encoder = new TextEncoder();
const FACILITY_DAEMON = 3 << 3;

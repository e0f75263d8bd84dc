/**
 * syslog as the C library speaks it: one datagram a line to /dev/log, `<30>Nov 21 01:39:33 bird: Started`.
 * Node has no unix datagrams, so koffi makes them. Without koffi, or while nobody listens, lines are lost,
 * and one notice says so.
 */
import { createRequire } from "node:module";
import type { LogClass } from "../config/schema.ts";
import type { LogEntry, Sink } from "./entry.ts";
import { formatTime } from "./time-format.ts";

export interface DatagramSender {
  /** @returns undefined if it was taken, else why not */
  send(octets: Uint8Array): string | undefined;
  close(): void;
}

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

/** @returns undefined where koffi cannot be loaded */
export function unixDatagrams(path: string): DatagramSender | undefined {
  const c = libc();
  if (!c) return undefined;
  const address = encodeAddress(path);
  const fd = c.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  return {
    send: (octets) => {
      if (c.sendto(fd, octets, octets.length, MSG_NOSIGNAL, address, address.length) >= 0) return undefined;
      const errno = c.errno();
      return errno === EAGAIN ? undefined : `${path}: ${ERRORS.get(errno) ?? `error ${errno}`}`;
    },
    close: () => {
      c.close(fd);
    },
  };
}

interface LibC {
  socket(domain: number, type: number, protocol: number): number;
  sendto(fd: number, octets: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number;
  close(fd: number): number;
  errno(): number;
}

function libc(): LibC | undefined {
  let koffi: typeof import("koffi");
  try {
    koffi = createRequire(import.meta.url)("koffi");
  } catch {
    return undefined; // the caller prints the notice
  }
  const library = koffi.load(null);
  return {
    socket: library.func("int socket(int, int, int)"),
    sendto: library.func("long sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)"),
    close: library.func("int close(int)"),
    errno: () => koffi.errno(),
  };
}

/** struct sockaddr_un: family, path; an abstract name (`@...`) begins with NUL and has no end. */
function encodeAddress(path: string): Uint8Array {
  const name = encoder.encode(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
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
const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = 11;
const ERRORS: ReadonlyMap<number, string> = new Map([
  [2, "No such file or directory"],
  [13, "Permission denied"],
  [90, "Message too long"],
  [111, "Connection refused"],
]);

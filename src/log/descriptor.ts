/**
 * A descriptor that log lines are written to. It never blocks: what a full pipe does not take waits in a
 * bounded queue, and what the queue does not take is counted and said later.
 */
import { closeSync, constants, existsSync, fchownSync, fstatSync, lstatSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export class Descriptor {
  readonly #reopen: () => number;
  #fd: number;
  #owned: boolean;
  #queue: Buffer[] = [];
  #queued = 0;
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @throws what node:fs throws if it cannot be opened */
  constructor(open: () => number) {
    this.#reopen = open;
    this.#fd = open();
    this.#owned = this.#fd > STDERR;
  }

  /** Octets in the file, queue included; 0 where that means nothing. */
  get size(): number {
    try {
      return fstatSync(this.#fd).size + this.#queued;
    } catch {
      return 0; // closed under us: the next write says so
    }
  }

  write(line: string): void {
    if (this.#queued > 0) {
      this.#enqueue(Buffer.from(line));
      return;
    }
    const octets = Buffer.from(line);
    const written = this.#attempt(octets);
    if (written < octets.length) this.#enqueue(octets.subarray(written));
  }

  /** Opens the file anew; if that fails, the old one stays. */
  reopen(): void {
    if (!this.#owned) return;
    let fd: number;
    try {
      fd = this.#reopen();
    } catch {
      return; // no room, no right: better the old file than none
    }
    this.#flush();
    closeSync(this.#fd);
    this.#fd = fd;
  }

  close(): void {
    this.#flush();
    clearTimeout(this.#retry);
    if (this.#owned) closeSync(this.#fd);
    this.#owned = false;
    this.#fd = -1;
  }

  #enqueue(octets: Buffer): void {
    if (this.#queued + octets.length > MAX_QUEUED) {
      this.#lost++;
      return;
    }
    this.#queue.push(octets);
    this.#queued += octets.length;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
      if (this.#queued > 0) this.#enqueue(Buffer.alloc(0));
    }, RETRY_MS).unref();
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const octets = this.#queue[0]!;
      const written = this.#attempt(octets);
      this.#queued -= written;
      if (written < octets.length) {
        this.#queue[0] = octets.subarray(written);
        return;
      }
      this.#queue.shift();
    }
    if (this.#lost === 0) return;
    const note = Buffer.from(`bird: ${this.#lost} log lines lost, nobody read them\n`);
    this.#lost = 0;
    this.#attempt(note);
  }

  /** @returns how many octets are done with: all, unless the reader is slow; a broken target swallows them */
  #attempt(octets: Buffer): number {
    if (this.#fd < 0 || octets.length === 0) return octets.length;
    try {
      return writeSync(this.#fd, octets);
    } catch (error) {
      // EAGAIN: later. ENOSPC, EIO, EPIPE: the line is lost, the daemon is not.
      return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : octets.length;
    }
  }
}

/** Who is to own files that we create: the one we are about to become. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** For appending; in a directory where anybody may put links, none is followed. */
export function openLogFile(path: string, owner?: Owner): number {
  const { O_APPEND, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
  const isNew = owner !== undefined && !existsSync(path);
  const fd = openSync(path, isShared(dirname(path)) ? flags | O_NOFOLLOW : flags, LOG_MODE);
  if (isNew) fchownSync(fd, owner.uid, owner.gid);
  return fd;
}

/**
 * Standard error through a description of our own, so that not blocking is our business alone. A socket
 * (systemd's journal) cannot be opened so, and a file has one offset that all its writers must share: they
 * are used as they are.
 */
export function openStderr(): number {
  const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
  try {
    if (fstatSync(STDERR).isFile()) return STDERR;
    return openSync("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    return STDERR;
  }
}

function isShared(directory: string): boolean {
  try {
    return (lstatSync(directory).mode & 0o002) !== 0;
  } catch {
    return false; // opening the file will say what is wrong
  }
}

const STDERR = 2;
const LOG_MODE = 0o644;
const RETRY_MS = 50;
const MAX_QUEUED = 256 * 1024;

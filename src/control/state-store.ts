/** Keeps the clients' switches in `SOCKET.state` beside the control socket; renamed into place, for us alone. */
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { systemError } from "../errno.ts";
import type { Log } from "../host.ts";
import { type ClientStates, formatStates, parseStates } from "./state-file.ts";

export class StateStore {
  readonly path: string;
  readonly #log: Log;
  readonly #boot: string | undefined;
  #warned = false;
  #pending: ClientStates | undefined;

  /** @param socket the first -s path */
  constructor(socket: string, log: Log) {
    this.path = `${socket}.state`;
    this.#log = log;
    this.#boot = bootId();
  }

  /** What clients had set before this start; nothing if it cannot be read. */
  load(): ClientStates {
    if (this.#boot === undefined) return new Map();
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        this.#log("warning", `Cannot read ${this.path}: ${systemError(error)}`);
      }
      return new Map();
    }
    return parseStates(text, this.#boot) ?? new Map();
  }

  /** Written at the end of this turn of the event loop: the command's effect on the wire does not wait for it. */
  save(states: ClientStates): void {
    if (this.#pending === undefined) setImmediate(() => this.flush());
    this.#pending = new Map(states);
  }

  /** Writes what is still to be written. */
  flush(): void {
    const states = this.#pending;
    this.#pending = undefined;
    if (!states || this.#boot === undefined) return;
    try {
      this.#write(formatStates(states, this.#boot));
      this.#warned = false;
    } catch (error) {
      if (!this.#warned) {
        this.#log(
          "warning",
          `Cannot write ${this.path}: ${systemError(error)}; what clients switch will not outlive a restart`,
        );
      }
      this.#warned = true;
    }
  }

  #write(text: string): void {
    const temporary = `${this.path}.new`;
    remove(temporary); // of a daemon that died while writing
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.path);
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Differs from boot to boot (random(4)). */
function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined; // without one no file can be trusted
  }
}

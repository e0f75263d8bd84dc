/**
 * What goes out over an Established session: pulled from the tables while the socket takes it, in the turn
 * in which there is something new, and in slices when there is much.
 */
import type { Host, Job } from "../../host.ts";
import type { Connection } from "../../transport/tcp.ts";
import type { Routes } from "./handler.ts";

export interface OutputHandler {
  /** @returns false: the socket is full */
  write(octets: Uint8Array): boolean;
  /** The socket has become full, or empty again. */
  blocked(full: boolean): void;
}

export class Output {
  readonly #host: Host;
  readonly #routes: Routes;
  readonly #connection: Connection;
  readonly #handler: OutputHandler;
  readonly #job: Job = { step: () => this.#pull() };
  #queued = false;
  #blocked = false;
  #closed = false;
  #written = 0;
  #mark = 0;

  constructor(host: Host, routes: Routes, connection: Connection, handler: OutputHandler) {
    this.#host = host;
    this.#routes = routes;
    this.#connection = connection;
    this.#handler = handler;
  }

  /** There is something to pull: it goes out at the end of this turn, with whatever else comes until then. */
  wake(): void {
    if (this.#queued || this.#blocked || this.#closed) return;
    this.#queued = true;
    const { soon = queueMicrotask } = this.#host;
    soon(() => {
      this.#queued = false;
      this.flush();
    });
  }

  /** Pulls and writes a little now; a big feed goes on in slices. */
  flush(): void {
    const { clock, scheduler } = this.#host;
    const until = clock.now() + FLUSH_MS;
    do if (!this.#pull()) return;
    while (clock.now() < until);
    scheduler.run(this.#job);
  }

  /** The socket is empty again. */
  drained(): void {
    if (!this.#blocked || this.#closed) return;
    this.#blocked = false;
    this.#handler.blocked(false);
    this.flush();
  }

  /** Whether at least a message went out since the last look, or since the socket was full (RFC 9687 §3.1). */
  progress(): boolean {
    const gone = this.#written - this.#connection.queued;
    const enough = gone - this.#mark >= PROGRESS_OCTETS; // octets that trickle do not count
    this.#mark = gone;
    return enough;
  }

  close(): void {
    this.#closed = true;
    this.#host.scheduler.cancel(this.#job);
  }

  /** @returns whether another pull may bring more */
  #pull(): boolean {
    if (this.#blocked || this.#closed) return false;
    const octets = this.#routes.pull(CHUNK_OCTETS);
    if (!octets) return false;
    this.#written += octets.length;
    if (this.#handler.write(octets)) return true;
    this.#blocked = true;
    this.#mark = this.#written - this.#connection.queued;
    this.#handler.blocked(true);
    return false;
  }
}

/** Routes that take what comes, but announce nothing until `open` says so. */
export function heldBack(routes: Routes, open: () => boolean): Routes {
  return {
    receiveUpdate: (message) => routes.receiveUpdate(message),
    receiveRefresh: (message) => routes.receiveRefresh(message),
    pull: (budget) => (open() ? routes.pull(budget) : undefined),
    get congested() {
      return routes.congested;
    },
  };
}

const CHUNK_OCTETS = 65_536;
/** What one event may write before others get their turn. */
const FLUSH_MS = 2;
const PROGRESS_OCTETS = 4096;

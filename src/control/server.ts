/**
 * The control socket: listens where bird does, greets, and gives each line to the command table.
 * Everything a client can do is bounded, and nothing it does reaches another client or a BGP session.
 */
import type { Socket } from "node:net";
import { ControlConnection } from "./connection.ts";
import type { ControlTarget } from "./daemon.ts";
import { execute } from "./execute.ts";
import { type ControlListener, type ListenOptions, openListeners } from "./listener.ts";
import { clientOf } from "./peer.ts";
import { Pump } from "./pump.ts";

export interface ControlServerInit extends ListenOptions {
  readonly target: ControlTarget;
  /** In order; the first one's name is that of the state file too. */
  readonly paths: readonly string[];
}

export class ControlServer {
  readonly #init: ControlServerInit;
  readonly #pump = new Pump(() => performance.now());
  readonly #connections = new Set<ControlConnection>();
  #listeners: ControlListener[] = [];
  #log: { close(): void } | undefined;

  constructor(init: ControlServerInit) {
    this.#init = init;
  }

  /** @throws ControlSocketError if a path cannot be had */
  async listen(): Promise<void> {
    this.#listeners = await openListeners(this.#init.paths, this.#init, (socket) => this.accept(socket));
    this.#log = this.#init.target.onLog((level, text) => {
      for (const connection of this.#connections) connection.log(level, text);
    });
  }

  /** Where it listens. */
  get paths(): readonly string[] {
    return this.#listeners.map((listener) => listener.path);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Takes a client that has connected, by whatever way. */
  accept(socket: Socket): void {
    const { target } = this.#init;
    const connection = new ControlConnection(socket, {
      pump: this.#pump,
      greeting: `BIRD ${target.version} ready.`,
      execute: (line, session, reply) => execute(line, { target, session, client: () => clientOf(session.fd) }, reply),
      failed: (error) => target.host.log("bug", `Control socket: ${(error as Error).stack ?? error}`),
      onClose: (closed) => this.#connections.delete(closed),
    });
    this.#connections.add(connection);
  }

  /** Ends all connections, once what they have been answered is sent, and frees the paths. */
  close(): void {
    this.#log?.close();
    for (const { server } of this.#listeners) server.close();
    for (const connection of this.#connections) connection.close();
    this.#listeners = [];
  }
}

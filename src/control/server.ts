/**
 * The control socket: listens where bird does, greets, and gives each line to the command table.
 * Everything a client can do is bounded, and nothing it does reaches another client or a BGP session.
 */
import type { Socket } from "node:net";
import { type Action, type Command, type CommandContext, CommandTree, refusal } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { ControlConnection, type Session, type Work } from "./connection.ts";
import type { ControlTarget } from "./daemon.ts";
import { JsonReply } from "./json.ts";
import { type ControlListener, type ListenOptions, openListeners } from "./listener.ts";
import { clientOf } from "./peer.ts";
import { Pump } from "./pump.ts";
import type { Reply } from "./reply.ts";

export interface ControlServerInit extends ListenOptions {
  readonly target: ControlTarget;
  /** In order; the first one's name is that of the state file too. */
  readonly paths: readonly string[];
}

export class ControlServer {
  readonly #init: ControlServerInit;
  readonly #tree = new CommandTree(COMMANDS);
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
      execute: (line, session, reply) => this.#execute(line, session, reply),
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

  #execute(line: string, session: Session, reply: Reply): Work | undefined {
    const { target } = this.#init;
    const context: CommandContext = { target, session, client: () => clientOf(session.fd) };
    let parsed: { command: Command; action: Action; json: boolean };
    try {
      parsed = this.#tree.parse(cleaned(line), context);
    } catch (error) {
      const words = refusal(error);
      if (words === undefined) throw error;
      reply.end(9001, words);
      return undefined;
    }
    const { command, action, json } = parsed;
    if (command.changes && session.restricted) {
      reply.end(8007, "Access denied");
      return undefined;
    }
    if (!json) return action.text(reply);
    if (action.json) return action.json(new JsonReply(reply));
    reply.end(9001, "This command has no JSON form");
    return undefined;
  }
}

/** As bird reads lines: carriage returns do not count, and NUL ends it. */
function cleaned(line: string): string {
  const end = line.indexOf("\0");
  return (end < 0 ? line : line.slice(0, end)).replaceAll("\r", "");
}

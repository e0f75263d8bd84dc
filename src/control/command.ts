/**
 * From a line to what it does: the tree of command words, the arguments' grammar, access, and the reply
 * to what cannot be understood.
 */
import { PolicyError } from "../../protocol/policy/error.ts";
import { Parser } from "../../protocol/policy/parser.ts";
import { T, type TokenName } from "../../protocol/policy/tokens.ts";
import type { LogClass } from "../config/schema.ts";
import type { Work } from "./connection.ts";
import type { Client, ControlTarget } from "./daemon.ts";
import type { JsonReply } from "./json.ts";
import type { Reply } from "./reply.ts";
import { commandScope } from "./symbols.ts";
import { acceptWord, CommandError, end } from "./words.ts";

/** What a command may know and touch besides the daemon. */
export interface CommandContext {
  readonly target: ControlTarget;
  /** Asked for only by commands that record who gave them: it costs a system call. */
  client(): Client;
  /** The connection: `restrict`, `echo`, notices. */
  readonly session: CommandSession;
}

export interface CommandSession {
  restricted: boolean;
  echo(classes: ReadonlySet<LogClass>, size: number): void;
  tell(text: string): void;
}

/** A parsed command, ready to run. */
export interface Action {
  text(reply: Reply): Work | undefined;
  /** For `show` commands: the same as one JSON document. */
  json?(reply: JsonReply): Work | undefined;
}

export interface Command {
  /** The words it begins with: keywords in capitals, in small letters what bird's grammar does not have there. */
  readonly words: readonly (TokenName | Lowercase<string>)[];
  /** Refused after `restrict`. */
  readonly changes?: boolean;
  /** Reads the arguments to the end of the line. */
  parse(p: Parser, context: CommandContext): Action;
}

/** A command without arguments. */
export function plain(words: Command["words"], action: (context: CommandContext) => Action): Command {
  return {
    words,
    parse(p, context) {
      end(p);
      return action(context);
    },
  };
}

/** An action that says its say in one go. */
export function atOnce(say: (reply: Reply) => void): Action {
  return {
    text(reply) {
      say(reply);
      return undefined;
    },
  };
}

/** The command words as a tree: each level is one word. */
export class CommandTree {
  readonly #root = new Node();

  constructor(commands: readonly Command[]) {
    for (const command of commands) this.#root.add(command, 0);
  }

  /**
   * Understands a line.
   * @param line one character for each octet
   * @throws what `refusal` has words for
   */
  parse(
    line: string,
    context: CommandContext,
  ): { readonly command: Command; readonly action: Action; readonly json: boolean } {
    const p = new Parser({ name: "", text: line }, commandScope(context.target));
    const json = acceptWord(p, "json");
    let node = this.#root;
    for (let next = node.step(p); next; next = node.step(p)) node = next;
    const command = node.command ?? p.unexpected();
    return { command, action: command.parse(p, context), json };
  }
}

class Node {
  command: Command | undefined;
  readonly #words = new Map<number | string, Node>();

  add(command: Command, depth: number): void {
    const word = command.words[depth];
    if (word === undefined) {
      this.command = command;
      return;
    }
    const key = isKeyword(word) ? T[word] : word;
    const node = this.#words.get(key) ?? new Node();
    this.#words.set(key, node);
    node.add(command, depth + 1);
  }

  step(p: Parser): Node | undefined {
    for (const [key, node] of this.#words) {
      if (typeof key === "number" ? p.accept(key) : acceptWord(p, key)) return node;
    }
    return undefined;
  }
}

/** What is wrong with a line, if it is the client's fault; undefined if it is ours. */
export function refusal(error: unknown): string | undefined {
  return error instanceof CommandError || error instanceof PolicyError ? error.message : undefined;
}

function isKeyword(word: string): word is TokenName {
  return Object.hasOwn(T, word);
}

/** One line of a client: understood, allowed or refused, and answered. */
import { type Action, type Command, type CommandContext, CommandTree, refusal } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import type { Work } from "./connection.ts";
import { JsonReply } from "./json.ts";
import type { Reply } from "./reply.ts";

/** @returns what is still to be done, for the connection to do in turns */
export function execute(line: string, context: CommandContext, reply: Reply): Work | undefined {
  let parsed: { command: Command; action: Action; json: boolean };
  try {
    parsed = TREE.parse(cleaned(line), context);
  } catch (error) {
    const words = refusal(error);
    if (words === undefined) throw error;
    reply.end(9001, words);
    return undefined;
  }
  const { command, action, json } = parsed;
  if (command.changes && context.session.restricted) {
    reply.end(8007, "Access denied");
    return undefined;
  }
  if (!json) return action.text(reply);
  if (action.json) return action.json(new JsonReply(reply));
  reply.end(9001, "This command has no JSON form");
  return undefined;
}

/** As bird reads lines: carriage returns do not count, and NUL ends it. */
function cleaned(line: string): string {
  const end = line.indexOf("\0");
  return (end < 0 ? line : line.slice(0, end)).replaceAll("\r", "");
}

const TREE = new CommandTree(COMMANDS);

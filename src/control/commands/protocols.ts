/** `show protocols`, and what switches protocols: `enable`, `disable`, `restart`, `reload`. */
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T } from "../../../protocol/policy/tokens.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import { type Action, atOnce, type Command, type CommandContext } from "../command.ts";
import type { Client, ControlTarget } from "../daemon.ts";
import { rememberMessage, shownMessage } from "../messages.ts";
import { PROTOCOL_HEADING, protocolDetails, protocolJson, protocolRow } from "../render-protocol.ts";
import type { Reply } from "../reply.ts";
import { type Selection, selected, selection } from "../symbols.ts";
import { end, string } from "../words.ts";

export const PROTOCOL_COMMANDS: readonly Command[] = [
  { words: ["SHOW", "PROTOCOLS"], parse: parseShow },
  { words: ["ENABLE"], changes: true, parse: switching(enable) },
  { words: ["DISABLE"], changes: true, parse: switching(disable) },
  { words: ["RESTART"], changes: true, parse: switching(restart) },
  { words: ["RELOAD"], changes: true, parse: parseReload },
];

function parseShow(p: Parser, { target }: CommandContext): Action {
  const all = p.accept(T.ALL);
  const what = selection(p, target) ?? EVERY;
  end(p);
  return {
    *text(reply) {
      const protocols = selected(target, what);
      if (protocols.length === 0 && what !== EVERY) return noMatch(reply);
      reply.line(2002, PROTOCOL_HEADING);
      for (const protocol of protocols) {
        reply.line(1002, protocolRow(target, protocol));
        if (all) {
          for (const line of protocolDetails(target, protocol, shownMessage(protocol))) reply.line(1006, line);
          reply.line(1006, "");
        }
        yield undefined;
      }
      reply.end(0);
    },
    *json(reply) {
      reply.list("protocols");
      for (const protocol of selected(target, what)) {
        reply.item(protocolJson(target, protocol, all, shownMessage(protocol)));
        yield undefined;
      }
      reply.endList();
      reply.end();
    },
  };
}

/** What a switch does with one protocol: the code and the words of its line; none: no line. */
type Switch = (target: ControlTarget, protocol: Protocol, by: Client, message: string | undefined) => Line | undefined;
type Line = readonly [code: number, words: string];

/** `NAME | "pattern" | all ["message"]` */
function switching(change: Switch): Command["parse"] {
  return (p, context) => {
    const what = required(p, context);
    const message = string(p);
    end(p);
    return applying(context, what, (protocol) => change(context.target, protocol, context.client(), message));
  };
}

function enable(target: ControlTarget, protocol: Protocol, by: Client, message: string | undefined): Line {
  if (target.enable(protocol, by) === "already enabled") return [10, "already enabled"];
  rememberMessage(protocol, message);
  return [11, "enabled"];
}

function disable(target: ControlTarget, protocol: Protocol, by: Client, message: string | undefined): Line {
  if (target.disable(protocol, by, message) === "already disabled") return [8, "already disabled"];
  rememberMessage(protocol, message);
  return [9, "disabled"];
}

function restart(target: ControlTarget, protocol: Protocol, by: Client, message: string | undefined): Line {
  if (target.restart(protocol, by, message) === "already disabled") return [8, "already disabled"];
  rememberMessage(protocol, message);
  return [12, "restarted"];
}

function parseReload(p: Parser, context: CommandContext): Action {
  const direction = p.accept(T.IN) ? "in" : p.accept(T.OUT) ? "out" : "both";
  const what = required(p, context);
  end(p);
  return applying(context, what, (protocol) => {
    const outcome = context.target.reload(protocol, direction);
    if (outcome === "already disabled") return [8, "already disabled"];
    // What has no channels has nothing to do, and says that it does it.
    const hasNone = protocol.state === "up" && protocol.channels.length === 0;
    return outcome === "reloading" || hasNone ? [15, "reloading"] : undefined;
  });
}

function required(p: Parser, { target }: CommandContext): Selection {
  if (p.accept(T.ALL)) return EVERY;
  return selection(p, target) ?? p.unexpected();
}

function applying(context: CommandContext, what: Selection, change: (protocol: Protocol) => Line | undefined): Action {
  return atOnce((reply) => {
    const protocols = selected(context.target, what);
    if (protocols.length === 0) return noMatch(reply);
    for (const protocol of protocols) {
      const line = change(protocol);
      if (line) reply.line(line[0], `${protocol.name}: ${line[1]}`);
    }
    reply.end(0);
  });
}

function noMatch(reply: Reply): void {
  reply.end(8003, "No protocols match");
}

const EVERY: Selection = { kind: "pattern", pattern: "*" };

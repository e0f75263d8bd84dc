/** What bird does not have: `why`, `show events`. And what it has without an answer: `help`, `quit`, `exit`. */

import type { Parser } from "../../../protocol/policy/parser.ts";
import type { TimelineEvent } from "../../observe/timeline.ts";
import { explain } from "../../observe/why.ts";
import type { Action, Command, CommandContext } from "../command.ts";
import { plain } from "../command.ts";
import { isoTime } from "../json.ts";
import { netOrAddress } from "../net.ts";
import { protocolOf } from "../symbols.ts";
import { formatTime } from "../time-format.ts";
import { acceptWord, end, number, string, symbol, word } from "../words.ts";

export const OBSERVE_COMMANDS: readonly Command[] = [
  { words: ["why"], parse: parseWhy },
  { words: ["SHOW", "events"], parse: parseEvents },
  // The client's business: the socket takes them and says nothing.
  plain(["HELP"], () => SILENCE),
  plain(["QUIT"], () => SILENCE),
  plain(["EXIT"], () => SILENCE),
];

const SILENCE: Action = { text: () => undefined };

/** `why PREFIX|IP [peer NAME]` */
function parseWhy(p: Parser, { target }: CommandContext): Action {
  const net = netOrAddress(p);
  const named = acceptWord(p, "peer") ? (symbol(p) ?? p.unexpected()) : undefined;
  end(p);
  const peer = named && protocolOf(target, named);
  return {
    *text(reply) {
      for (const { depth, text } of explain(target, net, peer)) {
        reply.line(WHY, "  ".repeat(depth) + text);
        yield undefined;
      }
      reply.end(0);
    },
    *json(reply) {
      reply.list("findings");
      for (const finding of explain(target, net, peer)) {
        reply.item(finding);
        yield undefined;
      }
      reply.endList();
      reply.end();
    },
  };
}

/** `show events [for NAME|"pattern"] [last N]` */
function parseEvents(p: Parser, { target }: CommandContext): Action {
  const about = acceptWord(p, "for") ? (string(p) ?? anyWord(p)) : undefined;
  const most = acceptWord(p, "last") ? (number(p) ?? p.unexpected()) : ALL_EVENTS;
  end(p);
  const events = (): readonly TimelineEvent[] =>
    target.timeline?.last(most, about === undefined ? undefined : (event) => event.subject === about) ?? [];
  return {
    *text(reply) {
      const { base } = target.config.timeformat;
      for (const event of events()) {
        const wall = formatTime(base, event.wall, event.wall);
        const columns = [wall, event.at.toFixed(3).padStart(12), event.kind.padEnd(8), event.subject.padEnd(10)];
        reply.line(EVENT, `${columns.join(" ")} ${event.text}`);
        yield undefined;
      }
      reply.end(0);
    },
    *json(reply) {
      reply.list("events");
      for (const { wall, ...event } of events()) {
        reply.item({ ...event, wall: isoTime(wall) });
        yield undefined;
      }
      reply.endList();
      reply.end();
    },
  };
}

function anyWord(p: Parser): string {
  const name = word(p) ?? p.unexpected();
  p.take();
  return name;
}

/** Codes of our own, of the class of table entries. */
const WHY = 1901;
const EVENT = 1902;
const ALL_EVENTS = Number.MAX_SAFE_INTEGER;

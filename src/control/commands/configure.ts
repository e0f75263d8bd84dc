/** `configure` in all its forms, `down`, `graceful restart`, `graceful shutdown`, `restrict`. */
import { parseTerm } from "../../../protocol/policy/parse-term.ts";
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T } from "../../../protocol/policy/tokens.ts";
import { Type } from "../../../protocol/policy/types.ts";
import type { ConfigMessage } from "../../config/schema.ts";
import type { ConfigureOptions, ConfigureResult } from "../../daemon.ts";
import { type Action, atOnce, type Command, type CommandContext, plain } from "../command.ts";
import type { Work } from "../connection.ts";
import type { ControlTarget } from "../daemon.ts";
import type { Reply } from "../reply.ts";
import { selected, selection } from "../symbols.ts";
import { CommandError, end, number, string } from "../words.ts";

export const CONFIGURE_COMMANDS: readonly Command[] = [
  { words: ["CONFIGURE"], changes: true, parse: (p, context) => parseConfigure(p, context, false) },
  { words: ["CONFIGURE", "SOFT"], changes: true, parse: (p, context) => parseConfigure(p, context, true) },
  { words: ["CONFIGURE", "CHECK"], changes: true, parse: parseCheck },
  { ...plain(["CONFIGURE", "CONFIRM"], ({ target }) => confirm(target)), changes: true },
  { ...plain(["CONFIGURE", "UNDO"], ({ target }) => undo(target)), changes: true },
  plain(["CONFIGURE", "STATUS"], ({ target }) => status(target)),
  { ...plain(["DOWN"], ({ target }) => down(target)), changes: true },
  { ...plain(["GRACEFUL", "RESTART"], ({ target }) => gracefulRestart(target)), changes: true },
  { words: ["GRACEFUL", "shutdown"], changes: true, parse: parseDrain },
  plain(["RESTRICT"], restrict),
];

function parseConfigure(p: Parser, context: CommandContext, soft: boolean): Action {
  const file = string(p);
  const timeout = p.accept(T.TIMEOUT) ? seconds(p) : undefined;
  end(p);
  const { target, session } = context;
  const options: ConfigureOptions = {
    soft,
    check: false,
    ...(file === undefined ? {} : { file }),
    ...(timeout === undefined
      ? {}
      : { timeout, onTimeout: () => session.tell("Config timeout expired, starting undo") }),
  };
  return { text: (reply) => configure(target, options, reply) };
}

/** Left out: five minutes. A number, a constant or an expression in parentheses. */
function seconds(p: Parser): number {
  const literal = number(p);
  if (literal !== undefined) return literal;
  if (p.is(T.CF_SYM_KNOWN)) {
    const { symbol } = p;
    p.take();
    if (symbol.kind !== "constant" || symbol.term.type !== Type.Int) throw new CommandError("Number constant expected");
    return symbol.term.value as number;
  }
  if (p.is(T["("])) {
    const term = parseTerm(p);
    if (term.kind !== "constant" || term.type !== Type.Int) throw new CommandError("Number expected");
    return term.value as number;
  }
  p.want(T.END);
  if (p.peek() !== T.END) p.unexpected();
  return DEFAULT_TIMEOUT;
}

function parseCheck(p: Parser, { target }: CommandContext): Action {
  const file = string(p);
  end(p);
  const options: ConfigureOptions = { soft: false, check: true, ...(file === undefined ? {} : { file }) };
  return { text: (reply) => configure(target, options, reply) };
}

function* configure(target: ControlTarget, options: ConfigureOptions, reply: Reply): Work {
  reply.line(2, `Reading configuration from ${options.file ?? target.config.file}`);
  const pending = target.configure(options);
  yield pending;
  let result: ConfigureResult | undefined;
  // Settled by now: the connection has waited for it.
  yield pending.then((outcome) => {
    result = outcome;
  });
  if (!result) throw new Error("configure did not settle");
  if (result.type === "error") return reply.end(8002, errorText(result.result.errors[0]));
  if (result.type === "checked") return reply.end(20, "Configuration OK");
  if (options.timeout !== undefined) reply.line(22, `Undo scheduled in ${options.timeout} s`);
  endReconfigure(reply, result.outcome);
}

/** `FILE:LINE:COL message`; of a file that could not even be opened `FILE: message`. */
function errorText(error: ConfigMessage | undefined): string {
  if (!error) return "unknown error";
  const { file, line, column } = error.place;
  return line > 0 ? `${file}:${line}:${column} ${error.text}` : error.text.replace(UNOPENED, "");
}

function endReconfigure(reply: Reply, outcome: "done" | "in progress" | "queued"): void {
  if (outcome === "done") reply.end(3, "Reconfigured");
  else if (outcome === "in progress") reply.end(4, "Reconfiguration in progress");
  else reply.end(5, "Reconfiguration already in progress, queueing new config");
}

function confirm(target: ControlTarget): Action {
  return atOnce((reply) => {
    if (target.confirm() === "confirmed") reply.end(18, "Reconfiguration confirmed");
    else reply.end(19, "Nothing to do");
  });
}

function undo(target: ControlTarget): Action {
  return atOnce((reply) => {
    reply.line(21, "Undo requested");
    const outcome = target.undo();
    if (outcome === "nothing") reply.end(19, "Nothing to do");
    else endReconfigure(reply, outcome);
  });
}

function status(target: ControlTarget): Action {
  return atOnce((reply) => {
    const { undoIn, phase } = target;
    reply.line(3, STATUS[phase]);
    if (undoIn !== undefined) reply.line(22, `Undo scheduled in ${Math.ceil(undoIn)} s`);
    reply.end(0);
  });
}

function down(target: ControlTarget): Action {
  return atOnce((reply) => {
    reply.end(7, "Shutdown requested");
    target.shutdown("down");
  });
}

function gracefulRestart(target: ControlTarget): Action {
  return atOnce((reply) => {
    reply.end(25, "Graceful restart requested");
    target.shutdown("graceful-restart");
  });
}

/** RFC 8326: `graceful shutdown NAME|"pattern"|all [off]`; bird has no such command. */
function parseDrain(p: Parser, { target }: CommandContext): Action {
  const what = p.accept(T.ALL)
    ? ({ kind: "pattern", pattern: "*" } as const)
    : (selection(p, target) ?? p.unexpected());
  const off = p.accept(T.OFF);
  end(p);
  return atOnce((reply) => {
    const drained = selected(target, what).filter((protocol) => target.gracefulShutdown?.(protocol, !off));
    if (drained.length === 0) return reply.end(8003, "No protocols match");
    for (const { name } of drained) reply.line(26, `${name}: graceful shutdown ${off ? "off" : "on"}`);
    reply.end(0);
  });
}

function restrict({ session }: CommandContext): Action {
  return atOnce((reply) => {
    session.restricted = true;
    reply.end(16, "Access restricted");
  });
}

const UNOPENED = /^Unable to open configuration file /;
const DEFAULT_TIMEOUT = 300;
const STATUS = {
  running: "Daemon is up and running",
  reconfiguring: "Reconfiguration in progress",
  "shutting down": "Shutdown in progress",
} as const;

/** What watches the daemon at work: `echo`, `debug`, `mrtdump`, `dump`. */
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T, type TokenName } from "../../../protocol/policy/tokens.ts";
import type { DebugFlag, LogClass, MrtFlag } from "../../config/schema.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import { channelName } from "../channel-name.ts";
import { type Action, atOnce, type Command, type CommandContext, plain } from "../command.ts";
import type { ControlTarget } from "../daemon.ts";
import { type DumpSubject, dumpOf } from "../dump.ts";
import { protocolOf, type Selection, selected, selection } from "../symbols.ts";
import { CommandError, end, number, symbol } from "../words.ts";

export const DEBUG_COMMANDS: readonly Command[] = [
  { words: ["ECHO"], parse: parseEcho },
  { words: ["DEBUG"], changes: true, parse: parseDebug },
  { words: ["MRTDUMP"], changes: true, parse: parseMrtdump },
  plain(["DUMP", "RESOURCES"], (context) => dump(context, "resources")),
  plain(["DUMP", "SOCKETS"], (context) => dump(context, "sockets")),
  plain(["DUMP", "EVENTS"], (context) => dump(context, "events")),
  plain(["DUMP", "INTERFACES"], (context) => dump(context, "interfaces")),
  plain(["DUMP", "NEIGHBORS"], (context) => dump(context, "neighbors")),
  plain(["DUMP", "ATTRIBUTES"], (context) => dump(context, "attributes")),
  plain(["DUMP", "ROUTES"], (context) => dump(context, "routes")),
  plain(["DUMP", "PROTOCOLS"], (context) => dump(context, "protocols")),
  plain(["DUMP", "FILTER", "ALL"], (context) => dump(context, "filters")),
];

function parseEcho(p: Parser, { session }: CommandContext): Action {
  const classes = flags(p, LOG_CLASSES);
  const size = number(p) ?? DEFAULT_ECHO;
  end(p);
  if (size < SMALLEST_ECHO) throw new CommandError("Invalid log buffer size");
  return atOnce((reply) => {
    session.echo(classes, Math.min(size, LARGEST_ECHO));
    reply.end(0);
  });
}

function parseDebug(p: Parser, { target }: CommandContext): Action {
  const found = symbol(p);
  const others = found ? undefined : anySelection(p, target);
  const channel = found && p.accept(T["."]) ? channelName(p) : undefined;
  // bird looks at the name when it sees that the grammar goes on.
  if (found && (p.is(T.OFF) || p.is(T["{"]) || p.is(T.ALL))) protocolOf(target, found);
  const set = flags(p, DEBUG_FLAGS);
  end(p);
  const what: Selection = others ?? { kind: "one", protocol: protocolOf(target, found as NonNullable<typeof found>) };
  if (channel !== undefined && what.kind === "one" && !what.protocol.channels.some((one) => one.name === channel)) {
    throw new CommandError(`Channel ${what.protocol.name}.${channel} not found`);
  }
  return applying(target, what, (protocol) => target.setDebug(protocol, set, channel));
}

function parseMrtdump(p: Parser, { target }: CommandContext): Action {
  const what = anySelection(p, target);
  const set = flags(p, MRT_FLAGS);
  end(p);
  if (!target.setMrtdump) target.host.log("warning", "mrtdump of messages is not implemented yet, nothing is written");
  return applying(target, what, (protocol) => target.setMrtdump?.(protocol, set));
}

function anySelection(p: Parser, target: ControlTarget): Selection {
  return p.accept(T.ALL) ? { kind: "pattern", pattern: "*" } : (selection(p, target) ?? p.unexpected());
}

function applying(target: ControlTarget, what: Selection, change: (protocol: Protocol) => void): Action {
  return atOnce((reply) => {
    const protocols = selected(target, what);
    if (protocols.length === 0) return reply.end(8003, "No protocols match");
    for (const protocol of protocols) change(protocol);
    reply.end(0);
  });
}

/** `all | off | { a, b }` */
function flags<F extends string>(p: Parser, all: readonly (readonly [TokenName, F])[]): ReadonlySet<F> {
  if (p.accept(T.ALL)) return new Set(all.map(([, flag]) => flag));
  if (p.accept(T.OFF)) return new Set();
  p.expect(T["{"]);
  const set = new Set<F>();
  do {
    const found = all.find(([token]) => p.accept(T[token])) ?? p.unexpected();
    set.add(found[1]);
  } while (p.accept(T[","]));
  p.expect(T["}"]);
  return set;
}

/** To the debug output, not to the client. */
function dump({ target }: CommandContext, subject: DumpSubject): Action {
  return atOnce((reply) => {
    target.dump(dumpOf(target, subject));
    reply.end(0);
  });
}

const LOG_CLASSES: readonly (readonly [TokenName, LogClass])[] = [
  ["DEBUG", "debug"],
  ["TRACE", "trace"],
  ["INFO", "info"],
  ["REMOTE", "remote"],
  ["WARNING", "warning"],
  ["ERROR", "error"],
  ["AUTH", "auth"],
  ["FATAL", "fatal"],
  ["BUG", "bug"],
];
const DEBUG_FLAGS: readonly (readonly [TokenName, DebugFlag])[] = [
  ["STATES", "states"],
  ["ROUTES", "routes"],
  ["FILTERS", "filters"],
  ["INTERFACES", "interfaces"],
  ["EVENTS", "events"],
  ["PACKETS", "packets"],
];
const MRT_FLAGS: readonly (readonly [TokenName, MrtFlag])[] = [
  ["STATES", "states"],
  ["MESSAGES", "messages"],
];

/** Characters of log that may wait for a client. */
const DEFAULT_ECHO = 65_536;
const SMALLEST_ECHO = 256;
const LARGEST_ECHO = 1_048_576;

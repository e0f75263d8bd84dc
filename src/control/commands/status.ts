/** `show status`, `show memory`, `show symbols`. */
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T } from "../../../protocol/policy/tokens.ts";
import { formatDotted } from "../../../protocol/wire/address.ts";
import { type Action, type Command, type CommandContext, plain } from "../command.ts";
import type { ControlTarget } from "../daemon.ts";
import { isoTime } from "../json.ts";
import { memoryUse } from "../memory.ts";
import { formatTime } from "../time-format.ts";
import { end } from "../words.ts";

export const STATUS_COMMANDS: readonly Command[] = [
  plain(["SHOW", "STATUS"], ({ target }) => showStatus(target)),
  plain(["SHOW", "MEMORY"], ({ target }) => showMemory(target)),
  { words: ["SHOW", "SYMBOLS"], parse: parseSymbols },
];

function showStatus(target: ControlTarget): Action {
  const phase = PHASES[target.phase];
  return {
    text(reply) {
      const now = target.host.clock.wall();
      const time = (when: number): string => formatTime(target.config.timeformat.base, when, now);
      reply.line(1000, `BIRD ${target.version}`);
      reply.line(1011, `Router ID is ${formatDotted(target.routerId)}`);
      reply.line(1011, `Hostname is ${target.hostname}`);
      reply.line(1011, `Current server time is ${time(now)}`);
      reply.line(1011, `Last reboot on ${time(target.startedAt)}`);
      reply.line(1011, `Last reconfiguration on ${time(target.reconfiguredAt)}`);
      reply.end(13, phase);
    },
    json(reply) {
      reply.field("version", target.version);
      reply.field("routerId", formatDotted(target.routerId));
      reply.field("hostname", target.hostname);
      reply.field("now", isoTime(target.host.clock.wall()));
      reply.field("startedAt", isoTime(target.startedAt));
      reply.field("reconfiguredAt", isoTime(target.reconfiguredAt));
      reply.field("undoInSeconds", target.undoIn);
      reply.field("state", target.phase);
      reply.end();
    },
  };
}

function showMemory(target: ControlTarget): Action {
  return {
    text(reply) {
      reply.line(1018, "BIRD memory usage");
      reply.line(1018, "                  Effective    Overhead");
      for (const { name, effective, overhead } of memoryUse(target)) {
        reply.line(1018, `${`${name}:`.padEnd(18)}${size(effective, 6)} ${size(overhead, 8)}`);
      }
      reply.end(0);
    },
    json(reply) {
      reply.list("rows");
      for (const row of memoryUse(target)) reply.item(row);
      reply.endList();
      reply.end();
    },
  };
}

/** `23.3 kB`: as many digits as fit below 10,000. */
function size(bytes: number, columns: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 10_000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).padStart(columns)} ${(UNITS[unit] ?? "").padStart(2)}`;
}

/** Any mixture of kinds and names, the last of each counts; a name beats a kind, as in bird. */
function parseSymbols(p: Parser, { target }: CommandContext): Action {
  let kind: string | undefined;
  let name: string | undefined;
  for (;;) {
    const found = KINDS.find(([keyword]) => p.accept(T[keyword]));
    if (found) kind = found[1];
    else if (p.is(T.CF_SYM_KNOWN) || p.is(T.CF_SYM_UNDEFINED)) {
      name = p.text;
      p.take();
    } else break;
  }
  p.wantMany();
  end(p);
  return name === undefined ? showSymbols(target, kind) : showSymbol(target, name);
}

function showSymbol(target: ControlTarget, name: string): Action {
  const kind = allSymbols(target).find((symbol) => symbol.name === name)?.kind ?? "undefined";
  return {
    text(reply) {
      reply.end(1010, `${name.padEnd(8)}\t${kind}`);
      return undefined;
    },
    json(reply) {
      reply.list("symbols");
      reply.item({ name, kind });
      reply.endList();
      reply.end();
    },
  };
}

function showSymbols(target: ControlTarget, kind: string | undefined): Action {
  const rows = allSymbols(target).filter((symbol) => kind === undefined || symbol.kind === kind);
  return {
    *text(reply) {
      for (const symbol of rows) {
        reply.line(1010, `${symbol.name.padEnd(8)}\t${symbol.kind}`);
        yield undefined;
      }
      reply.end(0);
    },
    json(reply) {
      reply.list("symbols");
      for (const { name, kind: kindOf } of rows) reply.item({ name, kind: kindOf });
      reply.endList();
      reply.end();
    },
  };
}

function allSymbols(target: ControlTarget): readonly { readonly name: string; readonly kind: string }[] {
  const known = new Set(target.config.symbols.map((symbol) => symbol.name));
  const spawned = target.protocols().filter((protocol) => !known.has(protocol.name));
  return [...target.config.symbols, ...spawned.map(({ name }) => ({ name, kind: "protocol" }))];
}

const PHASES = {
  running: "Daemon is up and running",
  reconfiguring: "Reconfiguration in progress",
  "shutting down": "Shutdown in progress",
} as const;

const KINDS = [
  ["TABLE", "routing table"],
  ["FILTER", "filter"],
  ["FUNCTION", "function"],
  ["PROTOCOL", "protocol"],
  ["TEMPLATE", "protocol template"],
] as const;

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** `mrt dump table T to "FILE" [filter F | where C]`: a table into a file, as protocol mrt writes it. */
import type { CompiledFilter } from "../../../protocol/policy/compile.ts";
import type { Parser } from "../../../protocol/policy/parser.ts";
import { matchesShell } from "../../../protocol/policy/shell-pattern.ts";
import { T } from "../../../protocol/policy/tokens.ts";
import { Type } from "../../../protocol/policy/types.ts";
import type { Table } from "../../../protocol/rib/table.ts";
import { formatTime } from "../../log/time-format.ts";
import { openDump } from "../../protocols/mrt.ts";
import { dumpTable } from "../../protocols/mrt-dump.ts";
import type { Action, Command, CommandContext } from "../command.ts";
import type { Work } from "../connection.ts";
import type { ControlTarget } from "../daemon.ts";
import { commandFilter, commandWhere } from "../expressions.ts";
import type { Reply } from "../reply.ts";
import { CommandError, string, symbol } from "../words.ts";

export const MRT_COMMANDS: readonly Command[] = [{ words: ["MRT", "DUMP"], changes: true, parse }];

interface Dump {
  readonly tables: readonly Table[];
  readonly file: string;
  readonly filter: CompiledFilter | undefined;
}

/** The options in any order. */
function parse(p: Parser, { target }: CommandContext): Action {
  let tables: readonly Table[] | undefined;
  let file: string | undefined;
  let filter: CompiledFilter | undefined;
  while (!p.is(T.END)) {
    if (p.accept(T.TABLE)) tables = readTables(p, target);
    else if (p.accept(T.TO)) file = readFile(p);
    else if (p.accept(T.FILTER)) filter = commandFilter(p, target);
    else if (p.accept(T.WHERE)) filter = commandWhere(p);
    else {
      p.wantMany();
      p.unexpected();
    }
  }
  if (!tables) throw new CommandError("Table not specified");
  if (file === undefined) throw new CommandError("File not specified");
  const dump: Dump = { tables, file, filter };
  return { text: (reply) => run(target, dump, reply) };
}

function readTables(p: Parser, target: ControlTarget): readonly Table[] {
  const named = symbol(p);
  if (named) {
    const table = named.kind === "table" ? target.rib.table(named.name) : undefined;
    if (!table) throw new CommandError("Table name required");
    return [table];
  }
  const pattern = string(p) ?? p.unexpected();
  return [...target.rib.tables()].filter((table) => matchesShell(pattern, table.name));
}

function readFile(p: Parser): string {
  const named = symbol(p);
  if (!named) return string(p) ?? p.unexpected();
  if (named.kind !== "constant" || named.term.type !== Type.String) throw new CommandError("String constant expected");
  return named.term.value as string;
}

function* run(target: ControlTarget, { tables, file, filter }: Dump, reply: Reply): Work {
  const { clock } = target.host;
  for (const table of tables) {
    if (table.netType !== "ipv4" && table.netType !== "ipv6") continue;
    const path = formatTime(file.replaceAll("%N", table.name), clock.wall());
    const outcome = { error: undefined as string | undefined };
    yield write(target, table, path, filter, outcome);
    if (outcome.error !== undefined) reply.line(8009, outcome.error);
  }
  reply.end(0);
}

function write(
  target: ControlTarget,
  table: Table,
  path: string,
  filter: CompiledFilter | undefined,
  outcome: { error: string | undefined },
): Promise<void> {
  const file = openDump(path);
  if (typeof file === "string") {
    outcome.error = `Unable to open MRT file '${path}': ${file}`;
    return Promise.resolve();
  }
  const { rib, routerId, host } = target;
  return new Promise((resolve) => {
    dumpTable({
      rib,
      table,
      routerId,
      seconds: Math.floor(host.clock.wall() / 1000),
      ...(filter ? { filter } : {}),
      alwaysAddPath: false,
      scheduler: host.scheduler,
      write: (octets) => file.write(octets),
      done: (error) => {
        if (error) outcome.error = `Unable to write MRT file '${path}': ${error.message}`;
        file.close();
        resolve();
      },
    });
  });
}

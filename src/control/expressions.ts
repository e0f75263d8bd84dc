/** Filters and expressions within commands, in the language of the running configuration. */
import { checkType } from "../../protocol/policy/checker.ts";
import {
  type CompiledFilter,
  compileFilter,
  compileWhere,
  evaluateTerm,
  UNNAMED,
} from "../../protocol/policy/compile.ts";
import { RunFault } from "../../protocol/policy/error.ts";
import { parseBody } from "../../protocol/policy/parse-statement.ts";
import { parseTerm } from "../../protocol/policy/parse-term.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import { Type } from "../../protocol/policy/types.ts";
import { formatValue } from "../../protocol/policy/values.ts";
import { type Action, atOnce, type Command, type CommandContext } from "./command.ts";
import type { ControlTarget } from "./daemon.ts";
import { CommandError, end, symbol } from "./words.ts";

/** Behind `filter`: a name, or the body itself. */
export function commandFilter(p: Parser, target: ControlTarget): CompiledFilter {
  const named = symbol(p);
  if (!named) return compileFilter(UNNAMED, parseBody(p));
  const filter = named.kind === "filter" ? target.config.filters.get(named.name) : undefined;
  if (!filter) throw new CommandError("Filter name required");
  return filter;
}

/** Behind `where`. */
export function commandWhere(p: Parser): CompiledFilter {
  const term = parseTerm(p);
  checkType(term, Type.Bool, 1, "CONDITION", p.here);
  return compileWhere(term, p.here);
}

export const EVAL_COMMANDS: readonly Command[] = [{ words: ["EVAL"], parse: parseEval }];

function parseEval(p: Parser, { target }: CommandContext): Action {
  const term = parseTerm(p);
  end(p);
  return atOnce((reply) => {
    try {
      const { type, value } = evaluateTerm(term, target.rib.filterEnv);
      reply.end(23, formatValue(type, value));
    } catch (error) {
      if (!(error instanceof RunFault)) throw error;
      reply.end(8008, "runtime error");
    }
  });
}

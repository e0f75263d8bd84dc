/** `birdc eval` without bird or socket: an expression among a configuration's names, and the reply with its code. */
import { evaluateTerm } from "../../protocol/policy/compile.ts";
import { PolicyError, RunFault } from "../../protocol/policy/error.ts";
import { parseTerm } from "../../protocol/policy/parse-term.ts";
import { Parser } from "../../protocol/policy/parser.ts";
import type { FilterEnv } from "../../protocol/policy/run.ts";
import { Scope } from "../../protocol/policy/symbols.ts";
import { formatValue } from "../../protocol/policy/values.ts";
import { diskFiles } from "../../src/config/files.ts";
import { formatErrors, loadConfig } from "../../src/config/load.ts";

export function evaluator(text: string): (expression: string) => string {
  const result = loadConfig({ file: "bird.conf", text, ...diskFiles });
  if (!result.ok) throw new Error(formatErrors(result));
  const { scope } = result.config;
  return (expression) => {
    try {
      const p = new Parser({ name: "", text: expression }, new Scope(scope));
      const term = parseTerm(p);
      p.expectEnd();
      const { type, value } = evaluateTerm(term, SILENT);
      return `0023 ${formatValue(type, value)}`;
    } catch (error) {
      if (error instanceof PolicyError) return `9001 ${error.message}`;
      if (error instanceof RunFault) return "8008 runtime error";
      throw error;
    }
  };
}

/** A world without tables and interfaces. */
export const SILENT: FilterEnv = {
  print: () => undefined,
  error: () => undefined,
  roaCheck: () => 0,
  interfaceIndex: () => 0,
  routerId: 0,
};

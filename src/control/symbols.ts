/** What names on the command line mean: those of the running configuration, and sessions made at run time. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { matchesShell } from "../../protocol/policy/shell-pattern.ts";
import { Scope, type SymbolValue } from "../../protocol/policy/symbols.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { ControlTarget } from "./daemon.ts";
import { CommandError, string, symbol } from "./words.ts";

/** A scope of its own for each command, so that nothing that a command defines outlives it. */
export function commandScope(target: ControlTarget): Scope {
  const scope = new Scope(target.config.scope);
  for (const { name, config } of target.protocols()) {
    if (!target.config.scope.find(name)) scope.define({ kind: "protocol", name, value: config });
  }
  return scope;
}

export function findProtocol(target: ControlTarget, name: string): Protocol | undefined {
  return target.protocols().find((protocol) => protocol.name === name);
}

/** The protocol that a symbol names. */
export function protocolOf(target: ControlTarget, found: SymbolValue): Protocol {
  const protocol = found.kind === "protocol" ? findProtocol(target, found.name) : undefined;
  if (!protocol) throw new CommandError("Protocol name required");
  return protocol;
}

/** Which protocols a command is about: BIRD's `NAME | "pattern" | all`. */
export type Selection =
  | { readonly kind: "one"; readonly protocol: Protocol }
  | { readonly kind: "pattern"; readonly pattern: string };

/** Reads a name or a pattern if one comes; `all` is the caller's, who knows what it means there. */
export function selection(p: Parser, target: ControlTarget): Selection | undefined {
  const found = symbol(p);
  if (found) return { kind: "one", protocol: protocolOf(target, found) };
  const pattern = string(p);
  return pattern === undefined ? undefined : { kind: "pattern", pattern };
}

/** In the order of definition; empty if a pattern matches nothing. */
export function selected(target: ControlTarget, what: Selection): readonly Protocol[] {
  if (what.kind === "one") return [what.protocol];
  return target.protocols().filter((protocol) => matchesShell(what.pattern, protocol.name));
}

/**
 * Protocols outside our purpose: their blocks are read past, so that a file for bird loads, and a warning
 * says that nothing of them runs. `--strict` refuses them.
 */

import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import { parseBabelItem } from "./babel.ts";
import {
  finishChannel,
  openChannel,
  type ProtocolDraft,
  parseChannelBlock,
  parseNetType,
  startsChannel,
} from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import type { ForeignConfig } from "./schema.ts";

interface ForeignDraft extends ProtocolDraft {
  proto: string;
}

/** @param parse the kind's own options, where we know them; left out: anything is read past */
function foreign(
  word: string,
  proto: string,
  variants: readonly Token[] = [],
  parse?: (c: ConfigDraft) => boolean,
): ProtocolKind {
  return kindOf<ForeignDraft>({
    word,
    begin: ({ p }) => {
      for (const variant of variants) if (p.accept(variant)) break;
    },
    create: () => ({ proto }),
    item: (c, draft) => parseItem(c, draft, parse),
    finish: (c, draft): ForeignConfig => {
      tell(c, draft, word);
      return {
        kind: "foreign",
        ...commonOf(draft),
        channels: draft.channels.map((channel) => finishChannel(channel)),
        proto,
      };
    },
  });
}

function tell(c: ConfigDraft, draft: ForeignDraft, word: string): void {
  const text = `protocol ${word} (${draft.name}) is not implemented, it will not run`;
  if (c.strict) c.errors.push({ place: draft.place, text });
  else c.warn(draft.place, text);
}

/** One option, up to its `;` or to the end of its braces. */
function parseItem(c: ConfigDraft, draft: ForeignDraft, parse: ((c: ConfigDraft) => boolean) | undefined): boolean {
  const { p } = c;
  if (startsChannel(p)) {
    const { name, netType } = parseNetType(p);
    const rules = { preference: 0 };
    if (p.is(T[";"]) || p.is(T["{"])) parseChannelBlock(c, openChannel(c, draft, name, netType, rules), rules);
    else skip(p);
    return true;
  }
  if (parse) return parse(c);
  skip(p);
  return true;
}

/** To before the `;` that ends the option. */
function skip(p: Parser): void {
  let open = 0;
  for (;;) {
    const token = p.peek();
    if (token === T.END) p.unexpected();
    if (open === 0 && (token === T[";"] || token === T["}"])) return;
    if (token === T["{"]) open++;
    if (token === T["}"]) open--;
    p.take();
  }
}

export const FOREIGN_KINDS: readonly (readonly [Token, ProtocolKind])[] = [
  [T.OSPF, foreign("ospf", "OSPF", [T.V2, T.V3])],
  [T.RIP, foreign("rip", "RIP", [T.NG])],
  [T.BABEL, foreign("babel", "Babel", [], parseBabelItem)],
  [T.RADV, foreign("radv", "RAdv")],
  [T.PERF, foreign("perf", "Perf")],
];

/** Of newer birds: no keywords of 2.0. */
export const NEWER_KINDS: ReadonlyMap<string, ProtocolKind> = new Map([
  ["l3vpn", foreign("l3vpn", "L3VPN")],
  ["aggregator", foreign("aggregator", "Aggregator")],
]);

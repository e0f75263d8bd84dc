/** Protocol mrt: table dumps at intervals. */

import { ACCEPT, type CompiledFilter } from "../../protocol/policy/compile.ts";
import { T } from "../../protocol/policy/tokens.ts";
import { type ProtocolDraft, parseFilterReference, parseTable, parseWhere } from "./channel.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import { parseNumber, parseSwitch, parseText, takeText } from "./options.ts";
import type { MrtConfig } from "./schema.ts";

interface MrtDraft extends ProtocolDraft {
  table: string | undefined;
  filename: string | undefined;
  period: number;
  filter: CompiledFilter;
  alwaysAddPath: boolean;
}

export const MRT_KIND: ProtocolKind = kindOf<MrtDraft>({
  word: "mrt",
  create: () => ({ table: undefined, filename: undefined, period: 0, filter: ACCEPT, alwaysAddPath: false }),
  item: (c, draft) => {
    const { p } = c;
    if (p.accept(T.TABLE)) draft.table = p.is(T.TEXT) ? takeText(p) : parseTable(c).name;
    else if (p.accept(T.FILENAME)) draft.filename = parseText(p);
    else if (p.accept(T.PERIOD)) draft.period = parseNumber(p);
    else if (p.accept(T.FILTER)) draft.filter = parseFilterReference(c);
    else if (p.accept(T.WHERE)) draft.filter = parseWhere(p);
    else if (p.accept(T.ALWAYS)) {
      p.expect(T.ADD);
      p.expect(T.PATH);
      draft.alwaysAddPath = parseSwitch(p);
    } else return false;
    return true;
  },
  check: (c, draft) => {
    const { p } = c;
    if (draft.table === undefined) p.fail("Table not specified");
    if (draft.filename === undefined) p.fail("File not specified");
    if (draft.period === 0) p.fail("Period not specified");
  },
  finish: (_c, draft): MrtConfig => {
    const { table, filename, period, filter, alwaysAddPath } = draft;
    const common = { ...commonOf(draft), channels: [] };
    return { kind: "mrt", ...common, table: table ?? "", filename: filename ?? "", period, filter, alwaysAddPath };
  },
});

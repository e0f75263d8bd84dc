/** Protocol pipe: table to table. Its one channel's options stand directly in the protocol. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T } from "../../protocol/policy/tokens.ts";
import {
  type ChannelDraft,
  finishChannel,
  openChannel,
  type ProtocolDraft,
  parseChannelOption,
  parseTable,
} from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import type { PipeConfig, TableConfig } from "./schema.ts";

interface PipeDraft extends ProtocolDraft {
  peer: TableConfig | undefined;
  /** As written: a pipe has no default table. */
  primary: TableConfig | undefined;
}

export const PIPE_KIND: ProtocolKind = kindOf<PipeDraft>({
  word: "pipe",
  create: () => ({ peer: undefined, primary: undefined }),
  item: (c, draft) => {
    const { p } = c;
    if (p.accept(T.PEER)) {
      p.expect(T.TABLE);
      draft.peer = parseTable(c);
      return true;
    }
    if (p.accept(T.TABLE)) {
      draft.primary = parseTable(c);
      return true;
    }
    return parseChannelOption(c, channelOf(c, draft));
  },
  check: (c, draft) => {
    const p: Parser = c.p;
    const { primary, peer } = draft;
    const channel = channelOf(c, draft);
    if (!primary) p.fail("Primary routing table not specified");
    if (!peer) p.fail("Secondary routing table not specified");
    if (primary === peer) p.fail("Primary table and peer table must be different");
    if (primary.netType !== peer.netType) p.fail("Primary table and peer table must have the same type");
    if (channel.receiveLimit) p.fail("Pipe protocol does not support receive limits");
    if (channel.importKeepFiltered) p.fail("Pipe protocol prohibits keeping filtered routes");
  },
  finish: (c, draft): PipeConfig => {
    const { primary, peer } = draft as { primary: TableConfig; peer: TableConfig };
    const channel = { ...channelOf(c, draft), table: primary.name, netType: primary.netType };
    return { kind: "pipe", ...commonOf(draft), channels: [finishChannel(channel)], peerTable: peer.name };
  },
});

/** bird calls it `mux`. */
function channelOf(c: ConfigDraft, draft: PipeDraft): ChannelDraft {
  return draft.channels[0] ?? openChannel(c, draft, "mux", "ipv4", { preference: 0 });
}

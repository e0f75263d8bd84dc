/** Protocol rpki: ROAs from a cache, over TCP. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T } from "../../protocol/policy/tokens.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import { finishChannel, type ProtocolDraft, parseChannel, startsChannel } from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import { parseAddress, parseNumber, parseSwitch, parseText, startsAddress, takeText } from "./options.ts";
import type { RpkiConfig } from "./schema.ts";

interface Interval {
  readonly seconds: number;
  readonly keep: boolean;
}

interface RpkiDraft extends ProtocolDraft {
  remote: string | undefined;
  port: number | undefined;
  refresh: Interval;
  retry: Interval;
  expire: Interval;
  ignoreMaxLength: boolean;
  transport: "tcp" | "ssh" | undefined;
}

export const RPKI_KIND: ProtocolKind = kindOf<RpkiDraft>({
  word: "rpki",
  create: () => ({
    remote: undefined,
    port: undefined,
    refresh: { seconds: 3600, keep: false },
    retry: { seconds: 600, keep: false },
    expire: { seconds: 7200, keep: false },
    ignoreMaxLength: false,
    transport: undefined,
  }),
  item: parseRpkiItem,
  check: (c, draft, isTemplate) => {
    const { p } = c;
    if (isTemplate) return;
    if (draft.remote === undefined) p.fail("IP address or hostname of cache server must be set");
    if (draft.channels.length === 0) p.fail("Channel not specified");
  },
  finish: (_c, draft): RpkiConfig => {
    const { remote, port, refresh, retry, expire, ignoreMaxLength } = draft;
    return {
      kind: "rpki",
      ...commonOf(draft),
      channels: draft.channels.map((channel) => finishChannel(channel)),
      remote: remote ?? "",
      port: port ?? TCP_PORT,
      refresh: refresh.seconds,
      refreshKeep: refresh.keep,
      retry: retry.seconds,
      retryKeep: retry.keep,
      expire: expire.seconds,
      expireKeep: expire.keep,
      ignoreMaxLength,
    };
  },
});

function parseRpkiItem(c: ConfigDraft, draft: RpkiDraft): boolean {
  const { p } = c;
  if (startsChannel(p)) parseChannel(c, draft, { preference: 100, only: ROA_CHANNELS });
  else if (p.accept(T.REMOTE)) parseRemote(p, draft);
  else if (p.accept(T.PORT)) draft.port = parsePort(p);
  else if (p.accept(T.REFRESH)) draft.refresh = parseInterval(p, "refresh", 1, 86400);
  else if (p.accept(T.RETRY)) draft.retry = parseInterval(p, "retry", 1, 7200);
  else if (p.accept(T.EXPIRE)) draft.expire = parseInterval(p, "expire", 600, 172800);
  else if (p.accept(T.IGNORE)) {
    p.expect(T.MAX);
    p.expect(T.LENGTH);
    draft.ignoreMaxLength = parseSwitch(p);
  } else if (p.accept(T.TRANSPORT)) parseTransport(c, draft);
  else return false;
  return true;
}

function parseRemote(p: Parser, draft: RpkiDraft): void {
  const isText = p.is(T.TEXT);
  if (!isText && !startsAddress(p)) p.unexpected();
  if (draft.remote !== undefined) p.fail("Only one cache server per protocol allowed");
  draft.remote = isText ? takeText(p) : formatAddress(parseAddress(p));
  if (p.accept(T.PORT)) draft.port = parsePort(p);
}

function parsePort(p: Parser): number {
  const port = parseNumber(p);
  if (port > 0xffff) p.fail(`Value ${port} out of range (0-65535)`);
  return port;
}

/** `[keep] N` */
function parseInterval(p: Parser, name: string, min: number, max: number): Interval {
  const keep = p.accept(T.KEEP);
  const seconds = parseNumber(p);
  if (seconds < min) p.fail(`Minimum allowed ${name} interval is ${min} second${min === 1 ? "" : "s"}`);
  if (seconds > max) p.fail(`Maximum allowed ${name} interval is ${max} seconds`);
  return { seconds, keep };
}

/** `tcp`, or `ssh { keys }`, which is read to be refused. */
function parseTransport(c: ConfigDraft, draft: RpkiDraft): void {
  const { p } = c;
  const isTcp = p.is(T.TCP);
  if (!isTcp && !p.is(T.SSH)) p.unexpected();
  if (draft.transport) p.fail("At the most one transport per protocol allowed");
  draft.transport = isTcp ? "tcp" : "ssh";
  p.take();
  if (isTcp) return;
  parseSsh(p);
  p.fail("rpki: transport ssh is not implemented, only tcp is");
}

function parseSsh(p: Parser): void {
  let user: string | undefined;
  p.expect(T["{"]);
  while (!p.accept(T["}"])) {
    if (p.accept(T.BIRD)) {
      p.expect(T.PRIVATE);
      p.expect(T.KEY);
      parseText(p);
    } else if (p.accept(T.REMOTE)) {
      p.expect(T.PUBLIC);
      p.expect(T.KEY);
      parseText(p);
    } else {
      p.expect(T.USER);
      user = parseText(p);
    }
    p.expect(T[";"]);
  }
  if (user === undefined) p.fail("User must be set");
}

const ROA_CHANNELS: ReadonlySet<string> = new Set(["roa4", "roa6"]);
/** RFC 8210 §9. */
const TCP_PORT = 323;

/**
 * Protocols and templates: `protocol KIND [NAME] [from OTHER] { options }`. What is common to all kinds;
 * each kind's own options are in a file of its own.
 */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import { BFD_KIND } from "./bfd.ts";
import { BGP_KIND } from "./bgp.ts";
import { copyChannels, DEBUG_FLAGS, type ProtocolDraft } from "./channel.ts";
import { type ConfigDraft, type Definition, type Draft, NOWHERE } from "./draft.ts";
import { FOREIGN_KINDS, NEWER_KINDS } from "./foreign.ts";
import type { ProtocolKind } from "./kind.ts";
import { MRT_KIND } from "./mrt.ts";
import { parseFlags, parseId, parseSwitch, parseText } from "./options.ts";
import { PIPE_KIND } from "./pipe.ts";
import { RPKI_KIND } from "./rpki.ts";
import type { MrtFlag, Place } from "./schema.ts";
import { STATIC_KIND } from "./static.ts";
import { DEVICE_KIND, DIRECT_KIND, KERNEL_KIND } from "./system.ts";

/** After `protocol` or `template`. */
export function parseProtocol(c: ConfigDraft, isTemplate: boolean): void {
  const p: Parser = c.p;
  const kind = KINDS.get(p.peek()) ?? newerKind(p);
  if (!kind) {
    p.wantMany();
    p.unexpected();
  }
  p.take();
  kind.begin?.(c);
  const place = p.here;
  const draft = parseHead(c, kind, isTemplate, place);
  p.expect(T["{"]);
  const before = c.errors.length;
  c.surrounding = { kind: kind.word, isChannel: false };
  parseItems(c, kind, draft);
  // What an error left out would only lead to more.
  if (c.errors.length > before) {
    c.surrounding = NOWHERE;
    return;
  }
  p.recover(() => kind.check?.(c, draft, isTemplate), false);
  c.surrounding = NOWHERE;
  if (!isTemplate && c.errors.length === before) c.protocols.push(kind.finish(c, draft));
}

/** Kinds whose names are no keywords of 2.0. */
function newerKind(p: Parser): ProtocolKind | undefined {
  if (p.peek() !== T.CF_SYM_UNDEFINED) return undefined;
  if (p.text === "bmp") p.fail("protocol bmp is not implemented");
  return NEWER_KINDS.get(p.text);
}

/** `[NAME] [from OTHER]`: the draft that the block goes on with. */
function parseHead(c: ConfigDraft, kind: ProtocolKind, isTemplate: boolean, place: Place): ProtocolDraft {
  const p: Parser = c.p;
  const name = parseName(c, kind);
  const definition: Draft<Definition> = { kind: kind.word, name, isTemplate, draft: undefined };
  p.define({ kind: isTemplate ? "template" : "protocol", name, value: definition });
  const source = p.accept(T.FROM) ? parseSource(c, kind) : undefined;
  const draft = source ? { ...source, name, place } : fresh(c, kind, name, place);
  definition.draft = draft;
  return draft;
}

function parseName(c: ConfigDraft, kind: ProtocolKind): string {
  const p: Parser = c.p;
  if (p.is(T.FROM) || p.is(T["{"])) return defaultName(c, kind.defaultName ?? kind.word);
  const name = p.name();
  if (!p.is(T.FROM) && !p.is(T["{"])) p.unexpected();
  return name;
}

function fresh(c: ConfigDraft, kind: ProtocolKind, name: string, place: Place): ProtocolDraft {
  return {
    ...kind.create(c),
    name,
    disabled: false,
    debug: c.globals.debugProtocols,
    mrtdump: c.globals.mrtdump,
    routerId: undefined,
    description: undefined,
    vrf: undefined,
    channels: [],
    place,
  };
}

/** After `from`: a copy of what the other one says; undefined if that is nothing yet, or was in error. */
function parseSource(c: ConfigDraft, kind: ProtocolKind): ProtocolDraft | undefined {
  const p: Parser = c.p;
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  if (symbol.kind !== "protocol" && symbol.kind !== "template") p.fail("Template or protocol name expected");
  const source = symbol.value as Definition;
  if (source.kind !== kind.word) p.fail("Can't copy configuration from a different protocol type");
  if (kind.uncopied) p.fail(`Inheriting configuration for ${kind.uncopied} is not supported`);
  p.take();
  // Lists are copied, what is in them is not changed any more.
  if (source.draft === undefined) return undefined;
  const copy = { ...(source.draft as ProtocolDraft) };
  copy.channels = copyChannels(copy.channels);
  for (const list of kind.lists ?? []) Reflect.set(copy, list, [...(Reflect.get(copy, list) as unknown[])]);
  return copy;
}

function defaultName(c: ConfigDraft, word: string): string {
  for (;;) {
    const count = (c.counters.get(word) ?? 0) + 1;
    c.counters.set(word, count);
    if (!c.scope.find(`${word}${count}`)) return `${word}${count}`;
  }
}

/** After `{`, up to and with `}`. */
function parseItems(c: ConfigDraft, kind: ProtocolKind, draft: ProtocolDraft): void {
  const { p } = c;
  p.scoped(() => {
    while (!p.accept(T["}"])) {
      if (p.accept(T[";"])) continue;
      if (p.peek() === T.END) {
        p.wantMany();
        p.unexpected();
      }
      p.recover(() => parseItem(c, kind, draft));
    }
  });
}

function parseItem(c: ConfigDraft, kind: ProtocolKind, draft: ProtocolDraft): void {
  const { p } = c;
  if (!parseCommon(p, draft) && !kind.item(c, draft)) {
    p.wantMany();
    p.unexpected();
  }
  p.expect(T[";"]);
}

/** Options that every protocol has; true if one was read. */
function parseCommon(p: Parser, draft: ProtocolDraft): boolean {
  switch (p.peek()) {
    case T.DISABLED:
      p.take();
      draft.disabled = parseSwitch(p);
      return true;
    case T.DEBUG:
      p.take();
      draft.debug = parseFlags(p, DEBUG_FLAGS);
      return true;
    case T.MRTDUMP:
      p.take();
      draft.mrtdump = parseFlags(p, MRT_FLAGS);
      return true;
    case T.ROUTER:
      p.take();
      p.expect(T.ID);
      draft.routerId = parseId(p);
      return true;
    case T.DESCRIPTION:
      p.take();
      draft.description = parseText(p);
      return true;
    case T.VRF:
      p.take();
      draft.vrf = p.accept(T.DEFAULT) ? "" : parseText(p);
      return true;
    default:
      return false;
  }
}

export const MRT_FLAGS: ReadonlyMap<Token, MrtFlag> = new Map<Token, MrtFlag>([
  [T.STATES, "states"],
  [T.MESSAGES, "messages"],
]);

const KINDS: ReadonlyMap<Token, ProtocolKind> = new Map<Token, ProtocolKind>([
  [T.DEVICE, DEVICE_KIND],
  [T.DIRECT, DIRECT_KIND],
  [T.KERNEL, KERNEL_KIND],
  [T.STATIC, STATIC_KIND],
  [T.PIPE, PIPE_KIND],
  [T.BGP, BGP_KIND],
  [T.BFD, BFD_KIND],
  [T.RPKI, RPKI_KIND],
  [T.MRT, MRT_KIND],
  ...FOREIGN_KINDS,
]);

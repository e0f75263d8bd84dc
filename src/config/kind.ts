/** What the configuration knows of a kind of protocol. */
import type { ProtocolDraft } from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";
import type { ProtocolCommon, ProtocolConfig } from "./schema.ts";

export interface ProtocolKind {
  /** The keyword. */
  readonly word: string;
  /** What protocols without a name are called, with a number; the keyword if left out. */
  readonly defaultName?: string;
  /** As messages call it, if `from` cannot copy it. */
  readonly uncopied?: string;
  /** Fields that hold lists of the protocol's own. */
  readonly lists?: readonly string[];
  /** Runs when the keyword is read. */
  begin?(c: ConfigDraft): void;
  /** The kind's own fields, with their defaults. */
  create(c: ConfigDraft): object;
  /** Reads one option, without the `;`; false if none of this kind begins here. */
  item(c: ConfigDraft, draft: ProtocolDraft): boolean;
  /** Checks that need the whole block; at its closing brace. */
  check?(c: ConfigDraft, draft: ProtocolDraft, isTemplate: boolean): void;
  finish(c: ConfigDraft, draft: ProtocolDraft): ProtocolConfig;
}

/** A kind whose drafts have fields of their own. */
export interface KindOf<D extends ProtocolDraft> {
  readonly word: string;
  readonly defaultName?: string;
  readonly uncopied?: string;
  readonly lists?: readonly (keyof D & string)[];
  begin?(c: ConfigDraft): void;
  create(c: ConfigDraft): Omit<D, keyof ProtocolDraft>;
  item(c: ConfigDraft, draft: D): boolean;
  check?(c: ConfigDraft, draft: D, isTemplate: boolean): void;
  finish(c: ConfigDraft, draft: D): ProtocolConfig;
}

/** The one place where a draft is taken for one of its kind: it was made by the kind's `create`. */
export function kindOf<D extends ProtocolDraft>(kind: KindOf<D>): ProtocolKind {
  return kind as unknown as ProtocolKind;
}

/** The fields of a draft that are the same in the configuration. */
export function commonOf(draft: ProtocolDraft): Omit<ProtocolCommon, "channels"> {
  const { name, disabled, debug, mrtdump, place, routerId, description, vrf } = draft;
  return {
    name,
    disabled,
    debug,
    mrtdump,
    place,
    ...(routerId === undefined ? {} : { routerId }),
    ...(description === undefined ? {} : { description }),
    ...(vrf === undefined ? {} : { vrf }),
  };
}

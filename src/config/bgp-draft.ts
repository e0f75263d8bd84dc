/** A protocol bgp while its block is read, and what follows from it: known to its options and to its checks. */
import type { ProtocolDraft } from "./channel.ts";
import type { FullDraft } from "./draft.ts";
import type { BgpConfig } from "./schema.ts";

/** What is undefined here has a default that depends on the rest. */
export type BgpDraft = ProtocolDraft &
  Omit<FullDraft<BgpConfig>, keyof ProtocolDraft | "multihop" | "checkLink"> & {
    multihop: number | "direct" | undefined;
    checkLink: boolean | undefined;
  };

/** Same AS, or said to be. */
export function isInternal(draft: BgpDraft): boolean {
  return draft.neighborKind === "internal" || (!draft.neighborKind && draft.neighborAs === draft.localAs);
}

/** TTL of a multihop session; undefined if direct. Internal sessions are multihop unless they say otherwise. */
export function multihopOf(draft: BgpDraft): number | undefined {
  if (draft.multihop === "direct") return undefined;
  return draft.multihop ?? (isInternal(draft) ? DEFAULT_TTL : undefined);
}

export const DEFAULT_TTL = 64;

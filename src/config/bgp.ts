/** Protocol bgp: its options, and what they come to when the block is complete. */
import { finishBgpChannel, parseBgpChannel, startsBgpChannel } from "./bgp-channel.ts";
import { checkBgp } from "./bgp-check.ts";
import { type BgpDraft, isInternal, multihopOf } from "./bgp-draft.ts";
import { BGP_OPTIONS } from "./bgp-options.ts";
import type { ProtocolDraft } from "./channel.ts";
import { kindOf, type ProtocolKind } from "./kind.ts";
import type { BgpConfig } from "./schema.ts";

export const BGP_KIND: ProtocolKind = kindOf<BgpDraft>({
  word: "bgp",
  create: () => ({ ...DEFAULTS }),
  item: (c, draft) => {
    if (startsBgpChannel(c.p)) {
      parseBgpChannel(c, draft);
      return true;
    }
    const option = BGP_OPTIONS.get(c.p.peek());
    if (!option) return false;
    c.p.take();
    option(c, draft);
    return true;
  },
  check: (c, draft, isTemplate) => {
    if (!isTemplate) checkBgp(c, draft);
  },
  finish: (_c, draft): BgpConfig => {
    const internal = isInternal(draft);
    const hops = multihopOf(draft);
    const config = { ...draft, multihop: hops, checkLink: draft.checkLink ?? hops === undefined, internal };
    // `internal` alone says what the AS is.
    if (config.neighborAs === 0 && config.neighborKind === "internal") config.neighborAs = config.localAs;
    const isMultihop = hops !== undefined;
    const channels = draft.channels.map((channel) => finishBgpChannel(channel, draft, internal, isMultihop));
    return { ...config, channels } as BgpConfig;
  },
});

const DEFAULTS: Omit<BgpDraft, keyof ProtocolDraft> = {
  kind: "bgp",
  internal: false,
  localAddress: undefined,
  neighborAddress: undefined,
  neighborRange: undefined,
  neighborKind: undefined,
  iface: undefined,
  bfd: undefined,
  password: undefined,
  rrClusterId: undefined,
  keepaliveTime: undefined,
  connectDelayTime: undefined,
  connectRetryTime: undefined,
  errorWaitTime: undefined,
  localRole: undefined,
  confederation: undefined,
  localAs: 0,
  localPort: 179,
  neighborPort: 179,
  neighborAs: 0,
  dynamicName: "dynbgp",
  dynamicDigits: 0,
  multihop: undefined,
  checkLink: undefined,
  onlinkCheck: true,
  strictBind: false,
  freeBind: false,
  ttlSecurity: false,
  passive: false,
  rrClient: false,
  rsClient: false,
  allowLocalPref: false,
  allowLocalAs: 0,
  allowAsSets: true,
  enforceFirstAs: false,
  enableRouteRefresh: true,
  enableAs4: true,
  enableExtendedMessages: false,
  capabilities: true,
  advertiseHostname: false,
  gracefulRestart: "aware",
  gracefulRestartTime: 120,
  longLivedGracefulRestart: "aware",
  longLivedStaleTime: 3600,
  interpretCommunities: true,
  disableAfterError: false,
  disableAfterCease: new Set(),
  holdTime: 240,
  minHoldTime: 0,
  startupHoldTime: 240,
  minKeepaliveTime: 0,
  errorForgetTime: 300,
  pathMetric: true,
  medMetric: false,
  igpMetric: true,
  preferOlder: false,
  deterministicMed: false,
  defaultMed: 0,
  defaultLocalPref: 100,
  requireRoles: false,
  confederationMember: false,
};

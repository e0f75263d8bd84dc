/** Protocols about the machine itself: device, direct, kernel. */
import type { Parser } from "../../protocol/policy/parser.ts";
import { T } from "../../protocol/policy/tokens.ts";
import type { IpAddress } from "../../protocol/wire/address.ts";
import { finishChannel, type ProtocolDraft, parseChannel, startsChannel } from "./channel.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import { parseAddress, parseNumber, parsePatterns, parseSwitch } from "./options.ts";
import type { DeviceConfig, DirectConfig, InterfacePattern, KernelConfig } from "./schema.ts";

interface DeviceDraft extends ProtocolDraft {
  scanTime: number;
  interfaces: { patterns: readonly InterfacePattern[]; preferred?: IpAddress }[];
}

export const DEVICE_KIND: ProtocolKind = kindOf<DeviceDraft>({
  word: "device",
  uncopied: "Device",
  begin: (c) => {
    if (c.hasDevice) c.p.fail("Kernel device protocol already defined");
    c.hasDevice = true;
  },
  create: () => ({ scanTime: DEVICE_SCAN_TIME, interfaces: [] }),
  item: (c, draft) => {
    const { p } = c;
    if (p.accept(T.SCAN)) {
      p.expect(T.TIME);
      draft.scanTime = parseNumber(p);
    } else if (p.accept(T.INTERFACE)) draft.interfaces.push(parseDeviceInterface(c));
    else return false;
    return true;
  },
  finish: (_c, draft): DeviceConfig => {
    const { scanTime, interfaces } = draft;
    return { kind: "device", ...commonOf(draft), channels: [], scanTime, interfaces };
  },
});

function parseDeviceInterface({ p }: ConfigDraft): DeviceDraft["interfaces"][number] {
  const entry: DeviceDraft["interfaces"][number] = { patterns: parsePatterns(p, false) };
  if (!p.accept(T["{"])) return entry;
  while (!p.accept(T["}"])) {
    p.expect(T.PREFERRED);
    entry.preferred = parseAddress(p);
    p.expect(T[";"]);
  }
  return entry;
}

interface DirectDraft extends ProtocolDraft {
  interfaces: InterfacePattern[];
  checkLink: boolean;
}

export const DIRECT_KIND: ProtocolKind = kindOf<DirectDraft>({
  word: "direct",
  lists: ["interfaces"],
  create: () => ({ interfaces: [], checkLink: false }),
  item: (c, draft) => {
    const { p } = c;
    if (startsChannel(p)) parseChannel(c, draft, { preference: 240, only: IP_CHANNELS });
    else if (p.accept(T.INTERFACE)) draft.interfaces.push(...parsePatterns(p));
    else if (p.accept(T.CHECK)) {
      p.expect(T.LINK);
      draft.checkLink = parseSwitch(p);
    } else return false;
    return true;
  },
  finish: (_c, draft): DirectConfig => {
    const { interfaces, checkLink } = draft;
    const channels = draft.channels.map((channel) => finishChannel(channel));
    return { kind: "direct", ...commonOf(draft), channels, interfaces, checkLink };
  },
});

type KernelDraft = ProtocolDraft & Omit<Draft<KernelConfig>, keyof ProtocolDraft | "kind">;

export const KERNEL_KIND: ProtocolKind = kindOf<KernelDraft>({
  word: "kernel",
  create: () => ({
    persist: false,
    learn: false,
    gracefulRestart: false,
    scanTime: KERNEL_SCAN_TIME,
    kernelTable: MAIN_TABLE,
    metric: 32,
    mergePaths: false,
  }),
  item: parseKernelItem,
  check: (c, draft, isTemplate) => {
    const p: Parser = c.p;
    const [channel] = draft.channels;
    if (!channel) p.fail("Channel not specified");
    const table = channel.table ?? "";
    const other = isTemplate ? undefined : c.kernels.get(table);
    if (other) p.fail(`Kernel syncer (${other}) already attached to table ${table}`);
    if (!isTemplate) c.kernels.set(table, draft.name);
  },
  finish: (_c, draft): KernelConfig => {
    const { persist, learn, gracefulRestart, scanTime, kernelTable, metric, mergePaths, netlinkRxBuffer } = draft;
    return {
      kind: "kernel",
      ...commonOf(draft),
      channels: draft.channels.map((channel) => finishChannel(channel)),
      persist,
      learn,
      gracefulRestart,
      scanTime,
      kernelTable,
      metric,
      mergePaths,
      ...(netlinkRxBuffer === undefined ? {} : { netlinkRxBuffer }),
    };
  },
});

function parseKernelItem(c: ConfigDraft, draft: KernelDraft): boolean {
  const { p } = c;
  if (startsChannel(p)) parseChannel(c, draft, { preference: 10, single: true, only: KERNEL_CHANNELS });
  else if (p.accept(T.PERSIST)) draft.persist = parseSwitch(p);
  else if (p.accept(T.LEARN)) draft.learn = parseSwitch(p);
  else if (p.accept(T.METRIC)) draft.metric = parseNumber(p);
  else if (p.accept(T.SCAN)) {
    p.expect(T.TIME);
    draft.scanTime = parseNumber(p);
  } else if (p.accept(T.KERNEL)) {
    p.expect(T.TABLE);
    draft.kernelTable = parseNumber(p);
  } else if (p.accept(T.GRACEFUL)) {
    p.expect(T.RESTART);
    draft.gracefulRestart = parseSwitch(p);
  } else if (p.accept(T.NETLINK)) {
    p.expect(T.RX);
    p.expect(T.BUFFER);
    draft.netlinkRxBuffer = parseNumber(p);
  } else if (p.accept(T.MERGE)) {
    p.expect(T.PATHS);
    draft.mergePaths = parseMergePaths(c);
  } else return false;
  return true;
}

/** `[switch] [limit N]` */
function parseMergePaths({ p }: ConfigDraft): false | number {
  const isOn = parseSwitch(p);
  let limit = 16;
  if (p.accept(T.LIMIT)) {
    limit = parseNumber(p);
    if (limit < 1 || limit > 255) p.fail("Merge paths limit must be in range 1-255");
  }
  return isOn && limit;
}

const IP_CHANNELS: ReadonlySet<string> = new Set(["ipv4", "ipv6", "ipv6-sadr"]);
const KERNEL_CHANNELS: ReadonlySet<string> = new Set([...IP_CHANNELS, "mpls"]);
const DEVICE_SCAN_TIME = 60;
const KERNEL_SCAN_TIME = 60;
/** RT_TABLE_MAIN. */
const MAIN_TABLE = 254;

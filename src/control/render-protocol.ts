/** `show protocols [all]`: a row for each protocol, and its details. */
import { formatDotted } from "../../protocol/wire/address.ts";
import type { Protocol, ProtocolStatus } from "../protocols/protocol.ts";
import type { ControlTarget } from "./daemon.ts";
import { isoTime } from "./json.ts";
import { bgpJson, bgpLines } from "./render-bgp.ts";
import { channelJson, channelLines } from "./render-channel.ts";
import { pipeLines } from "./render-pipe.ts";
import { formatTime } from "./time-format.ts";

export const PROTOCOL_HEADING = "Name       Proto      Table      State  Since         Info";

/** Over-long names shift what follows, as in bird. */
export function protocolRow(target: ControlTarget, protocol: Protocol): string {
  const { name, proto, table, state, info } = protocol;
  const since = formatTime(target.config.timeformat.protocol, protocol.since, target.host.clock.wall());
  const columns = [name.padEnd(10), proto.padEnd(10), table.padEnd(10), state.padEnd(6), since.padEnd(12)];
  return `${columns.join(" ")}  ${info}`;
}

/** The lines below the row, without the empty one that ends every protocol. */
export function protocolDetails(target: ControlTarget, protocol: Protocol, message: string | undefined): string[] {
  const { config } = protocol;
  const status = protocol.status();
  const why = whyDown(target, protocol, status);
  const shownMessage = (status.kind === "bgp" ? status.message : undefined) ?? message;
  return [
    ...(config.description === undefined ? [] : [`  Description:    ${config.description}`]),
    ...(shownMessage === undefined ? [] : [`  Message:        ${shownMessage}`]),
    ...(config.routerId === undefined ? [] : [`  Router ID:      ${formatDotted(config.routerId)}`]),
    ...(config.vrf === undefined ? [] : [`  VRF:            ${config.vrf || "default"}`]),
    ...kindLines(protocol, status, why),
  ];
}

function kindLines(protocol: Protocol, status: ProtocolStatus, why: string | undefined): string[] {
  const bgp = status.kind === "bgp" ? status : undefined;
  if (status.kind === "pipe") return [...(why ? [`  Status:         ${why}`] : []), ...pipeLines(protocol, status)];
  const head = bgp
    ? bgpLines(bgp, why)
    : [...(status.kind === "rpki" ? status.lines : []), ...(why ? [`  Status:         ${why}`] : [])];
  return [...head, ...protocol.channels.flatMap((channel) => channelLines(channel, protocol.config, bgp))];
}

/** Words of ours: who or what keeps a protocol down. */
function whyDown(target: ControlTarget, protocol: Protocol, status: ProtocolStatus): string | undefined {
  const by = target.disabledBy(protocol);
  if (by) {
    const when = formatTime(target.config.timeformat.base, by.at, target.host.clock.wall());
    const who = [
      by.pid === undefined ? undefined : `pid ${by.pid}`,
      by.user === undefined ? undefined : `user ${by.user}`,
    ];
    const known = who.filter(Boolean).join(", ");
    return `disabled by client${known ? ` (${known})` : ""} at ${when}`;
  }
  if (status.kind === "foreign") return "not implemented";
  return status.kind === "bgp" ? status.why : undefined;
}

export function protocolJson(
  target: ControlTarget,
  protocol: Protocol,
  all: boolean,
  message: string | undefined,
): unknown {
  const row = {
    name: protocol.name,
    proto: protocol.proto,
    table: protocol.table === "---" ? undefined : protocol.table,
    state: protocol.state,
    since: isoTime(protocol.since),
    info: protocol.info.trim(),
  };
  if (!all) return row;
  const status = protocol.status();
  const why = whyDown(target, protocol, status);
  const by = target.disabledBy(protocol);
  return {
    ...row,
    description: protocol.config.description,
    message: (status.kind === "bgp" ? status.message : undefined) ?? message,
    why,
    disabledBy: by && { pid: by.pid, user: by.user, at: isoTime(by.at) },
    disabledInFile: protocol.config.disabled,
    bgp: status.kind === "bgp" ? bgpJson(status, why) : undefined,
    peerTable: status.kind === "pipe" ? status.peerTable : undefined,
    channels: protocol.channels.map(channelJson),
  };
}

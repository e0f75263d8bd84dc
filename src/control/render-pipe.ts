/** A pipe in `show protocols all`: one block for both of its directions. */
import type { Channel } from "../../protocol/rib/channel.ts";
import type { Protocol, ProtocolStatus } from "../protocols/protocol.ts";
import { row } from "./render-channel.ts";

/** The first channel is at the pipe's own table, the second at the peer table: each exports into the other. */
export function pipeLines(protocol: Protocol, status: Extract<ProtocolStatus, { kind: "pipe" }>): string[] {
  const [main, peer] = protocol.channels;
  if (!main || !peer) return [];
  const isUp = protocol.state === "up";
  return [
    "  Channel main",
    `    Table:          ${main.table.name}`,
    `    Peer table:     ${status.peerTable}`,
    `    Import state:   ${direction(peer)}`,
    `    Export state:   ${direction(main)}`,
    `    Import filter:  ${main.options.importFilter.name}`,
    `    Export filter:  ${main.options.exportFilter.name}`,
    ...(isUp ? routes(main, peer) : []),
  ];
}

function direction(channel: Channel): string {
  return channel.state === "UP" ? "up" : channel.state === "FLUSHING" ? "flush" : channel.state.toLowerCase();
}

/** What goes into a table is what that table's channel imports; the way there begins at the other's export. */
function routes(main: Channel, peer: Channel): string[] {
  const [into, out] = [main.counters, peer.counters];
  const imports = { begin: peer.counters, end: into };
  const exports = { begin: main.counters, end: out };
  const updates = ({ begin, end }: typeof imports): number[] => [
    begin.exportUpdates.received,
    begin.exportUpdates.rejected + end.importUpdates.rejected,
    begin.exportUpdates.filtered + end.importUpdates.filtered,
    end.importUpdates.ignored,
    end.importUpdates.accepted,
  ];
  const withdraws = ({ begin, end }: typeof imports): (number | string)[] => [
    begin.exportWithdraws.received,
    end.importWithdraws.rejected,
    "---",
    end.importWithdraws.ignored,
    end.importWithdraws.accepted,
  ];
  return [
    `  Routes:         ${into.imported} imported, ${out.imported} exported`,
    "  Route change stats:     received   rejected   filtered    ignored   accepted",
    row("Import updates:", updates(imports)),
    row("Import withdraws:", withdraws(imports)),
    row("Export updates:", updates(exports)),
    row("Export withdraws:", withdraws(exports)),
  ];
}

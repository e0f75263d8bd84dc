/** What a speaker does, into its timeline. */

import type { CodecContext } from "../../protocol/codec/capability.ts";
import type { Nlri } from "../../protocol/codec/nlri.ts";
import { decodeUpdate } from "../../protocol/codec/update.ts";
import { formatNet } from "../../protocol/policy/scalars.ts";
import type { Slot } from "../../protocol/rib/route.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { formatPrefix } from "../../protocol/wire/address.ts";
import type { Protocol, ProtocolEvent } from "../protocols/protocol.ts";
import type { ClientState, Speaker, SpeakerEvent } from "../speaker.ts";
import type { Timeline, TimelineKind } from "./timeline.ts";

/** Follows the speaker until closed; tables that a reload adds are followed too. */
export function feedTimeline(timeline: Timeline, speaker: Speaker): { close(): void } {
  const tables = new Map<Table, { close(): void }>();
  const followTables = (): void => {
    const present = new Set(speaker.rib.tables());
    for (const [table, feed] of tables) {
      if (present.has(table)) continue;
      feed.close();
      tables.delete(table);
    }
    for (const table of present) {
      if (!tables.has(table))
        tables.set(
          table,
          table.subscribe((slot) => decided(timeline, table, slot)),
        );
    }
  };
  const events = speaker.onEvent((event) => {
    // Tables come with the start and with reloads; the first event after that finds them.
    followTables();
    tell(timeline, event, speaker);
  });
  followTables();
  return {
    close: () => {
      events.close();
      for (const feed of tables.values()) feed.close();
    },
  };
}

function decided(timeline: Timeline, table: Table, slot: Slot): void {
  if (!timeline.wants("decision", table.core.now)) return;
  const best = table.best(slot);
  const net = formatNet(table.prefixes.net(slot));
  timeline.add(
    "decision",
    table.name,
    best ? `${net} best is from ${best.source.protocol}` : `${net} has no route any more`,
  );
}

function tell(timeline: Timeline, event: SpeakerEvent, speaker: Speaker): void {
  switch (event.type) {
    case "protocol":
      return tellProtocol(timeline, event.protocol, event.event);
    case "client":
      return tellClient(timeline, event.states);
    case "reconfigured":
      return timeline.add("config", "", "reconfigured");
    case "interface":
      return timeline.add("link", event.name, linkText(event, speaker));
  }
}

/** The states are told all together; the newest one is the news. */
function tellClient(timeline: Timeline, states: ReadonlyMap<string, ClientState>): void {
  const newest = [...states].reduce((a, b) => (b[1].at >= a[1].at ? b : a), ["", NOBODY] as [string, ClientState]);
  const [name, { enabled, pid, user }] = newest;
  if (!name) return;
  const who = `${pid === undefined ? "" : ` pid ${pid}`}${user === undefined ? "" : ` user ${user}`}`;
  timeline.add("client", name, `${enabled ? "enabled" : "disabled"} by client${who}`);
}

function tellProtocol(timeline: Timeline, { name, proto }: Protocol, event: ProtocolEvent): void {
  const kind = KINDS[event.type] ?? "note";
  if (!timeline.wants(kind)) return;
  timeline.add(kind === "session" && proto === "BFD" ? "bfd" : kind, name, eventText(event));
}

function eventText(event: ProtocolEvent): string {
  switch (event.type) {
    case "state":
      return `${event.from} -> ${event.to}`;
    case "session":
      return `${event.from} -> ${event.to}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    case "update":
      return updateText(event.octets, event.context);
    case "kernel":
      return `${formatNet(event.net)} ${event.installed ? "handed to" : "taken from"} the kernel`;
    default:
      return event.text;
  }
}

/** `sent: withdraws 10.1.0.0/16 and 2 more, announces 10.2.0.0/16` */
function updateText(octets: Uint8Array, context: CodecContext): string {
  // What we sent is read as the peer reads it.
  const update = decodeUpdate(octets, { ...context, addPathRx: context.addPathTx });
  const { mpReach, mpUnreach } = update.attributes;
  const gone = [...update.withdrawn, ...(mpUnreach?.nlri ?? [])];
  const news = [...update.announced, ...(mpReach?.nlri ?? [])];
  const parts = [
    ...(gone.length > 0 ? [`withdraws ${someOf(gone)}`] : []),
    ...(news.length > 0 ? [`announces ${someOf(news)}`] : []),
  ];
  return `sent: ${parts.join(", ") || "End-of-RIB"}`;
}

function someOf(nlri: readonly Nlri[]): string {
  const [first] = nlri;
  const more = nlri.length > 1 ? ` and ${nlri.length - 1} more` : "";
  return first ? formatPrefix(first.prefix) + more : "nothing";
}

function linkText(event: SpeakerEvent & { readonly type: "interface" }, speaker: Speaker): string {
  const view = speaker.interfaces.byName(event.name);
  if (event.change === "removed" || !view) return "removed";
  const { adminUp, lowerUp } = view.link;
  return `${adminUp ? "up" : "down"}${lowerUp ? "" : ", no carrier"}, ${view.addresses.length} addresses`;
}

const KINDS: Readonly<Partial<Record<ProtocolEvent["type"], TimelineKind>>> = {
  state: "protocol",
  session: "session",
  update: "update",
  kernel: "kernel",
};
const NOBODY: ClientState = { enabled: true, fileDisabled: false, at: Number.NEGATIVE_INFINITY };

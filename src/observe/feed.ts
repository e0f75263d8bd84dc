/** What a speaker does, into its timeline. */

import { formatNet } from "../../protocol/policy/scalars.ts";
import type { Slot } from "../../protocol/rib/route.ts";
import type { Table } from "../../protocol/rib/table.ts";
import type { ProtocolEvent } from "../protocols/protocol.ts";
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
  if (!timeline.wants("decision")) return;
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
      return timeline.add(kindOf(event.protocol.proto, event.event), event.protocol.name, eventText(event.event));
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

function kindOf(proto: string, event: ProtocolEvent): TimelineKind {
  if (event.type === "session") return proto === "BFD" ? "bfd" : "session";
  if (event.type === "state") return "protocol";
  return event.type === "note" && proto === "Kernel" ? "kernel" : "note";
}

function eventText(event: ProtocolEvent): string {
  switch (event.type) {
    case "state":
      return `${event.from} -> ${event.to}`;
    case "session":
      return `${event.from} -> ${event.to}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    default:
      return event.text;
  }
}

function linkText(event: SpeakerEvent & { readonly type: "interface" }, speaker: Speaker): string {
  const view = speaker.interfaces.byName(event.name);
  if (event.change === "removed" || !view) return "removed";
  const { adminUp, lowerUp } = view.link;
  return `${adminUp ? "up" : "down"}${lowerUp ? "" : ", no carrier"}, ${view.addresses.length} addresses`;
}

const NOBODY: ClientState = { enabled: true, fileDisabled: false, at: Number.NEGATIVE_INFINITY };

/** What `dump` and SIGUSR1 write to the debug output: the daemon's state, for a bug report. */
import { formatAddress } from "../../protocol/wire/address.ts";
import type { ControlTarget } from "./daemon.ts";
import { memoryUse } from "./memory.ts";
import { formatNet } from "./render-route.ts";

export type DumpSubject =
  | "resources"
  | "sockets"
  | "events"
  | "interfaces"
  | "neighbors"
  | "attributes"
  | "routes"
  | "protocols"
  | "filters";

/** Everything: SIGUSR1. */
export function dumpState(target: ControlTarget): string {
  const parts = Object.keys(SUBJECTS) as DumpSubject[];
  return ["INTERNAL STATE DUMP", ...parts.map((subject) => dumpOf(target, subject)), ""].join("\n");
}

export function dumpOf(target: ControlTarget, subject: DumpSubject): string {
  return [`${subject}:`, ...Array.from(SUBJECTS[subject](target), (line) => `  ${line}`)].join("\n");
}

const SUBJECTS: Readonly<Record<DumpSubject, (target: ControlTarget) => Iterable<string>>> = {
  resources: (target) =>
    memoryUse(target).map(({ name, effective, overhead }) => `${name}: ${effective} octets, ${overhead} beside`),
  sockets: () => process.getActiveResourcesInfo().filter((kind) => /Wrap$/.test(kind)),
  events: (target) =>
    target.timeline ? target.timeline.last(LAST_EVENTS).map((event) => `${event.kind} ${event.text}`) : [],
  interfaces: (target) =>
    target.interfaces
      .list()
      .flatMap((view) => [
        `${view.name} index ${view.index} mtu ${view.link.mtu} ${view.link.adminUp ? "up" : "down"}`,
        ...view.addresses.map((address) => `  ${formatAddress(address.ip)}/${address.length}`),
      ]),
  neighbors: (target) =>
    target.protocols().flatMap((protocol) => {
      const status = protocol.status();
      if (status.kind !== "bgp" || !status.neighborAddress) return [];
      return [`${protocol.name}: ${formatAddress(status.neighborAddress)} ${status.fsm}`];
    }),
  attributes: (target) => [`${target.rib.attributes.size} sets`],
  *routes(target) {
    for (const table of target.rib.tables()) {
      yield `${table.name}: ${table.routeCount} routes, ${table.netCount} networks`;
      const { slots } = table.walk(0);
      for (const slot of slots.slice(0, LAST_EVENTS)) {
        for (const route of table.routes(slot)) yield `  ${formatNet(route.net)} ${route.source.protocol}`;
      }
    }
  },
  protocols: (target) =>
    target.protocols().map(({ name, proto, state, info }) => `${name} ${proto} ${state} ${info}`.trimEnd()),
  filters: (target) => [...target.config.filters].map(([name, filter]) => `${name}: ${filter.key}`),
};

/** So much of what may be endless. */
const LAST_EVENTS = 1000;

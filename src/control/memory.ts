/** What `show memory` prints: bird's rows, filled with what this process can tell of itself. */
import type { ControlTarget } from "./daemon.ts";

export interface MemoryRow {
  readonly name: string;
  /** Octets in use, and kept beside them. */
  readonly effective: number;
  readonly overhead: number;
}

export function memoryUse(target: ControlTarget): MemoryRow[] {
  const tables = [...target.rib.tables()].reduce((sum, table) => sum + table.octets, 0);
  const attributes = target.rib.attributes.octets;
  const { heapUsed, heapTotal, rss } = process.memoryUsage();
  const protocols = target.protocols().length * PROTOCOL_SIZE;
  const config = target.config.symbols.length * SYMBOL_SIZE;
  return [
    { name: "Routing tables", effective: tables, overhead: 0 },
    { name: "Route attributes", effective: attributes, overhead: 0 },
    { name: "Protocols", effective: protocols, overhead: 0 },
    { name: "Current config", effective: config, overhead: 0 },
    { name: "Standby memory", effective: 0, overhead: heapTotal - heapUsed },
    {
      name: "Total",
      effective: tables + attributes + heapUsed,
      overhead: Math.max(0, rss - tables - attributes - heapUsed),
    },
  ];
}

/** Octets of one protocol's and one symbol's objects, by a heap snapshot of a plain configuration. */
const PROTOCOL_SIZE = 6000;
const SYMBOL_SIZE = 400;

/**
 * The switches that clients set, as text: they outlive a restart of the daemon, but not of the machine.
 * Pure; reading and writing the file is state-store.ts.
 */
import type { ClientState } from "../speaker.ts";

export type ClientStates = ReadonlyMap<string, ClientState>;

/** @param boot the kernel's boot id: of another boot the file says nothing */
export function formatStates(states: ClientStates, boot: string): string {
  const entries = [...states].map(([name, state]) => ({ name, ...state }));
  return `${JSON.stringify({ version: VERSION, boot, protocols: entries }, null, 1)}\n`;
}

/** @returns undefined if it is no such file, or of another boot */
export function parseStates(text: string, boot: string): ClientStates | undefined {
  const file = json(text);
  if (!isRecord(file) || file.version !== VERSION || file.boot !== boot || !Array.isArray(file.protocols))
    return undefined;
  const states = new Map<string, ClientState>();
  for (const entry of file.protocols.slice(0, MOST_PROTOCOLS)) {
    const read = readEntry(entry);
    if (read) states.set(read.name, read.state);
  }
  return states;
}

function readEntry(entry: unknown): { readonly name: string; readonly state: ClientState } | undefined {
  if (!isRecord(entry)) return undefined;
  const { name, enabled, fileDisabled, at, pid, user } = entry;
  if (typeof name !== "string" || typeof enabled !== "boolean" || typeof fileDisabled !== "boolean") return undefined;
  return {
    name,
    state: {
      enabled,
      fileDisabled,
      at: typeof at === "number" ? at : 0,
      ...(typeof pid === "number" ? { pid } : {}),
      ...(typeof user === "string" ? { user } : {}),
    },
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off, or somebody else's file
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const VERSION = 1;
const MOST_PROTOCOLS = 100_000;

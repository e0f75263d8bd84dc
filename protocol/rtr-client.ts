/**
 * The router's side of an RTR session (RFC 8210 §8) as a function: what to send, which ROAs came and
 * went, when to ask again. The shell owns the connection and the clock.
 */

import {
  decodePdu,
  encodeErrorReport,
  encodeResetQuery,
  encodeSerialQuery,
  type Pdu,
  type Roa,
  RtrError,
  RtrFramer,
  RtrProtocolError,
  type RtrTimers,
} from "./rtr.ts";
import { formatPrefix } from "./wire/address.ts";

export interface RtrOutput {
  readonly send: readonly Uint8Array[];
  /** Whole after an End of Data, never in between: the table changes at once, not ROA by ROA. */
  readonly announce: readonly Roa[];
  readonly withdraw: readonly Roa[];
  /** The cache has told all it knows; `timers` if it proposes some. */
  readonly synced?: { readonly timers?: RtrTimers };
  /** The session must end, for this reason; after `send`. */
  readonly close?: string;
  /** The connection shall be opened again at once, with the version that the cache speaks. */
  readonly reconnect?: boolean;
}

/** Survives reconnects: the serial and the ROAs stay until they expire. */
export class RtrClient {
  #version = 1;
  #framer = new RtrFramer();
  #session: { readonly id: number; serial: number } | undefined;
  /** Between Cache Response and End of Data: what changes; with `reset`, all that is not named again goes. */
  #update:
    | { readonly reset: boolean; readonly sessionId: number; readonly changes: Map<string, [boolean, Roa]> }
    | undefined;
  #queried: "reset" | "serial" | undefined;
  #settled = false;
  readonly #roas = new Map<string, Roa>();

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#roas.size;
  }

  get sessionId(): number | undefined {
    return this.#session?.id;
  }

  get serial(): number | undefined {
    return this.#session?.serial;
  }

  /** A new connection is up: asks for what changed since the last one, or for everything. */
  connected(): Uint8Array {
    this.#framer = new RtrFramer();
    this.#update = undefined;
    this.#settled = false;
    return this.query();
  }

  /** Serial Query if there is something to go on from, else Reset Query. */
  query(): Uint8Array {
    this.#queried = this.#session ? "serial" : "reset";
    return this.#session
      ? encodeSerialQuery(this.#version, this.#session.id, this.#session.serial)
      : encodeResetQuery(this.#version);
  }

  /** The data is too old: everything goes, and the next query asks for all. */
  expire(): readonly Roa[] {
    const gone = [...this.#roas.values()];
    this.#roas.clear();
    this.#session = undefined;
    return gone;
  }

  receive(chunk: Uint8Array): RtrOutput {
    const send: Uint8Array[] = [];
    const announce: Roa[] = [];
    const withdraw: Roa[] = [];
    let synced: RtrOutput["synced"];
    try {
      for (const octets of this.#framer.push(chunk)) {
        const wrongVersion = this.#checkVersion(octets);
        if (wrongVersion) return { send, announce, withdraw, ...wrongVersion };
        const result = this.#handle(decodePdu(octets), octets);
        if (result.send) send.push(result.send);
        if (result.end) {
          announce.push(...result.end.announce);
          withdraw.push(...result.end.withdraw);
          synced = { ...result.end.synced };
        }
        if (result.close !== undefined) {
          return { send, announce, withdraw, close: result.close, ...(result.reconnect ? { reconnect: true } : {}) };
        }
      }
    } catch (error) {
      if (!(error instanceof RtrProtocolError)) throw error;
      send.push(encodeErrorReport(this.#version, error));
      return { send, announce, withdraw, close: error.message };
    }
    return { send, announce, withdraw, ...(synced ? { synced } : {}) };
  }

  /** RFC 8210 §7: the first answer settles the version; a cache of version 0 answers in 0. */
  #checkVersion(octets: Uint8Array): { close: string; reconnect?: true } | undefined {
    const version = octets[0] ?? 0;
    if (version === this.#version || octets[1] === ERROR_REPORT) return undefined;
    if (!this.#settled && version < this.#version) {
      this.#version = version;
      return undefined;
    }
    throw new RtrProtocolError(
      RtrError.UnexpectedVersion,
      `PDU of version ${version} in a session of ${this.#version}`,
      octets,
    );
  }

  #handle(pdu: Pdu, octets: Uint8Array): Handled {
    switch (pdu.type) {
      case "serial-notify":
        // Before the first answer the version is not settled and our own query is under way (§8.2).
        return this.#settled && !this.#update && !this.#queried ? { send: this.query() } : {};
      case "cache-response":
        this.#settled = true;
        return this.#begin(pdu.sessionId, octets);
      case "prefix":
        this.#change(pdu.announce, pdu.roa, octets);
        return {};
      case "end-of-data":
        return this.#end(pdu, octets);
      case "cache-reset":
        this.#settled = true;
        this.#session = undefined;
        return { send: this.query() };
      case "router-key":
        return {}; // BGPsec: nothing that we route by
      case "error":
        return this.#failed(pdu);
    }
  }

  #begin(sessionId: number, octets: Uint8Array): Handled {
    if (this.#session && this.#session.id !== sessionId) {
      this.#session = undefined; // the cache was restarted: its serials mean nothing to ours (§5.1)
      if (this.#queried === "serial") return { close: "cache answers with another session id", reconnect: true };
    }
    if (!this.#queried)
      throw new RtrProtocolError(RtrError.InvalidRequest, "Cache Response that nobody asked for", octets);
    this.#update = { reset: this.#queried === "reset", sessionId, changes: new Map() };
    return {};
  }

  #change(announce: boolean, roa: Roa, octets: Uint8Array): void {
    const update = this.#update;
    if (!update) throw new RtrProtocolError(RtrError.CorruptData, "prefix outside of an update", octets);
    if (update.changes.size >= MOST_ROAS) throw new RtrProtocolError(RtrError.InternalError, "too many ROAs", octets);
    const key = roaKey(roa);
    const known = update.changes.get(key)?.[0] ?? (!update.reset && this.#roas.has(key));
    if (announce && known) throw new RtrProtocolError(RtrError.DuplicateAnnouncement, `${key} announced twice`, octets);
    if (!announce && !known)
      throw new RtrProtocolError(RtrError.WithdrawalOfUnknown, `${key} withdrawn but never announced`, octets);
    update.changes.set(key, [announce, roa]);
  }

  #end(pdu: Pdu & { type: "end-of-data" }, octets: Uint8Array): Handled {
    const update = this.#update;
    if (!update) throw new RtrProtocolError(RtrError.CorruptData, "End of Data outside of an update", octets);
    const announce: Roa[] = [];
    const withdraw: Roa[] = [];
    for (const [key, [announced, roa]] of update.changes) {
      if (announced && !this.#roas.has(key)) announce.push(roa);
      if (!announced && this.#roas.has(key)) withdraw.push(roa);
    }
    if (update.reset) for (const [key, roa] of this.#roas) if (!update.changes.get(key)?.[0]) withdraw.push(roa);
    for (const roa of withdraw) this.#roas.delete(roaKey(roa));
    for (const roa of announce) this.#roas.set(roaKey(roa), roa);
    this.#session = { id: update.sessionId, serial: pdu.serial };
    this.#update = undefined;
    this.#queried = undefined;
    return { end: { announce, withdraw, synced: pdu.timers ? { timers: pdu.timers } : {} } };
  }

  #failed(pdu: Pdu & { type: "error" }): Handled {
    if (pdu.code === RtrError.UnsupportedVersion && !this.#settled && this.#version > 0) {
      this.#version = Math.min(this.#version - 1, pdu.version);
      return { close: "cache does not speak our version", reconnect: true };
    }
    if (pdu.code === RtrError.NoDataAvailable) return { close: "cache has no data yet" };
    return { close: `error ${pdu.code} from the cache: ${pdu.text}` };
  }
}

interface Handled {
  readonly send?: Uint8Array;
  readonly end?: { announce: Roa[]; withdraw: Roa[]; synced: { timers?: RtrTimers } };
  readonly close?: string;
  readonly reconnect?: boolean;
}

function roaKey(roa: Roa): string {
  return `${formatPrefix(roa.prefix)}-${roa.maxLength} AS${roa.asn}`;
}

const ERROR_REPORT = 10;
/** Ten times what the whole Internet has. */
const MOST_ROAS = 8_000_000;

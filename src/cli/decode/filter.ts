/**
 * `--filter`: which lines are wanted. Several filters of one kind: any of them; of different kinds: all of them.
 *
 *   prefix=10.0.0.0/8   it, or a more specific of it, is announced, withdrawn or in the table
 *   as=65001            in AS_PATH, or at either end of the session
 *   type=UPDATE         a message type, or RIB, STATE, GAP, TRUNCATED, UNSUPPORTED
 *   peer=192.0.2.1      either end of the session
 *
 * The key may be left out where the value tells its kind.
 */
import type { RibRecord } from "../../../protocol/archive/record.ts";
import { type AsPath, containsAs } from "../../../protocol/codec/as-path.ts";
import { CapabilityCode } from "../../../protocol/codec/iana.ts";
import type { InspectedAttributes, Inspection } from "../../../protocol/codec/inspect.ts";
import {
  covers,
  type IpAddress,
  type Prefix,
  parseAddress,
  prefixOf,
  sameAddress,
} from "../../../protocol/wire/address.ts";
import type { Entry } from "./view.ts";

export class Filter {
  readonly #prefixes: Prefix[] = [];
  readonly #asns: number[] = [];
  readonly #types = new Set<string>();
  readonly #peers: IpAddress[] = [];

  /** @throws FilterError if an expression is none */
  constructor(expressions: readonly string[]) {
    for (const expression of expressions) {
      for (const [key, value] of termsOf(expression)) this.#add(key, value, expression);
    }
  }

  get empty(): boolean {
    return this.#prefixes.length + this.#asns.length + this.#types.size + this.#peers.length === 0;
  }

  wants(entry: Entry): boolean {
    if (this.#types.size > 0 && !this.#types.has(typeOf(entry))) return false;
    if (this.#peers.length > 0 && !endsOf(entry).some((end) => this.#peers.some((peer) => sameAddress(peer, end)))) {
      return false;
    }
    if (this.#asns.length > 0 && !this.#asns.some((asn) => hasAs(entry, asn))) return false;
    if (this.#prefixes.length === 0) return true;
    return prefixesOf(entry).some((prefix) => this.#prefixes.some((wanted) => covers(wanted, prefix)));
  }

  #add(key: string, value: string, expression: string): void {
    switch (key) {
      case "prefix": {
        const prefix = anyPrefix(value);
        if (!prefix) throw new FilterError(`${value} is no prefix in --filter ${expression}`);
        this.#prefixes.push(prefix);
        return;
      }
      case "as": {
        const asn = parseAs(value);
        if (asn === undefined) throw new FilterError(`${value} is no AS number in --filter ${expression}`);
        this.#asns.push(asn);
        return;
      }
      case "type": {
        const type = value.toUpperCase().replaceAll("_", "-");
        if (!TYPES.has(type)) throw new FilterError(`${value} is no type in --filter ${expression}`);
        this.#types.add(type);
        return;
      }
      case "peer": {
        const peer = parseAddress(value);
        if (!peer) throw new FilterError(`${value} is no address in --filter ${expression}`);
        this.#peers.push(peer);
        return;
      }
      default:
        throw new FilterError(`--filter ${expression}: prefix, as, type or peer is expected`);
    }
  }
}

export class FilterError extends Error {
  override readonly name = "FilterError";
}

/** `key=a,b`, or values that tell their kind. */
function termsOf(expression: string): [string, string][] {
  const keyed = /^\s*(prefix|as|asn|type|peer)\s*[=: ]\s*(.+)$/i.exec(expression);
  const key = keyed ? keyed[1]!.toLowerCase().replace("asn", "as") : undefined;
  const values = (keyed ? keyed[2]! : expression).split(",").map((value) => value.trim());
  return values.map((value) => [key ?? kindOf(value), value]);
}

function kindOf(value: string): string {
  if (value.includes("/")) return "prefix";
  if (parseAs(value) !== undefined) return "as";
  if (parseAddress(value)) return "peer";
  return TYPES.has(value.toUpperCase().replaceAll("_", "-")) ? "type" : "";
}

/** People write prefixes with host bits, and addresses where they mean the one route to it. */
function anyPrefix(text: string): Prefix | undefined {
  const [address, length] = text.split("/");
  const ip = parseAddress(address ?? "");
  if (!ip) return undefined;
  const whole = prefixOf(ip, ip.family === 4 ? 32 : 128);
  if (length === undefined) return whole;
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : 129;
  return bits <= whole.length ? prefixOf(ip, bits) : undefined;
}

function parseAs(text: string): number | undefined {
  const match = /^(?:AS)?(\d{1,10})$/i.exec(text);
  const asn = match ? Number(match[1]) : Number.NaN;
  return asn <= 0xffff_ffff ? asn : undefined;
}

function typeOf({ record, message }: Entry): string {
  return record.kind === "message" ? (message?.type ?? "UNKNOWN") : record.kind.toUpperCase();
}

function endsOf({ record }: Entry): IpAddress[] {
  if (record.kind === "rib") return record.peer ? [record.peer.address] : [];
  if (record.kind === "unsupported") return [];
  return [record.src, record.dst].map((end) => parseAddress(hostOf(end ?? ""))).filter((ip) => ip !== undefined);
}

/** The address of `192.0.2.1:179`, `[2001:db8::1]:179`, or of an address alone. */
export function hostOf(end: string): string {
  if (end.startsWith("[")) return end.slice(1, end.indexOf("]"));
  const colon = end.indexOf(":");
  return colon >= 0 && colon === end.lastIndexOf(":") ? end.slice(0, colon) : end;
}

function hasAs({ record, message, rib }: Entry, asn: number): boolean {
  if (record.kind === "rib" ? record.peer?.asn === asn : "peerAs" in record && hasEnd(record, asn)) return true;
  if (message?.open && openAs(message.open.open) === asn) return true;
  const seen = message?.update ?? rib;
  return seen !== undefined && pathsOf(seen).some((path) => containsAs(path, asn));
}

function hasEnd({ peerAs, localAs }: { readonly peerAs?: number; readonly localAs?: number }, asn: number): boolean {
  return peerAs === asn || localAs === asn;
}

function openAs({ myAs, capabilities }: NonNullable<Inspection["open"]>["open"]): number {
  const wide = capabilities.findLast((c) => c.code === CapabilityCode.FourOctetAs);
  return wide ? wide.asn : myAs;
}

function pathsOf({ attributes, effectiveAsPath }: InspectedAttributes): AsPath[] {
  return [attributes.asPath, attributes.as4Path, effectiveAsPath].filter((path) => path !== undefined);
}

function prefixesOf({ record, message }: Entry): readonly Prefix[] {
  if (record.kind === "rib") return [(record as RibRecord).prefix];
  const update = message?.update;
  if (!update) return [];
  const { mpReach, mpUnreach } = update.attributes;
  const all = [update.withdrawn, update.announced, mpReach?.nlri ?? [], mpUnreach?.nlri ?? []];
  return all.flatMap((list) => list.map(({ prefix }) => prefix));
}

const TYPES = new Set([
  "OPEN",
  "UPDATE",
  "NOTIFICATION",
  "KEEPALIVE",
  "ROUTE-REFRESH",
  "UNKNOWN",
  "RIB",
  "STATE",
  "GAP",
  "TRUNCATED",
  "UNSUPPORTED",
]);

/**
 * The texts of routes in a dumped table, by their attributes: the same ones come again and again, mostly close together, and
 * are read and written once (bench/decode.ts).
 *
 * One place for each hash, the later takes it; the octets of all places lie in one array. So nothing is made for a route that
 * is found, and little lives on for the garbage collector to look after.
 */
import type { RibRecord } from "../../../protocol/archive/record.ts";

export class RouteTexts {
  readonly #texts: string[] = new Array<string>(PLACES).fill("");
  readonly #octets = new Uint8Array(PLACES * ROOM);
  /** Of each place: how many octets, and what else the text depends on; 0 if it is free. */
  readonly #kinds = new Uint32Array(PLACES);
  #place = 0;

  /** Undefined if its attributes are not here. */
  get(record: RibRecord): string | undefined {
    const { octets, start, end } = record;
    this.#place = placeOf(record);
    if (this.#kinds[this.#place] !== kindOf(record)) return undefined;
    let at = this.#place * ROOM;
    for (let i = start; i < end; i++) if (octets[i] !== this.#octets[at++]) return undefined;
    return this.#texts[this.#place];
  }

  /** Keeps the text of the record that was just asked for. */
  add(record: RibRecord, text: string): string {
    const { octets, start, end } = record;
    if (end - start > ROOM) return text;
    const at = this.#place * ROOM;
    for (let i = start; i < end; i++) this.#octets[at + i - start] = octets[i]!;
    this.#kinds[this.#place] = kindOf(record);
    this.#texts[this.#place] = text;
    return text;
  }
}

/** Never 0: no family is. */
function kindOf({ start, end, afi, safi, as4 }: RibRecord): number {
  return ((end - start) << 8) | (afi << 4) | (safi << 1) | (as4 ? 1 : 0);
}

/** FNV-1a. */
function placeOf({ octets, start, end }: RibRecord): number {
  let hash = 0x811c_9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ octets[i]!, 0x0100_0193);
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}

/** A power of two; a few times the peers of the largest collectors. */
const PLACES = 8192;
/** Attributes longer than this are rare, and not kept. */
const ROOM = 256;

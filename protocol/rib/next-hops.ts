/** Next hops that attribute sets name, interned: address (and link-local companion) <-> small number, counted. */
import { type IpAddress, ipv4, sameAddress } from "../wire/address.ts";

export interface NextHopEntry {
  readonly address: IpAddress;
  readonly linkLocal?: IpAddress;
}

export class NextHops {
  readonly #entries: (NextHopEntry | undefined)[] = [undefined];
  readonly #references: number[] = [0];
  readonly #byWord = new Map<number, number>();
  readonly #byText = new Map<string, number>();
  readonly #free: number[] = [];
  #lastWord = -1;
  #lastIndex = 0;
  #last: NextHopEntry | undefined;
  #lastSix = 0;

  /** All numbers are below it, and above 0. */
  get limit(): number {
    return this.#entries.length;
  }

  get(index: number): NextHopEntry | undefined {
    return this.#entries[index];
  }

  /** The number of an IPv4 next hop, without an object; not yet held. */
  index4(word: number): number {
    if (word === this.#lastWord) return this.#lastIndex;
    const index = this.#byWord.get(word) ?? this.#add({ address: ipv4(word) });
    this.#lastWord = word;
    this.#lastIndex = index;
    return index;
  }

  index(address: IpAddress, linkLocal?: IpAddress): number {
    if (address.family === 4) return this.index4(address.w0);
    const last = this.#last;
    if (last && last.address === address && last.linkLocal === linkLocal) return this.#lastSix;
    if (last && sameAddress(last.address, address) && sameOptional(last.linkLocal, linkLocal)) return this.#lastSix;
    const entry: NextHopEntry = linkLocal ? { address, linkLocal } : { address };
    this.#last = entry;
    return (this.#lastSix = this.#byText.get(keyOf(entry)) ?? this.#add(entry));
  }

  hold(index: number): void {
    this.#references[index]!++;
  }

  references(index: number): number {
    return this.#references[index] ?? 0;
  }

  /** The last release, or one of an entry that nobody came to hold, frees the number. */
  release(index: number): void {
    if (--this.#references[index]! > 0) return;
    const entry = this.#entries[index];
    if (!entry) return;
    if (entry.address.family === 4) this.#byWord.delete(entry.address.w0);
    else this.#byText.delete(keyOf(entry));
    this.#entries[index] = undefined;
    this.#free.push(index);
    this.#lastWord = -1;
    this.#last = undefined;
  }

  #add(entry: NextHopEntry): number {
    const index = this.#free.pop() ?? this.#entries.length;
    this.#entries[index] = entry;
    this.#references[index] = 0;
    if (entry.address.family === 4) this.#byWord.set(entry.address.w0, index);
    else this.#byText.set(keyOf(entry), index);
    return index;
  }
}

function keyOf({ address: a, linkLocal: l }: NextHopEntry): string {
  return l ? `${a.w0},${a.w1},${a.w2},${a.w3},${l.w0},${l.w1},${l.w2},${l.w3}` : `${a.w0},${a.w1},${a.w2},${a.w3}`;
}

function sameOptional(a: IpAddress | undefined, b: IpAddress | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameAddress(a, b);
}

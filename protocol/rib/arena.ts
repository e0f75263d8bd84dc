/** Octets of many short records in large pages: allotted one behind the other in multiples of eight. */

export class Arena {
  #pages: Uint8Array[] = [];
  /** Next free octet of the last page. */
  #next = 0;
  #live = 0;
  #dead = 0;

  get octets(): number {
    return this.#pages.reduce((sum, page) => sum + page.length, 0);
  }

  /** Far more is dead than alive, and it is worth the trouble. */
  get isSparse(): boolean {
    return this.#dead > this.#live * 3 && this.#dead > WORTH;
  }

  /** @returns where the record is to stand. */
  allocate(length: number): number {
    const room = (length + 7) & ~7;
    this.#live += room;
    const page = this.#pages.at(-1);
    if (!page || this.#next + room > page.length) return this.#open(room);
    const at = ((this.#pages.length - 1) << PAGE_SHIFT) | this.#next;
    this.#next += room;
    return at;
  }

  /** A record is not needed any more; its place may be used again by its owner. */
  discard(length: number): void {
    const room = (length + 7) & ~7;
    this.#live -= room;
    this.#dead += room;
  }

  /** A discarded record's place is used again. */
  reuse(length: number): void {
    const room = (length + 7) & ~7;
    this.#live += room;
    this.#dead -= room;
  }

  write(at: number, o: Uint8Array, start: number, end: number): void {
    const page = this.#pages[at >>> PAGE_SHIFT]!;
    let to = at & PAGE_MASK;
    for (let from = start; from < end; from++) page[to++] = o[from]!;
  }

  equals(at: number, o: Uint8Array, start: number, end: number): boolean {
    const page = this.#pages[at >>> PAGE_SHIFT]!;
    let other = at & PAGE_MASK;
    for (let i = start; i < end; i++) if (page[other++] !== o[i]) return false;
    return true;
  }

  /** The page of a record, for code that reads it in place. */
  page(at: number): Uint8Array {
    return this.#pages[at >>> PAGE_SHIFT]!;
  }

  view(at: number, length: number): Uint8Array {
    const from = at & PAGE_MASK;
    return this.#pages[at >>> PAGE_SHIFT]!.subarray(from, from + length);
  }

  /** Begins anew; the function returned copies records of before into the new pages. */
  renew(): (from: number, to: number, length: number) => void {
    const old = this.#pages;
    this.#pages = [];
    this.#next = this.#live = this.#dead = 0;
    return (from, to, length) => {
      const start = from & PAGE_MASK;
      this.write(to, old[from >>> PAGE_SHIFT]!, start, start + length);
    };
  }

  /** The first page of a small daemon is small. */
  #open(room: number): number {
    const size = this.#pages.length === 0 ? SMALL_PAGE : 1 << PAGE_SHIFT;
    this.#pages.push(new Uint8Array(Math.max(size, room)));
    this.#next = room;
    return (this.#pages.length - 1) << PAGE_SHIFT;
  }
}

/** A page holds any one attribute list: 65535 octets at most. */
const PAGE_SHIFT = 17;
const PAGE_MASK: number = (1 << PAGE_SHIFT) - 1;
/** Where a record stands in its page. */
export const RECORD_OFFSET: number = PAGE_MASK;
const SMALL_PAGE = 1 << 12;
const WORTH = 1 << 18;

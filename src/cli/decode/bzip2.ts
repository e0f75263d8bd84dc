/**
 * bzip2, decompressed as it comes (the format has no RFC; bzip.org's library is its definition).
 *
 *   stream  | "BZh" level | block ... | end marker 48 bits, CRC 32 | padding to an octet
 *   block   | marker 48 bits | CRC 32 | 1 | origin 24 | symbol map | selectors | code lengths | symbols
 *
 * A block undoes, in this order: Huffman codes that change every 50 symbols, move-to-front with run lengths, the
 * Burrows-Wheeler transform, and runs of four to 259 equal octets. A block says nowhere how long it is, so that one is begun
 * only when the most that it can have is here, or the end of the input.
 */

/** The input is no bzip2, is damaged or ends too soon. */
export class Bzip2Error extends Error {
  override readonly name = "Bzip2Error";
}

export class Bzip2Decoder {
  #input: Uint8Array = new Uint8Array(0);
  #bit = 0;
  #ended = false;
  /** Size of the blocks of the current stream, in 100,000 octets; 0 between streams. */
  #level = 0;
  #streamCrc = 0;
  #streams = 0;
  #tt = new Uint32Array(0);

  /** Takes the next octets; `blocks` gives what they made whole. */
  push(chunk: Uint8Array): void {
    const used = this.#bit >>> 3;
    const left = this.#input.subarray(used);
    const joined = new Uint8Array(left.length + chunk.length);
    joined.set(left);
    joined.set(chunk, left.length);
    this.#input = joined;
    this.#bit -= used * 8;
  }

  /** The input is complete: whatever is here has to be enough. */
  end(): void {
    this.#ended = true;
  }

  /** Whether it would do nothing but wait to ask for blocks now. */
  get hungry(): boolean {
    return !this.#ended && this.#input.length - (this.#bit >>> 3) < MAX_BLOCK;
  }

  /** @throws Bzip2Error behind the last octet that is sound */
  *blocks(): Generator<Uint8Array> {
    while (!this.hungry) {
      if (this.#level === 0 && !this.#startStream()) return;
      const high = this.#bits(24);
      const low = this.#bits(24);
      if (high === BLOCK_HIGH && low === BLOCK_LOW) yield* this.#block();
      else if (high === END_HIGH && low === END_LOW) this.#endStream();
      else throw new Bzip2Error("bzip2: damaged data");
    }
  }

  /** @returns false at the end of the input */
  #startStream(): boolean {
    this.#bit = (this.#bit + 7) & ~7;
    const at = this.#bit >>> 3;
    const left = this.#input.length - at;
    const isStream = left >= 4 && String.fromCharCode(...this.#input.subarray(at, at + 3)) === "BZh";
    const level = isStream ? this.#input[at + 3]! - 0x30 : 0;
    if (level < 1 || level > 9) {
      // Padding behind a whole stream is nobody's business; without one this is no bzip2.
      if (this.#streams > 0) this.#bit = this.#input.length * 8;
      if (this.#streams > 0) return false;
      throw new Bzip2Error("bzip2: the file is cut");
    }
    this.#bit += 32;
    this.#level = level;
    this.#streamCrc = 0;
    this.#streams++;
    if (this.#tt.length < level * LEVEL) this.#tt = new Uint32Array(level * LEVEL);
    return true;
  }

  #endStream(): void {
    if (this.#bits32() !== this.#streamCrc) throw new Bzip2Error("bzip2: checksum of the stream is wrong");
    this.#level = 0;
  }

  *#block(): Generator<Uint8Array> {
    const crc = this.#bits32();
    if (this.#bits(1)) throw new Bzip2Error("bzip2: randomised block, which no program has written since 1996");
    const origin = this.#bits(24);
    const count = this.#symbols();
    if (origin >= count) throw new Bzip2Error("bzip2: damaged block");
    let computed = 0xffff_ffff;
    for (const piece of unrun(this.#tt, count, origin)) {
      computed = crcOf(computed, piece);
      yield piece;
    }
    if (~computed >>> 0 !== crc) throw new Bzip2Error("bzip2: checksum of a block is wrong");
    this.#streamCrc = (((this.#streamCrc << 1) | (this.#streamCrc >>> 31)) ^ crc) >>> 0;
  }

  /** Reads the symbols of a block into `tt` and links them for the inverse transform. @returns how many octets */
  #symbols(): number {
    const front = this.#symbolMap();
    const alphabet = front.length + 2;
    const { groups, selectors } = this.#selectors();
    const tables: Table[] = [];
    for (let i = 0; i < groups; i++) tables.push(this.#codeLengths(alphabet));
    const counts = new Uint32Array(256);
    const length = this.#decode(front, alphabet - 1, tables, selectors, counts);
    link(this.#tt, length, counts);
    return length;
  }

  /** Which octets occur: 16 bits for ranges, then 16 for each range that does. */
  #symbolMap(): Uint8Array {
    const ranges = this.#bits(16);
    const used: number[] = [];
    for (let i = 0; i < 16; i++) {
      if (!(ranges & (0x8000 >>> i))) continue;
      const bits = this.#bits(16);
      for (let j = 0; j < 16; j++) if (bits & (0x8000 >>> j)) used.push(i * 16 + j);
    }
    if (used.length === 0) throw new Bzip2Error("bzip2: damaged block");
    return Uint8Array.from(used);
  }

  /** Which of the tables each group of 50 symbols uses, itself moved to front. */
  #selectors(): { groups: number; selectors: Uint8Array } {
    const groups = this.#bits(3);
    const count = this.#bits(15);
    if (groups < 2 || groups > 6 || count === 0) throw new Bzip2Error("bzip2: damaged block");
    const front = [0, 1, 2, 3, 4, 5];
    const selectors = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      let j = 0;
      while (this.#bits(1)) if (++j >= groups) throw new Bzip2Error("bzip2: damaged block");
      const [chosen] = front.splice(j, 1);
      front.unshift(chosen!);
      selectors[i] = chosen!;
    }
    return { groups, selectors };
  }

  #codeLengths(alphabet: number): Table {
    const lengths = new Uint8Array(alphabet);
    let length = this.#bits(5);
    for (let i = 0; i < alphabet; i++) {
      while (this.#bits(1)) {
        length += this.#bits(1) ? -1 : 1;
        if (length < 1 || length > MAX_CODE) throw new Bzip2Error("bzip2: damaged block");
      }
      if (length < 1 || length > MAX_CODE) throw new Bzip2Error("bzip2: damaged block");
      lengths[i] = length;
    }
    return tableOf(lengths);
  }

  /** The inner loop: Huffman, runs of the front symbol, move-to-front. Bits are kept in locals for its speed. */
  #decode(front: Uint8Array, end: number, tables: Table[], selectors: Uint8Array, counts: Uint32Array): number {
    const input = this.#input;
    const tt = this.#tt;
    const most = this.#level * LEVEL;
    let at = this.#bit >>> 3;
    let held = at < input.length ? input[at]! & (0xff >>> (this.#bit & 7)) : 0;
    let bits = 8 - (this.#bit & 7);
    at++;
    let group = 0;
    let left = 0;
    let table = tables[0]!;
    let length = 0;
    let run = 0;
    let weight = 1;
    for (;;) {
      if (left-- === 0) {
        if (group >= selectors.length) throw new Bzip2Error("bzip2: damaged block");
        table = tables[selectors[group++]!]!;
        left = GROUP - 1;
      }
      while (bits < MAX_CODE) {
        if (at >= input.length) throw new Bzip2Error("bzip2: the file is cut");
        held = ((held << 8) | input[at++]!) & 0x0fff_ffff;
        bits += 8;
      }
      let entry = table.fast[(held >>> (bits - FAST)) & FAST_MASK]!;
      if (entry === 0) entry = slow(table, (held >>> (bits - MAX_CODE)) & CODE_MASK);
      bits -= entry & 31;
      const symbol = entry >>> 5;
      if (symbol <= RUN_B) {
        run += weight << symbol;
        weight <<= 1;
        if (run > most) throw new Bzip2Error("bzip2: damaged block");
        continue;
      }
      if (run > 0) {
        if (length + run > most) throw new Bzip2Error("bzip2: damaged block");
        const octet = front[0]!;
        counts[octet] = counts[octet]! + run;
        tt.fill(octet, length, length + run);
        length += run;
        run = 0;
        weight = 1;
      }
      if (symbol === end) break;
      if (length >= most) throw new Bzip2Error("bzip2: damaged block");
      const index = symbol - 1;
      const octet = front[index]!;
      front.copyWithin(1, 0, index);
      front[0] = octet;
      counts[octet] = counts[octet]! + 1;
      tt[length++] = octet;
    }
    this.#bit = at * 8 - bits;
    return length;
  }

  #bits32(): number {
    return this.#bits(16) * 65536 + this.#bits(16);
  }

  #bits(count: number): number {
    if (this.#bit + count > this.#input.length * 8) throw new Bzip2Error("bzip2: the file is cut");
    let value = 0;
    let left = count;
    while (left > 0) {
      const offset = this.#bit & 7;
      const take = Math.min(8 - offset, left);
      const octet = this.#input[this.#bit >>> 3]!;
      value = (value << take) | ((octet >>> (8 - offset - take)) & ((1 << take) - 1));
      this.#bit += take;
      left -= take;
    }
    return value;
  }
}

/** Codes of one Huffman table. `fast`: symbol and length by the next FAST bits, 0 if the code is longer. */
interface Table {
  readonly fast: Uint16Array;
  /** By length: the last code of it, the first, and where its symbols begin in `symbols`. */
  readonly limit: Int32Array;
  readonly base: Int32Array;
  readonly symbols: Uint16Array;
}

function tableOf(lengths: Uint8Array): Table {
  const fast = new Uint16Array(1 << FAST);
  const limit = new Int32Array(MAX_CODE + 1).fill(-1);
  const base = new Int32Array(MAX_CODE + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let next = 0;
  for (let length = 1; length <= MAX_CODE; length++) {
    base[length] = next - code;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      if (code >= 1 << length) throw new Bzip2Error("bzip2: damaged block");
      if (length <= FAST) fast.fill((symbol << 5) | length, code << (FAST - length), (code + 1) << (FAST - length));
      symbols[next++] = symbol;
      code++;
    }
    limit[length] = code - 1;
    code <<= 1;
  }
  return { fast, limit, base, symbols };
}

/** @param window the next MAX_CODE bits */
function slow({ limit, base, symbols }: Table, window: number): number {
  for (let length = FAST + 1; length <= MAX_CODE; length++) {
    const code = window >>> (MAX_CODE - length);
    const symbol = symbols[code + base[length]!];
    if (code <= limit[length]! && symbol !== undefined) return (symbol << 5) | length;
  }
  throw new Bzip2Error("bzip2: damaged block");
}

/** Turns octets into links: the low 8 bits are the octet, the others where the next one is. */
function link(tt: Uint32Array, length: number, counts: Uint32Array): void {
  let sum = 0;
  for (let i = 0; i < 256; i++) {
    const count = counts[i]!;
    counts[i] = sum;
    sum += count;
  }
  for (let i = 0; i < length; i++) {
    const octet = tt[i]! & 0xff;
    const at = counts[octet]!;
    counts[octet] = at + 1;
    tt[at] = tt[at]! | (i << 8);
  }
}

/** Follows the links, and expands four equal octets and a count. Gives pieces of bounded size. */
function* unrun(tt: Uint32Array, count: number, origin: number): Generator<Uint8Array> {
  let out = new Uint8Array(PIECE);
  let filled = 0;
  let position = tt[origin]! >>> 8;
  let previous = -1;
  let same = 0;
  for (let i = 0; i < count; i++) {
    const entry = tt[position]!;
    position = entry >>> 8;
    const octet = entry & 0xff;
    if (filled + 256 > PIECE) {
      yield out.subarray(0, filled);
      out = new Uint8Array(PIECE);
      filled = 0;
    }
    if (same === 4) {
      out.fill(previous, filled, filled + octet);
      filled += octet;
      same = 0;
      previous = -1;
      continue;
    }
    same = octet === previous ? same + 1 : 1;
    previous = octet;
    out[filled++] = octet;
  }
  if (filled > 0) yield out.subarray(0, filled);
}

function crcOf(seed: number, octets: Uint8Array): number {
  let crc = seed;
  for (let i = 0; i < octets.length; i++) crc = (crc << 8) ^ CRC[(crc >>> 24) ^ octets[i]!]!;
  return crc >>> 0;
}

/** CRC-32 with its bits the other way round than everybody's. */
const CRC: Uint32Array = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet << 24;
  for (let i = 0; i < 8; i++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  return crc >>> 0;
});
const LEVEL = 100_000;
/** A block of 900,000 octets that do not compress, with its tables. */
const MAX_BLOCK = 1_200_000;
const PIECE = 1 << 18;
const GROUP = 50;
const MAX_CODE = 20;
const CODE_MASK = (1 << MAX_CODE) - 1;
const FAST = 10;
const FAST_MASK = (1 << FAST) - 1;
const RUN_B = 1;
const BLOCK_HIGH = 0x314159;
const BLOCK_LOW = 0x265359;
const END_HIGH = 0x177245;
const END_LOW = 0x385090;

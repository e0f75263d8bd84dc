/**
 * pcapng files (draft-ietf-opsawg-pcapng): blocks, each with its length at both ends.
 *
 *   | type 4 | total length 4 | body n | total length 4 |
 *
 * Sections may differ in byte order, interfaces in link type and clock. Blocks that hold no packet are passed over
 * without being kept, whatever length they claim.
 */
import { Input, u16be, u16le, u32be, u32le } from "./input.ts";
import { MAX_PACKET } from "./pcap.ts";
import { ArchiveError, type Moment, type Packet, type Reader } from "./record.ts";

export class PcapngReader implements Reader<Packet> {
  readonly #input = new Input();
  #frames = 0;
  #u16: Get = u16le;
  #u32: Get = u32le;
  #interfaces: Interface[] = [];
  #inSection = false;
  /** Octets of a block without packets that are still to come. */
  #skip = 0;
  /** Where the current block starts. */
  #blockAt = 0;

  push(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  read(): Packet | undefined {
    const input = this.#input;
    for (;;) {
      if (this.#skip > 0) this.#skip -= input.take(this.#skip);
      if (this.#skip > 0 || input.left < 12) return undefined;
      this.#blockAt = input.offset;
      const block = this.#blockHeader();
      if (!KEPT.has(block.type)) {
        this.#skip = block.length;
        continue;
      }
      if (block.length > MAX_BLOCK) throw this.#error(`a block of ${block.length} octets`);
      if (input.left < block.length) return undefined;
      const packet = this.#block(block);
      input.take(block.length);
      if (packet) return packet;
    }
  }

  finish(): void {
    if (this.#skip === 0) this.#blockAt = this.#input.offset;
    if (this.#skip > 0 || this.#input.left > 0 || !this.#inSection) {
      throw this.#error("the file is cut inside a record");
    }
  }

  #blockHeader(): Block {
    const { octets, at } = this.#input;
    if (u32be(octets, at) === SECTION_HEADER) this.#byteOrder(octets, at);
    else if (!this.#inSection) throw this.#error("no pcapng file");
    const said = this.#u32(octets, at + 4);
    if (said < 12) throw this.#error(`a block of ${said} octets`);
    // Blocks are padded to 32 bits; some writers forget to count the padding.
    return { type: this.#u32(octets, at), length: said + (-said & 3) };
  }

  #byteOrder(octets: Uint8Array, at: number): void {
    const big = u32be(octets, at + 8) === BYTE_ORDER;
    if (!big && u32le(octets, at + 8) !== BYTE_ORDER) throw this.#error("a section of unknown byte order");
    this.#u16 = big ? u16be : u16le;
    this.#u32 = big ? u32be : u32le;
    this.#interfaces = [];
    this.#inSection = true;
  }

  #block(block: Block): Packet | undefined {
    const { octets, at } = this.#input;
    const end = at + block.length - 4;
    if (this.#u32(octets, end) !== this.#u32(octets, at + 4)) throw this.#error("the two lengths of a block differ");
    switch (block.type) {
      case INTERFACE:
        return this.#addInterface(at + 8, end);
      case ENHANCED_PACKET:
        if (end - at < 28) throw this.#error("a packet block without its header");
        return this.#packet(this.#u32(octets, at + 8), at + 12, at + 28, end);
      case OBSOLETE_PACKET:
        if (end - at < 28) throw this.#error("a packet block without its header");
        return this.#packet(this.#u16(octets, at + 8), at + 12, at + 28, end);
      case SIMPLE_PACKET:
        if (end - at < 12) throw this.#error("a packet block without its header");
        return this.#simplePacket(at, end);
      default: // a section header, read with its byte order
        return undefined;
    }
  }

  /** @param at of the timestamp, with both lengths behind it */
  #packet(interfaceId: number, at: number, data: number, end: number): Packet {
    const { octets } = this.#input;
    const on = this.#interfaces[interfaceId];
    if (!on) throw this.#error(`a packet of interface ${interfaceId}, which was not described`);
    const captured = this.#u32(octets, at + 8);
    if (captured > MAX_PACKET || data + captured > end) throw this.#error(`a packet of ${captured} octets`);
    return {
      moment: momentOf(++this.#frames, this.#u32(octets, at), this.#u32(octets, at + 4), on),
      linkType: on.linkType,
      octets: octets.subarray(data, data + captured),
      original: this.#u32(octets, at + 12),
    };
  }

  /** No time, no captured length: what the interface's snap length leaves of the packet. */
  #simplePacket(at: number, end: number): Packet {
    const { octets } = this.#input;
    const on = this.#interfaces[0];
    if (!on) throw this.#error("a packet without an interface");
    const original = this.#u32(octets, at + 8);
    const captured = Math.min(original, on.snapLength || original, end - at - 12);
    const data = octets.subarray(at + 12, at + 12 + captured);
    return { moment: { frame: ++this.#frames }, linkType: on.linkType, octets: data, original };
  }

  #addInterface(at: number, end: number): undefined {
    const { octets } = this.#input;
    if (end - at < 8) throw this.#error("an interface without a link type");
    if (this.#interfaces.length >= MAX_INTERFACES) throw this.#error(`more than ${MAX_INTERFACES} interfaces`);
    const options = this.#options(at + 8, end);
    this.#interfaces.push({
      linkType: this.#u16(octets, at),
      snapLength: this.#u32(octets, at + 4),
      ...clock(options.get(IF_TSRESOL)?.[0]),
      offset: seconds64(options.get(IF_TSOFFSET), this.#u32),
    });
  }

  #options(at: number, end: number): Map<number, Uint8Array> {
    const { octets } = this.#input;
    const options = new Map<number, Uint8Array>();
    while (at + 4 <= end) {
      const code = this.#u16(octets, at);
      const length = this.#u16(octets, at + 2);
      if (code === 0 || at + 4 + length > end) break;
      if (code === IF_TSRESOL || code === IF_TSOFFSET) options.set(code, octets.subarray(at + 4, at + 4 + length));
      at += 4 + length + (-length & 3);
    }
    return options;
  }

  #error(message: string): ArchiveError {
    return new ArchiveError(message, this.#inSection ? this.#frames + 1 : 0, this.#blockAt);
  }
}

/** Whether a pcapng file starts here. */
export function isPcapng(octets: Uint8Array): boolean {
  return octets.length >= 4 && u32be(octets, 0) === SECTION_HEADER;
}

type Get = (octets: Uint8Array, at: number) => number;

interface Block {
  readonly type: number;
  readonly length: number;
}

interface Clock {
  /** Ticks a second. */
  readonly ticks: bigint;
  /** The same as a number where long division in numbers stays exact, else 0. */
  readonly fast: number;
  /** Decimals shown. */
  readonly digits: number;
}

interface Interface extends Clock {
  readonly linkType: number;
  readonly snapLength: number;
  /** Seconds to add to every time (if_tsoffset). */
  readonly offset: number;
}

/** if_tsresol: a negative power of 10, or with the highest bit set, of 2. Microseconds if absent. */
function clock(resolution = 6): Clock {
  const power = resolution & 0x7f;
  const binary = (resolution & 0x80) !== 0;
  const ticks = binary ? 1n << BigInt(power) : 10n ** BigInt(power);
  const digits = binary ? 9 : Math.min(power, MAX_DIGITS);
  return { ticks, fast: ticks <= FAST_TICKS ? Number(ticks) : 0, digits };
}

function seconds64(octets: Uint8Array | undefined, u32: Get): number {
  if (octets?.length !== 8) return 0;
  const first = u32(octets, 0);
  const second = u32(octets, 4);
  const [high, low] = u32 === u32be ? [first, second] : [second, first];
  return (high | 0) * 2 ** 32 + low;
}

function momentOf(frame: number, high: number, low: number, on: Interface): Moment {
  const { fast, digits } = on;
  if (fast === 0 || fast !== 10 ** digits) return exactMoment(frame, high, low, on);
  // Long division by hand, 16 bits at a time: the dividend has 64 bits, every step fits a double.
  let rest = high % fast;
  let quotient = Math.floor(high / fast);
  for (const half of [low >>> 16, low & 0xffff]) {
    const step = rest * 65536 + half;
    quotient = quotient * 65536 + Math.floor(step / fast);
    rest = step % fast;
  }
  return { frame, seconds: quotient + on.offset, fraction: rest, digits };
}

/** Clocks that are no power of 10, or finer than nanoseconds. */
function exactMoment(frame: number, high: number, low: number, on: Interface): Moment {
  const time = (BigInt(high) << 32n) | BigInt(low);
  const fraction = ((time % on.ticks) * 10n ** BigInt(on.digits)) / on.ticks;
  return { frame, seconds: Number(time / on.ticks) + on.offset, fraction: Number(fraction), digits: on.digits };
}

const SECTION_HEADER = 0x0a0d_0d0a;
const BYTE_ORDER = 0x1a2b_3c4d;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const KEPT = new Set([SECTION_HEADER, INTERFACE, OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET]);
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
/** A packet, its header, and more comment than anybody writes. */
const MAX_BLOCK = 2 * MAX_PACKET;
const MAX_INTERFACES = 65_536;
/** The most decimals a double holds exactly. */
const MAX_DIGITS = 15;
/** Up to here a remainder times 65536 is an exact double. */
const FAST_TICKS = 10n ** 10n;

/**
 * pcap files (draft-ietf-opsawg-pcap): a header, then packets.
 *
 *   | magic 4 | version 2+2 | zone 4 | sigfigs 4 | snaplen 4 | FCS, link type 4 |
 *   | seconds 4 | fraction 4 | captured 4 | original 4 | octets n | ...
 *
 * The magic tells the byte order, the unit of the fraction (10^-6 or 10^-9), and whether the packet headers have the
 * eight octets more of Kuznetzov's patched libpcap.
 */
import { Input, u32be, u32le } from "./input.ts";
import { ArchiveError, momentAt, type Packet, type Reader } from "./record.ts";

export class PcapReader implements Reader<Packet> {
  readonly #input = new Input();
  #frames = 0;
  #format: Format | undefined;
  #linkType = 0;

  push(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  read(): Packet | undefined {
    const format = this.#format ?? this.#readHeader();
    const input = this.#input;
    if (!format || input.left < format.header) return undefined;
    const { u32 } = format;
    const { octets, at } = input;
    const captured = u32(octets, at + 8);
    if (captured > MAX_PACKET) throw this.#error(`a packet of ${captured} octets`);
    if (input.left < format.header + captured) return undefined;
    const start = at + format.header;
    input.take(format.header + captured);
    return {
      moment: momentAt(++this.#frames, u32(octets, at), u32(octets, at + 4), format.digits),
      linkType: this.#linkType,
      octets: octets.subarray(start, start + captured),
      original: u32(octets, at + 12),
    };
  }

  finish(): void {
    if (this.#input.left > 0 || !this.#format) throw this.#error("the file is cut inside a record");
  }

  #readHeader(): Format | undefined {
    const input = this.#input;
    if (input.left < FILE_HEADER) return undefined;
    const format = pcapFormat(input.octets, input.at);
    if (!format) throw this.#error("no pcap file");
    // The upper bits of the link type tell the length of a frame check sequence, which nobody here looks at.
    this.#linkType = format.u32(input.octets, input.at + 20) & 0x03ff_ffff;
    input.take(FILE_HEADER);
    this.#format = format;
    return format;
  }

  #error(message: string): ArchiveError {
    return new ArchiveError(message, this.#format ? this.#frames + 1 : 0, this.#input.offset);
  }
}

/** Whether a pcap file starts here. */
export function isPcap(octets: Uint8Array): boolean {
  return octets.length >= 4 && pcapFormat(octets, 0) !== undefined;
}

interface Format {
  readonly u32: (octets: Uint8Array, at: number) => number;
  readonly digits: number;
  /** Octets of a packet's header. */
  readonly header: number;
}

function pcapFormat(octets: Uint8Array, at: number): Format | undefined {
  for (const u32 of [u32be, u32le]) {
    const magic = u32(octets, at);
    if (magic === MICROSECONDS) return { u32, digits: 6, header: 16 };
    if (magic === NANOSECONDS) return { u32, digits: 9, header: 16 };
    if (magic === KUZNETZOV) return { u32, digits: 6, header: 24 };
  }
  return undefined;
}

/** More than any link carries (libpcap's own limit is a quarter of it): a length above is a lie, not a packet. */
export const MAX_PACKET: number = 1 << 20;
const FILE_HEADER = 24;
const MICROSECONDS = 0xa1b2_c3d4;
const NANOSECONDS = 0xa1b2_3c4d;
const KUZNETZOV = 0xa1b2_cd34;

/** What kind of file it is, told by its first octets and never by its name. */
import { isMrt } from "./mrt.ts";
import { isPcap } from "./pcap.ts";
import { isPcapng } from "./pcapng.ts";

export type Format = "pcap" | "pcapng" | "mrt";
export type Compression = "gzip" | "bzip2";

/** Octets that `formatOf` has to see to be sure; a shorter file is a cut one. */
export const FORMAT_OCTETS = 12;

export function formatOf(octets: Uint8Array): Format | undefined {
  if (isPcapng(octets)) return "pcapng";
  if (isPcap(octets)) return "pcap";
  return isMrt(octets) ? "mrt" : undefined;
}

export function compressionOf(octets: Uint8Array): Compression | undefined {
  if (octets[0] === 0x1f && octets[1] === 0x8b) return "gzip";
  const bzip2 = octets[0] === 0x42 && octets[1] === 0x5a && octets[2] === 0x68; // "BZh", then the block size
  return bzip2 && octets[3]! >= 0x31 && octets[3]! <= 0x39 ? "bzip2" : undefined;
}

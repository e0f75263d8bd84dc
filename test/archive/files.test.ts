/** pcap and pcapng in all their forms, whole, cut and lying. */
import { describe, expect, test } from "vitest";
import { formatOf } from "../../protocol/archive/detect.ts";
import { PcapReader } from "../../protocol/archive/pcap.ts";
import { PcapngReader } from "../../protocol/archive/pcapng.ts";
import { ArchiveError, formatMoment, type Packet, type Reader } from "../../protocol/archive/record.ts";
import {
  block,
  decodeCapture,
  enhancedPacket,
  frame,
  interfaceBlock,
  join,
  KEEPALIVE,
  le16,
  le32,
  option,
  pcap,
  readerOf,
  sectionHeader,
  shortly,
  u32,
} from "./support.ts";

const PACKET = frame({ seq: 100, ack: 500, data: KEEPALIVE });
const SECONDS = 1_700_000_000n;

function packets(file: Uint8Array, reader: Reader<Packet> = readerOf(file)): Packet[] {
  reader.push(file);
  const all: Packet[] = [];
  for (let packet = reader.read(); packet; packet = reader.read()) all.push(packet);
  reader.finish();
  return all;
}

function times(file: Uint8Array): (string | undefined)[] {
  return packets(file).map(({ moment }) => formatMoment(moment));
}

describe("pcap", () => {
  test.each([
    { name: "microseconds", magic: 0xa1b2_c3d4, ts: "1700000001.000001" },
    { name: "nanoseconds", magic: 0xa1b2_3c4d, ts: "1700000001.000000001" },
    { name: "Kuznetzov's", magic: 0xa1b2_cd34, ts: "1700000001.000001" },
  ])("$name, both byte orders", ({ magic, ts }) => {
    for (const big of [false, true]) {
      const file = pcap([PACKET, PACKET], { magic, big });
      expect(formatOf(file)).toBe("pcap");
      expect(times(file)[1]).toBe(ts);
      expect(packets(file)[1]!.octets).toEqual(PACKET);
      expect(packets(file)[1]!.moment.frame).toBe(2);
    }
  });

  test("the link type may have the length of a checksum above it", () => {
    expect(shortly(decodeCapture(pcap([PACKET], { linkType: 0x5400_0001 })))).toEqual(["4 in 1"]);
  });

  test("cut anywhere but between records it says so, with the record and where it starts", () => {
    const file = pcap([PACKET, PACKET]);
    const whole = [24, 24 + 16 + PACKET.length, file.length];
    for (let length = 0; length < file.length; length++) {
      const reader = new PcapReader();
      reader.push(file.subarray(0, length));
      while (reader.read()) {
        // to the end of what is there
      }
      if (whole.includes(length)) expect(() => reader.finish()).not.toThrow();
      else expect(() => reader.finish()).toThrow(ArchiveError);
    }
    const reader = new PcapReader();
    reader.push(file.subarray(0, file.length - 1));
    reader.read();
    expect(() => reader.finish()).toThrow(expect.objectContaining({ record: 2, offset: 24 + 16 + PACKET.length }));
  });

  test("a packet of 4 GB is a lie", () => {
    const reader = new PcapReader();
    reader.push(join(pcap([PACKET]), le32(0), le32(0), le32(0xffff_ffff), le32(0xffff_ffff)));
    reader.read();
    expect(() => reader.read()).toThrow(expect.objectContaining({ name: "ArchiveError", record: 2 }));
  });
});

describe("pcapng", () => {
  const ether = interfaceBlock(1);

  test("both byte orders, and one file with both", () => {
    const section = (big: boolean): Uint8Array =>
      join(sectionHeader(big), interfaceBlock(1, [], big), enhancedPacket(PACKET, SECONDS * 1_000_000n + 7n, 0, big));
    expect(formatOf(section(true))).toBe("pcapng");
    const file = join(section(true), section(false), section(true));
    expect(times(file)).toEqual(new Array(3).fill("1700000000.000007"));
    expect(packets(file).map(({ moment }) => moment.frame)).toEqual([1, 2, 3]);
  });

  test.each([
    { resolution: 6, ticks: SECONDS * 1_000_000n + 5n, ts: "1700000000.000005" },
    { resolution: 9, ticks: SECONDS * 1_000_000_000n + 123_456_789n, ts: "1700000000.123456789" },
    { resolution: 3, ticks: SECONDS * 1000n + 42n, ts: "1700000000.042" },
    { resolution: 0, ticks: SECONDS, ts: "1700000000" },
    { resolution: 10, ticks: SECONDS * 10n ** 10n + 1n, ts: "1700000000.0000000001" },
    { resolution: 12, ticks: 1_700_000n * 10n ** 12n + 999_999_999_999n, ts: "1700000.999999999999" },
    { resolution: 0x80 | 10, ticks: SECONDS * 1024n + 512n, ts: "1700000000.500000000" },
    { resolution: 0x80 | 30, ticks: (SECONDS << 30n) + 1n, ts: "1700000000.000000000" },
  ])("if_tsresol $resolution", ({ resolution, ticks, ts }) => {
    const file = join(sectionHeader(), interfaceBlock(1, option(9, [resolution])), enhancedPacket(PACKET, ticks));
    expect(times(file)).toEqual([ts]);
  });

  test("if_tsoffset, also a negative one", () => {
    const offset = (seconds: bigint): number[] => {
      const value = BigInt.asUintN(64, seconds);
      return option(14, [...le32(Number(value & 0xffff_ffffn)), ...le32(Number(value >> 32n))]);
    };
    for (const seconds of [3600n, -3600n]) {
      const file = join(
        sectionHeader(),
        interfaceBlock(1, offset(seconds)),
        enhancedPacket(PACKET, SECONDS * 1_000_000n),
      );
      expect(times(file)).toEqual([`${SECONDS + seconds}.000000`]);
    }
  });

  test("several interfaces with their own link type and clock", () => {
    const file = join(
      sectionHeader(),
      ether,
      interfaceBlock(101, option(9, [9])),
      enhancedPacket(PACKET.subarray(14), 5n, 1),
      enhancedPacket(PACKET, 5n, 0),
    );
    expect(times(file)).toEqual(["0.000000005", "0.000005"]);
    expect(shortly(decodeCapture(file))).toEqual(["4 in 1"]); // the second is the first once more
  });

  test("Simple Packet Blocks have no time; obsolete Packet Blocks have", () => {
    const simple = block(3, join(le32(PACKET.length), PACKET));
    const obsolete = block(
      2,
      join(le16(0), le16(0), le32(0), le32(9), le32(PACKET.length), le32(PACKET.length), PACKET),
    );
    const file = join(sectionHeader(), ether, simple, obsolete);
    expect(times(file)).toEqual([undefined, "0.000009"]);
    expect(packets(file).map(({ octets }) => octets)).toEqual([PACKET, PACKET]);
  });

  test("a Simple Packet Block is as long as the snap length allows", () => {
    const snapped = block(1, [...le16(1), 0, 0, ...le32(60)]);
    const file = join(sectionHeader(), snapped, block(3, join(le32(PACKET.length), PACKET.subarray(0, 60))));
    expect(packets(file)[0]).toMatchObject({ octets: PACKET.subarray(0, 60), original: PACKET.length });
  });

  test("blocks that hold no packet are passed over", () => {
    const others = [4, 5, 10, 0xbad, 0x8000_0001].map((type) => block(type, new Uint8Array(37)));
    const file = join(sectionHeader(), ...others, ether, ...others, enhancedPacket(PACKET, 1n), ...others);
    expect(shortly(decodeCapture(file))).toEqual(["4 in 1"]);
    expect(shortly(decodeCapture(file, [179], 5))).toEqual(["4 in 1"]);
  });

  test.each([
    { name: "an unknown block claims 4 GB", lie: join(le32(0xbad), le32(0xffff_fffc), new Uint8Array(99)) },
    { name: "a packet block claims 4 GB", lie: join(le32(6), le32(0xffff_fffc), new Uint8Array(99)) },
    { name: "a block of less than its frame", lie: join(le32(6), le32(8), new Uint8Array(99)) },
    { name: "two lengths", lie: join(le32(6), le32(32), new Uint8Array(20), le32(36)) },
    {
      name: "a packet longer than its block",
      lie: block(6, join(le32(0), le32(0), le32(0), le32(99), le32(99))),
    },
    { name: "an interface that is not there", lie: enhancedPacket(PACKET, 1n, 7) },
    { name: "a packet block without a header", lie: block(6, new Uint8Array(8)) },
  ])("$name", ({ lie }) => {
    const file = join(sectionHeader(), ether, enhancedPacket(PACKET, 1n), lie);
    const reader = new PcapngReader();
    reader.push(file);
    expect(reader.read()).toMatchObject({ octets: PACKET });
    const rest = (): void => {
      if (reader.read() === undefined) reader.finish();
    };
    const offset = file.length - lie.length;
    expect(rest).toThrow(expect.objectContaining({ name: "ArchiveError", record: 2, offset }));
  });

  test("a section of unknown byte order, and none at all", () => {
    const file = join(u32(0x0a0d_0d0a), le32(28), u32(0x0102_0304), new Uint8Array(16));
    expect(() => packets(file)).toThrow("a section of unknown byte order");
    expect(() => packets(enhancedPacket(PACKET, 1n), new PcapngReader())).toThrow("no pcapng file");
  });
});

/** From link layers, tunnels and fragments to the segment inside. */
import { describe, expect, test } from "vitest";
import { samples } from "./links.ts";
import {
  decodeCapture,
  ethernet,
  frame,
  ipv4,
  ipv6,
  join,
  KEEPALIVE,
  pcap,
  shortly,
  tcp,
  u16,
  u32,
} from "./support.ts";

const SEGMENT = tcp({ seq: 100, ack: 500, data: KEEPALIVE });

test.each(samples())("$name", ({ linkType, packets }) => {
  const records = decodeCapture(pcap(packets, { linkType }));
  expect(shortly(records)).toEqual([`4 in ${packets.length}`]);
  expect(["192.0.2.1:40000", "[2001:db8::1]:40000"]).toContain((records[0] as { src: string }).src);
});

test("a link type that nobody reads is said once", () => {
  const packets = [1, 2, 3].map(() => new Uint8Array(40));
  expect(shortly(decodeCapture(pcap(packets, { linkType: 147 })))).toEqual(["link type 147 in 1"]);
});

describe("IPv4 fragments", () => {
  const first = ipv4(SEGMENT.subarray(0, 24), { fragment: 0x2000 });
  const second = ipv4(SEGMENT.subarray(24), { fragment: 3 });
  const raw = (...packets: Uint8Array[]): string[] => shortly(decodeCapture(pcap(packets, { linkType: 101 })));

  test("one that comes twice alike is one", () => {
    expect(raw(first, first, second)).toEqual(["4 in 3"]);
  });

  test("those that overlap drop the datagram, for good", () => {
    const overlapping = ipv4(SEGMENT.subarray(16), { fragment: 2 });
    expect(raw(first, overlapping)).toEqual([]);
    expect(raw(first, overlapping, second)).toEqual([]);
    const changed = ipv4(SEGMENT.slice(0, 24).fill(7, 20), { fragment: 0x2000 });
    expect(raw(first, changed, second)).toEqual([]);
  });

  test("other datagrams are not mixed in", () => {
    expect(raw(first, ipv4(SEGMENT.subarray(24), { fragment: 3, id: 2 }), second)).toEqual(["4 in 3"]);
  });

  test("the identification is used again after a while", () => {
    const file = pcap([first, ipv4(SEGMENT.subarray(0, 24), { fragment: 0x2000 }), second], {
      linkType: 101,
      step: 100,
    });
    expect(shortly(decodeCapture(file))).toEqual([]);
    const fresh = pcap([first, first, second], { linkType: 101, step: 50 });
    expect(shortly(decodeCapture(fresh))).toEqual([]);
  });

  test("a flood of first fragments costs a bounded memory", () => {
    const flood = Array.from({ length: 5000 }, (_, id) =>
      ipv4(new Uint8Array(1024), { fragment: 0x2000, id: id + 10 }),
    );
    expect(raw(first, ...flood, second)).toEqual([]); // the oldest went
    expect(raw(...flood, first, second)).toEqual(["4 in 5002"]);
  });
});

describe("lengths that lie", () => {
  test("segmentation offload leaves a total length of zero", () => {
    const packet = ipv4(SEGMENT);
    packet.set([0, 0], 2);
    expect(shortly(decodeCapture(pcap([packet], { linkType: 101 })))).toEqual(["4 in 1"]);
    const six = ipv6(SEGMENT);
    six.set([0, 0], 4);
    expect(shortly(decodeCapture(pcap([six], { linkType: 101 })))).toEqual(["4 in 1"]);
  });

  test("an IP length beyond a packet that was not cut is not believed", () => {
    const packet = ipv4(SEGMENT);
    packet.set(u16(9000), 2);
    expect(shortly(decodeCapture(pcap([packet], { linkType: 101 })))).toEqual(["4 in 1"]);
  });

  test("no octets at all, and any cut of a good packet, are nothing or a message", () => {
    for (const { linkType, packets } of samples()) {
      for (let length = 0; length < packets[0]!.length; length++) {
        const cut = packets.map((packet) => packet.subarray(0, length));
        const records = decodeCapture(pcap(cut, { linkType }));
        for (const record of records) expect(["gap", "message", "unsupported"]).toContain(record.kind);
      }
    }
  });

  test("headers in headers in headers end", () => {
    let packet = ipv4(SEGMENT);
    for (let i = 0; i < 100; i++) packet = ipv4(packet, { protocol: 4 });
    expect(decodeCapture(pcap([packet], { linkType: 101 }))).toEqual([]);
    const authentication = join(...Array.from({ length: 8000 }, () => [51, 0, ...u16(0), ...u32(0)]));
    expect(decodeCapture(pcap([ipv4(authentication, { protocol: 51 })], { linkType: 101 }))).toEqual([]);
    const tags = join(new Uint8Array(12), ...Array.from({ length: 9000 }, () => [0x81, 0, 0, 1]));
    expect(decodeCapture(pcap([tags]))).toEqual([]);
  });
});

test("the innermost addresses count", () => {
  const inner = ipv4(SEGMENT, { src: "203.0.113.9" });
  const [record] = decodeCapture(pcap([ethernet(ipv4(inner, { protocol: 4 }))]));
  expect(record).toMatchObject({ src: "203.0.113.9:40000", dst: "192.0.2.2:179", stream: 0 });
});

test("a segment of an uninteresting port makes no line but a number", () => {
  const [record] = decodeCapture(
    pcap([frame({ seq: 1, sport: 1, dport: 2, data: [1] }), frame({ seq: 1, data: KEEPALIVE })]),
  );
  expect(record).toMatchObject({ kind: "message", stream: 1 });
});

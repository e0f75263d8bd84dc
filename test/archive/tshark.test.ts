/**
 * tshark as a second opinion on captures made here: which messages there are, in which frame and stream, and what is in
 * them. Only where it is installed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { samples } from "./links.ts";
import {
  decodeCapture,
  enhancedPacket,
  frame,
  interfaceBlock,
  join,
  KEEPALIVE,
  open,
  pcap,
  reply,
  sectionHeader,
  update,
} from "./support.ts";

const version = tsharkVersion();
if (!version) console.log("skipped: tshark is not installed");
const directory = mkdtempSync(joinPath(tmpdir(), "linnet-tshark-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(!version)(`against ${version}`, () => {
  test("random sessions", () => {
    const packets = Array.from({ length: 24 }, (_, i) => sessions(i + 1)).flat();
    const file = pcap(packets, { step: 0 });
    const messages = ours(file);
    expect(messages.length).toBeGreaterThan(200);
    expect(messages).toEqual(tsharks(file));
  });

  test("links, tags, tunnels and fragments", () => {
    const all = samples().map((_, i) => samples(41_000 + i)[i]!);
    const interfaces = all.map(({ linkType }) => interfaceBlock(linkType));
    const packets = all.flatMap((sample, i) => sample.packets.map((packet) => enhancedPacket(packet, 1n, i)));
    const file = join(sectionHeader(), ...interfaces, ...packets);
    const messages = ours(file);
    expect(messages.length).toBe(all.length);
    expect(messages).toEqual(tsharks(file));
  });
});

/** A few sessions between the same hosts, interleaved, each direction segmented, repeated, overlapping and out of order. */
function sessions(seed: number): Uint8Array[] {
  const next = random(seed);
  const queues = Array.from({ length: 3 }, (_, i) =>
    session(next, 40_000 + 10 * seed + (i % 2), seed * 1000 + i * 77_777),
  );
  // The third uses the ends of the first again, so it comes behind it.
  const packets: Uint8Array[] = [];
  const [first, second, third] = queues as [Uint8Array[], Uint8Array[], Uint8Array[]];
  first.push(...third);
  while (first.length + second.length > 0)
    packets.push((next() % 2 ? first : second).shift() ?? (first.shift() ?? second.shift())!);
  return packets;
}

function session(next: () => number, sport: number, isn: number): Uint8Array[] {
  const streams = [0, 1].map((side) => {
    const messages = Array.from({ length: 1 + (next() % 12) }, () => {
      if (next() % 3 === 0) return KEEPALIVE;
      return update({
        announced: Array.from({ length: 1 + (next() % 5) }, () => `10.${next() % 256}.0.0/16`),
        width: 2,
      });
    });
    return join(open(65_001 + side), KEEPALIVE, ...messages);
  });
  const [a, b] = [isn >>> 0, (isn * 31) >>> 0];
  const packets = [
    frame({ sport, seq: a, flags: "S" }),
    reply({ dport: sport, seq: b, ack: a + 1, flags: "SA" }),
    frame({ sport, seq: a + 1, ack: b + 1, flags: "A" }),
  ];
  const done = [0, 0];
  while (done[0]! < streams[0]!.length || done[1]! < streams[1]!.length) {
    const side = next() % 2;
    const stream = streams[side]!;
    if (done[side]! >= stream.length) continue;
    const [from, until] = [done[side]!, Math.min(stream.length, done[side]! + 40 + (next() % 400))];
    const [own, other] = side === 0 ? [a, b] : [b, a];
    const ack = (other + 1 + done[1 - side]!) >>> 0;
    const send = side === 0 ? frame : reply;
    const ends = side === 0 ? { sport } : { dport: sport };
    const segment = (start: number, end: number): Uint8Array =>
      send({ ...ends, seq: (own + 1 + start) >>> 0, ack, data: stream.subarray(start, end) });
    packets.push(...disturbed(next, segment, from, until));
    done[side] = until;
  }
  return packets;
}

/** One flight: as it should be, or with its parts turned round, sent twice, or sent again with more. */
function disturbed(
  next: () => number,
  segment: (from: number, until: number) => Uint8Array,
  from: number,
  until: number,
): Uint8Array[] {
  const middle = from + 1 + (next() % (until - from));
  const whole = segment(from, until);
  if (middle >= until) return [whole];
  const [head, tail] = [segment(from, middle), segment(middle, until)];
  switch (next() % 5) {
    case 0:
      return [tail, head];
    case 1:
      return [head, head, tail];
    case 2:
      return [head, whole];
    case 3:
      return [whole, tail];
    default:
      return [head, tail];
  }
}

/** `frame stream type length` of each message. */
function ours(file: Uint8Array): string[] {
  return decodeCapture(file).map((record) => {
    if (record.kind !== "message") return record.kind;
    const { octets } = record;
    return `${record.moment.frame} ${record.stream} ${octets[18]} ${octets.length}`;
  });
}

function tsharks(file: Uint8Array): string[] {
  const path = joinPath(directory, "capture");
  writeFileSync(path, file);
  const fields = ["frame.number", "tcp.stream", "bgp.type", "bgp.length"].flatMap((field) => ["-e", field]);
  const options = ["-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "bgp", "-T", "fields", "-E", "separator=|"];
  const out = execFileSync("tshark", ["-n", "-r", path, ...options, ...fields], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return out
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [number, stream, types = "", lengths = ""] = line.split("|");
      const each = lengths.split(",");
      return types.split(",").map((type, i) => `${number} ${stream} ${type} ${each[i]}`);
    });
}

function tsharkVersion(): string | undefined {
  try {
    const out = execFileSync("tshark", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /^TShark \(Wireshark\) [\d.]+/.exec(out)?.[0] ?? out.split("\n")[0];
  } catch {
    return undefined;
  }
}

/** xorshift32. */
function random(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

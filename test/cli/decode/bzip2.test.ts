/** Our bzip2 decoder against the bzip2 program, where there is one, and against damage. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { Bzip2Decoder } from "../../../src/cli/decode/bzip2.ts";

const installed = spawnSync("bzip2", ["--help"]).error === undefined;
if (!installed) console.log("skipped: bzip2 is not installed");

/** "hello\n", compressed by bzip2 1.0.8. */
const HELLO: Buffer = Buffer.from(
  "425a6839314159265359c1c080e2000001410000100244a00030cd00c3462997177245385090c1c080e2",
  "hex",
);

function decompress(octets: Uint8Array, chunk: number = octets.length || 1): Buffer {
  const decoder = new Bzip2Decoder();
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < octets.length; at += chunk) {
    decoder.push(octets.slice(at, at + chunk));
    pieces.push(...decoder.blocks());
  }
  decoder.end();
  pieces.push(...decoder.blocks());
  return Buffer.concat(pieces);
}

function compress(octets: Uint8Array, level = 9): Buffer {
  return spawnSync("bzip2", ["-c", `-${level}`], { input: octets, maxBuffer: 1 << 26 }).stdout;
}

/** Octets that a linear congruential generator gives: the same every time. */
function noise(length: number, mask: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) & mask;
  });
}

describe("bzip2 as the program writes it", () => {
  test("a line of text", () => expect(decompress(HELLO).toString()).toBe("hello\n"));

  test.skipIf(!installed).each([
    { name: "nothing", octets: new Uint8Array(0), level: 9 },
    { name: "one octet", octets: Uint8Array.of(7), level: 1 },
    {
      name: "runs of every length",
      octets: Buffer.concat(Array.from({ length: 600 }, (_, i) => Buffer.alloc(i, i))),
      level: 9,
    },
    { name: "zeros", octets: new Uint8Array(3_000_000), level: 9 },
    { name: "noise, several blocks", octets: noise(350_000, 255), level: 1 },
    { name: "two symbols", octets: noise(200_000, 1), level: 2 },
    { name: "text", octets: Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(9000)), level: 3 },
  ])("$name", ({ octets, level }) => {
    const packed = compress(octets, level);
    expect(decompress(packed).equals(octets)).toBe(true);
    expect(decompress(packed, 777).equals(octets)).toBe(true);
  });

  test("streams behind each other, and padding behind them", () => {
    expect(decompress(Buffer.concat([HELLO, HELLO, new Uint8Array(5)])).toString()).toBe("hello\nhello\n");
  });
});

describe("damage", () => {
  test("cut anywhere", () => {
    for (let length = 0; length < HELLO.length; length++) {
      expect(() => decompress(HELLO.subarray(0, length))).toThrow("bzip2: the file is cut");
    }
  });

  test("any octet changed is noticed", () => {
    for (let at = 4; at < HELLO.length - 1; at++) {
      const bad = Buffer.from(HELLO);
      bad[at]! ^= 0x10;
      expect(() => decompress(bad)).toThrow(/^bzip2: /);
    }
  });

  test.skipIf(!installed)("noise in a large block ends in an error, not in a loop", () => {
    const packed = compress(noise(100_000, 63), 1);
    for (let i = 0; i < 50; i++) {
      const bad = Buffer.from(packed);
      bad[20 + ((i * 7919) % (packed.length - 20))]! ^= 1 << (i % 8);
      expect(() => decompress(bad)).toThrow(/^bzip2: /);
    }
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, ShortRead } from "../../protocol/wire/bytes.ts";

const octets = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);

describe("ByteReader", () => {
  test("numbers in network order, unsigned", () => {
    const r = new ByteReader(octets);
    expect([r.u8(), r.u16(), r.u24(), r.u32(), r.left, r.at]).toEqual([0xf0, 0xf1f2, 0xf3f4f5, 0xf6f7f8f9, 6, 10]);
    expect(new ByteReader(octets).u64()).toBe(0xf0f1_f2f3_f4f5_f6f7n);
    expect(new ByteReader(octets).u32s(2)).toEqual([0xf0f1f2f3, 0xf4f5f6f7]);
  });

  test("peek stays where it is", () => {
    const r = new ByteReader(octets);
    expect([r.peek(), r.peek(), r.u8(), r.peek()]).toEqual([0xf0, 0xf0, 0xf0, 0xf1]);
  });

  test("views share memory, copies do not", () => {
    const source = octets.slice();
    const r = new ByteReader(source);
    const [view, copy] = [r.view(2), r.copy(2)];
    source.fill(0);
    expect([...view, ...copy]).toEqual([0, 0, 0xf2, 0xf3]);
  });

  test("a part of the octets: positions are those of the whole", () => {
    const r = new ByteReader(octets, 4, 6);
    expect([r.at, r.left, r.u8(), r.at]).toEqual([4, 2, 0xf4, 5]);
    expect(new ByteReader(octets, 12, 99).left).toBe(4);
    expect([...r.between(4, 6)]).toEqual([0xf4, 0xf5]);
    expect(r.between(14, 99).length).toBe(2);
  });

  test("sub reads the next octets alone", () => {
    const r = new ByteReader(octets);
    const sub = r.sub(2);
    expect(r.u8()).toBe(0xf2);
    expect(sub.u16()).toBe(0xf0f1);
    expect(() => sub.u8()).toThrow(ShortRead);
  });

  test("enter and leave do the same without another reader", () => {
    const r = new ByteReader(octets);
    const outer = r.enter(2);
    expect([r.left, r.u8()]).toEqual([2, 0xf0]);
    expect(() => r.u16()).toThrow(ShortRead);
    r.leave(outer);
    expect([r.at, r.left, r.u8()]).toEqual([2, 14, 0xf2]);
    const again = r.enter(0);
    expect(() => r.peek()).toThrow(ShortRead);
    r.leave(again);
    expect(r.u8()).toBe(0xf3);
    expect(() => r.enter(99)).toThrow(ShortRead);
  });

  test.each<[string, (r: ByteReader) => unknown, number]>([
    ["u8", (r) => r.u8(), 1],
    ["peek", (r) => r.peek(), 1],
    ["u16", (r) => r.u16(), 2],
    ["u24", (r) => r.u24(), 3],
    ["u32", (r) => r.u32(), 4],
    ["u32s", (r) => r.u32s(2), 8],
    ["u64", (r) => r.u64(), 8],
    ["view", (r) => r.view(5), 5],
    ["copy", (r) => r.copy(5), 5],
    ["sub", (r) => r.sub(5), 5],
    ["skip", (r) => r.skip(5), 5],
  ])("%s beyond the end is a ShortRead", (_, read, need) => {
    expect(() => read(new ByteReader(octets, 0, need - 1))).toThrow(ShortRead);
    expect(() => read(new ByteReader(octets, 0, need))).not.toThrow();
  });

  test("never reads backwards", () => {
    expect(() => new ByteReader(octets, 8).skip(-1)).toThrow(ShortRead);
    expect(() => new ByteReader(octets, 8).view(-1)).toThrow(ShortRead);
  });

  test("start behind the end: nothing is there", () => {
    expect(() => new ByteReader(octets, 9, 8).u8()).toThrow(ShortRead);
    expect(new ByteReader(octets, 9, 8).left).toBeLessThanOrEqual(0);
  });
});

describe("ByteWriter", () => {
  test("reads back what was written, whatever the capacity", () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.nat(255),
        fc.nat(0xffff),
        fc.nat(0xff_ffff),
        fc.nat(0x7fff_ffff),
        (capacity, a, b, c, d) => {
          const word = (d * 2 + 1) >>> 0;
          const big = BigInt(word) * 0x1_0000_0001n;
          const w = new ByteWriter(capacity).u8(a).u16(b).u24(c).u32(word).u64(big).bytes(Uint8Array.of(1, 2));
          const r = new ByteReader(w.finish());
          expect([r.u8(), r.u16(), r.u24(), r.u32(), r.u64(), ...r.view(2), r.left]).toEqual([
            a,
            b,
            c,
            word,
            big,
            1,
            2,
            0,
          ]);
        },
      ),
    );
  });

  test("patches and truncates", () => {
    const w = new ByteWriter(2).u16(0).u8(7).patchU16(0, 0xabcd).patchU8(2, 9);
    expect([...w.finish()]).toEqual([0xab, 0xcd, 9]);
    expect([...w.truncate(1).u8(5).finish()]).toEqual([0xab, 5]);
    expect(w.truncate(99).length).toBe(2);
  });

  test("finish is a copy", () => {
    const w = new ByteWriter().u8(1);
    const first = w.finish();
    w.patchU8(0, 2);
    expect([...first]).toEqual([1]);
  });

  test("grows from nothing", () => {
    expect(new ByteWriter(0).u32(1).length).toBe(4);
  });
});

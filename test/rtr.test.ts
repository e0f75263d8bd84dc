import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePdu, encodeErrorReport, PduType, RtrFramer, RtrProtocolError } from "../protocol/rtr.ts";
import { RtrClient } from "../protocol/rtr-client.ts";
import { addressOctets, formatPrefix, parsePrefix } from "../protocol/wire/address.ts";
import { ByteWriter } from "../protocol/wire/bytes.ts";

const pdu = (version: number, type: number, field: number, body: Uint8Array = new Uint8Array()): Uint8Array =>
  new ByteWriter()
    .u8(version)
    .u8(type)
    .u16(field)
    .u32(8 + body.length)
    .bytes(body)
    .finish();

function prefix(announce: boolean, text: string, maxLength: number, asn: number, version = 1): Uint8Array {
  const p = parsePrefix(text)!;
  const body = new ByteWriter()
    .u8(announce ? 1 : 0)
    .u8(p.length)
    .u8(maxLength)
    .u8(0)
    .bytes(addressOctets(p))
    .u32(asn);
  return pdu(version, p.family === 4 ? PduType.Ipv4Prefix : PduType.Ipv6Prefix, 0, body.finish());
}

const response = (session = 7, version = 1): Uint8Array => pdu(version, PduType.CacheResponse, session);
const end = (serial: number, session = 7): Uint8Array =>
  pdu(1, PduType.EndOfData, session, new ByteWriter().u32(serial).u32(3600).u32(600).u32(7200).finish());
const endV0 = (serial: number): Uint8Array => pdu(0, PduType.EndOfData, 7, new ByteWriter().u32(serial).finish());

const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const names = (
  roas: readonly { prefix: Parameters<typeof formatPrefix>[0]; maxLength: number; asn: number }[],
): string[] => roas.map((roa) => `${formatPrefix(roa.prefix)}-${roa.maxLength} ${roa.asn}`);

function synced(): RtrClient {
  const client = new RtrClient();
  client.connected();
  client.receive(
    join(response(), prefix(true, "192.0.2.0/24", 24, 65001), prefix(true, "2001:db8::/32", 48, 65002), end(5)),
  );
  return client;
}

describe("a session", () => {
  test("asks for everything first, and gives it whole at End of Data", () => {
    const client = new RtrClient();
    expect([...client.connected()]).toEqual([1, PduType.ResetQuery, 0, 0, 0, 0, 0, 8]);
    const early = client.receive(join(response(), prefix(true, "192.0.2.0/24", 24, 65001)));
    expect(early.announce).toEqual([]);
    const late = client.receive(end(5));
    expect(names(late.announce)).toEqual(["192.0.2.0/24-24 65001"]);
    expect(late.synced).toEqual({ timers: { refresh: 3600, retry: 600, expire: 7200 } });
  });

  test("after a notify it asks from its serial on and takes the difference", () => {
    const client = synced();
    const asked = client.receive(pdu(1, PduType.SerialNotify, 7, new ByteWriter().u32(6).finish()));
    expect([...asked.send[0]!]).toEqual([1, PduType.SerialQuery, 0, 7, 0, 0, 0, 12, 0, 0, 0, 5]);
    const out = client.receive(
      join(response(), prefix(false, "192.0.2.0/24", 24, 65001), prefix(true, "198.51.100.0/24", 25, 65003), end(6)),
    );
    expect([names(out.announce), names(out.withdraw)]).toEqual([
      ["198.51.100.0/24-25 65003"],
      ["192.0.2.0/24-24 65001"],
    ]);
    expect(client.serial).toBe(6);
  });

  test("after a Cache Reset it asks for all, and what is not named again goes", () => {
    const client = synced();
    client.connected();
    const asked = client.receive(pdu(1, PduType.CacheReset, 0));
    expect(asked.send[0]![1]).toBe(PduType.ResetQuery);
    const out = client.receive(join(response(9), prefix(true, "2001:db8::/32", 48, 65002), end(1, 9)));
    expect([names(out.announce), names(out.withdraw)]).toEqual([[], ["192.0.2.0/24-24 65001"]]);
  });

  test("a cache that speaks version 0 only: by its error, and by its answer", () => {
    const refused = new RtrClient();
    refused.connected();
    const report = encodeErrorReport(0, new RtrProtocolError(4, "version 0 only", new Uint8Array()));
    expect(refused.receive(report)).toMatchObject({ reconnect: true });
    expect(refused.connected()[0]).toBe(0);
    const answered = new RtrClient();
    answered.connected();
    const out = answered.receive(join(response(7, 0), prefix(true, "192.0.2.0/24", 24, 1, 0), endV0(1)));
    expect(names(out.announce)).toEqual(["192.0.2.0/24-24 1"]);
  });

  test("another session id means start over", () => {
    const client = synced();
    client.connected();
    expect(client.receive(response(8))).toMatchObject({ reconnect: true });
    expect(client.connected()[1]).toBe(PduType.ResetQuery);
  });

  test.each([
    ["announced twice", join(response(), prefix(true, "10.0.0.0/8", 8, 1), prefix(true, "10.0.0.0/8", 8, 1)), 7],
    ["withdrawn but never announced", join(response(), prefix(false, "10.0.0.0/8", 8, 1)), 6],
    ["prefix outside of an update", prefix(true, "10.0.0.0/8", 8, 1), 0],
    ["a maximum below the length", join(response(), prefix(true, "10.0.0.0/8", 7, 1)), 0],
    ["not known", pdu(1, 200, 0), 5],
    ["a length that lies", Uint8Array.of(1, 4, 0, 0, 0, 0, 0, 3), 0],
  ])("%s ends it with an error report", (_name, octets, code) => {
    const client = new RtrClient();
    client.connected();
    const out = client.receive(octets);
    expect(out.close).toBeDefined();
    expect([out.send[0]![1], out.send[0]![3]]).toEqual([PduType.ErrorReport, code]);
  });
});

test("any chunking gives the same PDUs", () => {
  const stream = join(response(), prefix(true, "192.0.2.0/24", 24, 65001), end(5));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 40 }), (cuts) => {
      const framer = new RtrFramer();
      const types: number[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        for (const one of framer.push(stream.subarray(at, at + cut))) types.push(one[1]!);
        at += cut;
      }
      expect(types).toEqual([PduType.CacheResponse, PduType.Ipv4Prefix, PduType.EndOfData]);
    }),
  );
});

test("noise is a PDU or an RtrProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), (noise) => {
      try {
        decodePdu(noise);
      } catch (error) {
        expect(error).toBeInstanceOf(RtrProtocolError);
      }
    }),
  );
});

/** robustness.md §6: NOTIFICATION and ROUTE-REFRESH. */
import { describe, expect, test } from "vitest";
import { NotificationError } from "../../protocol/codec/error.ts";
import { errorText, familyName } from "../../protocol/codec/iana.ts";
import { decodeMessage, encodeMessage } from "../../protocol/codec/message.ts";
import {
  administrative,
  asHardReset,
  describeNotification,
  hardReset,
  hexText,
  type Notification,
  prefixLimit,
  prefixLimitReached,
  safeText,
  shutdownText,
} from "../../protocol/codec/notification.ts";
import { EBGP, hex, message, toHex } from "./support.ts";

const decode = (body: string): Notification => decodeMessage(message(3, body), EBGP) as Notification;

describe("words for people", () => {
  test.each([
    ["04 00", "Hold timer expired"],
    ["02 02 0000fde9", "Bad peer AS: 65001"],
    ["02 02 fde9", "Bad peer AS: 65001"],
    ["02 02 fd", "Bad peer AS: fd"],
    ["06 02", "Administrative shutdown"],
    ["06 02 00", "Administrative shutdown: 00"],
    ["06 02 0b 6d61696e74656e616e6365", 'Administrative shutdown: "maintenance"'],
    ["06 04 02 6f6b", 'Administrative reset: "ok"'],
    ["06 02 ff 6f6b", "Administrative shutdown: ff6f6b"], // the length lies
    ["06 02 01 6f6b", "Administrative shutdown: 016f6b"],
    ["06 01 0001 01 00000064", "Maximum number of prefixes reached: IPv4 unicast, limit 100"],
    ["06 01 0001", "Maximum number of prefixes reached: 0001"],
    ["06 09 06 04 02 6f6b", 'Hard reset: Administrative reset: "ok"'],
    ["06 09 06", "Hard reset: 06"],
    ["06 09 06 09 06 09", "Hard reset: hard reset"],
    ["03 05 400101", "Invalid attribute length: 400101"],
    ["05 02", "Unexpected message in OpenConfirm state"],
    ["07 01", "Invalid ROUTE-REFRESH message length"],
    ["09 00", "Unknown error 9.0"],
    ["06 63 ab", "Unknown error 6.99: ab"],
    ["00 00", "Unknown error 0.0"],
  ])("%s: %s", (body, text) => {
    expect(describeNotification(decode(body))).toBe(text);
  });

  test("every code that RFC 4271 to 9687 name has a text", () => {
    const counts: Record<number, number[]> = {
      1: [0, 1, 2, 3],
      2: [0, 1, 2, 3, 4, 5, 6, 7, 11],
      3: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      4: [0],
      5: [0, 1, 2, 3],
      6: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      7: [0, 1],
      8: [0],
    };
    const unnamed = Object.entries(counts).flatMap(([code, subcodes]) =>
      subcodes
        .filter((subcode) => errorText(Number(code), subcode).startsWith("Unknown"))
        .map((subcode) => `${code}/${subcode}`),
    );
    expect(unnamed).toEqual([]);
  });

  test("long data is cut", () => {
    expect(hexText(new Uint8Array(100), 4)).toBe("00000000... (100 octets)");
  });

  test("families", () => {
    expect([familyName(1, 1), familyName(2, 2), familyName(1, 128), familyName(25, 70), familyName(9, 9)]).toEqual([
      "IPv4 unicast",
      "IPv6 multicast",
      "IPv4 VPN unicast",
      "EVPN",
      "AFI 9 SAFI 9",
    ]);
  });
});

describe("shutdown communication (RFC 9003)", () => {
  test("not UTF-8: shown with replacement characters", () => {
    expect(shutdownText(decode("06 02 02 c328"))).toBe("\ufffd(");
  });

  test("flood of control characters, escape codes and newlines is safe to log", () => {
    const nasty = 'a\x1b[31m\r\n\0\x07\x7f\x9b\u2028\u202e\ufeff"\\z';
    const safe = safeText(nasty);
    expect(safe).toBe('a\\x1b[31m\\x0d\\x0a\\x00\\x07\\x7f\\u{9b}\\u{2028}\\u{202e}\\u{feff}\\"\\\\z');
    expect(describeNotification(administrative(2, nasty))).toBe(`Administrative shutdown: "${safe}"`);
  });

  test("ours is cut between characters at 255 octets", () => {
    const { data } = administrative(4, "ä".repeat(200));
    expect(data.length).toBe(255);
    expect(data[0]).toBe(254);
    expect(shutdownText(administrative(4, "ä".repeat(200)))).toBe("ä".repeat(127));
  });

  test("none without a text", () => {
    expect(administrative(2).data.length).toBe(0);
    expect(shutdownText(administrative(2))).toBeUndefined();
    expect(shutdownText(decode("06 03 02 6f6b"))).toBeUndefined();
    expect(shutdownText(decode("05 02 02 6f6b"))).toBeUndefined();
  });
});

test("the limit of a prefix limit", () => {
  expect(prefixLimit(prefixLimitReached(2, 1, 4_000_000_000))).toEqual({ afi: 2, safi: 1, limit: 4_000_000_000 });
});

test("a hard reset wraps any NOTIFICATION (RFC 8538)", () => {
  const inner = administrative(4, "bye");
  expect(toHex(asHardReset(inner).data)).toBe("060403627965");
  expect(hardReset(asHardReset(inner))).toEqual(inner);
  expect(hardReset(inner)).toBeUndefined();
});

test.each<[string, { afi: number; safi: number; subtype: number }]>([
  ["0001 00 01", { afi: 1, safi: 1, subtype: 0 }],
  ["0002 01 80", { afi: 2, safi: 128, subtype: 1 }],
  ["ffff 02 ff", { afi: 65535, safi: 255, subtype: 2 }],
  ["0001 07 01", { afi: 1, safi: 1, subtype: 7 }],
])("ROUTE-REFRESH %s", (body, fields) => {
  const decoded = decodeMessage(message(5, body), EBGP);
  expect(decoded).toEqual({ type: "route-refresh", ...fields });
  expect(encodeMessage(decoded, EBGP)).toEqual(message(5, body));
});

test("an error is a NOTIFICATION to be: code, subcode, data", () => {
  const error = new NotificationError(6, 2, "stopped", hex("00"));
  expect([error.name, error.code, error.subcode, toHex(error.data), error.offset]).toEqual([
    "NotificationError",
    6,
    2,
    "00",
    undefined,
  ]);
});

/** Two OPENs: what they settle, and what is refused with which NOTIFICATION (RFC 4271 §6.2 and relatives). */
import { describe, expect, test } from "vitest";
import { type Capability, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { NotificationError } from "../../protocol/codec/error.ts";
import { CapabilityCode, Role } from "../../protocol/codec/iana.ts";
import { encodeMessage } from "../../protocol/codec/message.ts";
import type { Open } from "../../protocol/codec/open.ts";
import { buildOpen, negotiate, type OpenConfig, type Session } from "../../protocol/fsm/negotiate.ts";
import { IPV4_UNICAST, OPEN } from "../support/pair.ts";

const IPV6_UNICAST = { ...IPV4_UNICAST, afi: 2 };
const MINE: OpenConfig = { ...OPEN, localId: 0x0a000001 };
const THEIRS: OpenConfig = { ...OPEN, localAs: 65002, localId: 0x0a000002, peerAs: 65001 };

function settle(mine: Partial<OpenConfig>, theirs: Partial<OpenConfig> | Open): Session {
  const own = { ...MINE, ...mine };
  const open = "type" in theirs ? (theirs as Open) : buildOpen({ ...THEIRS, ...theirs });
  return negotiate(own, buildOpen(own), open);
}

/** `2/2 0000fde9`: code, subcode, data. */
function refusal(mine: Partial<OpenConfig>, theirs: Partial<OpenConfig> | Open): string {
  try {
    settle(mine, theirs);
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    return `${error.code}/${error.subcode} ${Buffer.from(error.data).toString("hex")}`.trim();
  }
  return "accepted";
}

function open(change: Partial<Open>, ...capabilities: Capability[]): Open {
  return { ...buildOpen(THEIRS), capabilities, ...change };
}

describe("the OPEN that we send", () => {
  const cases: readonly [string, Partial<OpenConfig>, string][] = [
    // As recorded from bird 2.0.12
    ["defaults", {}, "04fde900f00a000001180216010400010001020040020078410400 00fde946004700".replace(" ", "")],
    ["capabilities off", { capabilities: false }, "04fde900f00a00000100"],
    [
      "a four-octet AS",
      { localAs: 4200000000 },
      "045ba000f00a0000011802160104000100010200400200784104fa56ea0046004700",
    ],
    [
      "no graceful restart",
      { gracefulRestart: "off" },
      "04fde900f00a00000112021001040001000102004104 0000fde94600".replace(" ", ""),
    ],
  ];
  test.each(cases)("%s", (_, change, wire) => {
    const octets = encodeMessage(buildOpen({ ...MINE, ...change }), DEFAULT_CONTEXT);
    expect(Buffer.from(octets.subarray(19)).toString("hex")).toBe(wire);
  });

  test("capabilities come in ascending order of code", () => {
    const all = buildOpen({
      ...MINE,
      families: [
        { ...IPV4_UNICAST, addPath: 3, extendedNextHop: true, gracefulRestart: true, staleTime: 60 },
        IPV6_UNICAST,
      ],
      extendedMessages: true,
      hostname: "sr1",
      gracefulRestart: "on",
      longLived: "on",
      role: Role.Customer,
    });
    expect(all.capabilities.map((c) => c.code)).toEqual([1, 1, 2, 5, 6, 9, 64, 65, 69, 70, 71, 73]);
  });
});

describe("refused", () => {
  const mp: Capability = { code: CapabilityCode.Multiprotocol, afi: 1, safi: 1 };
  const as4 = (asn: number): Capability => ({ code: CapabilityCode.FourOctetAs, asn });
  const role = (value: number): Capability => ({ code: CapabilityCode.Role, role: value });
  const cases: readonly [string, Partial<OpenConfig>, Partial<OpenConfig> | Open, string][] = [
    ["another AS, with the AS4 capability", {}, { localAs: 65077 }, "2/2 0000fe35"],
    ["another AS, without", {}, open({ myAs: 65077 }, mp), "2/2 fe35"],
    ["AS 0", { peerAs: 0 }, open({ myAs: 0 }, mp), "2/2 0000"],
    ["AS 0 in the capability", { peerAs: 0 }, open({}, mp, as4(0)), "2/2 00000000"],
    [
      "AS_TRANS without the capability, a four-octet neighbor",
      { peerAs: 4200000000 },
      open({ myAs: 23456 }, mp),
      "2/2 5ba0",
    ],
    ["AS_TRANS with the right capability", { peerAs: 4200000000 }, { localAs: 4200000000 }, "accepted"],
    ["the capability decides, whatever My AS says", {}, open({ myAs: 1 }, mp, as4(65002)), "accepted"],
    ["our AS, the neighbor is external", { peerAs: 0, peerKind: "external" }, { localAs: 65001 }, "2/2 0000fde9"],
    ["another AS, the neighbor is internal", { peerAs: 0, peerKind: "internal" }, {}, "2/2 0000fdea"],
    ["any external AS", { peerAs: 0, peerKind: "external" }, {}, "accepted"],
    ["identifier 0.0.0.0", {}, { localId: 0 }, "2/3 00000000"],
    ["our identifier, internal", { peerAs: 65001 }, { localAs: 65001, localId: 0x0a000001 }, "2/3 0a000001"],
    ["our identifier, external (RFC 6286)", {}, { localId: 0x0a000001 }, "accepted"],
    ["a multicast identifier (RFC 6286)", {}, { localId: 0xe0000001 }, "accepted"],
    ["hold time 1", {}, { holdTime: 1 }, "2/6 0001"],
    ["hold time 2", {}, { holdTime: 2 }, "2/6 0002"],
    ["hold time 3", {}, { holdTime: 3 }, "accepted"],
    ["hold time 0", {}, { holdTime: 0 }, "accepted"],
    ["hold time below our minimum", { minHoldTime: 30 }, { holdTime: 20 }, "2/6 0014"],
    ["no common family", {}, { families: [IPV6_UNICAST] }, "2/7 010400010001"],
    [
      "a mandatory family is missing",
      { families: [IPV4_UNICAST, { ...IPV6_UNICAST, mandatory: true }] },
      {},
      "2/7 010400020001",
    ],
    ["an optional family is missing", { families: [IPV4_UNICAST, IPV6_UNICAST] }, {}, "accepted"],
    ["no capability at all is IPv4 unicast", {}, open({}), "accepted"],
    ["no multiprotocol capability is IPv4 unicast", {}, open({}, as4(65002)), "accepted"],
    ["no capability at all, we want IPv6", { families: [IPV6_UNICAST] }, open({}), "2/7 010400020001"],
    ["no channel", { families: [] }, {}, "2/7"],
    [
      "unknown capabilities",
      {},
      open({}, mp, { code: 0, value: new Uint8Array(3) }, { code: 255, value: new Uint8Array(0) }),
      "accepted",
    ],
    ["roles that do not fit", { role: Role.Customer }, { role: Role.Customer }, "2/11"],
    ["roles that fit", { role: Role.Customer }, { role: Role.Provider }, "accepted"],
    ["peer and peer", { role: Role.Peer }, { role: Role.Peer }, "accepted"],
    ["route server and its client", { role: Role.RsClient }, { role: Role.Rs }, "accepted"],
    ["several roles", { role: Role.Peer }, open({}, mp, role(4), role(3)), "2/11"],
    ["the same role twice", { role: Role.Peer }, open({}, mp, role(4), role(4)), "accepted"],
    ["no role", { role: Role.Peer }, {}, "accepted"],
    ["no role, but roles are required", { role: Role.Peer, requireRoles: true }, {}, "2/11"],
    ["a role where we have none", {}, { role: Role.Peer }, "accepted"],
  ];
  test.each(cases)("%s", (_, mine, theirs, result) => {
    expect(refusal(mine, theirs)).toBe(result);
  });
});

describe("settled", () => {
  test("hold time is the lesser, keepalives a third of it", () => {
    expect(settle({ holdTime: 90 }, { holdTime: 30 })).toMatchObject({ holdTime: 30, keepaliveTime: 10 });
    expect(settle({ holdTime: 3 }, {})).toMatchObject({ holdTime: 3, keepaliveTime: 1 });
    expect(settle({}, { holdTime: 0 })).toMatchObject({ holdTime: 0, keepaliveTime: 0 });
  });

  test("a configured keepalive time shrinks with the hold time", () => {
    expect(settle({ holdTime: 240, keepaliveTime: 60 }, { holdTime: 120 }).keepaliveTime).toBe(30);
    expect(settle({ keepaliveTime: 1, minKeepaliveTime: 5 }, {}).keepaliveTime).toBe(5);
  });

  test("only what both announced counts", () => {
    const plain = settle({ extendedMessages: true }, { routeRefresh: false, as4: false });
    expect(plain).toMatchObject({ as4: false, routeRefresh: false, enhancedRefresh: false, extendedMessages: false });
    expect(plain.context.acceptExtended).toBe(true);
    expect(settle({ extendedMessages: true }, { extendedMessages: true }).extendedMessages).toBe(true);
  });

  test("add-path: they send what we take, we send what they take", () => {
    const ours = { families: [{ ...IPV4_UNICAST, addPath: 1 as const }] };
    const session = settle(ours, { families: [{ ...IPV4_UNICAST, addPath: 3 }] });
    expect([[...session.addPathRx], [...session.addPathTx]]).toEqual([["1/1"], []]);
    expect(settle(ours, { families: [{ ...IPV4_UNICAST, addPath: 1 }] }).addPathRx.size).toBe(0);
    const both = { families: [{ ...IPV4_UNICAST, addPath: 3 as const }] };
    expect(settle(both, both).addPathTx.size).toBe(1);
  });

  test("extended next hop needs both", () => {
    const ours = { families: [{ ...IPV4_UNICAST, extendedNextHop: true }] };
    expect([...settle(ours, ours).extendedNextHop]).toEqual(["1/1"]);
    expect([...settle(ours, {}).extendedNextHop]).toEqual([]);
  });

  test("graceful restart: the helper learns the peer's families, time and bits", () => {
    const families = [{ ...IPV4_UNICAST, gracefulRestart: true }];
    const session = settle({}, { gracefulRestart: "on", families, restartTime: 77, restarting: true });
    expect(session.gracefulRestart).toMatchObject({ peerTime: 77, peerRestarting: true, notification: false });
    expect(session.gracefulRestart!.families.get("1/1")).toEqual({ forwarding: true });
    expect(settle({ gracefulRestart: "off" }, { gracefulRestart: "on" }).gracefulRestart).toBeUndefined();
    const on = { gracefulRestart: "on" as const };
    expect(settle(on, on).gracefulRestart!.notification).toBe(true);
  });

  test("long-lived graceful restart needs graceful restart beside it (RFC 9494 §4.1)", () => {
    const families = [{ ...IPV4_UNICAST, staleTime: 3600 }];
    const theirs = { gracefulRestart: "on", longLived: "on", families } as const;
    expect(settle({}, theirs).longLived!.get("1/1")!.staleTime).toBe(3600);
    expect(settle({ gracefulRestart: "off" }, theirs).longLived).toBeUndefined();
    expect(settle({ longLived: "off" }, theirs).longLived).toBeUndefined();
  });

  test("towards the outside we are the confederation", () => {
    expect(settle({ localAs: 64512, confederation: 65001 }, {}).localAs).toBe(65001);
    const member = settle({ localAs: 64512, confederation: 65001, confederationMember: true }, {});
    expect([member.localAs, member.context.peer]).toEqual([64512, "confederation"]);
  });

  test("the result is frozen", () => {
    expect(Object.isFrozen(settle({}, {}))).toBe(true);
  });
});

import { expect, test } from "vitest";
import { ACCEPT, REJECT } from "../../protocol/policy/compile.ts";
import { formatPrefix, parseAddress } from "../../protocol/wire/address.ts";
import type { DirectConfig, InterfacePattern } from "../../src/config/schema.ts";
import type { InterfaceView } from "../../src/protocols/device.ts";
import { DirectProtocol } from "../../src/protocols/direct.ts";
import type { ProtocolContext } from "../../src/protocols/protocol.ts";
import { World } from "../rib/world.ts";

function view(index: number, name: string, address: string): InterfaceView {
  const entry = { ip: parseAddress(address), length: 24, secondary: false, tentative: false };
  return { index, name, link: { adminUp: true, lowerUp: true }, addresses: [entry] } as unknown as InterfaceView;
}

test.each<[string, InterfacePattern[], string[]]>([
  ["no list: every interface", [], ["10.0.1.0/24", "10.0.2.0/24"]],
  ["a list: what it says", [{ name: "eth*", negative: false }], ["10.0.1.0/24"]],
  ["a list that says no", [{ name: "eth*", negative: true }], []],
])("%s", (_, interfaces, expected) => {
  const world = new World();
  const views = [view(1, "eth0", "10.0.1.1"), view(2, "wg0", "10.0.2.1")];
  const context = {
    rib: world.rib,
    clock: { wall: () => 0 },
    log: () => {},
    changed: () => {},
    interfaces: {
      list: () => views,
      byIndex: (index: number) => views.find((one) => one.index === index),
      onChange: () => ({ close: () => {} }),
    },
  } as unknown as ProtocolContext;
  const channel = { name: "ipv4", netType: "ipv4", table: "master4", preference: 240, importKeepFiltered: false };
  const filters = { importFilter: ACCEPT, exportFilter: REJECT, rpkiReload: false };
  const config = { kind: "direct", name: "direct1", debug: new Set(), checkLink: false, interfaces };
  const channels = [{ ...channel, ...filters }];
  new DirectProtocol({ ...config, channels } as unknown as DirectConfig, context).start();
  const { slots } = world.table4.walk(0);
  expect(slots.map((slot) => formatPrefix(world.table4.prefixes.net(slot))).sort()).toEqual(expected);
});

/** `show interfaces [summary]`. */
import type { LinkAddress } from "../../../fib/index.ts";
import { T } from "../../../protocol/policy/tokens.ts";
import {
  formatAddress,
  type IpAddress,
  ipv4,
  ipv6,
  isLinkLocal,
  isLoopback,
  isMulticast,
  sameAddress,
} from "../../../protocol/wire/address.ts";
import { type InterfaceView, preferredAddress } from "../../protocols/device.ts";
import type { Action, Command } from "../command.ts";
import type { ControlTarget } from "../daemon.ts";
import { end } from "../words.ts";

export const INTERFACE_COMMANDS: readonly Command[] = [
  {
    words: ["SHOW", "INTERFACES"],
    parse(p, { target }) {
      const summary = p.accept(T.SUMMARY);
      end(p);
      return summary ? showSummary(target) : showInterfaces(target);
    },
  },
];

function showInterfaces(target: ControlTarget): Action {
  return {
    *text(reply) {
      for (const view of target.interfaces.list()) {
        reply.line(1001, `${view.name} ${state(view)} (index=${view.index}${master(target, view)})`);
        reply.line(1004, `\t${flags(view).join(" ")} MTU=${view.link.mtu}`);
        const preferred = preferredOf(target, view);
        for (const address of shown(view)) reply.line(1003, `\t${addressLine(address, preferred)}`);
        yield undefined;
      }
      reply.end(0);
    },
    json(reply) {
      reply.list("interfaces");
      for (const view of target.interfaces.list()) reply.item(asJson(target, view));
      reply.endList();
      reply.end();
    },
  };
}

function showSummary(target: ControlTarget): Action {
  return {
    *text(reply) {
      reply.line(2005, "Interface  State  IPv4 address       IPv6 address");
      for (const view of target.interfaces.list()) {
        const preferred = preferredOf(target, view);
        const v4 = preferred.find((address) => address.ip.family === 4);
        const v6 = preferred.find((address) => address.ip.family === 6 && !isLinkLocal(address.ip));
        const columns = [view.name.padEnd(10), state(view).padEnd(6), withLength(v4).padEnd(18), withLength(v6)];
        reply.line(1005, columns.join(" "));
        yield undefined;
      }
      reply.end(0);
    },
    json: (reply) => showInterfaces(target).json?.(reply),
  };
}

function asJson(target: ControlTarget, view: InterfaceView): unknown {
  const preferred = preferredOf(target, view);
  return {
    name: view.name,
    index: view.index,
    up: view.link.adminUp,
    linkUp: view.link.lowerUp,
    flags: flags(view),
    mtu: view.link.mtu,
    kind: view.link.kind,
    mac: view.link.mac,
    addresses: shown(view).map((address) => ({
      address: withLength(address),
      preferred: preferred.includes(address),
      secondary: address.secondary,
      opposite: opposite(address) && formatAddress(opposite(address) as IpAddress),
      scope: scopeOf(address.ip),
    })),
  };
}

/** BIRD's "up" is the administrator's: a link without carrier is up. */
function state(view: InterfaceView): string {
  return view.link.adminUp ? "up" : "down";
}

function master(target: ControlTarget, view: InterfaceView): string {
  const above = view.link.master === undefined ? undefined : target.interfaces.byIndex(view.link.master);
  return above ? ` master=${above.name}` : "";
}

function flags(view: InterfaceView): string[] {
  const { link } = view;
  const isPtp = link.pointToPoint && !link.loopback;
  return [
    isPtp ? "PtP" : "MultiAccess",
    ...(link.broadcast && !link.loopback && !isPtp ? ["Broadcast"] : []),
    ...((link.multicast || link.broadcast || isPtp) && !link.loopback ? ["Multicast"] : []),
    link.adminUp ? "AdminUp" : "AdminDown",
    link.lowerUp ? "LinkUp" : "LinkDown",
    ...(link.loopback ? ["Loopback", "Ignored"] : []),
  ];
}

function addressLine(address: LinkAddress, preferred: readonly LinkAddress[]): string {
  const notes: string[] = [];
  if (preferred.includes(address)) notes.push("Preferred");
  if (address.secondary) notes.push("Secondary");
  const other = opposite(address);
  if (other) notes.push(`opposite ${formatAddress(other)}`);
  notes.push(`scope ${scopeOf(address.ip)}`);
  return `${withLength(address)} (${notes.join(", ")})`;
}

/** Addresses under duplicate detection are not used yet, 0/8 and the like never: bird shows neither. */
function shown(view: InterfaceView): readonly LinkAddress[] {
  return view.addresses.filter((address) => !address.tentative && scopeOf(address.ip) !== undefined);
}

/** One of each kind: IPv4, IPv6, link-local IPv6. */
function preferredOf(target: ControlTarget, view: InterfaceView): readonly LinkAddress[] {
  const device = target.config.protocols.find((protocol) => protocol.kind === "device");
  const addresses = shown(view);
  const usable = addresses.filter((address) => !address.secondary && address.ip.family === 6);
  return [
    preferredAddress({ ...view, addresses }, device?.kind === "device" ? device : undefined),
    usable.find((address) => !isLinkLocal(address.ip)),
    usable.find((address) => isLinkLocal(address.ip)),
  ].filter((address) => address !== undefined);
}

/** The other end: as the kernel says, or the only other host of the network. */
function opposite(address: LinkAddress): IpAddress | undefined {
  const { ip, length, peer } = address;
  if (peer && !sameAddress(peer, ip)) return length === (ip.family === 4 ? 32 : 128) ? peer : undefined;
  if (ip.family === 6) return length === 127 ? ipv6(ip.w0, ip.w1, ip.w2, ip.w3 ^ 1) : undefined;
  if (length === 31) return ipv4(ip.w0 ^ 1);
  return length === 30 ? ipv4(ip.w0 ^ 3) : undefined;
}

function withLength(address: LinkAddress | undefined): string {
  return address ? `${formatAddress(address.ip)}/${address.length}` : "";
}

/** As bird sorts addresses; undefined: not for use at all. */
function scopeOf(ip: IpAddress): string | undefined {
  if (isLoopback(ip)) return "host";
  if (ip.family === 6) {
    if ((ip.w0 | ip.w1 | ip.w2) === 0) return undefined;
    return isLinkLocal(ip) ? "link" : ip.w0 >>> 25 === 0x7e || ip.w0 >>> 22 === 0x3fb ? "site" : "univ";
  }
  if (ip.w0 >>> 24 === 0) return undefined;
  const isPrivate = ip.w0 >>> 24 === 10 || ip.w0 >>> 20 === 0xac1 || ip.w0 >>> 16 === 0xc0a8;
  return isPrivate || (ip.w0 >>> 28 === 0xf && !isMulticast(ip)) ? "site" : "univ";
}

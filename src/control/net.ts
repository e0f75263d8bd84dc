/** Prefixes and addresses on the command line: as bird takes them, or a constant that is one. */
import { parseNetTail, parsePrefixTail, parseVpnNet, takeIp } from "../../protocol/policy/parse-net.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import type { SymbolValue } from "../../protocol/policy/symbols.ts";
import { T } from "../../protocol/policy/tokens.ts";
import { Type } from "../../protocol/policy/types.ts";
import type { Net } from "../../protocol/rib/route.ts";
import type { IpAddress, Prefix } from "../../protocol/wire/address.ts";
import { CommandError, symbol } from "./words.ts";

/** An address, or a prefix. */
export function netOrAddress(p: Parser): IpAddress | Prefix {
  const named = symbol(p);
  if (named) {
    const value = constantOf(named, Type.Ip) ?? constantOf(named, Type.Net);
    if (!value) throw new CommandError("IP address or network constant expected");
    return value as IpAddress | Prefix;
  }
  if (p.is(T.VPN_RD)) return vpnNet(p);
  if (!p.is(T.IP4) && !p.is(T.IP6)) p.unexpected();
  const ip = takeIp(p);
  if (p.is(T["/"])) return parsePrefixTail(p, ip);
  p.wantMany();
  return ip;
}

/** Whatever bird takes for a network; what we have no tables for will find none. */
export function netIfAny(p: Parser): Net | undefined {
  const named = symbol(p);
  if (named) {
    const value = constantOf(named, Type.Net);
    if (!value) throw new CommandError("Network constant expected");
    return value as Net;
  }
  if (p.is(T.VPN_RD)) return vpnNet(p);
  if (!p.is(T.IP4) && !p.is(T.IP6)) return undefined;
  return parseNetTail(p, parsePrefixTail(p, takeIp(p)));
}

export function net(p: Parser): Net {
  p.wantMany();
  return netIfAny(p) ?? p.unexpected();
}

function vpnNet(p: Parser): Prefix {
  const distinguisher = { hi: p.lexer.number, lo: p.lexer.low };
  p.take();
  return parseVpnNet(p, distinguisher);
}

function constantOf(named: SymbolValue, type: Type): unknown {
  return named.kind === "constant" && named.term.type === type ? named.term.value : undefined;
}

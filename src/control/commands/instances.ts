/**
 * Commands about the protocols of one kind: `show static`, `show bfd sessions`, and those of kinds that
 * linnet does not run, which answer that none is running.
 */
import type { Parser } from "../../../protocol/policy/parser.ts";
import { T, type TokenName } from "../../../protocol/policy/tokens.ts";
import { formatAddress } from "../../../protocol/wire/address.ts";
import type { BfdSessionStatus, Protocol, StaticRouteStatus } from "../../protocols/protocol.ts";
import type { Action, Command, CommandContext } from "../command.ts";
import type { ControlTarget } from "../daemon.ts";
import { isoTime } from "../json.ts";
import { formatNet } from "../render-route.ts";
import { protocolOf } from "../symbols.ts";
import { formatTime } from "../time-format.ts";
import { acceptWord, CommandError, end, string, symbol } from "../words.ts";

export const INSTANCE_COMMANDS: readonly Command[] = [
  { words: ["SHOW", "STATIC"], parse: parseStatic },
  { words: ["SHOW", "BFD", "SESSIONS"], parse: parseBfd },
  foreign(["OSPF"], "OSPF", 1014),
  foreign(["OSPF", "NEIGHBORS"], "OSPF", 1013, { text: true }),
  foreign(["OSPF", "INTERFACE"], "OSPF", 1015, { text: true }),
  foreign(["OSPF", "TOPOLOGY"], "OSPF", 1016, { text: true, all: true }),
  foreign(["OSPF", "STATE"], "OSPF", 1016, { text: true, all: true }),
  foreign(["OSPF", "LSADB"], "OSPF", 1017, { many: true }),
  foreign(["RIP", "INTERFACES"], "RIP", 1021, { text: true }),
  foreign(["RIP", "NEIGHBORS"], "RIP", 1022, { text: true }),
  foreign(["BABEL", "INTERFACES"], "Babel", 1023, { text: true }),
  foreign(["BABEL", "NEIGHBORS"], "Babel", 1024, { text: true }),
  foreign(["BABEL", "ENTRIES"], "Babel", 1025, { text: true }),
  foreign(["BABEL", "ROUTES"], "Babel", 1025, { text: true }),
];

/** The named protocol, if one was named. */
function named(p: Parser, target: ControlTarget): Protocol | undefined {
  const given = symbol(p);
  return given && protocolOf(target, given);
}

/** What was named must be of this kind. */
function checkKind(protocol: Protocol | undefined, proto: string): void {
  if (protocol && protocol.proto !== proto) throw new CommandError(`${protocol.name}: Not a ${proto} protocol`);
}

function running(target: ControlTarget, proto: string): readonly Protocol[] {
  const found = target.protocols().filter((protocol) => protocol.proto === proto && protocol.state !== "down");
  if (found.length === 0) throw new CommandError(`There is no ${proto} protocol running`);
  return found;
}

function parseStatic(p: Parser, { target }: CommandContext): Action {
  const one = named(p, target);
  end(p);
  checkKind(one, "Static");
  const protocols = one ? [one] : running(target, "Static");
  return {
    *text(reply) {
      for (const [i, protocol] of protocols.entries()) {
        if (i > 0) reply.line(1009, "");
        for (const route of staticRoutes(protocol)) {
          for (const line of staticLines(route)) reply.line(1009, line);
          yield undefined;
        }
      }
      reply.end(0);
    },
    *json(reply) {
      reply.list("routes");
      for (const protocol of protocols) {
        for (const route of staticRoutes(protocol)) {
          reply.item(staticJson(protocol, route));
          yield undefined;
        }
      }
      reply.endList();
      reply.end();
    },
  };
}

function staticRoutes(protocol: Protocol): readonly StaticRouteStatus[] {
  const status = protocol.status();
  return status.kind === "static" ? status.routes : [];
}

function staticLines({ route, usable }: StaticRouteStatus): string[] {
  const net = formatNet(route.net);
  if (route.recursive) return [`${net}\trecursive ${formatAddress(route.recursive)}`];
  if (route.destination !== "unicast") return [`${net}\t${SINKS[route.destination] ?? ""}`];
  return [net, ...route.nextHops.map((hop, i) => `\t${nextHopText(hop)}${usable[i] ? "" : " (dormant)"}`)];
}

function nextHopText(hop: StaticRouteStatus["route"]["nextHops"][number]): string {
  if (!hop.gateway) return `dev ${hop.iface ?? "?"}`;
  const iface = hop.iface === undefined ? "" : `%${hop.iface}`;
  return `via ${formatAddress(hop.gateway)}${iface}${hop.onlink ? " onlink" : ""}${hop.bfd ? " (bfd)" : ""}`;
}

function staticJson(protocol: Protocol, { route, usable }: StaticRouteStatus): unknown {
  return {
    protocol: protocol.name,
    prefix: formatNet(route.net),
    destination: route.recursive ? "recursive" : route.destination,
    recursive: route.recursive && formatAddress(route.recursive),
    nextHops: route.nextHops.map((hop, i) => ({
      gateway: hop.gateway && formatAddress(hop.gateway),
      interface: hop.iface,
      onlink: hop.onlink,
      weight: hop.weight,
      bfd: hop.bfd,
      usable: usable[i] ?? false,
    })),
  };
}

function parseBfd(p: Parser, { target }: CommandContext): Action {
  const all = acceptWord(p, "all");
  const given = named(p, target);
  end(p);
  checkKind(given, "BFD");
  const protocol = given ?? oneOf(running(target, "BFD"), "BFD");
  const status = protocol.status();
  const sessions = status.kind === "bfd" ? status.sessions : [];
  return {
    *text(reply) {
      if (protocol.state !== "up") {
        reply.line(1020, `${protocol.name}: is not up`);
        return reply.end(0);
      }
      reply.line(1020, `${protocol.name}:`);
      reply.line(1020, "IP address                Interface  State      Since         Interval  Timeout");
      for (const session of sessions) {
        reply.line(1020, bfdRow(target, session));
        if (all) for (const line of bfdDetails(session)) reply.line(1020, line);
        yield undefined;
      }
      reply.end(0);
    },
    json(reply) {
      reply.field("protocol", protocol.name);
      reply.list("sessions");
      for (const session of sessions) reply.item(bfdJson(session));
      reply.endList();
      reply.end();
    },
  };
}

function oneOf(protocols: readonly Protocol[], proto: string): Protocol {
  const [first, second] = protocols;
  if (!first || second) throw new CommandError(`There are multiple ${proto} protocols running`);
  return first;
}

function bfdRow(target: ControlTarget, session: BfdSessionStatus): string {
  const since = formatTime(target.config.timeformat.protocol, session.since, target.host.clock.wall());
  return [
    formatAddress(session.remote).padEnd(25),
    (session.iface ?? "---").padEnd(10),
    session.state.padEnd(10),
    since.padEnd(12),
    session.interval.toFixed(3).padStart(8),
    session.timeout.toFixed(3).padStart(8),
  ].join(" ");
}

function bfdDetails(session: BfdSessionStatus): string[] {
  return [
    `\tLocal address:        ${session.local ? formatAddress(session.local) : "---"}`,
    `\tSession type:         ${session.multihop ? "Multihop" : "Direct"}`,
    `\tLocal discriminator:  ${session.localDiscriminator}`,
    `\tRemote discriminator: ${session.remoteDiscriminator}`,
    `\tLocal diagnostic:     ${session.localDiagnostic}`,
    `\tRemote diagnostic:    ${session.remoteDiagnostic}`,
    `\tUsed by:              ${session.users.join(", ") || "---"}`,
  ];
}

function bfdJson(session: BfdSessionStatus): unknown {
  return {
    ...session,
    remote: formatAddress(session.remote),
    local: session.local && formatAddress(session.local),
    since: isoTime(session.since),
  };
}

interface ForeignGrammar {
  readonly text?: boolean;
  readonly all?: boolean;
  readonly many?: boolean;
}

/** A kind that is accepted in a configuration and never runs. */
function foreign(words: readonly TokenName[], proto: string, code: number, grammar: ForeignGrammar = {}): Command {
  return {
    words: ["SHOW", ...words],
    parse(p, { target }) {
      if (grammar.all) p.accept(T.ALL);
      const protocol = named(p, target);
      if (grammar.text) string(p);
      if (grammar.many) p.wantMany();
      end(p);
      checkKind(protocol, proto);
      if (!protocol) running(target, proto);
      return {
        text(reply) {
          reply.line(code, `${protocol?.name ?? proto}: is not up`);
          reply.end(0);
        },
      };
    },
  };
}

const SINKS: Readonly<Record<string, string>> = {
  blackhole: "blackhole",
  unreachable: "unreachable",
  prohibit: "prohibited",
};

/** One neighbor of linnet's, whatever daemon it is: started by the same options, asked the same questions. */
import type { Daemon } from "./daemons.ts";
import { startBird, startExabgp, startFrr, startGobgp, startLinnet, startOpenbgpd } from "./daemons.ts";
import { installed, type Namespace } from "./netns.ts";

export interface PeerOptions {
  readonly as: number;
  readonly address: string;
  readonly neighbor: string;
  readonly neighborAs: number;
  readonly passive?: boolean;
  readonly md5?: string;
  readonly gtsm?: boolean;
  readonly multihop?: number;
  readonly iface?: string;
  /** Seconds. */
  readonly hold?: number;
  /** Prefixes to announce; their family decides which families are spoken. */
  readonly announce: readonly string[];
  /** Speak both families, whatever is announced. */
  readonly both?: boolean;
  /** Lines for this kind alone, put into the neighbor's block. */
  readonly extra?: string;
  readonly bfd?: boolean;
}

export interface Peer {
  readonly daemon: Daemon;
  established(): Promise<boolean>;
  /** Prefixes that it holds of others, `10.0.0.0/8`. */
  routes(): Promise<string[]>;
}

export interface PeerKind {
  readonly name: string;
  readonly present: boolean;
  start(namespace: Namespace, options: PeerOptions): Promise<Peer>;
}

const PREFIX = /(?<![\w.:])(\d+\.\d+\.\d+\.\d+\/\d+|[0-9a-f]*:[0-9a-f:]*\/\d+)/g;

function prefixes(text: string): string[] {
  return [...new Set([...text.matchAll(PREFIX)].map((match) => match[1]!))];
}

function families({ announce, both }: PeerOptions): ("ipv4" | "ipv6")[] {
  const six = announce.some((prefix) => prefix.includes(":"));
  const four = announce.some((prefix) => !prefix.includes(":"));
  return [...(four || both ? (["ipv4"] as const) : []), ...(six || both ? (["ipv6"] as const) : [])];
}

/** bird.conf for bird and for linnet; their dialects are the same. */
export function birdConf(
  o: PeerOptions,
  more: { readonly timers?: string; readonly channel?: string; readonly global?: string } = {},
): string {
  const statics = families({ ...o }).map((family) => {
    const routes = o.announce.filter((prefix) => prefix.includes(":") === (family === "ipv6"));
    return `protocol static static_${family} { ${family}; ${routes.map((prefix) => `route ${prefix} blackhole;`).join(" ")} }`;
  });
  const channels = families(o).map((family) => `${family} { import all; export all; ${more.channel ?? ""} };`);
  const scope = o.iface === undefined ? "" : `%'${o.iface}'`;
  return `
router id ${routerId(o)};
${more.global ?? ""}
protocol device { scan time 10; }
${o.bfd ? "protocol bfd { }" : ""}
${statics.join("\n")}
protocol bgp peer {
  local ${o.iface === undefined || o.multihop !== undefined ? o.address : ""} as ${o.as};
  neighbor ${o.neighbor}${scope} as ${o.neighborAs};
  ${o.passive ? "passive;" : ""}
  ${o.md5 === undefined ? "" : `password "${o.md5}";`}
  ${o.gtsm ? "ttl security on;" : ""}
  ${o.multihop === undefined ? "" : `multihop ${o.multihop};`}
  ${o.hold === undefined ? "" : `hold time ${o.hold};`}
  ${o.bfd ? "bfd { interval 50 ms; multiplier 3; };" : ""}
  ${more.timers ?? ""}
  ${o.extra ?? ""}
  ${channels.join("\n  ")}
}
`;
}

/** A number of its own for each side: the last part of its IPv4 address, or its AS. */
function routerId({ address, as }: PeerOptions): string {
  return address.includes(":") ? `10.255.${(as >> 8) & 255}.${as & 255}` : address;
}

function birdLike(daemon: Daemon): Peer {
  return {
    daemon,
    established: async () => (await daemon.query("show protocols peer")).includes("Established"),
    routes: async () => prefixes(await daemon.query("show route protocol peer")),
  };
}

export async function linnetPeer(
  namespace: Namespace,
  options: PeerOptions,
  more: Parameters<typeof birdConf>[1] = {},
): Promise<Peer> {
  return birdLike(await startLinnet(namespace, birdConf(options, more)));
}

export const BIRD: PeerKind = {
  name: "bird",
  present: installed("bird"),
  start: async (namespace, options) =>
    birdLike(await startBird(namespace, birdConf(options, { timers: "connect delay time 1; error wait time 1, 2;" }))),
};

export const FRR: PeerKind = {
  name: "FRR",
  present: installed("vtysh", "/usr/lib/frr/bgpd"),
  start: async (namespace, o) => {
    const n = o.neighbor;
    const lines = [
      `router bgp ${o.as}`,
      ` bgp router-id ${routerId(o)}`,
      " no bgp ebgp-requires-policy",
      " no bgp network import-check",
      " no bgp default ipv4-unicast",
      ` neighbor ${n} remote-as ${o.neighborAs}`,
      ` neighbor ${n} timers connect 1`,
      ...(o.hold === undefined ? [] : [` neighbor ${n} timers ${Math.max(1, Math.floor(o.hold / 3))} ${o.hold}`]),
      ...(o.passive ? [` neighbor ${n} passive`] : []),
      ...(o.md5 === undefined ? [] : [` neighbor ${n} password ${o.md5}`]),
      ...(o.gtsm ? [` neighbor ${n} ttl-security hops 1`] : []),
      ...(o.multihop === undefined
        ? []
        : [` neighbor ${n} ebgp-multihop ${o.multihop}`, ` neighbor ${n} update-source ${o.address}`]),
      ...(o.iface === undefined ? [] : [` neighbor ${n} interface ${o.iface}`]),
      ...(o.bfd ? [` neighbor ${n} bfd 3 50 50`] : []),
      ...(o.extra ?? "")
        .split("\n")
        .filter(Boolean)
        .map((line) => ` ${line}`),
      ...families(o).flatMap((family) => [
        ` address-family ${family} unicast`,
        `  neighbor ${n} activate`,
        ...o.announce
          .filter((prefix) => prefix.includes(":") === (family === "ipv6"))
          .map((prefix) => `  network ${prefix}`),
        " exit-address-family",
      ]),
    ];
    const daemon = await startFrr(namespace, lines.join("\n"), { bfd: o.bfd ?? false });
    return {
      daemon,
      established: async () => (await daemon.query(`show bgp neighbors ${n}`)).includes("BGP state = Established"),
      routes: async () => {
        const text = await Promise.all(
          ["ipv4", "ipv6"].map((family) => daemon.query(`show bgp ${family} unicast neighbors ${n} routes`)),
        );
        return prefixes(text.join("\n"));
      },
    };
  },
};

export const GOBGP: PeerKind = {
  name: "gobgpd",
  present: installed("gobgpd", "gobgp"),
  start: async (namespace, o) => {
    const toml = `
[global.config]
  as = ${o.as}
  router-id = "${routerId(o)}"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${o.neighbor}${o.iface === undefined ? "" : `%${o.iface}`}"
    peer-as = ${o.neighborAs}
    ${o.md5 === undefined ? "" : `auth-password = "${o.md5}"`}
  [neighbors.transport.config]
    ${o.passive ? "passive-mode = true" : ""}
    ${o.iface === undefined ? `local-address = "${o.address}"` : ""}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
    ${o.hold === undefined ? "" : `hold-time = ${o.hold}\n    keepalive-interval = ${Math.max(1, Math.floor(o.hold / 3))}`}
  ${o.gtsm ? "[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255" : ""}
  ${o.multihop === undefined ? "" : `[neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = ${o.multihop}`}
  ${o.extra ?? ""}
${families(o)
  .map(
    (family) =>
      `  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${family}-unicast"`,
  )
  .join("\n")}
`;
    const daemon = await startGobgp(namespace, toml);
    for (const prefix of o.announce)
      await daemon.query(`global rib add ${prefix}${prefix.includes(":") ? " -a ipv6" : ""}`);
    return {
      daemon,
      established: async () => /Establ/.test(await daemon.query("neighbor")),
      routes: async () => {
        const own = new Set(o.announce);
        const text = await Promise.all(["ipv4", "ipv6"].map((family) => daemon.query(`global rib -a ${family}`)));
        return prefixes(text.join("\n")).filter((prefix) => !own.has(prefix));
      },
    };
  },
};

export const EXABGP: PeerKind = {
  name: "exabgp",
  present: installed("exabgp"),
  start: async (namespace, o) => {
    const daemon = await startExabgp(
      namespace,
      `neighbor ${o.neighbor} {
  router-id ${routerId(o)};
  local-address ${o.address};
  local-as ${o.as};
  peer-as ${o.neighborAs};
  ${o.passive ? "passive true; listen 179;" : ""}
  ${o.md5 === undefined ? "" : `md5-password "${o.md5}"; md5-base64 false;`}
  ${o.gtsm ? "incoming-ttl 255; outgoing-ttl 255;" : ""}
  ${o.multihop === undefined ? "" : `outgoing-ttl ${o.multihop};`}
  ${o.hold === undefined ? "" : `hold-time ${o.hold};`}
  ${o.extra ?? ""}
  family { ${families(o)
    .map((family) => `${family} unicast;`)
    .join(" ")} }
  api { processes [ tee ]; neighbor-changes; receive { parsed; update; } }
  static { ${o.announce.map((prefix) => `route ${prefix} next-hop self;`).join(" ")} }
}`,
    );
    return {
      daemon,
      established: async () =>
        daemon.received().lastIndexOf('"state": "up"') > daemon.received().lastIndexOf('"state": "down"'),
      routes: async () => exabgpRoutes(daemon.received()),
    };
  },
};

export const OPENBGPD: PeerKind = {
  name: "openbgpd",
  present: installed("/usr/sbin/bgpd", "bgpctl"),
  start: async (namespace, o) => {
    const scope = o.iface === undefined ? "" : `%${o.iface}`;
    const daemon = await startOpenbgpd(
      namespace,
      `AS ${o.as}
router-id ${routerId(o)}
connect-retry 1
${o.announce.map((prefix) => `network ${prefix}`).join("\n")}
neighbor ${o.neighbor}${scope} {
  remote-as ${o.neighborAs}
  ${o.iface === undefined ? `local-address ${o.address}` : ""}
  ${o.passive ? "passive" : ""}
  ${o.md5 === undefined ? "" : `tcp md5sig password ${o.md5}`}
  ${o.gtsm ? "ttl-security yes" : ""}
  ${o.multihop === undefined ? "" : `multihop ${o.multihop}`}
  ${o.hold === undefined ? "" : `holdtime ${o.hold}`}
  ${families(o)
    .map((family) => `announce ${family === "ipv4" ? "IPv4" : "IPv6"} unicast`)
    .join("\n  ")}
  ${families(o).includes("ipv4") ? "" : "announce IPv4 none"}
  ${o.extra ?? ""}
}
allow from any
allow to any
`,
    );
    return {
      daemon,
      established: async () => (await daemon.query("show neighbor")).includes("BGP state = Established"),
      routes: async () => prefixes(await daemon.query("show rib")).filter((prefix) => !o.announce.includes(prefix)),
    };
  },
};

export const KINDS: readonly PeerKind[] = [BIRD, FRR, GOBGP, EXABGP, OPENBGPD];

/** The state that its JSON lines add up to. */
function exabgpRoutes(lines: string): string[] {
  const held = new Set<string>();
  for (const line of lines.split("\n")) {
    if (!line.includes('"type": "update"')) continue;
    const update = JSON.parse(line)?.neighbor?.message?.update;
    for (const hops of Object.values<object>(update?.announce ?? {}))
      for (const nlri of Object.values<{ nlri: string }[]>(hops as Record<string, { nlri: string }[]>))
        for (const each of Array.isArray(nlri) ? nlri : []) held.add(each.nlri);
    for (const nlri of Object.values<{ nlri: string }[]>(update?.withdraw ?? {}))
      for (const each of nlri) held.delete(each.nlri);
  }
  return [...held];
}

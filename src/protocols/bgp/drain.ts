/**
 * RFC 8326: taking a session out of service without loss. What we announce carries GRACEFUL_SHUTDOWN, so
 * that the other AS turns away; what we learn from it is worth least to our own AS.
 */
import { WellKnownCommunity } from "../../../protocol/codec/iana.ts";
import type { CompiledFilter } from "../../../protocol/policy/compile.ts";

export function drainedExport(filter: CompiledFilter): CompiledFilter {
  if (filter.name === "REJECT") return filter;
  return wrapped(filter, "export", (attributes) => {
    const communities = attributes.communities ?? [];
    if (communities.includes(WellKnownCommunity.GracefulShutdown)) return attributes;
    return { ...attributes, communities: [...communities, WellKnownCommunity.GracefulShutdown] };
  });
}

export function drainedImport(filter: CompiledFilter): CompiledFilter {
  if (filter.name === "REJECT") return filter;
  return wrapped(filter, "import", (attributes) => ({ ...attributes, localPref: 0 }));
}

type Attributes = NonNullable<ReturnType<CompiledFilter["run"]>>;

function wrapped(filter: CompiledFilter, kind: string, change: (attributes: Attributes) => Attributes): CompiledFilter {
  return {
    name: `${filter.name}, graceful shutdown`,
    reads: filter.reads,
    key: `${filter.key}\n# graceful shutdown ${kind}`,
    writes: new Set([...filter.writes, kind === "export" ? "bgp_community" : "bgp_local_pref"]),
    run: (net, attributes, source, env) => {
      const result = filter.run(net, attributes, source, env);
      return result && change(result);
    },
  };
}

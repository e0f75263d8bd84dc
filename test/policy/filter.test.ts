/** Filters on routes: what they read, write, print, and what goes wrong while they run. */
import { describe, expect, test } from "vitest";
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { FilterEnv } from "../../protocol/policy/run.ts";
import { type Net, type RouteAttributes, RouteKind, type RouteSource } from "../../protocol/rib/route.ts";
import { type IpAddress, ipv4, parseAddress, parsePrefix } from "../../protocol/wire/address.ts";
import { diskFiles } from "../../src/config/files.ts";
import { formatErrors, loadConfig } from "../../src/config/load.ts";

const NET = parsePrefix("10.1.0.0/16") as Net;
const SOURCE: RouteSource = { id: 1, protocol: "static1", kind: RouteKind.Static, preference: 200 };
const BLACKHOLE: RouteAttributes = { dest: "blackhole" };

interface Outcome {
  readonly result: RouteAttributes | undefined;
  readonly printed: readonly string[];
  readonly errors: readonly string[];
}

function compile(body: string, before = ""): CompiledFilter {
  const text = `protocol device { }\nroa4 table r4;\nattribute int own;\n${before}\nfilter tested ${body.startsWith("{") ? body : `{ ${body} }`}`;
  const result = loadConfig({ file: "bird.conf", text, ...diskFiles });
  if (!result.ok) throw new Error(formatErrors(result));
  return result.config.filters.get("tested") as CompiledFilter;
}

function run(filter: CompiledFilter, attrs: RouteAttributes = BLACKHOLE, net: Net = NET): Outcome {
  const printed: string[] = [];
  const errors: string[] = [];
  const env: FilterEnv = {
    print: (line) => printed.push(line),
    error: (message) => errors.push(message),
    roaCheck: (_table, _net, asn) => (asn === 65001 ? 1 : 2),
    interfaceIndex: (name) => (name === "lo" ? 1 : 0),
    routerId: 0,
  };
  return { result: filter.run(net, attrs, SOURCE, env), printed, errors };
}

/** Only what is set, for comparison. */
function set(attrs: RouteAttributes | undefined): object | undefined {
  return attrs && Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== undefined));
}

describe("verdicts, as bird 2.0.12 gives them", () => {
  test.each([
    ["accept;", true],
    ["reject;", false],
    ["", false],
    ["return true;", true],
    ["return false;", false],
    ["if bgp_med = 5 then reject; accept;", true],
    ["if bgp_med != 5 then accept; reject;", true],
    ["if bgp_med > 5 then reject; accept;", true],
    ["if bgp_aggregator = bgp_aggregator then accept; reject;", true],
    ["case bgp_med { 1: reject; else: accept; }", true],
    ["prefix set zz = [10.0.0.0/8+]; if net ~ zz then accept;", true],
    ["if roa_check(r4, net, 65001) = ROA_VALID then accept;", true],
    ['if proto = "static1" && source = RTS_STATIC then accept;', true],
    ['if from = :: && gw = :: && ifname = "" && scope = SCOPE_UNIVERSE then accept;', true],
    ["if preference = 200 && weight = 1 && !onlink && gw_mpls = 3 && ifindex = 0 then accept;", true],
    ["int x; accept;", true], // a run-time error in bird 2.0.12, right since 2.13
  ])("%s", (body, accepted) => {
    const { result, errors } = run(compile(body));
    expect(result !== undefined).toBe(accepted);
    if (accepted) expect(errors).toEqual([]);
  });
});

describe("run-time errors reject, and are told with their place", () => {
  test.each([
    ["bgp_med = bgp_med + 5; accept;", "Argument 1 of ADD must be of type int, got type void"],
    ["bgp_med = bgp_local_pref; accept;", "Argument 1 of EA_SET must be of type int, got type void"],
    ["int x = 5; x = bgp_med; accept;", "Argument 1 of VAR_SET must be of type int, got type void"],
    ["bgp_med = 1 / bgp_path.len; accept;", "Mother told me not to divide by 0"],
    ["return 5;", "Can't return non-bool from non-function"],
    ["dest = RTD_UNICAST; accept;", "Destination can be changed only to blackhole, unreachable or prohibit"],
    ['ifname = "nosuch"; accept;', "Invalid iface name"],
    ["weight = 500; accept;", "Setting weight value out of bounds"],
    ["weight = 5; accept;", "Setting weight needs regular nexthop "],
    ["if roa_check(r4) = ROA_VALID then accept;", "Missing AS_PATH attribute"],
    ["if roa_check(master4, net, 5) = ROA_VALID then accept;", "Table type must be either ROA4 or ROA6"],
    ["bgp_aggregator = bgp_aggregator; accept;", "Setting opaque attribute is not allowed"],
    ["bt_assert(true); accept;", "No bt_assert hook registered, can't assert"],
    ["if bgp_med ~ [1, 2] then accept; accept;", "~ applied on unknown type pair"],
    ["accept_nothing();", "Filter tested did not return accept nor reject. Make up your mind"],
    ["if forever(1) then accept;", "Function calls itself too deep"],
  ])("%s", (body, message) => {
    const functions = "function accept_nothing() { return 1; }\nfunction forever(int a) { return forever(a); }";
    const { result, errors } = run(compile(body, functions));
    expect(result).toBeUndefined();
    expect(errors).toEqual([message]);
  });
});

describe("writes", () => {
  test.each<[string, object]>([
    ["bgp_med = 5;", { multiExitDisc: 5 }],
    ["bgp_path.prepend(65001); bgp_path.prepend(65001);", { asPath: [{ type: 2, asns: [65001, 65001] }] }],
    ["bgp_community.add((1, 2)); bgp_community.add((1, 2));", { communities: [65538] }],
    ["bgp_large_community.add((1, 2, 3));", { largeCommunities: [{ global: 1, local1: 2, local2: 3 }] }],
    ["bgp_ext_community.add((rt, 1, 2));", { extCommunities: [{ hi: 0x00020001, lo: 2 }] }],
    ["bgp_originator_id = 1.2.3.4;", { originatorId: 0x01020304 }],
    ["bgp_cluster_list.add(1.2.3.4);", { clusterList: [0x01020304] }],
    ["bgp_origin = ORIGIN_EGP; bgp_local_pref = 7; bgp_otc = 9;", { origin: 1, localPref: 7, onlyToCustomer: 9 }],
    ["bgp_next_hop = 1.2.3.4;", { nextHop: ipv4(0x01020304) }],
    ["preference = 70000;", { preference: 4464 }], // cut to 16 bits, as bird does
    ["scope = SCOPE_HOST; from = 9.9.9.9; igp_metric = 77;", { scope: 0, from: ipv4(0x09090909), igpMetric: 77 }],
    ["own = 7;", { custom: new Map([["own", 7]]) }],
    [
      "krt_prefsrc = 1.1.1.1; krt_metric = 5; krt_lock_mtu = true;",
      { kernel: { krt_prefsrc: ipv4(0x01010101), krt_metric: 5, krt_lock_mtu: 1 } },
    ],
    ["dest = RTD_UNREACHABLE;", { dest: "unreachable" }],
    ['ifname = "lo";', { dest: "unicast", nextHops: [{ iface: "lo" }] }],
    ["bgp_med = 5; unset(bgp_med);", {}],
    ["clist c = -empty-; c.add((1, 2)); bgp_community = c;", { communities: [65538] }],
    [
      "if defined(bgp_community) then bgp_med = 1; bgp_community.empty; if defined(bgp_community) then bgp_med = 2;",
      { communities: [] },
    ],
  ])("%s", (statements, expected) => {
    const { result, errors } = run(compile(`${statements} accept;`));
    expect(errors).toEqual([]);
    expect(set(result)).toEqual({ ...BLACKHOLE, ...expected });
  });

  test("what is not changed is the same object, what was given is never changed", () => {
    const attrs: RouteAttributes = Object.freeze({ multiExitDisc: 5, communities: Object.freeze([65538]) });
    const same = compile("bgp_med = 5; bgp_community.add((1, 2)); accept;");
    expect(run(same, attrs).result).toBe(attrs);
    const other = compile("bgp_med = 6; bgp_community.add((3, 4)); accept;");
    expect(set(run(other, attrs).result)).toEqual({ multiExitDisc: 6, communities: [65538, 196612] });
    expect(attrs).toEqual({ multiExitDisc: 5, communities: [65538] });
  });

  test("routes of one bundle get one object, others their own", () => {
    const filter = compile(
      "if net.len > 20 then bgp_med = 1; bgp_local_pref = net.len; bgp_community.add((1, 2)); accept;",
    );
    const [a, b]: RouteAttributes[] = [{ origin: 0 }, { origin: 1 }];
    const run24 = (attrs: RouteAttributes): RouteAttributes | undefined =>
      run(filter, attrs, parsePrefix("10.0.0.0/24") as Net).result;
    const run16 = (attrs: RouteAttributes): RouteAttributes | undefined => run(filter, attrs).result;
    const want = (origin: number, length: number): object => ({
      origin,
      localPref: length,
      communities: [65538],
      ...(length > 20 ? { multiExitDisc: 1 } : {}),
    });
    // Whatever comes before, the result is that of a filter that remembers nothing.
    for (const attrs of [a, a, b, a, a, a, b, b, b, a]) {
      expect(set(run24(attrs as RouteAttributes))).toEqual(want(attrs?.origin ?? 0, 24));
      expect(set(run16(attrs as RouteAttributes))).toEqual(want(attrs?.origin ?? 0, 16));
    }
    run24(a as RouteAttributes);
    run24(a as RouteAttributes);
    expect(run24(a as RouteAttributes)).toBe(run24(a as RouteAttributes));
  });
});

test("prints as bird does", () => {
  const body = `print "x", bgp_med, bgp_path, net, from, gw, proto, source, dest, ifname, scope, preference, weight, onlink,
    igp_metric, gw_mpls, ifindex; printn "a"; print "b"; printn "c"; accept "why ", 5;`;
  expect(run(compile(body)).printed).toEqual([
    "x(void)(path )10.1.0.0/16::::static1(enum 30)1(enum 34)2(enum 32)42001FALSE(void)30",
    "ab",
    "cwhy 5",
  ]);
});

test("variables of a function that calls itself are each call's own", () => {
  const functions = "function f(int a) { int b = a; if a > 0 then f(a - 1); return b; }";
  expect(run(compile("bgp_med = f(5); accept;", functions)).result?.multiExitDisc).toBe(5);
});

test("accept inside a function ends the filter, in a statement and in an expression", () => {
  const functions = "function f() { accept; }";
  expect(run(compile("f(); reject;", functions)).result).toBe(BLACKHOLE);
  expect(run(compile("if f() then reject; reject;", functions)).result).toBe(BLACKHOLE);
});

describe("what is known of a filter without running it", () => {
  test.each([
    ["accept;", { net: false, source: false, impure: false }],
    ["if net.len > 5 then accept;", { net: true, source: false, impure: false }],
    ["if source = RTS_BGP then accept;", { net: false, source: true, impure: false }],
    ["print 5; accept;", { net: false, source: false, impure: true }],
    ["if roa_check(r4) = ROA_VALID then accept;", { net: true, source: false, impure: true }],
    ["if f() then accept;", { net: true, source: false, impure: false }],
  ])("%s reads", (body, reads) => {
    expect(compile(body, "function f() { return net.len > 5; }").reads).toEqual(reads);
  });

  test("the names it may write", () => {
    expect([...compile("f(); bgp_path.prepend(5); accept;", "function f() { bgp_med = 5; return 1; }").writes]).toEqual(
      ["bgp_med", "bgp_path"],
    );
  });

  test.each([
    ["layout and names do not count", "{ int a = 5;\n\n accept; }", "{ int b = 5; accept; }", "", "", true],
    ["constants do", "{ bgp_med = X; accept; }", "{ bgp_med = X; accept; }", "define X = 5;", "define X = 6;", false],
    [
      "functions do",
      "{ f(); accept; }",
      "{ f(); accept; }",
      "function f() { return 1; }",
      "function f() { return 2; }",
      false,
    ],
    ["sets do", "{ if net ~ [10.0.0.0/8] then accept; }", "{ if net ~ [10.0.0.0/8+] then accept; }", "", "", false],
    [
      "kinds of communities do",
      "{ bgp_ext_community.add((rt, bgp_med, 1)); }",
      "{ bgp_ext_community.add((ro, bgp_med, 1)); }",
      "",
      "",
      false,
    ],
  ])("its key: %s", (_, a, b, before, after, isSame) => {
    expect(compile(a, before).key === compile(b, after).key).toBe(isSame);
  });
});

test("an address is what it says", () => {
  const attrs: RouteAttributes = { nextHops: [{ gateway: parseAddress("192.0.2.1") as IpAddress, iface: "lo" }] };
  expect(
    run(compile('if gw = 192.0.2.1 && ifname = "lo" && ifindex = 1 && dest = RTD_UNICAST then accept;'), attrs).result,
  ).toBe(attrs);
});

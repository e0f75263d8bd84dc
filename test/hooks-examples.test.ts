/** The examples of hooks against clients that only write down what they are asked. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const EXAMPLES = resolve(import.meta.dirname, "../examples/hooks");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "linnet-examples-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** @param client what the cloud's client does, in shell, with its arguments in $* */
function run(
  script: string,
  args: readonly string[],
  client: string,
  facts: Record<string, string>,
): [number | null, string[]] {
  const calls = join(directory, "calls");
  writeFileSync(calls, "");
  for (const name of ["aws", "gcloud", "az"]) {
    const file = join(directory, name);
    writeFileSync(file, `#!/bin/sh\necho "$*" >> ${calls}\n${client}\n`);
    chmodSync(file, 0o755);
  }
  const env = { PATH: `${directory}:${process.env.PATH ?? ""}`, ...facts };
  const { status } = spawnSync(join(EXAMPLES, script), args, { env });
  return [status, readFileSync(calls, "utf8").split("\n").filter(Boolean)];
}

const ADDED = { LINNET_EVENT: "route-added", LINNET_NET: "10.20.0.0/16" };
const CREATED = "case \"$*\" in *replace-route* | *' update '*) exit 1 ;; esac";

describe("aws-replace-route", () => {
  const args = ["rtb-1", "eni-1"];
  const moved = "--route-table-id rtb-1 --destination-cidr-block 10.20.0.0/16 --network-interface-id eni-1";

  test("replaces the route", () => {
    expect(run("aws-replace-route", args, "", ADDED)).toEqual([0, [`ec2 replace-route ${moved}`]]);
  });
  test("creates it if there is none to replace", () => {
    const calls = [`ec2 replace-route ${moved}`, `ec2 create-route ${moved}`];
    expect(run("aws-replace-route", args, CREATED, ADDED)).toEqual([0, calls]);
  });
  test("fails, to be tried again, if neither can be done", () => {
    expect(run("aws-replace-route", args, "exit 255", ADDED)[0]).toBe(1);
  });
  test("takes IPv6, and the CIDR that it is told for a session", () => {
    const [, calls] = run("aws-replace-route", [...args, "fd00::/48"], "", { LINNET_EVENT: "session-up" });
    expect(calls).toEqual([
      "ec2 replace-route --route-table-id rtb-1 --destination-ipv6-cidr-block fd00::/48 --network-interface-id eni-1",
    ]);
  });
  test("leaves the route to others when ours goes", () => {
    expect(run("aws-replace-route", args, "", { ...ADDED, LINNET_EVENT: "route-removed" })).toEqual([0, []]);
  });
});

describe("azure-route", () => {
  test("updates the route, or creates it", () => {
    const rest =
      "--resource-group rg --route-table-name rt --name ts --address-prefix 10.20.0.0/16 --next-hop-type VirtualAppliance --next-hop-ip-address 10.0.0.4";
    const calls = [`network route-table route update ${rest}`, `network route-table route create ${rest}`];
    expect(run("azure-route", ["rg", "rt", "ts", "10.0.0.4"], CREATED, ADDED)).toEqual([0, calls]);
  });
});

describe("gcp-route", () => {
  const args = ["ts", "vpc", "router-1", "europe-west1-b"];
  const create = (name: string, priority: number): string =>
    `compute routes create ${name} --network=vpc --destination-range=10.20.0.0/16 --priority=${priority} --next-hop-instance=router-1 --next-hop-instance-zone=europe-west1-b`;

  test.each([
    ["first", "", ["ts-a"], 500, undefined],
    ["second", "ts-a 500", ["ts-b"], 499, "ts-a"],
    ["third", "ts-b 499", ["ts-a"], 498, "ts-b"],
    ["last before the priorities begin anew", "ts-b 100", ["ts-a"], 500, "ts-b"],
  ])("the %s route comes before the old one goes", (_, listed, [name = ""], priority, gone) => {
    const client = `case "$*" in *list*) printf '%s\\n' "${listed}" ;; esac`;
    const [status, calls] = run("gcp-route", args, client, ADDED);
    expect(status).toBe(0);
    const deletion = (route: string): string => `compute routes delete ${route} --quiet`;
    expect(calls.slice(1)).toEqual([deletion(name), create(name, priority), ...(gone ? [deletion(gone)] : [])]);
  });
});

/**
 * The command `linnet`: a daemon that takes bird's flags, or one of its subcommands. Each is loaded only
 * when it is meant: the daemon's start is timed.
 */

import { VERSION } from "../version.ts";
import { parseFlags } from "./flags.ts";

const SUBCOMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  check: async (args) => (await import("./check.ts")).checkCommand(args, process),
  ctl: async (args) => (await import("./ctl.ts")).ctlCommand(args),
  decode: async (args) => (await import("./decode.ts")).decodeCommand(args, process),
  start: async (args) => (await import("../demo.ts")).startCommand(args),
};

function main(words: readonly string[]): void {
  // `npm start -- -c FILE` is the daemon, where one can see it.
  const args = words[0] === "start" && words.includes("-c") ? ["-f", ...words.slice(1)] : words;
  const subcommand = Object.hasOwn(SUBCOMMANDS, args[0] ?? "") ? SUBCOMMANDS[args[0]!] : undefined;
  if (subcommand) {
    subcommand(args.slice(1)).then((status) => {
      process.exitCode = status;
    }, failed);
    return;
  }
  const result = parseFlags(args, VERSION);
  if (result.type === "exit") {
    process.stderr.write(result.text);
    process.exitCode = result.status;
    return;
  }
  import("./daemon.ts").then(({ runDaemon }) => runDaemon(result.flags)).catch(failed);
}

function failed(error: unknown): void {
  process.stderr.write(`linnet: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}

main(process.argv.slice(2));

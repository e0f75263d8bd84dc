/**
 * The daemon's flags, read as bird's getopt reads them, to the wording of its complaints: scripts and
 * service files pass them, and people know them.
 */

export interface DaemonFlags {
  readonly config: string;
  /** Control sockets; the first one names the state file too. */
  readonly sockets: readonly string[];
  readonly foreground: boolean;
  readonly debug: "none" | "stderr" | { readonly file: string };
  readonly parseOnly: boolean;
  readonly pidFile?: string;
  readonly gracefulRestart: boolean;
  readonly user?: string;
  readonly group?: string;
}

export type FlagsResult =
  | { readonly type: "run"; readonly flags: DaemonFlags }
  /** All of bird's words go to standard error, help and version too. */
  | { readonly type: "exit"; readonly status: 0 | 1; readonly text: string };

interface Draft {
  config?: string;
  sockets: string[];
  foreground: boolean;
  debug: DaemonFlags["debug"];
  local: boolean;
  parseOnly: boolean;
  pidFile?: string;
  gracefulRestart: boolean;
  user?: string;
  group?: string;
}

/** @param args what stands behind the program's name */
export function parseFlags(args: readonly string[], version: string): FlagsResult {
  // Like bird, we know long options only if they stand alone.
  if (args.length === 1 && args[0] === "--version") return exit(0, versionText(version));
  if (args.length === 1 && args[0] === "--help") return exit(0, HELP);
  const draft: Draft = {
    sockets: [],
    foreground: false,
    debug: "none",
    local: false,
    parseOnly: false,
    gracefulRestart: false,
  };
  let positional = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      positional ||= i + 1 < args.length;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      positional = true; // complained about at the end: getopt permutes
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = String.fromCodePoint(arg.codePointAt(at)!);
      if (letter === "h") return exit(0, HELP);
      if (letter === "b") return exit(1, `\n${USAGE}`); // bird's getopt knows it, bird does not
      if (SWITCHES.has(letter)) {
        setSwitch(draft, letter);
        continue;
      }
      if (!WITH_VALUE.has(letter)) return exit(1, `bird: invalid option -- '${letter}'\n\n${USAGE}`);
      const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i];
      if (value === undefined) return exit(1, `bird: option requires an argument -- '${letter}'\n\n${USAGE}`);
      setValue(draft, letter, value);
      break;
    }
  }
  return positional ? exit(1, USAGE) : { type: "run", flags: finish(draft) };
}

export function versionText(version: string): string {
  return `BIRD version ${BIRD_VERSION}\nlinnet ${version}\n`;
}

function setSwitch(draft: Draft, letter: string): void {
  switch (letter) {
    case "d":
      draft.foreground = true;
      if (draft.debug === "none") draft.debug = "stderr";
      break;
    case "f":
      draft.foreground = true;
      break;
    case "l":
      draft.local = true;
      break;
    case "p":
      draft.parseOnly = true;
      break;
    case "R":
      draft.gracefulRestart = true;
      break;
  }
}

function setValue(draft: Draft, letter: string, value: string): void {
  switch (letter) {
    case "c":
      draft.config = value;
      break;
    case "D":
      draft.debug = { file: value };
      break;
    case "g":
      draft.group = value;
      break;
    case "P":
      draft.pidFile = value;
      break;
    case "s":
      draft.sockets.push(value);
      break;
    case "u":
      draft.user = value;
      break;
  }
}

function finish(draft: Draft): DaemonFlags {
  const { config, sockets, local, foreground, debug, parseOnly, gracefulRestart, pidFile, user, group } = draft;
  return {
    config: config ?? (local ? "bird.conf" : DEFAULT_CONFIG),
    sockets: sockets.length > 0 ? sockets : [local ? "bird.ctl" : DEFAULT_SOCKET],
    foreground,
    debug,
    parseOnly,
    gracefulRestart,
    ...(pidFile ? { pidFile } : {}),
    ...(user ? { user } : {}),
    ...(group ? { group } : {}),
  };
}

function exit(status: 0 | 1, text: string): FlagsResult {
  return { type: "exit", status, text };
}

/** Towards tools we are this BIRD. */
export const BIRD_VERSION = "2.0.12";
export const DEFAULT_CONFIG = "/etc/bird/bird.conf";
export const DEFAULT_SOCKET = "/run/bird/bird.ctl";
const SWITCHES: ReadonlySet<string> = new Set(["d", "f", "l", "p", "R"]);
const WITH_VALUE: ReadonlySet<string> = new Set(["c", "D", "g", "P", "s", "u"]);
const USAGE = "Usage: bird [--version] [--help] [-c <config-file>] [OPTIONS]\n";
const HELP = `${USAGE}
Options: 
  -c <config-file>     Use given configuration file instead of
                       ${DEFAULT_CONFIG}
  -d                   Enable debug messages and run bird in foreground
  -D <debug-file>      Log debug messages to given file instead of stderr
  -f                   Run bird in foreground
  -g <group>           Use given group ID
  -h, --help           Display this information
  -l                   Look for a configuration file and a control socket
                       in the current working directory
  -p                   Test configuration file and exit without start
  -P <pid-file>        Create a PID file with given filename
  -R                   Apply graceful restart recovery after start
  -s <control-socket>  Use given filename for a control socket
  -u <user>            Drop privileges and use given user ID
  --version            Display version of BIRD
`;

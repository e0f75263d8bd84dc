/** birdc's flags, and two of our own; the first word that is none begins the command. */

export interface CtlFlags {
  readonly socket: string;
  readonly verbose: boolean;
  readonly restricted: boolean;
  readonly json: boolean;
  /** Left empty: a session. */
  readonly words: readonly string[];
}

export type ParsedCtlFlags =
  | { readonly type: "run"; readonly flags: CtlFlags }
  | { readonly type: "exit"; readonly status: number; readonly text: string };

/** As getopt reads: flags in one word or apart, an argument joined or apart, `--` ends them. */
export function parseCtlFlags(args: readonly string[]): ParsedCtlFlags {
  let socket: string | undefined;
  let local = false;
  const seen = new Set<string>();
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--") {
      at++;
      break;
    }
    if (arg === "--json") seen.add("json");
    else if (arg === "--help" || arg === "-h") return { type: "exit", status: 0, text: HELP };
    else if (!arg.startsWith("-") || arg === "-") break;
    else {
      for (let i = 1; i < arg.length; i++) {
        const flag = arg[i] as string;
        if (flag === "s") {
          socket = arg.slice(i + 1) || args[++at];
          if (socket === undefined) return wrong("option requires an argument -- 's'");
          break;
        }
        if (flag === "l") local = true;
        else if (flag === "v" || flag === "r") seen.add(flag);
        else return wrong(`invalid option -- '${flag}'`);
      }
    }
  }
  const words = args.slice(at);
  // Behind the command it can mean nothing else.
  const json = seen.has("json") || words.at(-1) === "--json";
  return {
    type: "run",
    flags: {
      socket: socket ?? (local ? LOCAL_SOCKET : DEFAULT_SOCKET),
      verbose: seen.has("v"),
      restricted: seen.has("r"),
      json,
      words: words.filter((word, i) => !(word === "--json" && i === words.length - 1)),
    },
  };
}

function wrong(text: string): ParsedCtlFlags {
  return { type: "exit", status: 1, text: `linnetc: ${text}\n${USAGE}` };
}

export const DEFAULT_SOCKET = "/run/bird/bird.ctl";
const LOCAL_SOCKET = "bird.ctl";
const USAGE = "Usage: linnetc [-s <control-socket>] [-v] [-r] [-l] [--json] [<command>]\n";
const HELP = `${USAGE}
Options:
  -s <control-socket>  Use given filename for a control socket, not
                       ${DEFAULT_SOCKET}
  -v                   Print the numeric codes of replies
  -r                   Only commands that change nothing
  -l                   Look for the control socket in the current directory
  --json               Print the reply to a show command as a JSON document
  -h, --help           Display this information

Without a command it reads commands from the terminal; \`help\` lists them.
\`linnetc watch\` shows the sessions on the whole screen, live.

Exit status: 0 done, 1 the command was refused, 2 there is no daemon.
`;

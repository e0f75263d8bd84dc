/**
 * The client of the control socket: birdc's flags and output, one command or a session, and beyond
 * birdc `--json` and `watch`. Knows nothing of the daemon but its socket.
 */
import { ControlClient, type Printer } from "./linnetc/client.ts";
import { type CtlFlags, parseCtlFlags } from "./linnetc/flags.ts";
import { ConnectError, hintsFor } from "./linnetc/hints.ts";
import { expand, helpText } from "./linnetc/syntax.ts";

/** Exit statuses: done; refused by the daemon or not understood here; no daemon. */
export const Status = { Done: 0, Refused: 1, NoDaemon: 2 } as const;

/** @returns the exit status */
export async function ctlCommand(args: readonly string[]): Promise<number> {
  const parsed = parseCtlFlags(args);
  if (parsed.type === "exit") {
    (parsed.status === 0 ? process.stdout : process.stderr).write(parsed.text);
    return parsed.status;
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(Status.Done); // `linnetc show route | head`
    throw error;
  });
  try {
    return await run(parsed.flags);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    process.stderr.write(`${error.message}\n${hintsFor(error).join("")}`);
    return Status.NoDaemon;
  }
}

async function run(flags: CtlFlags): Promise<number> {
  const [first] = flags.words;
  if (first === "watch") return (await import("./linnetc/watch.ts")).watch(flags);
  if (first === "help" || first === "?") return say(helpText(flags.words.slice(1)));
  const client = await ControlClient.connect(flags.socket);
  try {
    greet(client, flags);
    if (flags.restricted) await client.request("restrict", printer(flags), { verbose: flags.verbose });
    if (flags.words.length > 0) return await once(client, flags);
    return await (await import("./linnetc/interactive.ts")).interact(client, flags);
  } finally {
    client.close();
  }
}

/** As birdc does; a JSON document stands alone. */
function greet({ greeting }: ControlClient, { json, verbose }: CtlFlags): void {
  if (!json) process.stdout.write(`${verbose ? greeting : greeting.slice(CODE_LENGTH)}\n`);
}

function printer({ json }: CtlFlags): Printer {
  return json ? () => true : (text) => process.stdout.write(`${text}\n`);
}

async function once(client: ControlClient, flags: CtlFlags): Promise<number> {
  const expansion = expand(flags.words.join(" "));
  if (expansion.type === "refused") {
    (flags.json ? process.stderr : process.stdout).write(expansion.text);
    return Status.Refused;
  }
  const line = flags.json ? `json ${expansion.line}` : expansion.line;
  let refusal = "";
  const code = await client.request(
    line,
    (text, isError) => {
      if (!(isError && flags.json)) return process.stdout.write(`${text}\n`);
      refusal = `${text}\n`;
      return true;
    },
    { verbose: flags.verbose && !flags.json },
  );
  process.stderr.write(refusal);
  return code >= FIRST_ERROR ? Status.Refused : Status.Done;
}

function say(text: string): number {
  process.stdout.write(text);
  return Status.Done;
}

const FIRST_ERROR = 8000;
/** `0001 ` */
const CODE_LENGTH = 5;

/** Why there is no daemon to talk to, in words that help. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemError } from "../../errno.ts";

export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly path: string;
  readonly code: string;

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`Unable to connect to server control socket (${path}): ${words(cause)}`);
    this.path = path;
    this.code = cause.code ?? "";
  }
}

/** Lines below the error. */
export function hintsFor({ path, code }: ConnectError): string[] {
  const running = daemons();
  const others = OTHER_SOCKETS.filter((other) => other !== path && isSocket(other));
  const hints: string[] = [];
  if (code === "ENOENT") hints.push(missing(path, running.length > 0));
  else if (code === "ECONNREFUSED")
    hints.push("The socket is there, but nobody listens: the daemon died, or was killed.");
  else if (code === "EACCES" || code === "EPERM") hints.push(denied(path));
  else if (code === "ECONNRESET") hints.push("The daemon closed the connection: it is shutting down, or too busy.");
  if (others.length > 0) hints.push(`There is a socket at ${others.join(" and ")}: try -s ${others[0]}.`);
  if (running.length > 0) hints.push(`Running: ${running.map(({ name, pid }) => `${name} (pid ${pid})`).join(", ")}.`);
  else hints.push("No linnet or bird is running here.");
  return hints.map((hint) => `${hint}\n`);
}

function words(cause: NodeJS.ErrnoException): string {
  return cause.code === "ECONNRESET" ? "Connection closed" : systemError(cause);
}

function missing(path: string, isRunning: boolean): string {
  if (isRunning) return "A daemon runs, but not with this socket: -s PATH names the one it was given.";
  return directoryExists(path)
    ? "There is no such socket: the daemon is not running, or was told another path (-s)."
    : `There is no directory ${dirname(path)}: the daemon has not been started since boot, or uses another path (-s).`;
}

function denied(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path);
    const bits = (mode & 0o777).toString(8);
    return `The socket has mode ${bits}, owner ${uid}, group ${gid}; you are user ${process.getuid?.()}: be root, or join that group.`;
  } catch {
    return `You may not look into ${dirname(path)}: be root, or join the daemon's group.`;
  }
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

function directoryExists(path: string): boolean {
  try {
    return statSync(dirname(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Processes that look like a daemon of ours or like bird. */
function daemons(): { readonly name: string; readonly pid: string }[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .flatMap((pid) => nameOf(pid).map((name) => ({ name, pid })));
  } catch {
    return []; // no /proc: nothing is known
  }
}

function nameOf(pid: string): string[] {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (/(^|\/)bird$/.test(args[0] ?? "")) return ["bird"];
    return args.slice(0, 3).some((arg) => /(^|\/)linnet(\.js)?$/.test(arg)) ? ["linnet"] : [];
  } catch {
    return []; // gone meanwhile, or another user's
  }
}

const OTHER_SOCKETS = ["/run/bird/bird.ctl", "/run/bird.ctl", "/var/run/bird.ctl", "./bird.ctl"] as const;

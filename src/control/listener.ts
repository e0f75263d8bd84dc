/**
 * Where the control socket lives: who may take a path, stale sockets, permissions, and descriptors that
 * systemd has opened for us.
 */
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, unlinkSync } from "node:fs";
import { chown } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { systemError } from "../errno.ts";

export interface ListenOptions {
  /** Owner of the socket, if it is not to be the process's own. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface ControlListener {
  readonly path: string;
  readonly server: Server;
}

/** The socket cannot be opened; the message is what bird prints behind `bird: `. */
export class ControlSocketError extends Error {
  override readonly name = "ControlSocketError";
}

/** Opens the sockets in order; if one fails, those before it are closed again. */
export async function openListeners(
  paths: readonly string[],
  options: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<ControlListener[]> {
  const opened = await Promise.all(activated(process.env, process.pid).map((fd) => adopt(fd, onConnection)));
  const taken = new Set(opened.map((listener) => canonical(listener.path)));
  try {
    for (const path of paths) {
      if (taken.has(canonical(path))) continue; // systemd's, or two names of one file
      opened.push(await open(path, options, onConnection));
      taken.add(canonical(path));
    }
  } catch (error) {
    for (const { server } of opened) server.close();
    throw error;
  }
  return opened;
}

/** Descriptors by the protocol of sd_listen_fds(3): only if they were meant for this very process. */
export function activated(env: NodeJS.ProcessEnv, pid: number): number[] {
  const count = Number(env.LISTEN_FDS ?? 0);
  if (Number(env.LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1) return [];
  return Array.from({ length: Math.min(count, MOST_FDS) }, (_, i) => FIRST_FD + i);
}

async function open(
  path: string,
  options: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<ControlListener> {
  await clearStale(path);
  const server = createServer(SERVER_OPTIONS, onConnection);
  // The socket must never be open to everybody, not even between bind and chmod.
  const umask = process.umask(NOT_OTHERS);
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path, backlog: BACKLOG }, () => resolve());
  });
  process.umask(umask);
  try {
    await listening;
    if (options.uid !== undefined || options.gid !== undefined) {
      await chown(path, options.uid ?? process.geteuid?.() ?? 0, options.gid ?? process.getegid?.() ?? 0);
    }
  } catch (error) {
    server.close();
    // libuv says EACCES of a directory that is not there.
    const words = existsSync(dirname(path)) ? systemError(error) : "No such file or directory";
    throw new ControlSocketError(`Cannot create control socket ${path}: ${words}`);
  }
  survive(server);
  return { path, server };
}

/** A dead daemon's socket goes; a live one's, and what is no socket, stays where it is. */
async function clearStale(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new ControlSocketError(`Cannot create control socket ${path}: ${systemError(error)}`);
  }
  if (!isSocket) throw new ControlSocketError(`Cannot create control socket ${path}: File exists and is no socket`);
  const refused = await probe(path);
  if (!refused) throw new ControlSocketError("I found another BIRD running.");
  try {
    unlinkSync(path);
  } catch (error) {
    throw new ControlSocketError(`Cannot create control socket ${path}: ${systemError(error)}`);
  }
}

/** Whether nobody listens there. A full backlog or a lack of rights means that somebody does. */
function probe(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "ECONNREFUSED" || error.code === "ENOENT");
    });
  });
}

function adopt(fd: number, onConnection: (socket: Socket) => void): Promise<ControlListener> {
  return new Promise((resolve, reject) => {
    const server = createServer(SERVER_OPTIONS, onConnection);
    server.once("error", (error) => {
      reject(new ControlSocketError(`Cannot use socket ${fd} of systemd: ${systemError(error)}`));
    });
    server.listen({ fd }, () => {
      survive(server);
      resolve({ path: boundPath(fd), server });
    });
  });
}

/** The kernel's list knows the path of a socket that we have only a number of. */
function boundPath(fd: number): string {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  for (const line of readFileSync("/proc/net/unix", "utf8").split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[6] === inode && fields[7]) return fields[7];
  }
  return `fd:${fd}`;
}

/** Failures of accept (no descriptors left, say) pass; the listener stays. */
function survive(server: Server): void {
  server.removeAllListeners("error");
  server.on("error", () => undefined);
}

function canonical(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path; // no such directory: opening it will say so
  }
}

const SERVER_OPTIONS = { allowHalfOpen: true } as const;
const BACKLOG = 1024;
const NOT_OTHERS = 0o117;
const FIRST_FD = 3;
const MOST_FDS = 16;

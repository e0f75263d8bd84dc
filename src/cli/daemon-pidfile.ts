/** `-P FILE`: decimal and a line feed; never through a link that somebody laid, and only our own is removed. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";

export interface PidFile {
  /** Once the process has the pid that it will keep. */
  write(pid: number): void;
  remove(): void;
}

/** @throws what node:fs throws */
export function createPidFile(path: string): PidFile {
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  const { ino, dev } = fstatSync(fd);
  let content = "";
  return {
    write: (pid) => {
      content = `${pid}\n`;
      ftruncateSync(fd, 0);
      writeSync(fd, content);
      closeSync(fd);
    },
    remove: () => {
      try {
        const now = lstatSync(path);
        if (now.ino === ino && now.dev === dev && readFileSync(path, "utf8") === content) unlinkSync(path);
      } catch {
        // somebody else's by now, or in a directory that we may no longer write to: leave it
      }
    },
  };
}

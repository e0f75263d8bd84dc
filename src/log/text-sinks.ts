/** Lines for people: files with and without a size limit, standard error. */
import { renameSync } from "node:fs";
import type { Descriptor } from "./descriptor.ts";
import { CLASS_TAGS, type LogEntry, type Sink } from "./entry.ts";
import { formatTime } from "./time-format.ts";

/** `2026-11-21 01:42:32.221 <RMT> wrongas: Error: Bad peer AS: 65077` */
export function formatLine(entry: LogEntry, timeFormat: string): string {
  return `${formatTime(timeFormat, entry.wall)} <${CLASS_TAGS[entry.level]}> ${entry.text}\n`;
}

/** `log stderr`, and `log "file"` without a limit. */
export function textSink(target: Descriptor, timeFormat: () => string): Sink {
  return {
    write: (entry) => target.write(formatLine(entry, timeFormat())),
    reopen: () => target.reopen(),
    close: () => target.close(),
  };
}

/** What bird prints on a terminal while no `log` statement says otherwise. */
export function plainSink(target: Descriptor): Sink {
  return { write: (entry) => target.write(`bird: ${entry.text}\n`), close: () => target.close() };
}

/** `log "file" LIMIT "backup"`: the line that would go beyond the limit goes to a new file. */
export function rotatingSink(
  target: Descriptor,
  timeFormat: () => string,
  path: string,
  limit: { readonly bytes: number; readonly backup: string },
): Sink {
  let size = target.size;
  const reopen = (): void => {
    target.reopen();
    size = target.size;
  };
  return {
    write: (entry) => {
      const line = formatLine(entry, timeFormat());
      const octets = Buffer.byteLength(line);
      if (size + octets > limit.bytes && rotate(path, limit.backup)) reopen();
      target.write(line);
      size += octets;
    },
    reopen,
    close: () => target.close(),
  };
}

/** Where the backup cannot be made the file grows on: a log beyond its limit is better than none. */
function rotate(path: string, backup: string): boolean {
  try {
    renameSync(path, backup);
    return true;
  } catch {
    return false;
  }
}

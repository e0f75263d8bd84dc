/** Points in time as `timeformat` asks for them. */
import type { TimeFormat } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import { formatTime as strftime } from "../log/time-format.ts";

/**
 * @param when wall clock
 * @param now decides between the two formats of a `limit`
 */
export function formatTime(format: TimeFormat, when: Millis, now: Millis): string {
  const isOld = format.limit !== undefined && format.older !== undefined && now - when > format.limit * 1000;
  return strftime(isOld ? (format.older ?? format.format) : format.format, when);
}

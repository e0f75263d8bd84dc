/**
 * strftime for `timeformat`: C's conversions in the C locale, and BIRD's `%f` (fraction of a second,
 * `%3f` is three digits of it; six if no number says how many).
 */

/** @param wall milliseconds since 1970; printed in local time */
export function formatTime(format: string, wall: number): string {
  const date = new Date(wall);
  return format.replace(CONVERSION, (whole, digits: string, letter: string) => {
    if (letter === "f") return fraction(wall, digits === "" ? 6 : Number(digits));
    if (digits !== "") return whole;
    const convert = CONVERSIONS[letter];
    return convert ? convert(date) : whole;
  });
}

function fraction(wall: number, digits: number): string {
  const micros = Math.floor((((wall % 1000) + 1000) % 1000) * 1000);
  return pad(micros, 6).padEnd(digits, "0").slice(0, digits);
}

const CONVERSIONS: Readonly<Record<string, (date: Date) => string>> = {
  a: (d) => DAYS[d.getDay()]!.slice(0, 3),
  A: (d) => DAYS[d.getDay()]!,
  b: (d) => MONTHS[d.getMonth()]!.slice(0, 3),
  B: (d) => MONTHS[d.getMonth()]!,
  c: (d) => composed("%a %b %e %H:%M:%S %Y", d),
  C: (d) => pad(Math.floor(d.getFullYear() / 100), 2),
  d: (d) => pad(d.getDate(), 2),
  D: (d) => composed("%m/%d/%y", d),
  e: (d) => String(d.getDate()).padStart(2),
  F: (d) => composed("%Y-%m-%d", d),
  g: (d) => pad(isoWeek(d).year % 100, 2),
  G: (d) => String(isoWeek(d).year),
  h: (d) => MONTHS[d.getMonth()]!.slice(0, 3),
  H: (d) => pad(d.getHours(), 2),
  I: (d) => pad(hour12(d), 2),
  j: (d) => pad(dayOfYear(d) + 1, 3),
  k: (d) => String(d.getHours()).padStart(2),
  l: (d) => String(hour12(d)).padStart(2),
  m: (d) => pad(d.getMonth() + 1, 2),
  M: (d) => pad(d.getMinutes(), 2),
  n: () => "\n",
  p: (d) => (d.getHours() < 12 ? "AM" : "PM"),
  P: (d) => (d.getHours() < 12 ? "am" : "pm"),
  r: (d) => composed("%I:%M:%S %p", d),
  R: (d) => composed("%H:%M", d),
  s: (d) => String(Math.floor(d.getTime() / 1000)),
  S: (d) => pad(d.getSeconds(), 2),
  t: () => "\t",
  T: (d) => composed("%H:%M:%S", d),
  u: (d) => String(d.getDay() || 7),
  U: (d) => pad(Math.floor((dayOfYear(d) + 7 - d.getDay()) / 7), 2),
  V: (d) => pad(isoWeek(d).week, 2),
  w: (d) => String(d.getDay()),
  W: (d) => pad(Math.floor((dayOfYear(d) + 7 - ((d.getDay() + 6) % 7)) / 7), 2),
  x: (d) => composed("%m/%d/%y", d),
  X: (d) => composed("%H:%M:%S", d),
  y: (d) => pad(d.getFullYear() % 100, 2),
  Y: (d) => String(d.getFullYear()),
  z: (d) => offset(d),
  Z: (d) => zoneName(d),
  "%": () => "%",
};

function composed(format: string, date: Date): string {
  return format.replace(/%([a-zA-Z])/g, (_, letter: string) => CONVERSIONS[letter]!(date));
}

function hour12(date: Date): number {
  return date.getHours() % 12 || 12;
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / DAY_MS);
}

/** ISO 8601: week 1 is the one with the year's first Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60), 2)}${pad(size % 60, 2)}`;
}

function zoneName(date: Date): string {
  return /\(([^)]*)\)/.exec(date.toTimeString())?.[1] ?? offset(date);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

const CONVERSION = /%(\d?)([a-zA-Z%])/g;
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAY_MS = 86_400_000;

/** Patterns of names: in `~` on strings, interface lists, `show protocols "x*"`, includes. */

/**
 * bird's shell patterns: `*` any run, `?` any one character, `\` takes the next as it is. Goes back to
 * the last `*` only, so that no pattern takes more than its length times the text's.
 */
export function matchesShell(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    const escaped = pattern[p] === "\\" && p + 1 < pattern.length;
    if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[escaped ? p + 1 : p] === text[t])) {
      p += escaped ? 2 : 1;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

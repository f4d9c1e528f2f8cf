/** Times as an operator reads them. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** How long ago, in the largest unit: `5 min ago`. */
export function ago(timeMs: number, nowMs: number): string {
  const passed = nowMs - timeMs;
  const found = UNITS.find(([, size]) => passed >= size);
  return found === undefined ? 'just now' : `${Math.floor(passed / found[1])} ${found[0]} ago`;
}

/** The local date and time, in the order of ISO 8601. */
export function dateTime(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => value.toString().padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Tables and lists for a terminal. What comes from other nodes is made harmless first. */

/** A cell: text, or a number, which stands on the right. */
export type Cell = string | number | bigint | boolean | undefined;

/** Names and descriptions come from strangers: control and direction characters could rewrite the screen. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

function show(cell: Cell): string {
  if (cell === undefined) return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return harmless(cell.toString());
}

const NUMBER = /^-?[0-9]+(\.[0-9]+)?$/;

/** Columns under their titles, two spaces apart; a column of numbers alone is aligned to the right. */
export function table(titles: readonly string[], rows: readonly (readonly Cell[])[], none: string): string {
  if (rows.length === 0) return none;
  const shown = rows.map((row) => row.map(show));
  const columns = titles.map((title, index) => {
    const cells = shown.map((row) => row[index] ?? '');
    const right = cells.some((cell) => NUMBER.test(cell)) && cells.every((cell) => cell === '-' || NUMBER.test(cell));
    return { width: Math.max(title.length, ...cells.map((cell) => cell.length)), right };
  });
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ width, right }, index) => {
        const cell = cells[index] ?? '';
        return right ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(titles), ...shown.map(line)].join('\n');
}

/** Names and values under each other, of several values each on a line of its own; those without a value are left out. */
export function list(pairs: Readonly<Record<string, Cell | readonly string[]>>): string {
  const shown = Object.entries(pairs).flatMap(([name, value]) => {
    const cells: readonly Cell[] = typeof value === 'object' ? value : [value];
    return cells.filter((cell) => cell !== undefined && cell !== '').map((cell, index) => [index === 0 ? name : '', show(cell)] as const);
  });
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** A titled part of a longer answer. */
export function section(title: string, body: string): string {
  return `${harmless(title)}\n${body.replace(/^(?=.)/gm, '  ')}`;
}

/** JSON for scripts: plain ASCII controls aside, what could act on a terminal is escaped. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function time(unixSeconds: number | undefined): string | undefined {
  if (unixSeconds === undefined) return undefined;
  return new Date(unixSeconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');
}

/** To the millisecond. */
export const timeOfMs = (unixMs: number): string => new Date(unixMs).toISOString().replace('T', ' ').slice(0, 23);

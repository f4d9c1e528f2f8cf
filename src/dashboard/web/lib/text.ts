/** Text that strangers chose (aliases, descriptions, errors), made harmless to read. */

/** What cannot be seen, or turns the direction of what can. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;
/** A letter takes one mark or two; a pile of them covers the lines around it. */
const PILED_MARKS = /(\p{M}{2})\p{M}+/gu;

export function harmless(text: string, maxLength = 200): string {
  const plain = text.replace(UNSAFE, '\ufffd').replace(PILED_MARKS, '$1');
  return plain.length <= maxLength ? plain : `${[...plain].slice(0, maxLength).join('')}…`;
}

/** An id, short enough to read: its first and last digits. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}

/** A name where there is one. */
export function nameOr(alias: string | undefined, id: string): string {
  const name = alias === undefined ? '' : harmless(alias, 32).trim();
  return name === '' ? shortId(id) : name;
}

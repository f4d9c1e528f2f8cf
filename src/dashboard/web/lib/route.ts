/** Where the page is, as its address says after the `#`: `#/[@node/]view[/id][/at/entry][?query]`. */

export const views = ['overview', 'mesh', 'channels', 'channel', 'payments', 'payment', 'invoices', 'charts', 'chart'] as const;
export type View = (typeof views)[number];

export interface Route {
  readonly view: View;
  /** The node whose page it is, in a cluster. */
  readonly node?: string;
  /** The channel, payment or chart. */
  readonly id?: string;
  /** The journal entry that a channel is looked at after. */
  readonly at?: number;
  /** What is selected on the page. */
  readonly query?: Readonly<Record<string, string>>;
}

/** The views that are about one thing, which the address must name. */
const NAMED: ReadonlySet<View> = new Set(['channel', 'payment', 'chart']);

/** Undefined for an address that this page does not have. */
export function parseRoute(hash: string): Route | undefined {
  const [path = '', search = ''] = splitOnce(hash.replace(/^#?\/?/, ''), '?');
  const parts = path.split('/').filter((part) => part !== '').map(decode);
  const node = parts[0]?.startsWith('@') === true ? parts.shift()?.slice(1) : undefined;
  const [view = 'overview', id, at, sequence] = parts;
  if (!(views as readonly string[]).includes(view)) return undefined;
  if (NAMED.has(view as View) !== (id !== undefined) || parts.length === 3 || parts.length > 4) return undefined;
  if (at !== undefined && (view !== 'channel' || at !== 'at' || !/^[0-9]{1,9}$/.test(sequence ?? ''))) return undefined;
  const query = Object.fromEntries(new URLSearchParams(search));
  return {
    view: view as View,
    ...(node !== undefined && { node }),
    ...(id !== undefined && { id }),
    ...(sequence !== undefined && { at: Number(sequence) }),
    ...(Object.keys(query).length > 0 && { query }),
  };
}

export function formatRoute({ view, node, id, at, query = {} }: Route): string {
  const parts = [node === undefined ? undefined : `@${node}`, view, id, at === undefined ? undefined : 'at', at?.toString()];
  const path = parts.filter((part) => part !== undefined).map(encode).join('/');
  const search = new URLSearchParams(query).toString();
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

const encode = (part: string): string => encodeURIComponent(part).replace(/^%40/, '@').replaceAll('%3A', ':');

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

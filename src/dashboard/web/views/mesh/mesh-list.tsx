/** The nodes and channels of the mesh as lists: found by name, walked by the arrow keys, the same selection as the picture's. */
import { useSignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { BalanceBar } from '../../ui/amount.tsx';
import { formatWholeSat } from '../../lib/amounts.ts';
import { words } from '../../ui/badge.tsx';
import type { Mesh, MeshChannel, MeshNode } from './model.ts';

export type Selection = { readonly node: string } | { readonly channel: string };

/** More than one reads. */
const MOST_ROWS = 100;

export function MeshList(props: { readonly mesh: Mesh; readonly selection: Selection | undefined; readonly onSelect: (selection: Selection) => void }) {
  const { mesh, selection, onSelect } = props;
  const sought = useSignal('');
  const text = sought.value.trim().toLowerCase();
  const { nodes, channels } = useMemo(() => found(mesh, text), [mesh, text]);
  return (
    <div class="mesh-list">
      <label class="hidden" for="mesh-search">
        Search nodes and channels
      </label>
      <input
        id="mesh-search"
        type="search"
        placeholder="Search by name or id"
        value={sought.value}
        onInput={({ currentTarget }) => {
          sought.value = currentTarget.value;
        }}
      />
      <List title="Nodes" rows={nodes} keyOf={({ id }) => id} selected={selection !== undefined && 'node' in selection ? selection.node : undefined} onSelect={(node) => onSelect({ node })}>
        {(node) => <NodeRow node={node} />}
      </List>
      <List title="Channels" rows={channels} keyOf={({ key }) => key} selected={selection !== undefined && 'channel' in selection ? selection.channel : undefined} onSelect={(channel) => onSelect({ channel })}>
        {(channel) => <ChannelRow channel={channel} mesh={mesh} />}
      </List>
    </div>
  );
}

const order = new Intl.Collator('en', { numeric: true });

/** What a search finds: nodes by name or id, and channels by id or by their nodes; the own first. */
function found(mesh: Mesh, text: string): { readonly nodes: readonly MeshNode[]; readonly channels: readonly MeshChannel[] } {
  const nodes = [...mesh.nodes.values()]
    .filter(({ name, id }) => name.toLowerCase().includes(text) || id.startsWith(text))
    .sort((a, b) => Number(b.isOwn) - Number(a.isOwn) || order.compare(a.name, b.name));
  const ids = new Set(nodes.map(({ id }) => id));
  const channels = [...mesh.channels.values()]
    .filter(({ key, a, b }) => key.startsWith(text) || ids.has(a) || ids.has(b))
    .sort((a, b) => Number(b.balance !== undefined) - Number(a.balance !== undefined) || order.compare(a.key, b.key));
  return { nodes, channels };
}

function NodeRow({ node: { name, state, isOwn } }: { readonly node: MeshNode }) {
  return (
    <>
      <span class={`dot dot-${state}`} aria-hidden="true" />
      <span class="name">{name}</span>
      <span class="muted">{isOwn ? 'this node' : state === 'unknown' ? '' : state}</span>
    </>
  );
}

function ChannelRow({ channel, mesh }: { readonly channel: MeshChannel; readonly mesh: Mesh }) {
  const nameOf = (id: string): string => mesh.nodes.get(id)?.name ?? '';
  const { a, b, balance, capacityMsat, look } = channel;
  return (
    <>
      <span class="name">
        {nameOf(a)} – {nameOf(b)}
      </span>
      {balance === undefined ? (
        <span class="muted">{capacityMsat > 0n && formatWholeSat(capacityMsat)}</span>
      ) : (
        <BalanceBar localMsat={balance.aMsat} remoteMsat={balance.bMsat} label={`${nameOf(a)} ${formatWholeSat(balance.aMsat)}, ${nameOf(b)} ${formatWholeSat(balance.bMsat)} sat`} />
      )}
      {look !== 'open' && <span class="look">{words(look)}</span>}
    </>
  );
}

/** One stop for the Tab key; the arrows move in it, and what has the focus is selected. */
function List<Row>(props: {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
  readonly children: (row: Row) => preact.ComponentChildren;
}) {
  const { title, rows, keyOf, selected, onSelect, children } = props;
  const list = useRef<HTMLUListElement>(null);
  const shown = rows.slice(0, MOST_ROWS);
  const selectedIndex = shown.findIndex((row) => keyOf(row) === selected);
  const move = (event: KeyboardEvent): void => {
    const items = [...(list.current?.children ?? [])] as HTMLElement[];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items[Math.max(0, Math.min(items.length - 1, to))]?.focus();
  };
  return (
    <>
      <h2>
        {title} <span class="muted">{rows.length}</span>
      </h2>
      {rows.length === 0 && <p class="muted">none</p>}
      <ul ref={list} role="listbox" aria-label={title} onKeyDown={move}>
        {shown.map((row, index) => {
          const key = keyOf(row);
          return (
            <li
              key={key}
              role="option"
              aria-selected={index === selectedIndex}
              tabIndex={index === Math.max(0, selectedIndex) ? 0 : -1}
              onFocus={() => onSelect(key)}
              onClick={() => onSelect(key)}
            >
              {children(row)}
            </li>
          );
        })}
      </ul>
      {rows.length > MOST_ROWS && <p class="muted">… and {rows.length - MOST_ROWS} more: search to find them.</p>}
    </>
  );
}

/** What stands around every view: where one can go, how the node is, and who one is. */
import { useEffect, useRef } from 'preact/hooks';
import { connection } from '../api/events.ts';
import { go, hrefOf, route } from '../api/location.ts';
import { clusterMesh, isCluster, viewedNode } from '../api/server.ts';
import { signOut } from '../api/session.ts';
import { formatRoute, type View } from '../lib/route.ts';
import { nodeInfo } from '../state/node-info.ts';
import { harmless } from '../lib/text.ts';
import { Badge, type Tone } from './badge.tsx';
import { ThemeChooser } from './theme.tsx';
import { clearToasts } from './toasts.tsx';

const pages: readonly { readonly view: View; readonly title: string; readonly below: readonly View[] }[] = [
  { view: 'overview', title: 'Overview', below: [] },
  { view: 'channels', title: 'Channels', below: ['channel'] },
  { view: 'payments', title: 'Payments', below: ['payment'] },
  { view: 'invoices', title: 'Invoices', below: [] },
];

export function Header() {
  return (
    <header class="top">
      <a class="brand" href={formatRoute({ view: isCluster.value ? 'mesh' : 'overview' })}>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <path d="M3 12c6-6 9 6 15 0 4-4 7-3 11 0M3 21c6-6 9 6 15 0 4-4 7-3 11 0" />
        </svg>
        Runnel
      </a>
      <nav aria-label="Views">
        {isCluster.value && <PageLink view="overview" title="Cluster" isHere={route.value?.view === 'overview' && route.value.node === undefined} />}
        <PageLink view="mesh" title="Mesh" isHere={route.value?.view === 'mesh'} />
        {isCluster.value && <NodeChooser />}
        {pages.map(({ view, title, below }) => {
          const here = route.value?.view;
          const isHere = (here === view || (here !== undefined && below.includes(here))) && (!isCluster.value || route.value?.node !== undefined);
          return <PageLink key={view} view={view} title={title} isHere={isHere} node={viewedNode.value} />;
        })}
        <PageLink view="charts" title="Statecharts" isHere={route.value?.view === 'charts' || route.value?.view === 'chart'} />
      </nav>
      <div class="top-end">
        <NodeState />
        <ThemeChooser />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            clearToasts();
            signOut();
          }}
        >
          Sign out
        </button>
      </div>
    </header>
  );
}

function PageLink(props: { readonly view: View; readonly title: string; readonly isHere: boolean; readonly node?: string | undefined }) {
  const href = formatRoute({ view: props.view, ...(props.node !== undefined && { node: props.node }) });
  const link = useRef<HTMLAnchorElement>(null);
  // Where the bar is narrower than its links, the one that is lit is in view.
  useEffect(() => {
    if (props.isHere) link.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [props.isHere]);
  return (
    <a ref={link} href={href} aria-current={props.isHere ? 'page' : undefined}>
      {props.title}
    </a>
  );
}

/** Whose pages the links after it are. */
function NodeChooser() {
  const names = clusterMesh.value?.nodes.map(({ name }) => name) ?? [];
  return (
    <select
      aria-label="Node"
      value={viewedNode.value}
      onChange={({ currentTarget }) => {
        const isOfNode = pages.find(({ view, below }) => view === route.value?.view || below.includes(route.value?.view ?? 'mesh'));
        go({ view: isOfNode?.view ?? 'overview', node: currentTarget.value });
      }}
    >
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

const connections: Readonly<Record<typeof connection.value, { readonly tone: Tone; readonly text: string }>> = {
  connecting: { tone: 'busy', text: 'connecting' },
  live: { tone: 'good', text: 'live' },
  lost: { tone: 'bad', text: 'connection lost' },
};

function NodeState() {
  const { tone, text } = connections[connection.value];
  const info = nodeInfo.value;
  const height = isCluster.value ? clusterMesh.value?.blockHeight : info?.blockHeight;
  return (
    <p class="node-state" role="status">
      {!isCluster.value && info !== undefined && <strong>{harmless(info.alias, 32)}</strong>}
      {height !== undefined && <span class="muted">block {height}</span>}
      <Badge tone={tone}>{text}</Badge>
    </p>
  );
}

/** What is shown may be old: said where nobody overlooks it. */
export function LostNotice() {
  if (connection.value !== 'lost') return null;
  return (
    <p class="notice" role="alert">
      The connection is lost: what is shown is how it was. The page tries again by itself.
    </p>
  );
}

export const homeHref = (): string => hrefOf({ view: 'overview' });

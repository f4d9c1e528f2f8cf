import { useEffect, useMemo, useRef } from 'preact/hooks';
import { MineBlocks, TrafficControl } from '../../actions/cluster-actions.tsx';
import { replace, route } from '../../api/location.ts';
import { clusterMesh, isCluster } from '../../api/server.ts';
import { Problem } from '../../ui/states.tsx';
import { useCalm } from '../../ui/use-calm.ts';
import type { Hit } from './hit.ts';
import type { MeshCanvas } from './mesh-canvas.ts';
import { MeshList, type Selection } from './mesh-list.tsx';
import { MeshPanel } from './mesh-panel.tsx';
import { MeshView } from './mesh-view.tsx';
import { showPulses } from './pulses.ts';
import { createMeshSource } from './source.ts';
import './mesh.css';

/** The whole mesh, live. What is selected stands in the address. */
export function MeshPage() {
  const source = useMemo(createMeshSource, []);
  const canvas = useRef<MeshCanvas | undefined>(undefined);
  useEffect(() => {
    const stop = showPulses(source, () => canvas.current);
    return () => {
      stop();
      source.end();
    };
  }, [source]);
  const mesh = source.mesh.value;
  const calm = useCalm(mesh);
  const selection = selectionOf(route.value?.query);
  const select = (selected: Selection | undefined): void => {
    replace({ view: 'mesh', ...(selected !== undefined && { query: { ...selected } }) });
    if (selected !== undefined && 'node' in selected) canvas.current?.reveal(selected.node);
  };
  const failure = source.failure.value;
  return (
    <div class="mesh-page">
      <div class="page-head">
        <h1>Mesh</h1>
        <p class="muted">
          {countOf(mesh.nodes.size, 'node')}, {countOf(mesh.channels.size, 'channel')}
        </p>
        {isCluster.value && (
          <div class="end buttons">
            <TrafficControl />
            <MineBlocks />
          </div>
        )}
      </div>
      {failure !== undefined && <Problem failure={failure} />}
      {clusterMesh.value?.phase === 'preparing' && (
        <p class="notice" role="status">
          The cluster is being prepared, and makes the payments that it checks: until it is ready, it can only be looked at.
        </p>
      )}
      <div class="mesh-columns">
        <MeshView
          mesh={mesh}
          marks={{
            selectedNode: selection !== undefined && 'node' in selection ? selection.node : undefined,
            selectedChannel: selection !== undefined && 'channel' in selection ? selection.channel : undefined,
          }}
          onSelect={(hit) => select(selectedBy(hit))}
          onReady={(ready) => {
            canvas.current = ready;
          }}
        />
        <aside class="mesh-side">
          <MeshPanel mesh={mesh} selection={selection} />
          <MeshList mesh={calm} selection={selection} onSelect={select} />
        </aside>
      </div>
    </div>
  );
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function selectionOf(query: Readonly<Record<string, string>> = {}): Selection | undefined {
  if (query.node !== undefined) return { node: query.node };
  return query.channel === undefined ? undefined : { channel: query.channel };
}

function selectedBy(hit: Hit | undefined): Selection | undefined {
  if (hit === undefined) return undefined;
  return 'node' in hit ? { node: hit.node.id } : { channel: hit.channel.key };
}

/** What only a cluster's server does: to its processes, its links and its chain. */
import { ApiFailure } from '../api/failure.ts';
import { send } from '../api/request.ts';
import { clusterMesh } from '../api/server.ts';
import type { ClusterMesh, ClusterNode } from '../api/types.ts';
import { ActionButton, Field, FormAction } from '../ui/action.tsx';
import { grouped } from '../lib/amounts.ts';

/** Every such call answers with the mesh as it is then. */
async function control(path: string, body: unknown = {}): Promise<ClusterMesh> {
  const mesh = (await send('POST', path, body)) as ClusterMesh;
  clusterMesh.value = mesh;
  return mesh;
}

/** While a cluster makes the payments that it checks to the msat, its server lets nobody else change anything. */
const isPreparing = (): boolean => clusterMesh.value?.phase === 'preparing';

export function NodeControls({ node: { name, state } }: { readonly node: ClusterNode }) {
  if (isPreparing()) return null;
  const path = (what: string): string => `/cluster/nodes/${encodeURIComponent(name)}/${what}`;
  if (state !== 'up') {
    return (
      <ActionButton
        class="primary"
        busyText="Starting …"
        act={async () => {
          await control(path('restart'));
          return `${name} is started`;
        }}
      >
        Start
      </ActionButton>
    );
  }
  return (
    <>
      <ActionButton
        class="danger"
        act={async () => {
          await control(path('kill'));
          return `${name} is killed`;
        }}
      >
        Kill
      </ActionButton>
      <ActionButton
        busyText="Stopping …"
        act={async () => {
          await control(path('stop'));
          return `${name} has stopped in order`;
        }}
      >
        Stop
      </ActionButton>
      <ActionButton
        busyText="Restarting …"
        act={async () => {
          await control(path('restart'));
          return `${name} is started again`;
        }}
      >
        Restart
      </ActionButton>
    </>
  );
}

export function LinkControl({ a, b }: { readonly a: string; readonly b: string }) {
  const isCut = clusterMesh.value?.links.some((link) => link.isCut && ((link.a === a && link.b === b) || (link.a === b && link.b === a))) === true;
  if (isPreparing()) return null;
  return (
    <ActionButton
      act={async () => {
        await control(isCut ? '/cluster/links/mend' : '/cluster/links/cut', { a, b });
        return isCut ? `The link between ${a} and ${b} is mended` : `The link between ${a} and ${b} is cut`;
      }}
    >
      {isCut ? 'Mend the link' : 'Cut the link'}
    </ActionButton>
  );
}

export function MineBlocks() {
  if (isPreparing()) return null;
  return (
    <FormAction
      title="Mine blocks"
      submit="Mine"
      act={async ({ blocks = '' }) => {
        const count = Number(blocks);
        if (!/^[0-9]{1,3}$/.test(blocks) || count < 1 || count > 200) throw new ApiFailure('invalid_input', 'expected a number of blocks from 1 to 200');
        const { blockHeight } = await control('/cluster/mine', { blocks: count });
        return `The chain has ${grouped(BigInt(blockHeight))} blocks`;
      }}
    >
      <Field name="blocks" label="Blocks" inputMode="numeric" value="1" required hint="1 to 200" />
    </FormAction>
  );
}

/** Payments at random, so that something moves. */
export function TrafficControl() {
  const { perSecond = 0 } = clusterMesh.value?.traffic ?? {};
  if (isPreparing()) return <p class="muted">The cluster makes payments that it checks: nothing else can be done until then.</p>;
  return (
    <FormAction
      title="Random payments"
      button={perSecond === 0 ? 'Random payments …' : `${perSecond} payments a second …`}
      submit="Set"
      act={async ({ rate = '' }) => {
        const wanted = Number(rate);
        if (!/^[0-9]{1,3}(\.[0-9]{1,2})?$/.test(rate) || wanted > 100) throw new ApiFailure('invalid_input', 'expected a number from 0 to 100');
        await control('/cluster/traffic', { perSecond: wanted });
        return wanted === 0 ? 'No more random payments' : `${rate} random payments a second`;
      }}
    >
      <Field name="rate" label="Payments a second" inputMode="decimal" value={perSecond.toString()} required hint="0 for none, 100 at most" />
    </FormAction>
  );
}

/** What the node that is looked at is, for what stands around the views. */
import { effect, signal } from '@preact/signals';
import { generation, onEvent } from '../api/events.ts';
import { Loader } from '../api/loader.ts';
import { isCluster, nodeClient } from '../api/server.ts';
import type { Output } from '../api/types.ts';

export const nodeInfo = signal<Output<'getinfo'> | undefined>(undefined);

/** Follows the only node there is; of a cluster's, the views themselves tell. To be called once. */
export function followNodeInfo(): void {
  let loader: Loader<Output<'getinfo'>> | undefined;
  effect(() => {
    if (generation.value === 0 || isCluster.value) return;
    if (loader === undefined) loader = new Loader((abort) => nodeClient().call('getinfo', {}, abort));
    else loader.invalidate();
  });
  effect(() => {
    void generation.value;
    if (loader !== undefined) nodeInfo.value = loader.data.value;
  });
  onEvent(({ type }) => {
    if (type === 'block' || type === 'alarm' || type === 'peer') loader?.invalidate();
  });
}

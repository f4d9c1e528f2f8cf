/** Which HTLCs run along the mesh, as the nodes' events tell: each once on its way out, and once on its way back. */
import type { EventOf } from '../../api/types.ts';

/** So many HTLCs are remembered, to know which of their states is the first that is told. */
const MOST = 4_000;

export interface Pulse {
  /** The node that it runs away from, or back to. */
  readonly fromId: string;
  readonly isReturn: boolean;
}

/** Tells what of the HTLC events is worth a pulse. Every channel has two ends: in a cluster the offering one tells. */
export class PulseFilter {
  readonly #seen = new Map<string, 'added' | 'removed'>();

  pulseOf(event: EventOf<'htlc'>, tellerId: string, peerId: string, isBothTold: boolean): Pulse | undefined {
    const { channelId, htlcId, direction, state } = event;
    if (isBothTold && direction === 'received') return undefined;
    const fromId = direction === 'offered' ? tellerId : peerId;
    const key = `${tellerId} ${channelId} ${htlcId} ${direction}`;
    const step = state.includes('REMOVE') ? 'removed' : 'added';
    const earlier = this.#seen.get(key);
    if (earlier === step || earlier === 'removed') return undefined;
    this.#seen.delete(key);
    this.#seen.set(key, step);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST && oldest !== undefined) this.#seen.delete(oldest);
    return { fromId, isReturn: step === 'removed' };
  }
}

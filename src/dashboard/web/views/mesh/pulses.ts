import { onEvent } from '../../api/events.ts';
import type { EventOf } from '../../api/types.ts';
import type { MeshCanvas } from './mesh-canvas.ts';
import { PulseFilter } from './pulse-filter.ts';
import type { MeshSource } from './mesh-source.ts';

/** A hop begins when the one before is about half done. */
const HOP_MS = 350;

/** Has the canvas show the HTLCs of events, until the returned function is called. */
export function showPulses(source: MeshSource, canvas: () => MeshCanvas | undefined): () => void {
  const filter = new PulseFilter();
  let lastAttempt = '';

  const ofHtlc = (event: EventOf<'htlc'>, name: string | undefined): void => {
    const tellerId = source.idOf(name);
    const channel = source.channelOf(event.channelId);
    if (tellerId === undefined || channel === undefined) return;
    const peerId = channel.a === tellerId ? channel.b : channel.a;
    const pulse = filter.pulseOf(event, tellerId, peerId, name !== undefined);
    if (pulse !== undefined) canvas()?.pulse(channel.key, pulse.fromId, pulse.isReturn);
  };
  /** A plain node hears of no HTLC beyond its own channels, but knows the way of its own payments. */
  const ofPayment = ({ paymentHash, attempt, status, route = [] }: EventOf<'payment'>): void => {
    const key = `${paymentHash} ${attempt}`;
    if (status !== 'inFlight' || key === lastAttempt) return;
    lastAttempt = key;
    route.slice(1).forEach(({ shortChannelId }, index) => {
      canvas()?.pulse(shortChannelId, route[index]?.nodeId ?? '', false, (index + 1) * HOP_MS);
    });
  };
  return onEvent((event, name) => {
    if (event.type === 'htlc') ofHtlc(event, name);
    else if (event.type === 'payment' && name === undefined) ofPayment(event);
  });
}

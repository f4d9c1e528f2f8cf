/** HTLCs that come and go in batches, in both directions. */
import { sha256 } from '../../protocols/crypto/hash.ts';
import { digest, settle, type ChannelEnd } from './channel-ends.ts';

/** The 1366 bytes of an onion, which look like noise. */
function onion(text: string): Uint8Array {
  const bytes = new Uint8Array(1366);
  for (let at = 0; at < bytes.length; at += 32) bytes.set(digest(`${text}/${at}`).subarray(0, Math.min(32, bytes.length - at)), at);
  return bytes;
}

const preimageOf = (name: string): Uint8Array => digest(`preimage ${name}`);

/** `size` HTLCs from one end to the other in one turn, removed in one turn when they are irrevocably committed: twice as many updates. */
export function batch(ends: readonly [ChannelEnd, ChannelEnd], from: 0 | 1, size: number, name: string, amountMsat: bigint): void {
  const [payer, payee] = from === 0 ? ends : [ends[1], ends[0]];
  const names = Array.from({ length: size }, (_, index) => `${name}.${index}`);
  payer.turn(names.map((each) => ({
    type: 'addHtlc' as const,
    reference: `bench ${each}`,
    amountMsat,
    paymentHash: sha256(preimageOf(each)),
    cltvExpiry: 700_000,
    onionRoutingPacket: onion(each),
  })));
  settle(ends);
  const ids = payee.received.splice(0);
  if (ids.length !== size) throw new Error(`expected ${size} HTLCs to arrive, got ${ids.length}`);
  payee.turn(ids.map((id, index) => ({
    type: 'removeHtlc' as const,
    id,
    removal: { kind: 'fulfilled' as const, paymentPreimage: preimageOf(names[index] ?? '') },
  })));
  settle(ends);
}

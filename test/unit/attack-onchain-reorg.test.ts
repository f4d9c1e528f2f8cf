import type { Transaction } from 'bitcoinjs-lib';
import { afterEach, describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import type { HtlcNotice } from '../../machines/channel/effects.ts';
import { signedCommitment } from '../../src/runtime/channel-wire.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { Bench, benches, benchWith, preimage, Remote } from './node-bench.ts';

/* Orders of blocks, reorgs and preimages by which an HTLC could be lost though it can still be claimed (BOLT 5, "HTLC Output Handling"). */

const EXPIRY = 500;

afterEach(() => {
  for (const database of new Set(benches.splice(0).map((bench) => bench.database))) database.close();
});

/** What alice could broadcast now. */
function commitmentOf({ context: { data, htlcs, environment } }: Remote): Transaction {
  const { node, channel } = signerOf('alice');
  const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return signedCommitment(request, data.localSignatures!.signature, { node, channel: channel(0) });
}

/** Alice has offered an HTLC, which stands on both sides. */
function received(): { readonly bench: Bench; readonly alice: Remote } {
  const bench = benchWith('alice');
  const alice = new Remote(bench, { fundingSatoshis: 1_000_000n });
  alice.reachNormal({ pushMsat: 500_000_000n });
  const at = bench.left.length;
  alice.offer(1, 50_000_000n);
  alice.settle(at);
  return { bench, alice };
}

const told = ({ payments }: Bench, type: HtlcNotice['type']): HtlcNotice[] =>
  payments.flatMap((event) => (event.type === 'htlcNotice' && event.notice.type === type ? [event.notice] : []));

function fulfill(bench: Bench): void {
  const removal = { kind: 'fulfilled', paymentPreimage: preimage(1) } as const;
  bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id: 0n, removal } }));
}

const claimed = (bench: Bench) => bench.channelOf('alice').claims.map(({ witness: { kind }, amountSat }) => ({ kind, amountSat }));

describe('a received HTLC that has expired on chain and that the peer does not take', () => {
  it('is not over for whoever waits for its preimage, and is claimed with it', () => {
    const { bench, alice } = received();
    bench.block({ transactions: [commitmentOf(alice)] });
    while (bench.blockHeight < EXPIRY + 20) bench.block();
    expect(told(bench, 'htlcEnded')).toEqual([]);
    fulfill(bench);
    expect(claimed(bench)).toContainEqual({ kind: 'htlc_success', amountSat: 50_000n });
  });

  it('is over when it has been so for so long that nobody waits any more', () => {
    const { bench, alice } = received();
    bench.block({ transactions: [commitmentOf(alice)] });
    while (bench.blockHeight < EXPIRY + 100) bench.block();
    expect(told(bench, 'htlcEnded')).toHaveLength(1);
  });
});

describe("the peer's commitment that a reorg takes out", () => {
  it('leaves ours to be brought into a block, as long as none holds the peer’s again', () => {
    const { bench, alice } = received();
    fulfill(bench);
    const theirs = commitmentOf(alice);
    expect(bench.channelOf('alice').bump).toBeUndefined();
    bench.block({ transactions: [theirs] });
    expect(bench.channelOf('alice').value.lifecycle).toEqual({ closing: { remote: 'current' } });
    expect(bench.channelOf('alice').bump).toBeUndefined();
    bench.unblock();
    const { bump } = bench.channelOf('alice');
    expect(bump).toMatchObject({ deadline: EXPIRY, valueAtStakeSat: 50_000n });
    const again = bench.restarted();
    expect(again.channelOf('alice').bump?.commitment.getId()).toBe(bump!.commitment.getId());
    again.block({ transactions: [bump!.commitment] });
    expect(again.channelOf('alice').value.lifecycle).toEqual({ closing: 'local' });
    expect(claimed(again)).toEqual([{ kind: 'htlc_transaction', amountSat: 50_000n }]);
  });
});

import type { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays/equals';
import { describe, expect, it } from 'vitest';
import { claimSighash, claimTransaction, claimWitness } from '../../machines/onchain/claim-transaction.ts';
import type { Claim } from '../../machines/onchain/claim.ts';
import { createSigner } from '../../src/keys/signer.ts';
import type { ChannelClaim } from '../../src/sweep/sweeper.ts';
import { COMMITMENT_NUMBER, htlcOf, htlcTransaction, preimageOf, SweepRig } from './sweep-kit.ts';

/*
 * A peer that holds many HTLCs of ours, all of one expiry, one of them large, knows the preimages of all and shows one in each block: always one that
 * shares a transaction with the large one (BOLT 5, "HTLC Output Handling"). What is delayed until the HTLC upstream has expired is lost.
 */

const SMALL = 40;
const SMALL_SAT = 4_000n;
const LARGE_SAT = 200_000n;
/** BOLT 2, "`cltv_expiry_delta` Selection": what an HTLC-timeout may take to confirm. */
const BLOCKS_TO_CONFIRM = 12;

const ours = createSigner(new Uint8Array(64).fill(1), 'regtest').channel(1);
const theirs = createSigner(new Uint8Array(64).fill(2), 'regtest').channel(1);

const takes = ({ ins }: Transaction, { claim: { outpoint } }: ChannelClaim): boolean =>
  ins.some(({ hash, index }) => index === outpoint.outputIndex && equals(hash, outpoint.txid));

/** The peer's spend of an HTLC on our commitment, by its preimage. */
function shown({ claim }: ChannelClaim, id: bigint): Transaction {
  const perCommitmentPoint = ours.perCommitmentPoint(COMMITMENT_NUMBER);
  const witness = { kind: 'htlc_success', perCommitmentPoint, paymentPreimage: preimageOf(id) } as const;
  const direct: Claim = { ...claim, witness, lockTime: 0, pairedOutput: undefined };
  const transaction = claimTransaction([direct], [{ script: Uint8Array.of(0, 20, ...new Uint8Array(20)), amountSat: claim.amountSat - 1_000n }]);
  const signature = theirs.signRemoteCommitmentHtlc(claimSighash(transaction, 0, direct), perCommitmentPoint);
  transaction.setWitness(0, claimWitness(direct, signature));
  return transaction;
}

describe('many HTLCs that time out in one transaction', () => {
  it.each([1, 3])('do not hold each other up for longer than there is time, with coins: %i', async (coins) => {
    const rig = new SweepRig({ coinsSat: Array.from({ length: coins }, () => 500_000n) });
    const expiry = rig.height + 3;
    const ids = Array.from({ length: SMALL + 1 }, (_, id) => BigInt(id));
    const htlcs = ids.map((id) => htlcOf(id, 'offered', id === 0n ? LARGE_SAT : SMALL_SAT + id, expiry));
    const closing = rig.close({ owner: 'us', htlcs, toLocalSat: 400_000n });
    rig.confirm(closing);
    while (rig.height < expiry) rig.chain.mine();
    rig.sync();
    let standing = ids;
    const claimOf = (id: bigint): ChannelClaim => htlcTransaction(closing, id);
    for (let blocks = 1; blocks <= BLOCKS_TO_CONFIRM; blocks++) {
      await rig.update(standing.map(claimOf));
      const sweep = rig.mempool().find((transaction) => takes(transaction, claimOf(0n)));
      expect(sweep).toBeDefined();
      const shared = standing.find((id) => id !== 0n && takes(sweep!, claimOf(id)));
      // Nothing that the peer can take holds the large one up.
      if (shared === undefined) return;
      rig.chain.call('generateblock', rig.chain.miner.address, [shown(claimOf(shared), shared).toHex()]);
      standing = standing.filter((id) => id !== shared);
    }
    expect.fail(`the large HTLC still shares its transaction with others ${BLOCKS_TO_CONFIRM} blocks after its expiry`);
  }, 60_000);
});

import type { Transaction } from 'bitcoinjs-lib';
import type { NodeApi } from '../../api/contract.ts';
import { BroadcastRejectedError } from '../../chain/errors.ts';
import type { Node } from '../node.ts';
import { channelBalances } from './channel-balances.ts';
import { onchainBalance } from './overview-api.ts';

const WITHDRAW_TARGET_BLOCKS = 6;
const BUMP_TARGET_BLOCKS = 2;

/** The on-chain wallet through the API. */
export function walletApi(node: Node): Pick<NodeApi, 'newaddress' | 'balance' | 'utxos' | 'withdraw' | 'bumpfee'> {
  const { chain, clock, logger } = node.options;
  let withdrawals = 0;

  /**
   * Gives a booked transaction to the chain. What is refused is undone; but not what a chain that does not answer may
   * have taken: the payment would be made again, while this one is on its way. Each block offers it anew.
   */
  async function broadcast(transaction: Transaction, undo: () => void): Promise<{ warning?: string }> {
    try {
      await chain.broadcast(transaction);
      return {};
    } catch (error) {
      if (error instanceof BroadcastRejectedError) {
        undo();
        throw error;
      }
      const txid = transaction.getId();
      logger.warn({ txid, err: error }, 'a transaction is kept, although the chain did not answer');
      return { warning: `the chain did not answer: ${txid} is kept and offered to it again with each block` };
    }
  }

  return {
    newaddress: async () => ({ address: node.wallet.newAddress().address }),
    balance: async () => ({ onchain: onchainBalance(node), channels: channelBalances(node) }),
    utxos: async () => ({
      utxos: node.wallet.listUnspent().map(({ txid, outputIndex, amountSat, address, confirmations, reserved }) => ({
        outpoint: `${txid}:${outputIndex}`,
        amountSat,
        address,
        confirmations,
        reserved,
      })),
    }),
    withdraw: async ({ address, amountSat, feeratePerKw }) => {
      const feerate = feeratePerKw ?? (await chain.feeratePerKw(WITHDRAW_TARGET_BLOCKS));
      const reference = `withdraw-${clock.now()}-${withdrawals++}`;
      const built = node.wallet.buildSend({ address, amountSat: amountSat ?? 'all', feeratePerKw: feerate, reference });
      const { transaction, txid, outputIndexes, feeSat } = built;
      node.wallet.recordWithdrawal(built, amountSat === undefined);
      const more = await broadcast(transaction, () => node.wallet.abandonTransaction(txid));
      const sentSat = transaction.outs[outputIndexes[0] ?? 0]?.value ?? 0n;
      return { txid, amountSat: sentSat, feeSat, rawTransaction: transaction.toHex(), ...more };
    },
    bumpfee: async ({ txid, feeratePerKw }) => {
      const feerate = feeratePerKw ?? (await chain.feeratePerKw(BUMP_TARGET_BLOCKS));
      const bump = node.wallet.bumpTransaction(txid, feerate);
      const more = await broadcast(bump.transaction, () => node.wallet.undoBump(bump));
      const { kind, bumpedTxid, feeSat, transaction } = bump;
      return { txid: bump.txid, kind, bumpedTxid, feeSat, rawTransaction: transaction.toHex(), ...more };
    },
  };
}

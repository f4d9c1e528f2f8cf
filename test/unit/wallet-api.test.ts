import { describe, expect, it } from 'vitest';
import { render } from '../../src/cli/render.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import { BroadcastRejectedError, ChainUnavailableError } from '../../src/chain/errors.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { walletApi } from '../../src/node/api/wallet-api.ts';
import type { Node } from '../../src/node/node.ts';
import { Key } from './chain-kit.ts';
import { silentLog } from './node-kit.ts';
import { WalletChain } from './wallet-chain.ts';

const payee = new Key(50);

/** The wallet's part of a node without channels. `fate.broadcast` is what the chain does instead of taking it. */
async function setUp(options: { readonly reserveSat?: () => bigint } = {}) {
  const rig = new WalletChain(options);
  rig.deposit(100_000n);
  const { clock, chain: embedded } = rig.chain;
  const chain = new RpcChain({ rpc: embeddedRpc(embedded), clock });
  const fate: { broadcast: Error | undefined } = { broadcast: undefined };
  const broadcast: typeof chain.broadcast = async (transaction) => {
    if (fate.broadcast !== undefined) throw fate.broadcast;
    await chain.broadcast(transaction);
  };
  const feeratePerKw = async (): Promise<number> => 2_000;
  const node = {
    wallet: rig.wallet,
    channels: { all: () => [] },
    sweeper: { pending: () => [] },
    options: { chain: { broadcast, feeratePerKw }, clock, logger: silentLog },
  } as unknown as Node;
  return { rig, api: walletApi(node), fate };
}

describe("the wallet's API", () => {
  it('raises the fee of a withdrawal, which is replaced', async () => {
    const { rig, api } = await setUp();
    const sent = await api.withdraw({ address: payee.address, amountSat: 30_000n, feeratePerKw: 253 });
    expect(sent).not.toHaveProperty('warning');
    const bumped = await api.bumpfee({ txid: sent.txid });
    expect(bumped).toMatchObject({ kind: 'replacement', bumpedTxid: sent.txid });
    expect(rig.chain.mempool).toEqual([bumped.txid]);
    expect(bumped.feeSat).toBeGreaterThan(sent.feeSat);
    expect(render('bumpfee', bumped)).toContain(`replaces   ${sent.txid}`);
    await expect(api.bumpfee({ txid: bumped.txid, feeratePerKw: 300 })).rejects.toMatchObject({ code: 'fee_too_low' });
  });

  it('undoes what the chain refuses', async () => {
    const { rig, api, fate } = await setUp();
    fate.broadcast = new BroadcastRejectedError('00', 'min relay fee not met');
    await expect(api.withdraw({ address: payee.address, amountSat: 30_000n })).rejects.toThrow('min relay fee');
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 100_000n, reservedSat: 0n });
    fate.broadcast = undefined;
    const { txid } = await api.withdraw({ address: payee.address, all: true, feeratePerKw: 253 });
    fate.broadcast = new BroadcastRejectedError('00', 'insufficient fee');
    await expect(api.bumpfee({ txid })).rejects.toThrow('insufficient fee');
    expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([txid]);
  });

  it('keeps what a chain may have taken that did not answer', async () => {
    const { rig, api, fate } = await setUp();
    fate.broadcast = new ChainUnavailableError('the chain is away');
    const sent = await api.withdraw({ address: payee.address, amountSat: 30_000n });
    expect(sent.warning).toContain('offered to it again');
    expect(render('withdraw', sent)).toContain(sent.warning);
    expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([sent.txid]);
    expect(rig.wallet.balance().confirmedSat).toBe(0n);
  });

  it('tells apart what is immature, and warns of a short fee reserve', async () => {
    const { rig, api } = await setUp({ reserveSat: () => 150_000n });
    rig.chain.call('generatetoaddress', 1, (await api.newaddress({})).address);
    rig.mine();
    const balance = await api.balance({});
    expect(balance.onchain).toEqual({
      confirmedSat: 100_000n,
      unconfirmedSat: 0n,
      immatureSat: 5_000_000_000n,
      reservedSat: 0n,
      reservedForFeesSat: 150_000n,
      warning: 'fee reserve: 100000 of 150000 sat',
    });
    expect(render('balance', balance)).toContain('fee reserve: 100000 of 150000 sat (`runnel newaddress`');
    await expect(api.withdraw({ address: payee.address, amountSat: 1_000n })).rejects.toMatchObject({
      code: 'fee_reserve',
    });
  });
});

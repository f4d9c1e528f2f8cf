import { expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { walletMigrations } from '../../src/wallet/schema.ts';
import { foreignScript, foreignTransaction, newWallet, scriptOf, TestChain } from './wallet-fixtures.ts';

it('unspent outputs are found without a look at those that are spent', () => {
  const database = openDatabase({ path: ':memory:' });
  newWallet(database);
  const plan = database.all<{ detail: string }>('EXPLAIN QUERY PLAN SELECT * FROM wallet_coins');
  expect(plan.map(({ detail }) => detail)).toContain('SCAN o USING INDEX wallet_outputs_unspent');
});

it('a wallet of the first version goes on with what it had', () => {
  const database = openDatabase({ path: ':memory:' });
  const [first] = walletMigrations;
  database.migrate('wallet', [first!]);
  const chain = new TestChain();
  const deposits = [40_000n, 50_000n, 60_000n].map((amountSat, index) =>
    foreignTransaction([{ script: scriptOf(0, index), amountSat }]),
  );
  const [kept, spent, contested] = deposits.map((transaction) => transaction.getId());
  const spends = [
    { txid: '11'.repeat(32), of: spent, conflictHeight: null },
    { txid: '22'.repeat(32), of: contested, conflictHeight: 7 },
  ];
  database.transaction(() => {
    database.run('UPDATE wallet_state SET next_receive = 3, tip_height = 9');
    for (const [index, txid] of [kept, spent, contested].entries()) {
      const { outs } = deposits[index]!;
      database.run('INSERT INTO wallet_transactions VALUES (?, 1, NULL, 0, NULL, NULL)', txid);
      database.run('INSERT INTO wallet_outputs VALUES (?, 0, ?, 0, ?)', txid, outs[0]!.value, index);
    }
    for (const { txid, of, conflictHeight } of spends) {
      database.run('INSERT INTO wallet_transactions VALUES (?, NULL, ?, 0, NULL, NULL)', txid, conflictHeight);
      database.run('INSERT INTO wallet_inputs VALUES (?, ?, 0)', txid, of);
    }
  });
  const wallet = newWallet(database);
  expect(wallet.balance()).toMatchObject({ confirmedSat: 100_000n, unconfirmedSat: 0n });
  const payment = { script: foreignScript, amountSat: 1n };
  const rest = foreignTransaction([payment], [{ transaction: deposits[0]!, index: 0 }]);
  for (let height = 0; height < 10; height++) chain.mine();
  wallet.handleChainEvent(chain.mine([rest]));
  expect(wallet.balance()).toMatchObject({ confirmedSat: 60_000n });
});

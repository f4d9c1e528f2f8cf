import { Transaction, opcodes, payments, script as scripts } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { dustThresholdSat } from '../../src/chain/embedded/mempool/standard.ts';
import { Key, type Spendable, TestChain, output, sign, spend, toHex } from './chain-kit.ts';

const other = new Key(2);
const ONE_BTC = 100_000_000n;

/** A confirmed output with `script`, of 1 BTC. */
function confirmed(chain: TestChain, script: Uint8Array): { txid: string; hash: Uint8Array; index: number } {
  const funding = spend([chain.fund()], { outputs: [{ script, value: ONE_BTC }] });
  chain.call('generateblock', chain.miner.address, [funding.toHex()]);
  return { txid: funding.getId(), hash: funding.getHash(), index: 0 };
}

/** Spends such an output with whatever scriptSig and witness. */
function spendScript(
  coin: { hash: Uint8Array; index: number },
  options: {
    scriptSig?: Uint8Array;
    witness?: Uint8Array[];
    sequence?: number;
    locktime?: number;
    version?: number;
  },
): Transaction {
  const { scriptSig, witness = [], sequence = 0xfffffffd, locktime = 0, version = 2 } = options;
  const transaction = new Transaction();
  transaction.version = version;
  transaction.locktime = locktime;
  transaction.addInput(coin.hash, coin.index, sequence, scriptSig);
  transaction.addOutput(other.script, ONE_BTC - 10_000n);
  transaction.setWitness(0, witness);
  return transaction;
}

function wtxidOf(transaction: Transaction): string {
  return toHex(transaction.getHash(true).reverse());
}

function p2wsh(witnessScript: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0, 32), sha256(witnessScript)]);
}

describe('a transaction for the mempool', () => {
  it('is taken, found again and mined', () => {
    const chain = TestChain.funded();
    const transaction = spend([chain.fund()]);
    expect(chain.verdict(transaction)).toBe('allowed');
    expect(chain.mempool).toEqual([]);
    expect(chain.send(transaction)).toBe(transaction.getId());
    expect(chain.mempool).toEqual([transaction.getId()]);
    expect(chain.send(transaction)).toBe(transaction.getId());
    chain.mine();
    expect(chain.mempool).toEqual([]);
    expect(chain.call('getblock', chain.tip, 1).tx).toContain(transaction.getId());
  });

  it('must not be a coinbase, nor lack inputs or outputs', () => {
    const chain = TestChain.funded();
    const coinbase = chain.chain.state.tip.block.transactions[0]!.transaction.clone();
    expect(chain.verdict(coinbase)).toBe('coinbase');
    const empty = spend([chain.fund()]);
    empty.outs = [];
    expect(chain.verdict(empty)).toBe('bad-txns-vout-empty');
  });

  it('must spend outputs that exist, once', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    expect(chain.verdict(spend([{ ...coin, index: 5 }]))).toBe('missing-inputs');
    expect(chain.failure('sendrawtransaction', spend([{ ...coin, index: 5 }]).toHex())).toEqual({
      code: -25,
      message: 'bad-txns-inputs-missingorspent',
    });
    expect(chain.verdict(spend([coin, coin]))).toBe('bad-txns-inputs-duplicate');
    chain.send(spend([coin]));
    chain.mine();
    expect(chain.verdict(spend([coin], { feeSat: 9_000n }))).toBe('missing-inputs');
  });

  it('must not pay out more than it takes in, nor more than there is', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const pays = (value: bigint) => spend([coin], { change: false, outputs: [{ script: other.script, value }] });
    expect(chain.verdict(pays(coin.amountSat + 1n))).toBe('bad-txns-in-belowout');
    expect(chain.verdict(pays(21_000_001n * ONE_BTC))).toBe('bad-txns-vout-toolarge');
    const negative = pays(1_000n);
    negative.outs[0]!.value = -1n;
    expect(chain.verdict(negative)).toBe('bad-txns-vout-negative');
    const twice = spend([coin], {
      change: false,
      outputs: [1, 2].map(() => ({ script: other.script, value: 20_000_000n * ONE_BTC })),
    });
    expect(chain.verdict(twice)).toBe('bad-txns-txouttotal-toolarge');
  });

  it('must wait for a coinbase to mature', () => {
    const chain = new TestChain();
    chain.mine(100);
    const early = spend([chain.fund()]);
    expect(chain.call('getblockcount')).toBe(100);
    // The next block is 101: the coinbase of block 1 is then 100 deep.
    expect(chain.verdict(early)).toBe('allowed');
    expect(chain.verdict(spend([chain.fund()]))).toBe('bad-txns-premature-spend-of-coinbase');
  });

  it('must pay 1 sat/vB', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const vsize = BigInt(spend([coin]).virtualSize());
    expect(chain.verdict(spend([coin], { feeSat: vsize - 1n }))).toBe('min relay fee not met');
    expect(chain.verdict(spend([coin], { feeSat: vsize }))).toBe('allowed');
  });

  it.each([
    ['P2WSH', p2wsh(new Uint8Array(1)), 330n],
    ['P2WPKH', other.script, 294n],
    ['P2PKH', payments.p2pkh({ pubkey: other.publicKey }).output!, 546n],
    ['P2SH', payments.p2sh({ hash: new Uint8Array(20) }).output!, 540n],
    ['P2TR', concat([Uint8Array.of(0x51, 32), new Uint8Array(32)]), 330n],
  ])('must have no dust: %s', (_, script, thresholdSat) => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    expect(dustThresholdSat(script)).toBe(thresholdSat);
    expect(chain.verdict(spend([coin], { outputs: [{ script, value: thresholdSat - 1n }] }))).toBe('dust');
    expect(chain.verdict(spend([coin], { outputs: [{ script, value: thresholdSat }] }))).toBe('allowed');
  });

  it('must be of version 1 or 2', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    expect([0, 1, 2, 3].map((version) => chain.verdict(spend([coin], { version })))).toEqual([
      'version',
      'allowed',
      'allowed',
      'version',
    ]);
  });

  it('must be final by height and by median time', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const next = chain.height + 1;
    expect(chain.verdict(spend([coin], { locktime: next - 1 }))).toBe('allowed');
    expect(chain.verdict(spend([coin], { locktime: next }))).toBe('non-final');
    expect(chain.verdict(spend([coin], { locktime: next, sequence: 0xffffffff }))).toBe('allowed');
    chain.clock.advance(100_000);
    chain.mine();
    // The tip's own time does not count (BIP 113).
    const { mediantime, time } = chain.call('getblockchaininfo');
    expect(time).toBeGreaterThan(mediantime + 50);
    expect(chain.verdict(spend([coin], { locktime: mediantime - 1 }))).toBe('allowed');
    expect(chain.verdict(spend([coin], { locktime: mediantime }))).toBe('non-final');
  });

  it('must respect relative lock times in blocks and in time (BIP 68)', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    // The coin's coinbase is as deep as the chain is long above its block.
    const depth = chain.height + 1 - chain.call('getrawtransaction', coin.txid, 1).confirmations;
    const age = chain.height + 1 - depth;
    expect(chain.verdict(spend([coin], { sequence: age }))).toBe('allowed');
    expect(chain.verdict(spend([coin], { sequence: age + 1 }))).toBe('non-BIP68-final');
    expect(chain.verdict(spend([coin], { sequence: age + 1, version: 1 }))).toBe('allowed');
    expect(chain.verdict(spend([coin], { sequence: (0x80000000 | (age + 1)) >>> 0 }))).toBe('allowed');

    const funding = spend([chain.fund()]);
    chain.send(funding);
    chain.mine();
    const fresh = output(funding, 0, chain.miner);
    const inTime = (units: number) => chain.verdict(spend([fresh], { sequence: 0x00400000 | units }));
    expect(inTime(0)).toBe('allowed');
    expect(inTime(1)).toBe('non-BIP68-final');
    chain.clock.advance(3 * 512_000 + 60_000);
    chain.mine(12);
    expect(inTime(3)).toBe('allowed');
    expect(inTime(4)).toBe('non-BIP68-final');
    // An unconfirmed output is as old as the next block.
    const unconfirmed = spend([chain.fund()]);
    chain.send(unconfirmed);
    expect(chain.verdict(spend([output(unconfirmed, 0, chain.miner)], { sequence: 0 }))).toBe('allowed');
    expect(chain.verdict(spend([output(unconfirmed, 0, chain.miner)], { sequence: 1 }))).toBe('non-BIP68-final');
  });

  it('must stay within the standard size limits', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const many = Array.from({ length: 3_300 }, () => ({ script: other.script, value: 1_000n }));
    expect(chain.verdict(spend([coin], { feeSat: 200_000n, outputs: many }))).toBe('tx-size');
    const small = spend([coin], { change: false, outputs: [{ script: Uint8Array.of(0x6a, 1, 1), value: 0n }] });
    expect(small.byteLength(false)).toBeLessThan(65);
    expect(chain.verdict(small)).toBe('tx-size-small');
  });

  it('must have standard outputs', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const withOutputs = (...list: Uint8Array[]) => {
      const outputs = list.map((script) => ({ script, value: script[0] === opcodes.OP_RETURN ? 0n : 1_000n }));
      return chain.verdict(spend([coin], { outputs }));
    };
    const data = (size: number) => scripts.compile([opcodes.OP_RETURN, new Uint8Array(size).fill(7)]);
    const keys = [1, 2, 3, 4].map((seed) => new Key(seed).publicKey);
    const multisig = (m: number, list: Uint8Array[]) => payments.p2ms({ m, pubkeys: list }).output!;
    expect(withOutputs(Uint8Array.of(opcodes.OP_1))).toBe('scriptpubkey');
    expect(withOutputs(Uint8Array.of(0, 2, 1, 1))).toBe('scriptpubkey');
    expect(withOutputs(data(80))).toBe('allowed');
    expect(withOutputs(data(81))).toBe('scriptpubkey');
    expect(withOutputs(data(8), data(9))).toBe('multi-op-return');
    expect(withOutputs(multisig(2, keys.slice(0, 3)))).toBe('allowed');
    expect(withOutputs(multisig(2, keys))).toBe('scriptpubkey');
    expect(withOutputs(Uint8Array.of(0x51, 2, 0x4e, 0x73))).toBe('allowed');
  });

  it('must spend standard outputs in a standard way', () => {
    const chain = TestChain.funded(8);
    const bare = confirmed(chain, Uint8Array.of(opcodes.OP_1));
    expect(chain.verdict(spendScript(bare, {}))).toBe('bad-txns-nonstandard-inputs');
    expect(chain.blockVerdict(spendScript(bare, {}))).toBe('valid');

    const future = confirmed(chain, Uint8Array.of(0x52, 2, 1, 1));
    expect(chain.verdict(spendScript(future, {}))).toBe('bad-txns-nonstandard-inputs');
    expect(chain.blockVerdict(spendScript(future, {}))).toBe('valid');

    const redeem = Uint8Array.of(...Array<number>(16).fill(opcodes.OP_CHECKSIG));
    const p2sh = confirmed(chain, payments.p2sh({ redeem: { output: redeem } }).output!);
    const scriptSig = scripts.compile([redeem]);
    expect(chain.verdict(spendScript(p2sh, { scriptSig }))).toBe('bad-txns-nonstandard-inputs');

    const anyone = Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1);
    const wide = confirmed(chain, p2wsh(anyone));
    expect(chain.verdict(spendScript(wide, { witness: [new Uint8Array(80), anyone] }))).toBe('allowed');
    expect(chain.verdict(spendScript(wide, { witness: [new Uint8Array(81), anyone] }))).toBe('bad-witness-nonstandard');
    expect(chain.blockVerdict(spendScript(wide, { witness: [new Uint8Array(81), anyone] }))).toBe('valid');
    const legacy = confirmed(chain, payments.p2pkh({ pubkey: other.publicKey }).output!);
    expect(chain.verdict(spendScript(legacy, { witness: [Uint8Array.of(1)] }))).toBe('bad-witness-nonstandard');
  });

  it('must have scriptSigs that only push, and not too much', () => {
    const chain = TestChain.funded();
    const coin = confirmed(chain, payments.p2pkh({ pubkey: other.publicKey }).output!);
    const withScriptSig = (scriptSig: Uint8Array) => chain.verdict(spendScript(coin, { scriptSig }));
    expect(withScriptSig(Uint8Array.of(opcodes.OP_NOP))).toBe('scriptsig-not-pushonly');
    const pushes = Array.from({ length: 7 }, () => scripts.compile([new Uint8Array(255)]));
    expect(withScriptSig(concat(pushes))).toBe('scriptsig-size');
  });

  it('must not check too many signatures', () => {
    const chain = TestChain.funded();
    // OP_CHECKMULTISIG outputs count 20 each, times four: 201 of them are above 16,000.
    const bare = payments.p2ms({ m: 1, pubkeys: [other.publicKey] }).output!;
    const outputs = Array.from({ length: 201 }, () => ({ script: bare, value: 10_000n }));
    const transaction = spend([chain.fund()], { feeSat: 200_000n, outputs });
    expect(chain.verdict(transaction)).toBe('bad-txns-too-many-sigops');
    const fewer = spend([chain.fund()], { feeSat: 200_000n, outputs: outputs.slice(0, 199) });
    // 20 bytes a signature check make it larger than its weight says.
    const [result] = chain.call('testmempoolaccept', [fewer.toHex()]);
    expect(result.vsize).toBe((199 * 80 * 20 + 20) / 4);
    expect(result.vsize).toBeGreaterThan(fewer.virtualSize());
  });

  it('must be signed', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const wrong = sign(spend([coin]), [{ ...coin, amountSat: coin.amountSat + 1n }]);
    const isFalse = 'Script evaluated without error but finished with a false/empty top stack element';
    expect(chain.blockVerdict(wrong)).toBe(`mandatory-script-verify-flag-failed (${isFalse})`);
    const nullfail = 'Signature must be zero for failed CHECK(MULTI)SIG operation';
    expect(chain.verdict(wrong)).toBe(`mempool-script-verify-flag-failed (${nullfail})`);
    const unsigned = spend([coin]);
    unsigned.stripWitnesses();
    expect(chain.verdict(unsigned)).toBe('mempool-script-verify-flag-failed (Witness program hash mismatch)');
  });

  it('is held to stricter script rules than a block', () => {
    const chain = TestChain.funded(6);
    const policy = (witnessScript: Uint8Array, ...stack: Uint8Array[]) => {
      const transaction = spendScript(confirmed(chain, p2wsh(witnessScript)), { witness: [...stack, witnessScript] });
      return [chain.verdict(transaction), chain.blockVerdict(transaction)];
    };
    const { OP_IF, OP_ENDIF, OP_1, OP_NOP10, OP_CHECKSIG, OP_NOT, OP_ADD } = opcodes;
    const stricter = (text: string) => [`mempool-script-verify-flag-failed (${text})`, 'valid'];
    expect(policy(Uint8Array.of(OP_IF, OP_ENDIF, OP_1), Uint8Array.of(2))).toEqual(
      stricter('OP_IF/NOTIF argument must be minimal'),
    );
    expect(policy(Uint8Array.of(OP_NOP10, OP_1))).toEqual(stricter('NOPx reserved for soft-fork upgrades'));
    const checksNot = concat([scripts.compile([other.publicKey]), Uint8Array.of(OP_CHECKSIG, OP_NOT)]);
    const garbage = Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1, 1);
    expect(policy(checksNot, garbage)).toEqual(
      stricter('Signature must be zero for failed CHECK(MULTI)SIG operation'),
    );
    expect(policy(Uint8Array.of(OP_1, OP_ADD), Uint8Array.of(1, 0))).toEqual(stricter('unknown error'));
    expect(policy(Uint8Array.of(1, 1))).toEqual(stricter('Data push larger than necessary'));
  });

  it('cannot spend taproot outputs, not even in a block, but may pay to them', () => {
    const chain = TestChain.funded();
    const coin = confirmed(chain, concat([Uint8Array.of(0x51, 32), other.publicKey.subarray(1)]));
    const transaction = spendScript(coin, { witness: [new Uint8Array(64)] });
    expect(chain.verdict(transaction)).toMatch(/Taproot spends cannot be verified/);
    expect(chain.blockVerdict(transaction)).toMatch(/Taproot spends cannot be verified/);
  });

  it('is kept once, whatever its witness', () => {
    const chain = TestChain.funded();
    const anyone = Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1);
    const coin = confirmed(chain, p2wsh(anyone));
    const first = spendScript(coin, { witness: [Uint8Array.of(1), anyone] });
    const second = spendScript(coin, { witness: [Uint8Array.of(2), anyone] });
    expect(first.getId()).toBe(second.getId());
    chain.send(first);
    expect(chain.verdict(first)).toBe('txn-already-in-mempool');
    expect(chain.verdict(second)).toBe('txn-same-nonwitness-data-in-mempool');
    chain.mine();
    expect(chain.verdict(first)).toBe('txn-already-known');
    expect(chain.failure('sendrawtransaction', first.toHex()).code).toBe(-27);
  });

  it('unlocks CLTV and CSV outputs only when they are due', () => {
    const chain = TestChain.funded();
    const due = chain.height + 10;
    const { OP_CHECKLOCKTIMEVERIFY, OP_CHECKSEQUENCEVERIFY, OP_DROP, OP_1 } = opcodes;
    const cltv = concat([
      scripts.compile([scripts.number.encode(due)]),
      Uint8Array.of(OP_CHECKLOCKTIMEVERIFY, OP_DROP, OP_1),
    ]);
    const csv = concat([scripts.compile([opcodes.OP_6]), Uint8Array.of(OP_CHECKSEQUENCEVERIFY, OP_DROP, OP_1)]);
    const cltvCoin = confirmed(chain, p2wsh(cltv));
    const csvCoin = confirmed(chain, p2wsh(csv));
    const spendCltv = (locktime: number) => spendScript(cltvCoin, { witness: [cltv], locktime, sequence: 0xfffffffe });
    const spendCsv = (sequence: number, version = 2) => spendScript(csvCoin, { witness: [csv], sequence, version });
    const unsatisfied = 'mempool-script-verify-flag-failed (Locktime requirement not satisfied)';
    expect(chain.verdict(spendCltv(0))).toBe(unsatisfied);
    expect(chain.verdict(spendCltv(due))).toBe('non-final');
    expect(chain.verdict(spendCsv(5))).toBe('non-BIP68-final');
    expect(chain.verdict(spendCsv(0x80000006))).toBe(unsatisfied);
    expect(chain.verdict(spendCsv(6, 1))).toBe(unsatisfied);
    chain.mine(due - chain.height);
    expect(chain.verdict(spendCltv(due - 1))).toBe(unsatisfied);
    expect(chain.verdict(spendCltv(due))).toBe('allowed');
    expect(chain.verdict(spendCsv(5))).toBe(unsatisfied);
    expect(chain.verdict(spendCsv(6))).toBe('allowed');
  });
});

describe('replacement', () => {
  const setUp = () => {
    const chain = TestChain.funded(6);
    const coin = chain.fund();
    const original = spend([coin], { feeSat: 1_000n, sequence: 0xffffffff });
    chain.send(original);
    const vsize = BigInt(original.virtualSize());
    return { chain, coin, original, vsize };
  };

  it('needs a higher fee for its own relay, and a higher feerate', () => {
    const { chain, coin, original, vsize } = setUp();
    expect(chain.verdict(spend([coin], { feeSat: 999n }))).toBe('insufficient fee');
    expect(chain.verdict(spend([coin], { feeSat: 1_000n + vsize - 1n }))).toBe('insufficient fee');
    const eight = Array.from({ length: 8 }, () => ({ script: other.script, value: 1_000n }));
    const large = spend([coin], { feeSat: 1_900n, outputs: eight });
    // More fee, but over more vbytes.
    expect(BigInt(large.virtualSize()) * 1_000n).toBeGreaterThan(1_900n * vsize);
    expect(chain.verdict(large)).toBe('insufficient fee');
    const replacement = spend([coin], { feeSat: 1_000n + vsize });
    expect(chain.verdict(replacement)).toBe('allowed');
    chain.send(replacement);
    expect(chain.mempool).toEqual([replacement.getId()]);
    expect(original.getId()).not.toBe(replacement.getId());
  });

  it('must pay for the descendants that it takes out', () => {
    const { chain, coin, original, vsize } = setUp();
    const child = spend([output(original, 0, chain.miner)], { feeSat: 50_000n });
    chain.send(child);
    expect(chain.verdict(spend([coin], { feeSat: 51_000n + vsize - 1n }))).toBe('insufficient fee');
    const [less] = chain.call('testmempoolaccept', [spend([coin], { feeSat: 50_999n }).toHex()], 0);
    expect(less['reject-details']).toMatch(/^insufficient fee, .*less fees than conflicting txs; 0\.00050999 < 0\.00051$/);
    const replacement = spend([coin], { feeSat: 51_000n + vsize });
    chain.send(replacement);
    expect(chain.mempool).toEqual([replacement.getId()]);
  });

  it('must not add unconfirmed inputs, nor spend what it replaces', () => {
    const { chain, coin, original } = setUp();
    const unrelated = spend([chain.fund()]);
    chain.send(unrelated);
    const both = spend([coin, output(unrelated, 0, chain.miner)], { feeSat: 100_000n });
    expect(chain.verdict(both)).toBe('replacement-adds-unconfirmed');
    const cycle = spend([coin, output(original, 0, chain.miner)], { feeSat: 100_000n });
    expect(chain.verdict(cycle)).toBe('bad-txns-spends-conflicting-tx');
  });

  it('takes out a hundred transactions at most', () => {
    const chain = TestChain.funded(6);
    const coins: Spendable[] = [];
    for (let i = 0; i < 5; i++) {
      const coin = chain.fund();
      coins.push(coin);
      const outputs = Array.from({ length: 20 }, () => ({ script: chain.miner.script, value: 100_000n }));
      const fanOut = spend([coin], { outputs });
      chain.send(fanOut);
      for (let n = 0; n < 20; n++) chain.send(spend([output(fanOut, n, chain.miner)]));
    }
    expect(chain.verdict(spend(coins, { feeSat: 1_000_000n }))).toBe('too many potential replacements');
    expect(chain.verdict(spend(coins.slice(1), { feeSat: 1_000_000n }))).toBe('allowed');
  });
});

describe('chains of unconfirmed transactions', () => {
  it('are at most 25 long', () => {
    const chain = TestChain.funded();
    let last = spend([chain.fund()]);
    chain.send(last);
    for (let i = 1; i < 25; i++) {
      last = spend([output(last, 0, chain.miner)]);
      chain.send(last);
    }
    expect(chain.verdict(spend([output(last, 0, chain.miner)]))).toBe('too-long-mempool-chain');
    chain.mine();
    expect(chain.verdict(spend([output(last, 0, chain.miner)]))).toBe('allowed');
  });

  it('leave room for the other side to spend its anchor, once', () => {
    const chain = TestChain.funded();
    // A commitment transaction, on whose first output one side hangs all that is allowed.
    const outputs = [1, 2, 3].map(() => ({ script: chain.miner.script, value: ONE_BTC }));
    const parent = spend([chain.fund()], { outputs });
    chain.send(parent);
    let last = spend([output(parent, 0, chain.miner)]);
    chain.send(last);
    for (let i = 2; i < 25; i++) {
      last = spend([output(last, 0, chain.miner)]);
      if (i < 24) chain.send(last);
      else expect(chain.send(last)).toBe(last.getId());
    }
    expect(chain.mempool.length).toBe(25);
    const fat = spend([output(parent, 1, chain.miner)], {
      feeSat: 20_000n,
      outputs: Array.from({ length: 330 }, () => ({ script: other.script, value: 1_000n })),
    });
    expect(fat.virtualSize()).toBeGreaterThan(10_000);
    expect(chain.verdict(fat)).toBe('too-long-mempool-chain');
    const anchor = spend([output(parent, 1, chain.miner)]);
    chain.send(anchor);
    expect(chain.verdict(spend([output(parent, 2, chain.miner)]))).toBe('too-long-mempool-chain');
    // It may still be bumped.
    chain.send(spend([output(parent, 1, chain.miner)], { feeSat: 5_000n }));
    expect(chain.mempool).not.toContain(anchor.getId());
  });

  it('are at most 101,000 vbytes together, counted upwards and downwards', () => {
    const large = (coin: Spendable, count = 1_900) => {
      const outputs = Array.from({ length: count }, () => ({ script: other.script, value: 1_000n }));
      const transaction = spend([coin], { feeSat: 100_000n, outputs });
      return { transaction, change: output(transaction, count, chain.miner) };
    };
    const chain = TestChain.funded(6);
    const [first, second] = [large(chain.fund()), large(chain.fund())];
    for (const { transaction } of [first, second]) chain.send(transaction);
    expect(chain.verdict(spend([first.change]))).toBe('allowed');
    expect(chain.verdict(spend([first.change, second.change]))).toBe('too-long-mempool-chain');

    const both = [1, 2].map(() => ({ script: chain.miner.script, value: 10_000_000n }));
    const parent = spend([chain.fund()], { outputs: both });
    chain.send(parent);
    chain.send(large(output(parent, 0, chain.miner)).transaction);
    expect(chain.verdict(large(output(parent, 1, chain.miner)).transaction)).toBe('too-long-mempool-chain');
    expect(chain.verdict(large(output(parent, 1, chain.miner), 500).transaction)).toBe('allowed');
  });
});

describe('a full mempool', () => {
  const bulky = (coin: Spendable, feeSat: bigint) =>
    spend([coin], { feeSat, outputs: Array.from({ length: 100 }, () => ({ script: other.script, value: 1_000n })) });

  it('drops what pays least, and asks newcomers for more', async () => {
    const chain = TestChain.funded(8, { maxMempoolBytes: 12_000 });
    const sent = [10_000n, 5_000n, 20_000n].map((feeSat) => bulky(chain.fund(), feeSat));
    for (const transaction of sent) chain.send(transaction);
    expect(chain.mempool.length).toBe(3);
    const better = bulky(chain.fund(), 30_000n);
    chain.send(better);
    expect(chain.mempool).toEqual([sent[0]!, sent[2]!, better].map((transaction) => transaction.getId()));
    const floor = chain.call('getmempoolinfo').mempoolminfee;
    expect(floor).toBeGreaterThan(0.00001);
    const poor = bulky(chain.fund(), 5_000n);
    expect(chain.verdict(poor)).toBe('mempool min fee not met');
    expect(chain.failure('sendrawtransaction', poor.toHex()).code).toBe(-26);
    chain.mine();
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(floor);
    chain.clock.advance(13 * 3_600_000);
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(0.00001);
    expect(chain.verdict(poor)).toBe('allowed');
  });

  it('refuses what it would have to drop again', () => {
    const chain = TestChain.funded(8, { maxMempoolBytes: 8_000 });
    chain.send(bulky(chain.fund(), 30_000n));
    chain.send(bulky(chain.fund(), 30_000n));
    expect(chain.failure('sendrawtransaction', bulky(chain.fund(), 5_000n).toHex())).toEqual({
      code: -26,
      message: 'mempool full',
    });
    expect(chain.mempool.length).toBe(2);
  });

  it('lets a child pay for its parent in a package', () => {
    const chain = TestChain.funded(8, { maxMempoolBytes: 12_000 });
    for (let i = 0; i < 4; i++) chain.send(bulky(chain.fund(), 20_000n + BigInt(i)));
    const parent = bulky(chain.fund(), 4_000n);
    const child = spend([output(parent, 100, chain.miner)], { feeSat: 60_000n });
    expect(chain.verdict(parent)).toBe('mempool min fee not met');
    const poorChild = spend([output(parent, 100, chain.miner)], { feeSat: 5_000n });
    const failed = chain.call('submitpackage', [parent.toHex(), poorChild.toHex()]);
    expect(failed.package_msg).toBe('transaction failed');
    expect(failed['tx-results'][wtxidOf(poorChild)].error).toMatch(/^mempool min fee not met/);

    const result = chain.call('submitpackage', [parent.toHex(), child.toHex()]);
    expect(result.package_msg).toBe('success');
    expect(chain.mempool).toEqual(expect.arrayContaining([parent.getId(), child.getId()]));
    const wtxids = [parent, child].map(wtxidOf);
    for (const wtxid of wtxids) {
      expect(result['tx-results'][wtxid].fees['effective-includes']).toEqual(wtxids);
      expect(result['tx-results'][wtxid].fees['effective-feerate']).toBeGreaterThan(0.00015);
    }
  });

  it('forgets transactions after two weeks', () => {
    const chain = TestChain.funded();
    const old = spend([chain.fund()]);
    chain.send(old);
    chain.clock.advance(337 * 3_600_000);
    const fresh = spend([chain.fund()]);
    chain.send(fresh);
    expect(chain.mempool).toEqual([fresh.getId()]);
  });
});

describe('packages', () => {
  it('are tested together', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const parent = spend([coin]);
    const child = spend([output(parent, 0, chain.miner)]);
    expect(chain.verdict(child)).toBe('missing-inputs');
    const both = chain.call('testmempoolaccept', [parent.toHex(), child.toHex()]);
    expect(both.map(({ allowed }: { allowed: boolean }) => allowed)).toEqual([true, true]);
    expect(chain.mempool).toEqual([]);
    const swapped = chain.call('testmempoolaccept', [child.toHex(), parent.toHex()]);
    expect(swapped[0]['package-error']).toBe('package-not-sorted');
    const twice = chain.call('testmempoolaccept', [parent.toHex(), parent.toHex()]);
    expect(twice[0]['package-error']).toBe('package-contains-duplicates');
    const rival = spend([coin], { feeSat: 2_000n });
    const conflict = chain.call('testmempoolaccept', [parent.toHex(), rival.toHex()]);
    expect(conflict[0]['package-error']).toBe('conflict-in-package');
  });

  it('must be a child with its parents, and conflict with nothing', () => {
    const chain = TestChain.funded(6);
    const coin = chain.fund();
    const parent = spend([coin]);
    const unrelated = spend([chain.fund()]);
    expect(chain.failure('submitpackage', [unrelated.toHex(), parent.toHex()]).message).toMatch(/topology disallowed/);
    const child = spend([output(parent, 0, chain.miner), output(unrelated, 0, chain.miner)]);
    const missing = chain.call('submitpackage', [parent.toHex(), child.toHex()]);
    expect(missing.package_msg).toBe('package-not-child-with-unconfirmed-parents');
    const result = chain.call('submitpackage', [parent.toHex(), unrelated.toHex(), child.toHex()]);
    expect(result.package_msg).toBe('success');
    const again = chain.call('submitpackage', [parent.toHex(), unrelated.toHex(), child.toHex()]);
    expect(again.package_msg).toBe('success');
    const conflicting = spend([coin], { feeSat: 900n });
    const conflictingChild = spend([output(conflicting, 0, chain.miner)], { feeSat: 1_000_000n });
    expect(chain.call('testmempoolaccept', [conflicting.toHex(), conflictingChild.toHex()])[0]['reject-reason']).toBe(
      'bip125-replacement-disallowed',
    );
  });

  it('are bounded in weight, and by what is in the mempool already', () => {
    const chain = TestChain.funded(6);
    const outputs = Array.from({ length: 1_900 }, () => ({ script: other.script, value: 1_000n }));
    const large = spend([chain.fund()], { feeSat: 100_000n, outputs });
    const child = spend([output(large, 1_900, chain.miner)], { feeSat: 100_000n, outputs });
    expect(chain.call('submitpackage', [large.toHex(), child.toHex()], 0).package_msg).toBe('package-too-large');
    let last = spend([chain.fund()]);
    chain.send(last);
    for (let i = 1; i < 24; i++) {
      last = spend([output(last, 0, chain.miner)]);
      chain.send(last);
    }
    const next = spend([output(last, 0, chain.miner)]);
    const oneMore = spend([output(next, 0, chain.miner)]);
    const [result] = chain.call('testmempoolaccept', [next.toHex(), oneMore.toHex()]);
    expect(result['package-error']).toBe('package-mempool-limits');
    expect(chain.verdict(next)).toBe('allowed');
  });

  it('cannot be sent below the relay fee, whatever the child pays', () => {
    const chain = TestChain.funded();
    const parent = spend([chain.fund()], { feeSat: 0n });
    const child = spend([output(parent, 0, chain.miner)], { feeSat: 10_000n });
    const result = chain.call('submitpackage', [parent.toHex(), child.toHex()]);
    expect(result.package_msg).toBe('transaction failed');
    expect(chain.mempool).toEqual([]);
  });
});

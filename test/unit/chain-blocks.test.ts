import { Block, Transaction, opcodes } from 'bitcoinjs-lib';
import { concat, fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { checkBlock, decodeBlock } from '../../src/chain/embedded/consensus/block.ts';
import { REGTEST_GENESIS_HEX } from '../../src/chain/embedded/consensus/params.ts';
import { Key, TestChain, output, spend } from './chain-kit.ts';

const other = new Key(2);

/** A valid block on the tip, changed by `change`; roots and proof of work are then done again unless told otherwise. */
function changed(
  chain: TestChain,
  transactions: readonly Transaction[],
  change: (block: Block, coinbase: Transaction) => void,
  { commit = true, work = true }: { commit?: boolean; work?: boolean } = {},
): string {
  const [hex] = [chain.call('generateblock', chain.miner.address, [], false).hex as string];
  const block = Block.fromHex(hex);
  const coinbase = block.transactions![0]!;
  block.transactions = [coinbase, ...transactions];
  change(block, coinbase);
  if (commit) commitTo(block);
  block.merkleRoot = Block.calculateMerkleRoot(block.transactions);
  if (work) prove(block);
  return block.toHex();
}

function commitTo(block: Block): void {
  const commitment = block.transactions![0]!.outs.find(({ script }) => script[0] === opcodes.OP_RETURN);
  if (commitment !== undefined) {
    const root = Block.calculateMerkleRoot(block.transactions!, true);
    commitment.script = concat([fromString('6a24aa21a9ed', 'base16'), root]);
  }
}

function bytes(hex: string): Uint8Array {
  return fromString(hex, 'base16');
}

function prove(block: Block): void {
  while (!block.checkProofOfWork()) block.nonce++;
}

describe('a block', () => {
  it('begins on the real regtest genesis block', () => {
    const chain = new TestChain();
    expect(chain.tip).toBe('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206');
    expect(chain.call('getblock', chain.tip, 0)).toBe(REGTEST_GENESIS_HEX);
    expect(chain.call('gettxout', chain.chain.state.tip.block.merkleRoot, 0)).toBe(null);
  });

  it('that is mined is one that bitcoinjs-lib calls well made', () => {
    const chain = TestChain.funded();
    chain.send(spend([chain.fund()]));
    chain.mine();
    const block = Block.fromHex(chain.call('getblock', chain.tip, 0));
    expect(block.checkTxRoots()).toBe(true);
    expect(block.checkProofOfWork()).toBe(true);
    expect(block.hasWitnessCommit()).toBe(true);
    expect(block.getId()).toBe(chain.tip);
  });

  it('from elsewhere is taken, once', () => {
    const chain = TestChain.funded();
    const hex = changed(chain, [spend([chain.fund()])], () => {});
    expect(chain.call('submitblock', hex)).toBe(null);
    expect(chain.call('submitblock', hex)).toBe('duplicate');
    expect(chain.height).toBe(104);
  });

  it('must stand on a known block that is not invalid', () => {
    const chain = TestChain.funded();
    const orphan = changed(chain, [], (block) => (block.prevHash = new Uint8Array(32).fill(1)));
    expect(chain.call('submitblock', orphan)).toBe('prev-blk-not-found');
    const child = changed(chain, [], () => {});
    const { tip } = chain;
    chain.call('invalidateblock', tip);
    expect(chain.call('submitblock', child)).toBe('bad-prevblk');
  });

  it('must have done its work', () => {
    const chain = TestChain.funded();
    const idle = changed(
      chain,
      [],
      (block) => {
        block.merkleRoot = Block.calculateMerkleRoot(block.transactions!);
        while (block.checkProofOfWork()) block.nonce++;
      },
      { commit: false, work: false },
    );
    expect(chain.call('submitblock', idle)).toBe('high-hash');
    const easier = changed(chain, [], (block) => (block.bits = 0x2100ffff));
    expect(['bad-diffbits', 'high-hash']).toContain(chain.call('submitblock', easier));
    const harder = changed(chain, [], (block) => (block.bits = 0x207ffffe));
    expect(chain.call('submitblock', harder)).toBe('bad-diffbits');
  });

  it('must be dated after the median of eleven, and at most two hours ahead', () => {
    const chain = TestChain.funded();
    const { mediantime } = chain.call('getblockchaininfo');
    const dated = (timestamp: number) => changed(chain, [], (block) => (block.timestamp = timestamp));
    expect(chain.call('submitblock', dated(mediantime))).toBe('time-too-old');
    const nowS = Math.floor(chain.clock.now() / 1_000);
    expect(chain.call('submitblock', dated(nowS + 7_201))).toBe('time-too-new');
    expect(chain.call('submitblock', dated(nowS + 7_200))).toBe(null);
  });

  it('must be of version 4 or above', () => {
    const chain = TestChain.funded();
    const ofVersion = (version: number) => changed(chain, [], (block) => (block.version = version));
    expect(chain.call('submitblock', ofVersion(3))).toBe('bad-version(0x00000003)');
    expect(chain.call('submitblock', ofVersion(4))).toBe(null);
  });

  it('must carry the merkle root of its transactions, which must not repeat', () => {
    const chain = TestChain.funded();
    const block = Block.fromHex(changed(chain, [spend([chain.fund()])], () => {}));
    block.merkleRoot = new Uint8Array(32);
    prove(block);
    expect(chain.call('submitblock', block.toHex())).toBe('bad-txnmrklroot');
    // Three transactions have the root of the same three with the last one twice (CVE-2012-2459).
    const [a, b] = [spend([chain.fund()]), spend([chain.fund()])];
    const three = changed(chain, [a, b], () => {});
    const four = Block.fromHex(three);
    four.transactions!.push(four.transactions!.at(-1)!);
    expect(chain.call('submitblock', four.toHex())).toBe('bad-txns-duplicate');
    expect(chain.call('submitblock', three)).toBe(null);
  });

  it('must have one coinbase, first, with its height in it', () => {
    const chain = TestChain.funded();
    const none = changed(chain, [spend([chain.fund()])], (block) => block.transactions!.shift(), { commit: false });
    expect(chain.call('submitblock', none)).toBe('bad-cb-missing');
    const two = changed(chain, [], (block, coinbase) => block.transactions!.push(coinbase.clone()));
    expect(['bad-cb-multiple', 'bad-txns-duplicate']).toContain(chain.call('submitblock', two));
    const second = changed(chain, [], (block, coinbase) => {
      const copy = coinbase.clone();
      copy.locktime = 1;
      block.transactions!.push(copy);
    });
    expect(chain.call('submitblock', second)).toBe('bad-cb-multiple');
    const withScript = (change: (script: Uint8Array) => Uint8Array) =>
      changed(chain, [], (_, { ins: [input] }) => (input!.script = change(input!.script)));
    expect(chain.call('submitblock', withScript(() => Uint8Array.of(1, 99, 1, 1)))).toBe('bad-cb-height');
    const long = withScript((script) => concat([script, new Uint8Array(100)]));
    expect(chain.call('submitblock', long)).toBe('bad-cb-length');
  });

  it('must not create more than the subsidy and its fees', () => {
    const chain = TestChain.funded();
    const paying = (extraSat: bigint) =>
      changed(chain, [spend([chain.fund()], { feeSat: 5_000n })], (_, coinbase) => {
        coinbase.outs[0]!.value += extraSat;
      });
    expect(chain.call('submitblock', paying(5_001n))).toBe('bad-cb-amount');
    expect(chain.call('submitblock', paying(5_000n))).toBe(null);
  });

  it('creates 50 BTC, half of that from block 150 on, and so forth', () => {
    const chain = new TestChain();
    chain.mine(450);
    const reward = (height: number) => {
      const block = chain.call('getblock', chain.call('getblockhash', height), 2);
      return block.tx[0].vout[0].value;
    };
    expect([149, 150, 299, 300, 450].map(reward)).toEqual([50, 25, 25, 12.5, 6.25]);
  });

  it('must commit to its witnesses', () => {
    const chain = TestChain.funded();
    const transaction = spend([chain.fund()]);
    const without = changed(chain, [transaction], (_, coinbase) => coinbase.outs.pop());
    expect(chain.call('submitblock', without)).toBe('unexpected-witness');
    const wrong = changed(chain, [transaction], () => {}, { commit: false });
    expect(chain.call('submitblock', wrong)).toBe('bad-witness-merkle-match');
    const noReserved = changed(
      chain,
      [],
      (_, coinbase) => (coinbase.ins[0]!.witness = [new Uint8Array(31)]),
      { commit: false },
    );
    expect(chain.call('submitblock', noReserved)).toBe('bad-witness-nonce-size');
    const empty = changed(chain, [], (_, coinbase) => {
      coinbase.outs.pop();
      coinbase.ins[0]!.witness = [];
    });
    expect(chain.call('submitblock', empty)).toBe(null);
  });

  it('must not weigh more than 4,000,000, nor be larger than 1,000,000 bytes without witnesses', () => {
    const chain = TestChain.funded();
    const witnessScript = Uint8Array.of(opcodes.OP_2DROP, opcodes.OP_2DROP, opcodes.OP_2DROP, opcodes.OP_1);
    const script = concat([Uint8Array.of(0, 32), sha256(witnessScript)]);
    const outputs = Array.from({ length: 2_000 }, () => ({ script, value: 1_000n }));
    const fund = spend([chain.fund()], { feeSat: 90_000n, outputs });
    chain.send(fund);
    chain.mine();
    const fundHash = fund.getHash();
    const heavy = (count: number) => {
      const transaction = new Transaction();
      transaction.version = 2;
      for (let index = 0; index < count; index++) {
        transaction.addInput(fundHash, index, 0xffffffff);
        transaction.setWitness(index, [...Array.from({ length: 6 }, () => new Uint8Array(500)), witnessScript]);
      }
      transaction.addOutput(other.script, 1_000n);
      return transaction;
    };
    expect(heavy(1_300).weight()).toBeGreaterThan(4_000_000);
    expect(chain.call('submitblock', changed(chain, [heavy(1_300)], () => {}))).toBe('bad-blk-weight');
    expect(chain.call('submitblock', changed(chain, [heavy(1_200)], () => {}))).toBe(null);
    const wide = spend([chain.fund()], { outputs: [{ script: new Uint8Array(999_900), value: 0n }] });
    expect(chain.call('submitblock', changed(chain, [wide], () => {}))).toBe('bad-blk-length');
  });

  it('must not check more than 80,000 signatures', () => {
    const chain = TestChain.funded();
    const script = new Uint8Array(10_000).fill(opcodes.OP_CHECKSIG);
    const checks = (count: number) => {
      const outputs = [count, 10_000].map((size) => ({ script: script.subarray(0, size), value: 0n }));
      return spend([chain.fund()], { outputs });
    };
    // Each counts four, and the input one more: that one is seen only when the block is connected.
    expect(chain.blockVerdict(checks(10_000))).toBe('bad-blk-sigops');
    expect(chain.blockVerdict(checks(9_999))).toBe('valid');
    expect(() => checkBlock(decodeBlock(bytes(changed(chain, [checks(10_000)], () => {}))))).not.toThrow();
    const above = changed(chain, [checks(10_000), checks(1)], () => {});
    expect(() => checkBlock(decodeBlock(bytes(above)))).toThrow('bad-blk-sigops');
  });

  it('holds transactions to lock times, relative lock times, amounts, maturity and double spends', () => {
    const chain = TestChain.funded(6);
    const coin = chain.fund();
    const height = chain.height + 1;
    expect(chain.blockVerdict(spend([coin], { locktime: height }))).toBe('bad-txns-nonfinal');
    expect(chain.blockVerdict(spend([coin], { locktime: height - 1 }))).toBe('valid');
    expect(chain.blockVerdict(spend([coin], { sequence: height }))).toBe('bad-txns-nonfinal');
    expect(chain.blockVerdict(spend([coin], { sequence: 1 }))).toBe('valid');
    const inflating = spend([coin], { change: false, outputs: [{ script: other.script, value: coin.amountSat + 1n }] });
    expect(chain.blockVerdict(inflating)).toBe('bad-txns-in-belowout');
    const twice = [spend([coin]), spend([coin], { feeSat: 2_000n })];
    expect(chain.blockVerdict(...twice)).toBe('bad-txns-inputs-missingorspent');
    const parent = spend([coin]);
    const child = spend([output(parent, 0, chain.miner)]);
    expect(chain.blockVerdict(parent, child)).toBe('valid');
    expect(chain.blockVerdict(child, parent)).toBe('bad-txns-inputs-missingorspent');
    for (let i = 0; i < 6; i++) chain.fund();
    const young = chain.fund();
    expect(chain.blockVerdict(spend([young]))).toBe('bad-txns-premature-spend-of-coinbase');
  });

  it('must not bring back a transaction whose outputs are still unspent (BIP 30)', () => {
    const chain = TestChain.funded();
    const transaction = spend([chain.fund()]);
    chain.send(transaction);
    chain.mine();
    expect(chain.blockVerdict(transaction)).toBe('bad-txns-BIP30');
    chain.send(spend([output(transaction, 0, chain.miner)]));
    chain.mine();
    expect(chain.blockVerdict(transaction)).toBe('bad-txns-inputs-missingorspent');
  });

  it('that breaks a rule leaves everything as it was', () => {
    const chain = TestChain.funded();
    const parked = spend([chain.fund()]);
    chain.send(parked);
    const { tip } = chain;
    const bad = changed(chain, [spend([chain.fund()])], (_, coinbase) => (coinbase.outs[0]!.value += 1_000_000n));
    expect(chain.call('submitblock', bad)).toBe('bad-cb-amount');
    expect(chain.call('submitblock', bad)).toBe('duplicate-invalid');
    expect(chain.tip).toBe(tip);
    expect(chain.mempool).toEqual([parked.getId()]);
    chain.mine();
    expect(chain.mempool).toEqual([]);
  });

  it('cannot be read from other bytes', () => {
    const chain = TestChain.funded();
    const hex = changed(chain, [], () => {});
    for (const bad of ['', '00', 'zz', hex.slice(0, 160), hex.slice(0, -2)]) {
      expect(chain.failure('submitblock', bad), bad).toEqual({ code: -22, message: 'Block decode failed' });
    }
    // bitcoind does not look at what comes after it.
    expect(chain.call('submitblock', `${hex}00`)).toBe(null);
  });

  it('on a header that is right and cannot hold it is remembered as wrong, with all that builds on it', () => {
    const chain = TestChain.funded();
    const hex = changed(chain, [], (block) => {
      block.transactions![0]!.ins[0]!.script = Uint8Array.of(1, 7, 0);
    });
    expect(chain.call('submitblock', hex)).toBe('bad-cb-height');
    expect(chain.call('submitblock', hex)).toBe('duplicate-invalid');
  });

  it('is given the witness that its coinbase lacks', () => {
    const chain = TestChain.funded();
    const withoutWitness = (block: Block) => {
      block.transactions![0]!.ins[0]!.witness = [];
    };
    const hex = changed(chain, [], withoutWitness, { commit: false });
    expect(chain.call('submitblock', hex)).toBe(null);
    expect(chain.call('getblock', chain.tip, 2).tx[0].vin[0].txinwitness).toEqual(['00'.repeat(32)]);
  });
});

describe('mining', () => {
  it('takes what pays most, children lifting their parents', () => {
    const chain = TestChain.funded(6);
    const [a, b, c] = [chain.fund(), chain.fund(), chain.fund()];
    const middle = spend([a], { feeSat: 3_000n });
    const poor = spend([b], { feeSat: 200n });
    const rich = spend([output(poor, 0, chain.miner)], { feeSat: 20_000n });
    const low = spend([c], { feeSat: 500n });
    for (const transaction of [low, middle, poor, rich]) chain.send(transaction);
    chain.mine();
    const { tx } = chain.call('getblock', chain.tip, 1);
    expect(tx.slice(1)).toEqual([poor, rich, middle, low].map((transaction) => transaction.getId()));
    const { vout } = chain.call('getrawtransaction', tx[0], 1);
    expect(vout[0].value).toBe(50.000237);
  });

  it('fills blocks up to their weight and leaves the rest for the next', () => {
    const chain = TestChain.funded(14);
    const outputs = Array.from({ length: 3_000 }, () => ({ script: other.script, value: 1_000n }));
    const sent = Array.from({ length: 12 }, (_, i) => {
      const transaction = spend([chain.fund()], { feeSat: 200_000n + BigInt(i) * 1_000n, outputs });
      chain.send(transaction);
      return transaction.getId();
    });
    chain.mine();
    const first = chain.call('getblock', chain.tip, 1);
    expect(first.weight).toBeLessThanOrEqual(4_000_000);
    expect(first.tx.length).toBeGreaterThan(8);
    expect(first.tx).toContain(sent.at(-1));
    expect(first.tx).not.toContain(sent[0]);
    chain.mine();
    expect(chain.mempool).toEqual([]);
  });

  it('gives the same chain from the same calls', () => {
    const run = () => {
      const chain = TestChain.funded();
      chain.send(spend([chain.fund()]));
      chain.mine(2);
      return chain.tip;
    };
    expect(run()).toBe(run());
  });

  it('never makes the same block twice', () => {
    const chain = TestChain.funded();
    const [first] = chain.mine();
    chain.call('invalidateblock', first);
    const [second] = chain.mine();
    expect(second).not.toBe(first);
    expect(chain.tip).toBe(second);
  });

  it('pays any kind of address', () => {
    const chain = new TestChain();
    for (const address of [
      'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn',
      '2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc',
      'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
      'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6',
    ]) {
      const [hash] = chain.call('generatetoaddress', 1, address);
      expect(chain.call('getblock', hash, 2).tx[0].vout[0].scriptPubKey.address).toBe(address);
    }
    const mainnet = ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', '1BoatSLRHtKNngkdXEeobR76b53LETtpyT'];
    for (const address of ['', 'nonsense', ...mainnet]) {
      expect(chain.failure('generatetoaddress', 1, address).code, address).toBe(-5);
    }
  });
});

describe('generateblock', () => {
  it('mines exactly what it is told, from the mempool or not', () => {
    const chain = TestChain.funded();
    const [first, second] = [spend([chain.fund()]), spend([chain.fund()])];
    chain.send(first);
    const { hash } = chain.call('generateblock', chain.miner.address, [second.toHex()]);
    expect(chain.call('getblock', hash, 1).tx.slice(1)).toEqual([second.getId()]);
    expect(chain.mempool).toEqual([first.getId()]);
    const third = chain.call('generateblock', chain.miner.address, [first.getId()]);
    expect(third.hex).toBe(undefined);
    expect(chain.mempool).toEqual([]);
    expect(chain.failure('generateblock', chain.miner.address, [first.toHex()])).toEqual({
      code: -25,
      message: 'TestBlockValidity failed: bad-txns-BIP30, tried to overwrite transaction',
    });
    expect(chain.failure('generateblock', chain.miner.address, ['ab'.repeat(32)]).code).toBe(-5);
    expect(chain.failure('generateblock', chain.miner.address, ['00']).code).toBe(-22);
  });
});

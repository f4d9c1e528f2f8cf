import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { callEmbedded } from '../../src/chain/embedded/rpc/call.ts';
import { Key, TestChain, output, spend } from './chain-kit.ts';

const UNKNOWN = 'ab'.repeat(32);

describe("bitcoind's calls", () => {
  it('about the chain have its shapes', () => {
    const chain = TestChain.funded();
    expect(chain.call('getblockchaininfo')).toMatchObject({
      chain: 'regtest',
      blocks: 103,
      headers: 103,
      bestblockhash: chain.tip,
      bits: '207fffff',
      initialblockdownload: false,
      pruned: false,
      chainwork: (104 * 2).toString(16).padStart(64, '0'),
      warnings: [],
    });
    const header = chain.call('getblockheader', chain.call('getblockhash', 102));
    expect(Object.keys(header)).toEqual([
      'hash', 'confirmations', 'height', 'version', 'versionHex', 'merkleroot', 'time', 'mediantime', 'nonce', 'bits',
      'target', 'difficulty', 'chainwork', 'nTx', 'previousblockhash', 'nextblockhash',
    ]);
    expect(header).toMatchObject({ confirmations: 2, height: 102, versionHex: '20000000', nTx: 1 });
    expect(header.nextblockhash).toBe(chain.tip);
    expect(chain.call('getblockheader', chain.tip, false)).toMatch(/^[0-9a-f]{160}$/);
    expect(chain.call('getblock', chain.tip, 0).slice(0, 160)).toBe(chain.call('getblockheader', chain.tip, false));
    expect(chain.call('getblock', chain.tip)).toEqual(chain.call('getblock', chain.tip, 1));
    expect(chain.call('getblock', chain.tip, true)).toEqual(chain.call('getblock', chain.tip, 1));
    expect(chain.call('getblock', chain.tip, false)).toEqual(chain.call('getblock', chain.tip, 0));
    expect(chain.call('getnetworkinfo')).toMatchObject({ version: 290_000, connections: 0, relayfee: 0.00001 });
    chain.clock.advance(5_000);
    expect(chain.call('uptime')).toBe(5);
    expect(chain.call('stop')).toMatch(/stopping/);
  });

  it('about a block show its transactions, fees and what they spend', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const transaction = spend([coin], { feeSat: 1_234n });
    chain.send(transaction);
    chain.mine();
    const block = chain.call('getblock', chain.tip, 2);
    expect(block.tx.length).toBe(2);
    expect(block.tx[0].vin[0].coinbase).toMatch(/^0168/);
    expect(block.tx[0].fee).toBe(undefined);
    expect(block.tx[1]).toMatchObject({
      txid: transaction.getId(),
      version: 2,
      size: transaction.byteLength(),
      vsize: transaction.virtualSize(),
      weight: transaction.weight(),
      locktime: 0,
      fee: 0.00001234,
      hex: transaction.toHex(),
      vin: [{ txid: coin.txid, vout: 0, scriptSig: { asm: '', hex: '' }, sequence: 0xfffffffd }],
      vout: [{ n: 0, value: 49.99998766, scriptPubKey: { type: 'witness_v0_keyhash', address: chain.miner.address } }],
    });
    expect(block.tx[1].vin[0].prevout).toBe(undefined);
    const { prevout } = chain.call('getblock', chain.tip, 3).tx[1].vin[0];
    expect(prevout).toMatchObject({ generated: true, height: 1, value: 50 });
  });

  it('find transactions in the mempool, in the chain, and in a block of another branch', () => {
    const chain = TestChain.funded();
    const transaction = spend([chain.fund()]);
    const txid = transaction.getId();
    expect(chain.failure('getrawtransaction', txid)).toEqual({
      code: -5,
      message: 'No such mempool or blockchain transaction. Use gettransaction for wallet transactions.',
    });
    chain.send(transaction);
    expect(chain.call('getrawtransaction', txid)).toBe(transaction.toHex());
    expect(chain.call('getrawtransaction', txid, 1).confirmations).toBe(undefined);
    const [hash] = chain.mine(2) as [string];
    expect(chain.call('getrawtransaction', txid, true)).toMatchObject({ txid, blockhash: hash, confirmations: 2 });
    expect(chain.call('getrawtransaction', txid, 2)).toMatchObject({ fee: 0.00001, vin: [{ prevout: { value: 50 } }] });
    expect(chain.call('getrawtransaction', txid, 1, hash)).toMatchObject({ in_active_chain: true });
    expect(chain.failure('getrawtransaction', txid, 1, chain.tip)).toMatchObject({ code: -5 });
    expect(chain.failure('getrawtransaction', txid, 1, UNKNOWN)).toEqual({ code: -5, message: 'Block hash not found' });
    chain.call('invalidateblock', hash);
    chain.mine(0);
    expect(chain.call('getrawtransaction', txid, 1, hash)).toMatchObject({ in_active_chain: false, confirmations: 0 });
    expect(chain.failure('getrawtransaction', chain.chain.state.genesis.block.merkleRoot).code).toBe(-5);
  });

  it('about unspent outputs look at the mempool unless told not to', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    expect(chain.call('gettxout', coin.txid, 0)).toMatchObject({
      bestblock: chain.tip,
      confirmations: 103,
      value: 50,
      coinbase: true,
    });
    const transaction = spend([coin]);
    chain.send(transaction);
    expect(chain.call('gettxout', coin.txid, 0)).toBe(null);
    expect(chain.call('gettxout', coin.txid, 0, false).confirmations).toBe(103);
    expect(chain.call('gettxout', transaction.getId(), 0)).toMatchObject({ confirmations: 0, coinbase: false });
    expect(chain.call('gettxout', transaction.getId(), 0, false)).toBe(null);
    expect(chain.call('gettxout', coin.txid, 9)).toBe(null);
    expect(chain.call('gettxout', UNKNOWN, 0)).toBe(null);
  });

  it('about the mempool', () => {
    const chain = TestChain.funded();
    const parent = spend([chain.fund()], { feeSat: 500n, sequence: 0xffffffff });
    const child = spend([output(parent, 0, chain.miner)], { feeSat: 700n, sequence: 0xffffffff });
    chain.send(parent);
    chain.send(child);
    const vsize = parent.virtualSize();
    expect(chain.call('getmempoolentry', child.getId())).toEqual({
      vsize: child.virtualSize(),
      weight: child.weight(),
      time: 1_700_000_000,
      height: 103,
      descendantcount: 1,
      descendantsize: child.virtualSize(),
      ancestorcount: 2,
      ancestorsize: vsize + child.virtualSize(),
      wtxid: Buffer.from(child.getHash(true)).reverse().toString('hex'),
      fees: { base: 0.000007, modified: 0.000007, ancestor: 0.000012, descendant: 0.000007 },
      depends: [parent.getId()],
      spentby: [],
      'bip125-replaceable': false,
      unbroadcast: false,
    });
    expect(chain.call('getrawmempool', true)[parent.getId()].fees.descendant).toBe(0.000012);
    expect(chain.call('getrawmempool', false, true)).toEqual({
      txids: [parent.getId(), child.getId()],
      mempool_sequence: 3,
    });
    expect(chain.failure('getrawmempool', true, true).code).toBe(-8);
    expect(chain.failure('getmempoolentry', UNKNOWN)).toEqual({ code: -5, message: 'Transaction not in mempool' });
    expect(chain.call('getmempoolinfo')).toMatchObject({
      loaded: true,
      size: 2,
      bytes: vsize + child.virtualSize(),
      total_fee: 0.000012,
      mempoolminfee: 0.00001,
      minrelaytxfee: 0.00001,
      incrementalrelayfee: 0.00001,
      fullrbf: true,
    });
    const replaceable = spend([chain.fund()]);
    chain.send(replaceable);
    expect(chain.call('getmempoolentry', replaceable.getId())['bip125-replaceable']).toBe(true);
  });

  it('have no fee estimate, as a bitcoind that has seen no traffic', () => {
    const chain = new TestChain();
    expect(chain.call('estimatesmartfee', 6)).toEqual({ errors: ['Insufficient data or no feerate found'], blocks: 6 });
    expect(chain.call('estimatesmartfee', 1, 'CONSERVATIVE').blocks).toBe(2);
    expect(chain.failure('estimatesmartfee', 0).code).toBe(-8);
    expect(chain.failure('estimatesmartfee', 1_009).code).toBe(-8);
    expect(chain.failure('estimatesmartfee', 6, 'cheap').code).toBe(-8);
  });

  it('about acceptance say what a transaction costs, or why it is refused', () => {
    const chain = TestChain.funded();
    const transaction = spend([chain.fund()], { feeSat: 2_200n });
    const wtxid = Buffer.from(transaction.getHash(true)).reverse().toString('hex');
    expect(chain.call('testmempoolaccept', [transaction.toHex()])).toEqual([
      {
        txid: transaction.getId(),
        wtxid,
        allowed: true,
        vsize: 110,
        fees: { base: 0.000022, 'effective-feerate': 0.0002, 'effective-includes': [wtxid] },
      },
    ]);
    const unknown = spend([{ txid: UNKNOWN, index: 0, amountSat: 10_000n, key: new Key(3) }]);
    expect(chain.call('testmempoolaccept', [unknown.toHex()])[0]).toMatchObject({
      allowed: false,
      'reject-reason': 'missing-inputs',
    });
    const free = spend([chain.fund()], { feeSat: 0n });
    expect(chain.call('testmempoolaccept', [free.toHex()])[0]).toMatchObject({
      'reject-reason': 'min relay fee not met',
      'reject-details': 'min relay fee not met, 0 < 110',
    });
    expect(chain.failure('testmempoolaccept', []).code).toBe(-8);
    expect(chain.failure('testmempoolaccept', Array(26).fill(free.toHex())).code).toBe(-8);
    expect(chain.failure('testmempoolaccept', ['00']).code).toBe(-22);
    expect(chain.failure('testmempoolaccept', [5]).code).toBe(-3);
  });

  it('keep a caller from paying or burning too much by mistake', () => {
    const chain = TestChain.funded(6);
    const rich = spend([chain.fund()], { feeSat: 2_000_000n });
    expect(chain.failure('sendrawtransaction', rich.toHex())).toEqual({
      code: -25,
      message: 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)',
    });
    expect(chain.call('testmempoolaccept', [rich.toHex()])[0]['reject-reason']).toBe('max-fee-exceeded');
    expect(chain.call('submitpackage', [rich.toHex()]).package_msg).toBe('transaction failed');
    expect(chain.failure('sendrawtransaction', rich.toHex(), 1).code).toBe(-8);
    expect(chain.failure('sendrawtransaction', rich.toHex(), '0.1x').code).toBe(-3);
    expect(chain.failure('sendrawtransaction', rich.toHex(), -1).code).toBe(-3);
    expect(chain.call('sendrawtransaction', rich.toHex(), '0.5')).toBe(rich.getId());
    const burn = spend([chain.fund()], { outputs: [{ script: Uint8Array.of(0x6a, 1, 1), value: 1_000n }] });
    expect(chain.failure('sendrawtransaction', burn.toHex())).toMatchObject({
      code: -25,
      message: expect.stringContaining('maxburnamount'),
    });
    expect(chain.call('sendrawtransaction', burn.toHex(), 0.1, 0.00001)).toBe(burn.getId());
  });
});

describe('the parameters of a call', () => {
  const chain = TestChain.funded();
  const named = (method: string, params: unknown) => {
    try {
      return callEmbedded(chain.chain, method, params);
    } catch (error) {
      return (error as { rpcCode: number }).rpcCode;
    }
  };

  it.each([
    ['getblockhash', []],
    ['getblockhash', [1, 2]],
    ['getblockcount', [1]],
    ['getblock', ['a', 1, 2]],
    ['generatetoaddress', [1]],
  ])('must be as many as there are: %s %j', (method, params) => {
    const usage = new RegExp(`^${method}`);
    expect(chain.failure(method, ...params)).toEqual({ code: -1, message: expect.stringMatching(usage) });
  });

  it.each([
    ['getblockhash', ['1']],
    ['getblockhash', [null]],
    ['getblock', [5]],
    ['getblock', [UNKNOWN, 'x']],
    ['getblockheader', [UNKNOWN, 1]],
    ['gettxout', [UNKNOWN, '0']],
    ['gettxout', [UNKNOWN, 0, 'yes']],
    ['sendrawtransaction', [['00']]],
    ['testmempoolaccept', ['00']],
    ['generatetoaddress', ['1', 'x']],
    ['generateblock', ['x', 'y']],
    ['invalidateblock', [{}]],
  ])('must have their types: %s %j', (method, params) => {
    const message = expect.stringContaining('Wrong type passed');
    expect(chain.failure(method, ...params)).toEqual({ code: -3, message });
  });

  it.each([
    ['getblockhash', [1.5], -1],
    ['getblockhash', [1e12], -1],
    ['getblockhash', [-1], -8],
    ['getblockhash', [104], -8],
    ['getblock', ['abcd'], -8],
    ['getblock', ['z'.repeat(64)], -8],
    ['getblock', [UNKNOWN], -5],
    ['getblockheader', [UNKNOWN], -5],
    ['gettxout', [UNKNOWN, -1], -1],
    ['sendrawtransaction', [''], -22],
    ['sendrawtransaction', ['0'], -22],
    ['sendrawtransaction', ['xy'], -22],
    ['sendrawtransaction', ['00'.repeat(100)], -22],
    ['generatetoaddress', [1_000_000, new Key(1).address], -8],
    ['getmempoolentry', ['00'], -8],
  ])('must be in range: %s %j gives %i', (method, params, code) => {
    expect(chain.failure(method, ...params).code).toBe(code);
  });

  it('may be named', () => {
    expect(named('getblockhash', { height: 103 })).toBe(chain.tip);
    expect(named('getblock', { blockhash: chain.tip, verbosity: 0 })).toMatch(/^[0-9a-f]+$/);
    expect(named('getblock', { blockhash: chain.tip })).toMatchObject({ height: 103 });
    expect(named('getblock', { hash: chain.tip })).toBe(-8);
    expect(named('getblock', { verbosity: 1 })).toBe(-3);
    expect(named('getblockcount', undefined)).toBe(103);
    expect(named('getblockcount', 'x')).toBe(-32600);
    expect(named('nosuchcall', [])).toBe(-32601);
    expect(named('__proto__', [])).toBe(-32601);
  });

  it('refuse transactions whose bytes are not exactly as Bitcoin writes them', () => {
    const hex = spend([chain.fund()]).toHex();
    expect(chain.verdict(Transaction.fromHex(hex))).toBe('allowed');
    for (let cut = 2; cut < hex.length; cut += 2) {
      expect(chain.failure('sendrawtransaction', hex.slice(0, -cut)).code).toBe(-22);
    }
    expect(chain.failure('sendrawtransaction', `${hex}00`).code).toBe(-22);
    // One input, counted in three bytes where one would do.
    expect(chain.failure('sendrawtransaction', hex.replace(/^(02000000000101)/, '020000000001fd0100')).code).toBe(-22);
  });
});

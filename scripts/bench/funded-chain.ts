/** A regtest chain with an unspent funding output for each channel of a plan, where its short channel id says. */
import { payments, networks, Transaction } from 'bitcoinjs-lib';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { SIGHASH_ALL, toWitnessSignature } from '../../protocols/crypto/witness-signature.ts';
import { scidFromParts } from '../../protocols/gossip/short-channel-id.ts';
import type { ChainProcess } from '../../src/cluster/chain-process.ts';
import type { ChannelPlan } from './signed-gossip.ts';

/** Funding outputs of one transaction, the only one of its block beside the coinbase. */
const CHANNELS_PER_BLOCK = 50;
/** Enough mature coins for all of mainnet's channels: regtest halves every 150 blocks, and a coinbase matures after 100. */
const COINBASES = 330;
const MATURITY = 100;
const FIRST_FUNDING_BLOCK = COINBASES + 2;
const FEE_SAT = 100_000n;
/** Deep enough to be announced. */
const CONFIRMATIONS = 6;

const SECRET = new Uint8Array(32).fill(0x33);
const PUBLIC_KEY = secp256k1.publicKey(SECRET);
const { address: ADDRESS = '', output: SCRIPT = new Uint8Array() } = payments.p2wpkh({ pubkey: PUBLIC_KEY, network: networks.regtest });

interface Coin {
  readonly txid: string;
  readonly index: number;
  readonly valueSat: bigint;
}

/** Where channel `index` of a plan is to lie. */
export function fundingPlace(index: number): bigint {
  return scidFromParts({
    blockHeight: FIRST_FUNDING_BLOCK + Math.floor(index / CHANNELS_PER_BLOCK),
    transactionIndex: 1,
    outputIndex: index % CHANNELS_PER_BLOCK,
  });
}

/** Mines the plan into a chain that has no blocks yet; `fundingPlace` has placed its channels. */
export async function fundChannels(chain: ChainProcess, plans: readonly ChannelPlan[]): Promise<void> {
  const blocks: (readonly ChannelPlan[])[] = [];
  for (let i = 0; i < plans.length; i += CHANNELS_PER_BLOCK) blocks.push(plans.slice(i, i + CHANNELS_PER_BLOCK));
  await chain.rpc.call('generatetoaddress', [COINBASES, ADDRESS]);
  const needs = blocks.map((block) => block.reduce((sum, { capacitySat }) => sum + capacitySat, FEE_SAT));
  const split = spend(await matureCoins(chain), needs.map((valueSat) => ({ script: SCRIPT, valueSat })));
  await mine(chain, split);
  for (const [index, block] of blocks.entries()) {
    const coin = { txid: split.getId(), index, valueSat: needs[index] ?? 0n };
    await mine(chain, spend([coin], block.map(({ script, capacitySat }) => ({ script, valueSat: capacitySat }))));
  }
  await chain.mine(CONFIRMATIONS);
}

async function matureCoins(chain: ChainProcess): Promise<Coin[]> {
  const coins: Coin[] = [];
  for (let height = 1; height <= COINBASES - MATURITY; height++) {
    const hash = await chain.rpc.call('getblockhash', [height]);
    const { tx } = (await chain.rpc.call('getblock', [hash, 2])) as { tx: { txid: string; vout: { value: number }[] }[] };
    const [coinbase] = tx;
    coins.push({ txid: coinbase?.txid ?? '', index: 0, valueSat: BigInt(Math.round((coinbase?.vout[0]?.value ?? 0) * 1e8)) });
  }
  return coins;
}

/** What the coins hold beyond the outputs is the fee, but for change worth having. */
function spend(coins: readonly Coin[], outputs: readonly { readonly script: Uint8Array; readonly valueSat: bigint }[]): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  for (const { txid, index } of coins) transaction.addInput(Buffer.from(txid, 'hex').reverse(), index);
  for (const { script, valueSat } of outputs) transaction.addOutput(script, valueSat);
  const total = (values: readonly { readonly valueSat: bigint }[]): bigint => values.reduce((sum, { valueSat }) => sum + valueSat, 0n);
  const change = total(coins) - total(outputs) - FEE_SAT;
  if (change < 0n && coins.length > 1) throw new Error(`the coins are short of ${-change} sat: mine more`);
  if (change > FEE_SAT) transaction.addOutput(SCRIPT, change);
  const { output: scriptCode = SCRIPT } = payments.p2pkh({ pubkey: PUBLIC_KEY });
  for (const [input, { valueSat }] of coins.entries()) {
    const hash = transaction.hashForWitnessV0(input, scriptCode, valueSat, SIGHASH_ALL);
    transaction.setWitness(input, [toWitnessSignature(secp256k1.sign(hash, SECRET), SIGHASH_ALL), PUBLIC_KEY]);
  }
  return transaction;
}

/** No fee is too high for a chain of our own. */
async function mine(chain: ChainProcess, transaction: Transaction): Promise<void> {
  await chain.rpc.call('sendrawtransaction', [transaction.toHex(), 0]);
  await chain.mine(1);
}

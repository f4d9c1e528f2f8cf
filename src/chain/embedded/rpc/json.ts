import { opcodes } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import { satToBtc } from '../../amounts.ts';
import type { BlockNode } from '../block-node.ts';
import type { Coin } from '../consensus/coins.ts';
import { WITNESS_SCALE_FACTOR } from '../consensus/params.ts';
import type { ChainTransaction } from '../consensus/transaction.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { type MempoolEntry, totals } from '../mempool/pool.ts';
import { addressOf, outputType } from '../script/classify.ts';
import { parseScript } from '../script/parse.ts';

/** A JSON object as bitcoind answers it. */
export type Json = Record<string, unknown>;

/** Regtest's target, difficulty and work never change. */
const TARGET_HEX = '7fffff0000000000000000000000000000000000000000000000000000000000';
export const REGTEST_DIFFICULTY = 4.656542373906925e-10;
const WORK_PER_BLOCK = 2;

const OPCODE_NAMES = new Map(
  Object.entries(opcodes).flatMap(([name, value]): [number, string][] =>
    typeof value === 'number' ? [[value, name]] : [],
  ),
);

export function hex(bytes: Uint8Array): string {
  return toString(bytes, 'base16');
}

/** Bits, target, difficulty and work of a chain up to `height`. */
export function workJson(height: number): { bits: string; target: string; difficulty: number; chainwork: string } {
  return {
    bits: '207fffff',
    target: TARGET_HEX,
    difficulty: REGTEST_DIFFICULTY,
    chainwork: ((height + 1) * WORK_PER_BLOCK).toString(16).padStart(64, '0'),
  };
}

/** A block's header, as `getblockheader` shows it. */
export function headerJson(chain: EmbeddedChain, node: BlockNode): Json {
  const { header, merkleRoot, transactions } = node.block;
  const active = chain.state.isActive(node);
  const next = active ? chain.state.at(node.height + 1) : undefined;
  const { bits, target, difficulty, chainwork } = workJson(node.height);
  return {
    hash: node.hash,
    confirmations: active ? chain.state.tip.height - node.height + 1 : -1,
    height: node.height,
    version: header.version,
    versionHex: (header.version >>> 0).toString(16).padStart(8, '0'),
    merkleroot: merkleRoot,
    time: header.timestamp,
    mediantime: node.medianTimeS,
    nonce: header.nonce,
    bits,
    target,
    difficulty,
    chainwork,
    nTx: transactions.length,
    ...(node.previous === undefined ? {} : { previousblockhash: node.previous.hash }),
    ...(next === undefined ? {} : { nextblockhash: next.hash }),
  };
}

/** A block, as `getblock` shows it at verbosity 1, 2 or 3. */
export function blockJson(chain: EmbeddedChain, node: BlockNode, verbosity: number): Json {
  const { header, transactions, raw, weight } = node.block;
  return {
    ...headerJson(chain, node),
    strippedsize: header.byteLength(false, false),
    size: raw.length,
    weight,
    tx: transactions.map((transaction, i) =>
      verbosity === 1
        ? transaction.txid
        : { ...transactionJson(transaction, node.spent?.[i - 1], verbosity >= 3), hex: hex(transaction.raw) },
    ),
  };
}

/**
 * A transaction, as `getrawtransaction` and `getblock` show it; with the coins that it spends also its fee, and them if
 * asked for.
 */
export function transactionJson(
  { transaction, txid, wtxid, raw, weight, isCoinbase }: ChainTransaction,
  spent?: readonly Coin[],
  withPrevouts = false,
): Json {
  const { version, locktime, ins, outs } = transaction;
  const inputSat = (spent ?? []).reduce((sum, { amountSat }) => sum + amountSat, 0n);
  const feeSat = inputSat - outs.reduce((sum, { value }) => sum + value, 0n);
  return {
    txid,
    hash: wtxid,
    version,
    size: raw.length,
    vsize: Math.ceil(weight / WITNESS_SCALE_FACTOR),
    weight,
    locktime,
    vin: ins.map((input, i) => {
      const coin = withPrevouts ? spent?.[i] : undefined;
      return {
        ...(isCoinbase
          ? { coinbase: hex(input.script) }
          : {
              txid: hex(Uint8Array.from(input.hash).reverse()),
              vout: input.index,
              scriptSig: { asm: asmOf(input.script), hex: hex(input.script) },
            }),
        ...(input.witness.length > 0 ? { txinwitness: input.witness.map(hex) } : {}),
        ...(coin === undefined ? {} : { prevout: prevoutJson(coin) }),
        sequence: input.sequence,
      };
    }),
    vout: outs.map(({ value, script }, n) => ({ value: satToBtc(value), n, scriptPubKey: scriptJson(script) })),
    ...(spent === undefined ? {} : { fee: satToBtc(feeSat) }),
  };
}

/** An output script; bitcoind's `desc` is left out. */
export function scriptJson(script: Uint8Array): Json {
  const address = addressOf(script);
  return {
    asm: asmOf(script),
    hex: hex(script),
    ...(address === undefined ? {} : { address }),
    type: outputType(script),
  };
}

/** A mempool entry, as `getmempoolentry` shows it. */
export function entryJson(chain: EmbeddedChain, entry: MempoolEntry): Json {
  const { mempool } = chain;
  const { transaction, feeSat, vsize, timeS, height } = entry;
  const ancestors = totals([...mempool.ancestors(transaction), entry]);
  const descendants = totals(mempool.descendants(entry));
  const signals = [entry, ...mempool.ancestors(transaction)].some((each) =>
    each.transaction.transaction.ins.some(({ sequence }) => sequence < 0xfffffffe),
  );
  return {
    vsize,
    weight: transaction.weight,
    time: timeS,
    height,
    descendantcount: descendants.count,
    descendantsize: descendants.vsize,
    ancestorcount: ancestors.count,
    ancestorsize: ancestors.vsize,
    wtxid: transaction.wtxid,
    fees: {
      base: satToBtc(feeSat),
      modified: satToBtc(feeSat),
      ancestor: satToBtc(ancestors.feeSat),
      descendant: satToBtc(descendants.feeSat),
    },
    depends: [...mempool.parents(transaction)].map((parent) => parent.transaction.txid).sort(),
    spentby: [...mempool.children(transaction)].map((child) => child.transaction.txid).sort(),
    'bip125-replaceable': signals,
    unbroadcast: false,
  };
}

function prevoutJson({ isCoinbase, height, amountSat, script }: Coin): Json {
  return { generated: isCoinbase, height, value: satToBtc(amountSat), scriptPubKey: scriptJson(script) };
}

/** A script in words: pushes of up to four bytes as the numbers that they are, longer ones in hex. */
function asmOf(script: Uint8Array): string {
  const { instructions, end } = parseScript(script);
  const words = instructions.map(({ opcode, data }) => {
    if (data !== undefined) return data.length <= 4 ? scriptNumber(data).toString() : hex(data);
    if (opcode === opcodes.OP_1NEGATE) return '-1';
    if (opcode >= opcodes.OP_1 && opcode <= opcodes.OP_16) return String(opcode - opcodes.OP_1 + 1);
    return OPCODE_NAMES.get(opcode) ?? 'OP_UNKNOWN';
  });
  return (end === script.length ? words : [...words, '[error]']).join(' ');
}

/** The number that bytes stand for in a script: little-endian, the top bit of the last byte being the sign. */
function scriptNumber(bytes: Uint8Array): number {
  let value = 0;
  for (const [i, byte] of bytes.entries()) value += (i === bytes.length - 1 ? byte & 0x7f : byte) * 2 ** (8 * i);
  return ((bytes.at(-1) ?? 0) & 0x80) === 0 ? value : -value;
}

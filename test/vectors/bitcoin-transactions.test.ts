import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import {
  checkTransaction,
  decodeTransaction,
  displayHex,
  outpointKey,
} from '../../src/chain/embedded/consensus/transaction.ts';
import { signatureHash } from '../../src/chain/embedded/script/sighash.ts';
import { verifyScript } from '../../src/chain/embedded/script/verify.ts';
import { parseAsm, parseFlags, readVectors } from './bitcoin-vectors.ts';

type Prevout = [txid: string, index: number, scriptPubKey: string, amountSat?: number];

describe("Bitcoin Core's tx_valid", () => {
  /**
   * Each spends with a signature that is not strict DER, which the embedded chain never takes (BIP 66 is in force from
   * block 1).
   */
  const BEFORE_BIP_66 = new Map(
    [
      '23b397edccd3740a74adb603c9756370fafcde9bcc4483eb271ecad09a94dd63', // a negative R
      'fcabc409d8e685da28536e1e5ccc91264d755cd4c57ed4cae3dbaa4d3b93e8ed', // the same, and a byte before the hash type
      'c9aa95f2c48175fdb70b34c23f1c3fc44f869b073a6f79b1343fbce30c3cb575', // the same, with a dummy of 0xff
      'da94fda32b55deb40c3ed92e135d69df7efc4ee6665e0beb07ef500f407c9fd2', // the same, with a dummy of OP_1
      'f76f897b206e4f78d60fe40f2ccb542184cfadc34354d3bb9bdc30cc2f432b86', // the same, with a dummy of OP_1NEGATE
      'f7fdd091fa6d8f5e7a8c2458f5c38faffff2d3f1406b6e4fe2c99dcc0d2d1cbb', // a negative R in one input of two
      '50a1e0e6a134a564efa078e3bd088e7e8777c2c0aec10a752fd8706470103b89', // a byte more than its length says
    ].map((txid) => [txid, 'EVAL_FALSE']),
  );

  it('are valid, but for the listed differences', () => {
    const rows = readVectors('tx_valid');
    expect(rows.length).toBe(120);
    const differences = new Map<string, string>();
    for (const row of rows) {
      const verdict = validate(row);
      if (verdict !== 'OK') differences.set(decodeTransaction(fromString(row[1] as string, 'base16')).txid, verdict);
    }
    expect(differences).toEqual(BEFORE_BIP_66);
  });
});

describe("Bitcoin Core's tx_invalid", () => {
  it('are all invalid', () => {
    const rows = readVectors('tx_invalid');
    expect(rows.length).toBe(92);
    for (const row of rows) expect(validate(row), JSON.stringify(row)).not.toBe('OK');
  });
});

describe("Bitcoin Core's sighash", () => {
  it('give the same pre-segwit signature hashes', () => {
    const rows = readVectors('sighash');
    expect(rows.length).toBe(500);
    for (const [raw, script, inputIndex, hashType, expected] of rows as [string, string, number, number, string][]) {
      const transaction = Transaction.fromHex(raw);
      const hash = signatureHash(transaction, inputIndex, fromString(script, 'base16'), hashType, 'base', 0n);
      expect(displayHex(hash)).toBe(expected);
    }
  });
});

/** 'OK', or why the row's transaction is not valid under the row's flags. */
function validate(row: unknown[]): string {
  const [prevouts, raw, flags] = row as [Prevout[], string, string];
  const spent = new Map(
    prevouts.map(([txid, index, script, amountSat]) => [
      outpointKey(txid, index >>> 0),
      { script: parseAsm(script), amountSat: BigInt(amountSat ?? 0) },
    ]),
  );
  const decoded = decodeTransaction(fromString(raw, 'base16'));
  try {
    checkTransaction(decoded);
  } catch (error) {
    return String(error);
  }
  if (decoded.isCoinbase) return 'OK';
  for (const [index, key] of decoded.spends.entries()) {
    const { script, amountSat } = spent.get(key)!;
    const error = verifyScript(script, parseFlags(flags), { transaction: decoded.transaction, index, amountSat });
    if (error !== undefined) return error;
  }
  return 'OK';
}

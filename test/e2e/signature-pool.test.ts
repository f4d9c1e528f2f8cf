/** Threads are started from compiled files, as in a daemon. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { SignatureClaim } from '../../protocols/gossip/gossip-message.ts';
import { SignaturePool as UncompiledPool, type SignaturePoolOptions } from '../../src/gossip/signature-pool.ts';

const compiled = pathToFileURL(join(import.meta.dirname, '../../dist/src/gossip/signature-pool.js')).href;
const { SignaturePool } = (await import(compiled)) as { SignaturePool: new (options: SignaturePoolOptions) => UncompiledPool };

const pools: UncompiledPool[] = [];
afterEach(() => {
  for (const pool of pools.splice(0)) pool.stop();
});

const problems: Error[] = [];
function poolOf(Pool: typeof SignaturePool, maxThreads = 2): UncompiledPool {
  const pool = new Pool({ onProblem: (problem) => problems.push(problem), maxThreads });
  pools.push(pool);
  return pool;
}

function claim(number: number, isRight = true): SignatureClaim {
  const secret = new Uint8Array(32).fill(1 + (number % 200));
  const hash = new Uint8Array(32).fill(number);
  const signature = secp256k1.sign(hash, secret);
  return { field: 'signature', signature, hash: isRight ? hash : hash.map((byte) => byte ^ 1), key: secp256k1.publicKey(secret) };
}

it('gives each of many questions its own answer, one wrong signature making the whole of it wrong', async () => {
  const pool = poolOf(SignaturePool);
  const questions = Array.from({ length: 600 }, (_, i) => [claim(i), claim(i + 1, i % 7 !== 0), claim(i + 2)].slice(0, 1 + (i % 3)));
  const expected = questions.map((claims, i) => claims.length < 2 || i % 7 !== 0);
  expect(await Promise.all(questions.map((claims) => pool.areValid(claims)))).toEqual(expected);
  expect(await pool.areValid([claim(3)])).toBe(true);
  expect(problems).toEqual([]);
});

it('leaves the thread that asks to others meanwhile', async () => {
  const pool = poolOf(SignaturePool, 1);
  const claims = Array.from({ length: 300 }, (_, i) => claim(i));
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  count();
  await Promise.all(claims.map((each) => pool.areValid([each])));
  isDone = true;
  expect(turns).toBeGreaterThan(10);
});

it('takes what is no key and no signature for wrong', async () => {
  const pool = poolOf(SignaturePool);
  const right = claim(1);
  expect(await pool.areValid([{ ...right, key: new Uint8Array(33) }])).toBe(false);
  expect(await pool.areValid([{ ...right, signature: new Uint8Array(64).fill(255) }])).toBe(false);
  expect(await pool.areValid([])).toBe(true);
});

it('answers nothing any more once it was stopped', async () => {
  const pool = poolOf(SignaturePool);
  const open = pool.areValid([claim(1)]);
  pool.stop();
  await expect(open).rejects.toMatchObject({ code: 'gossip_stopped' });
  await expect(pool.areValid([claim(1)])).rejects.toMatchObject({ code: 'gossip_stopped' });
});

it('checks by itself what a broken thread had, and says that it broke', async () => {
  problems.length = 0;
  // Its thread's file is not there uncompiled.
  const pool = poolOf(UncompiledPool);
  expect(await Promise.all([pool.areValid([claim(1)]), pool.areValid([claim(2, false)])])).toEqual([true, false]);
  expect(problems[0]).toMatchObject({ code: 'gossip_thread' });
});

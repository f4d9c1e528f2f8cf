/** A thread of the `SignaturePool`: answers each batch of claims with its verdicts, in the order in which they come. */
import { parentPort } from 'node:worker_threads';
import { checkBatch } from './signature-batch.ts';

parentPort?.on('message', (batch: Uint8Array) => {
  const verdicts = checkBatch(batch);
  parentPort?.postMessage(verdicts, [verdicts.buffer]);
});

import { describe, expect, it } from 'vitest';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { entryLine } from '../../src/audit/entry-line.ts';
import { headerLine } from '../../src/audit/header.ts';
import { makeHeader, type SignedHeader } from '../../src/audit/make-header.ts';
import { hexOf, mustLoad } from '../../src/channels/channel-store.ts';
import { entryText } from '../../src/channels/journal.ts';
import { keyTree, secretOf } from '../../src/keys/derivation.ts';
import { verifyTexts } from '../harness/audit-files.ts';
import { seedOf, signerOf } from '../harness/channel-pair.ts';
import { Bench, preimage, Remote } from './node-bench.ts';

const LIMITS = { checkpointEntries: 4, keepEntries: 0 };

interface Export extends SignedHeader {
  readonly lines: readonly string[];
  readonly text: string;
}

/** What the bench gives out of its only channel. */
async function exported({ store, clock }: Bench): Promise<Export> {
  const signed = await makeHeader({
    store, snapshot: mustLoad(store, 0), signer: signerOf('bob'), gossip: { announcement: undefined, updates: [] }, now: clock.now(), software: 'test',
  });
  const entries = store.journal(0, signed.header.firstSequence, signed.header.numEntries);
  const lines = [headerLine(signed.text, signed.signatures), ...entries.map(({ entry, hash }) => entryLine(entryText(entry), hash))];
  return { ...signed, lines, text: lines.join('\n') };
}

function busy(limits = LIMITS): { bench: Bench; alice: Remote } {
  const bench = new Bench(undefined, limits);
  bench.connect('alice');
  const alice = new Remote(bench);
  alice.reachNormal({ pushMsat: 300_000_000n });
  for (const seed of [1, 2, 3]) alice.offer(seed, 20_000_000n);
  alice.settle();
  return { bench, alice };
}

function fulfil(bench: Bench, seed: number): void {
  const removal = { kind: 'fulfilled', paymentPreimage: preimage(seed) } as const;
  bench.dispatcher.submit({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id: BigInt(seed - 1), removal } });
  bench.turn();
}

/** The peer gets what left since, answers it, and so on. */
const answered = (bench: Bench, alice: Remote, act: () => void): void => {
  const from = bench.left.length;
  act();
  alice.settle(from);
};

describe('an export', () => {
  it('holds no secret of the node but those that the peer has', async () => {
    const { bench, alice } = busy();
    answered(bench, alice, () => fulfil(bench, 1));
    const { text, header } = await exported(bench);
    expect(header.withheld).toBeUndefined();
    const tree = keyTree(seedOf('bob'), false);
    const { perCommitmentSeed, ...keys } = tree.channelSecrets(0);
    const { localCommitmentNumber: latest } = bench.channelOf('alice').data;
    const unrevealed = Array.from({ length: 60 }, (_, index) => perCommitmentSecret(perCommitmentSeed, latest + index));
    const coins = [0, 1].flatMap((chain) => [0, 1, 2, 3].map((index) => secretOf(tree.account.deriveChild(chain).deriveChild(index))));
    const secrets = [seedOf('bob'), tree.nodeKey, perCommitmentSeed, ...Object.values(keys), ...unrevealed, ...coins, preimage(2), preimage(3)];
    expect(secrets.length).toBeGreaterThan(70);
    for (const secret of secrets) expect(text.includes(hexOf(secret))).toBe(false);
    // And is not empty of what is known.
    expect(text).toContain(hexOf(preimage(1)));
    expect(text).toContain(hexOf(perCommitmentSecret(perCommitmentSeed, latest - 1)));
  });

  it('ends before a preimage that the peer does not have, and has it once that is proven', async () => {
    const { bench, alice } = busy();
    answered(bench, alice, () => fulfil(bench, 1));
    const before = bench.store.journalHead(0)!.length;
    bench.disconnect('alice');
    const offline = bench.store.journalHead(0)!.length;
    fulfil(bench, 2);
    // Blocks pass, and checkpoints with the preimage in them.
    for (let block = 0; block < 3; block++) {
      bench.connect('alice');
      bench.disconnect('alice');
    }
    const length = bench.store.journalHead(0)!.length;
    expect(bench.store.lastCheckpoint(0, length)).toBeGreaterThan(offline);
    const withheld = await exported(bench);
    expect(withheld.header.withheld).toEqual({ firstSequence: offline, numEntries: length - offline });
    expect(withheld.text.includes(hexOf(preimage(2)))).toBe(false);
    expect(withheld.header.numEntries).toBeGreaterThanOrEqual(before);
    const report = verifyTexts(withheld.lines);
    expect(report).toMatchObject({ holds: true });
    expect(report.notChecked.join()).toContain('withheld');

    alice.reconnect();
    alice.settle();
    const whole = await exported(bench);
    expect(whole.header.withheld).toBeUndefined();
    expect(whole.text).toContain(hexOf(preimage(2)));
    expect(verifyTexts(whole.lines)).toMatchObject({ holds: true });
  });

  it('does not end for a preimage that was sent and is not acknowledged, but before it', async () => {
    const { bench } = busy();
    // It left, and nobody answers.
    fulfil(bench, 1);
    const { header, text } = await exported(bench);
    expect(header.withheld).toBeDefined();
    expect(text.includes(hexOf(preimage(1)))).toBe(false);
  });

  it('of a channel that failed waits for the chain', async () => {
    const { bench } = busy();
    bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'forceClose' } }));
    fulfil(bench, 3);
    expect((await exported(bench)).text.includes(hexOf(preimage(3)))).toBe(false);
    bench.block({ transactions: [bench.broadcasts.at(-1)!] });
    const closing = await exported(bench);
    expect(closing.text.includes(hexOf(preimage(3)))).toBe(false);
    expect(verifyTexts(closing.lines)).toMatchObject({ holds: true });
  });

  it('says so where nothing is left that could be given out', async () => {
    const { bench } = busy({ checkpointEntries: 3, keepEntries: 1 });
    bench.disconnect('alice');
    fulfil(bench, 1);
    for (let time = 0; time < 4; time++) {
      bench.connect('alice');
      bench.disconnect('alice');
    }
    await expect(exported(bench)).rejects.toMatchObject({ code: 'audit_withheld' });
  });

  it('knows a preimage by its HTLC, not by itself: the same may have been given before', async () => {
    const { bench, alice } = busy();
    answered(bench, alice, () => fulfil(bench, 1));
    alice.offer(1, 20_000_000n);
    alice.settle();
    expect(sha256(preimage(1))).toEqual([...bench.channelOf('alice').htlcs.rows()].at(-1)!.details.paymentHash);
    const length = bench.store.journalHead(0)!.length;
    const removal = { kind: 'fulfilled', paymentPreimage: preimage(1) } as const;
    bench.dispatcher.submit({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id: 3n, removal } });
    bench.turn();
    const { header } = await exported(bench);
    expect(header.withheld?.firstSequence).toBe(length);
  });
});

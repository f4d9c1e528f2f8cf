import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
import { closingFee } from '../../machines/commitment/closing-transaction.ts';
import { signedClosing } from '../../src/runtime/channel-wire.ts';
import {
  addHtlc,
  ChannelPair,
  crossSign,
  preimageOf,
  reachNormal,
  type PairOptions,
  type Party,
} from '../harness/channel-pair.ts';
import { closingSigned } from './channel-answers.ts';

/** A channel in which Bob has `bobMsat`, about to be closed by Alice. */
function paid(bobMsat: bigint, options: PairOptions = {}): ChannelPair {
  const pair = new ChannelPair(options);
  reachNormal(pair);
  if (bobMsat === 0n) return pair;
  addHtlc(pair.alice, bobMsat);
  crossSign(pair);
  pair.bob.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) } });
  crossSign(pair);
  return pair;
}

const close = (feeratePerKw: number) => ({ type: 'close', scriptpubkey: undefined, feeratePerKw }) as const;

/** The transaction that a party broadcasts, with both signatures. */
function closingOf(party: Party) {
  const [{ closing, remoteSignature }] = party.told('broadcastClosing') as [
    ReturnType<typeof party.told<'broadcastClosing'>>[number],
  ];
  return signedClosing(closing, remoteSignature, { node: party.signer.node, channel: party.signer.channel(0) });
}

const paidTo = (party: Party, owner: Party): bigint | undefined =>
  closingOf(party).outs.find(({ script }) => Buffer.from(script).equals(owner.data.localShutdownScript))?.value;

const closed = ({ alice, bob }: ChannelPair): boolean =>
  [alice, bob].every((party) => party.state('lifecycle') === 'closing.mutual');

describe('a mutual close (BOLT 2, Legacy Closing Negotiation)', () => {
  it('pays each what it has, less the fee from the opener', () => {
    const pair = paid(300_000_500n);
    pair.bob.send(close(1_000));
    pair.settle();
    expect(closed(pair)).toBe(true);
    expect(closingOf(pair.alice).getId()).toBe(closingOf(pair.bob).getId());
    expect(paidTo(pair.alice, pair.bob)).toBe(300_000n);
    expect(paidTo(pair.alice, pair.alice)).toBe(1_000_000n - 300_001n - pair.alice.data.agreedClosing!.feeSatoshis);
  });

  it.each([
    ['below what nodes relay', 1, 253],
    ['as asked', 2_000, 2_000],
  ])('has a fee %s', (_name, asked, used) => {
    const pair = paid(300_000_000n);
    pair.alice.send(close(asked));
    pair.settle();
    const scripts = [pair.alice.data.localShutdownScript, pair.bob.data.localShutdownScript];
    expect(pair.bob.data.agreedClosing!.feeSatoshis).toBe(closingFee(used, scripts));
  });

  it.each([
    ['twice as much where that is little', 1_000, (fee: bigint) => 2n * fee],
    ['1,000 sat more where it is not', 10_000, (fee: bigint) => fee + 1_000n],
  ])('costs the opener, whatever the accepter makes of the fee_range, at most %s', (_name, asked, most) => {
    const pair = paid(300_000_000n);
    pair.bob.send(close(asked));
    pair.alice.send(close(asked));
    pair.deliverOne(pair.bob);
    const proposed = pair.alice.outbox.map(decodeMessage).find((message) => message.type === 'closing_signed')!;
    expect(proposed.feeRange!.maxFeeSatoshis).toBe(most(proposed.feeSatoshis));
  });

  it('leaves an output whatever feerate is asked', () => {
    const pair = paid(0n, { fundingSatoshis: 20_000n });
    pair.alice.send(close(100_000));
    pair.settle();
    expect(closed(pair)).toBe(true);
    expect(paidTo(pair.bob, pair.alice)).toBe(354n);
  });

  it.each([
    [900n, 354n],
    [354n, 900n],
  ])('leaves out what is dust by the limit of who signs (Alice %s, Bob %s sat)', (alice, bob) => {
    const policies = { alice: { dustLimitSatoshis: alice }, bob: { dustLimitSatoshis: bob } };
    const pair = paid(500_000n, { policies });
    pair.alice.send(close(1_000));
    pair.settle();
    expect(closed(pair)).toBe(true);
    // Each completes the transaction that the other signed.
    expect(paidTo(pair.alice, pair.bob)).toBe(bob <= 500n ? 500n : undefined);
    expect(paidTo(pair.bob, pair.bob)).toBe(alice <= 500n ? 500n : undefined);
  });

  it('goes out again after a restart, and is said again to a peer that did not hear', () => {
    const pair = paid(300_000_000n);
    pair.bob.send(close(1_000));
    pair.deliverOne(pair.bob);
    pair.deliverOne(pair.alice);
    pair.deliverOne(pair.alice);
    expect(pair.bob.state('lifecycle')).toBe('closing.mutual');
    expect(pair.alice.state('lifecycle')).toBe('negotiatingClose');
    pair.alice.restart();
    pair.bob.restart();
    expect(pair.bob.effects.slice(pair.bob.life)).toMatchObject([{ type: 'broadcastClosing' }]);
    pair.reconnect();
    expect(closed(pair)).toBe(true);
    expect(closingOf(pair.alice).getId()).toBe(closingOf(pair.bob).getId());
  });
});

describe('a closing_signed without fee_range', () => {
  /** Bob, the accepter, in the negotiation; Alice's closing_signed is played by hand. */
  function negotiating() {
    const pair = paid(300_000_000n);
    pair.alice.send(close(1_000));
    pair.deliverOne(pair.alice);
    pair.deliverOne(pair.bob);
    pair.alice.outbox = [];
    expect(pair.bob.state('lifecycle')).toBe('negotiatingClose');
    const propose = (feeSatoshis: bigint): MessageOf<'closing_signed'> | undefined => {
      pair.bob.send({ type: 'message', message: decodeMessage(encodeMessage(closingSigned(pair.alice, feeSatoshis))) });
      const answer = pair.bob.outbox.map(decodeMessage).at(-1);
      pair.bob.outbox = [];
      return answer?.type === 'closing_signed' ? answer : undefined;
    };
    return { pair, propose };
  }

  it('is agreed to where it is within what propagates', () => {
    const { pair, propose } = negotiating();
    expect(propose(700n)?.feeSatoshis).toBe(700n);
    expect(pair.bob.state('lifecycle')).toBe('closing.mutual');
  });

  it('is met halfway if too low, never below what propagates, and refused where nothing lies between', () => {
    const { pair, propose } = negotiating();
    const scripts = [pair.alice.data.localShutdownScript, pair.bob.data.localShutdownScript];
    const first = propose(0n)!.feeSatoshis;
    expect(first).toBe(closingFee(1_000, scripts) / 2n);
    expect(propose(10n)!.feeSatoshis).toBe((first + 10n) / 2n);
    expect(propose(20n)!.feeSatoshis).toBe(closingFee(253, scripts));
    expect(propose(30n)).toBeUndefined();
    expect(pair.bob.told('disconnect').map(({ reason }) => reason)).toEqual([expect.stringMatching('met halfway')]);
    expect(pair.bob.state('lifecycle')).toBe('negotiatingClose');
  });

  it('is refused where it is not strictly between what both said before', () => {
    const { pair, propose } = negotiating();
    propose(10n);
    expect(propose(9n)).toBeUndefined();
    expect(pair.bob.told('disconnect').map(({ reason }) => reason)).toEqual([
      expect.stringMatching('strictly between'),
    ]);
  });
});

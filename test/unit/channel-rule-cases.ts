import { expect, it } from 'vitest';
import { violationOf } from '../../machines/channel/rules.ts';
import { decodeMessage, type Message, type MessageName, type MessageOf } from '../../protocols/wire/messages.ts';
import type { Party } from '../harness/channel-pair.ts';
import { answerTo, recover, sampleFor } from './channel-answers.ts';
import { scenes, turnEnded, type Scene } from './channel-states.ts';

/** What is changed in a message of that type: some fields, or all of it at will. */
export type Change<N extends MessageName> =
  | Partial<MessageOf<N>>
  | ((message: MessageOf<N>, party: Party, peer: Party) => MessageOf<N>);

export const bytes = (length: number, seed: number): Uint8Array => new Uint8Array(length).fill(seed);
/** Of the right form, but not on the curve. */
export const noPoint = Uint8Array.of(2, ...bytes(32, 0xff));

/**
 * The message of that type which fits the scene, with something changed. It is given as an object: some of it no wire
 * would carry.
 */
export function changed<N extends MessageName>({ pair, victim }: Scene, type: N, change: Change<N>): Message {
  const party = pair[victim];
  const peer = pair.other(party);
  const sample = sampleFor(party, peer)[type] as MessageOf<N>;
  return (typeof change === 'function' ? change(sample, party, peer) : { ...sample, ...change }) as Message;
}

/**
 * The rule that a message breaks, and the answer: a `warning` leaves the channel as it was, and it goes on after a
 * reconnection.
 */
export function expectRefusal(scene: Scene, message: Message, code: string, answer: 'warning' | 'error'): void {
  const { pair, victim } = scene;
  const party = pair[victim];
  const isOpening = party.state('lifecycle').startsWith('opening');
  expect(violationOf(party.actor.getSnapshot().context, message)).toMatchObject({ code, answer });
  const { kind, isUnexpected } = answerTo(party, message);
  expect({ kind, isUnexpected }).toEqual({
    kind: isOpening && answer === 'error' ? 'abandoned' : answer,
    isUnexpected: false,
  });
  if (kind === 'warning') recover(pair);
}

export function cases<N extends MessageName>(
  scene: string | (() => Scene),
  type: N,
  rows: readonly (readonly [string, string, 'warning' | 'error', Change<N>])[],
): void {
  it.each(rows)('%s: %s, answered with %s', (_what, code, answer, change) => {
    const made = typeof scene === 'string' ? scenes[scene]!() : scene();
    expectRefusal(made, changed(made, type, change), code, answer);
  });
}

/** The last message of that type that `party` has on its way. */
export function genuine<N extends MessageName>(party: Party, type: N): MessageOf<N> {
  const found = party.outbox.map(decodeMessage).findLast(({ type: sent }) => sent === type) as MessageOf<N> | undefined;
  if (found === undefined) throw new Error(`${party.name} sends no ${type}`);
  return found;
}

/** The commitment_signed that `peer` would send now. */
export function genuineCommitment(peer: Party): MessageOf<'commitment_signed'> {
  const copy = peer.clone();
  copy.send(turnEnded);
  return genuine(copy, 'commitment_signed');
}

export const secretOf = (party: Party, number: number): Uint8Array =>
  party.signer.channel(0).perCommitmentSecret(number, number + 1);

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/**
 * The other signature that the same key could give: valid, but not of the form that BOLT 2 and Bitcoin's relay rules
 * ask for.
 */
export function highS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return Uint8Array.from([
    ...signature.subarray(0, 32),
    ...Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex'),
  ]);
}

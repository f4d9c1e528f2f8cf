import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  MESSAGE_TYPE_NUMBERS,
  type Message,
  type MessageName,
} from '../../protocols/wire/messages.ts';
import { answerTo, recover, sampleFor, type Answer } from './channel-answers.ts';
import { scenes } from './channel-states.ts';

/*
 * What a channel does with each message in each state, as a table. Each sample is what a peer could well say (see
 * `sampleFor`), but its signatures are of nothing, so that a message which needs one is wrong even where it belongs.
 *
 * +  taken
 * .  ignored
 * w  a warning, and the connection ends: the message does not belong there; after a reconnection the channel goes on
 * (BOLT 1, BOLT 2)
 * W  the same, since the message breaks a rule where it belongs
 * E  an error, and our commitment goes on chain: the message breaks a rule for which BOLT 2 demands that, or the peer
 * lost its state
 * a  an error, and the opening ends: it does not belong there; nothing is at stake yet
 * A  the same, since it breaks a rule where it belongs
 * x  the channel, or the opening, ends: the peer said so with its error
 */
const columns = {
  op: 'open_channel',
  ac: 'accept_channel',
  fc: 'funding_created',
  fs: 'funding_signed',
  cr: 'channel_ready',
  sd: 'shutdown',
  cs: 'closing_signed',
  ad: 'update_add_htlc',
  fu: 'update_fulfill_htlc',
  fa: 'update_fail_htlc',
  ma: 'update_fail_malformed_htlc',
  fe: 'update_fee',
  co: 'commitment_signed',
  rv: 'revoke_and_ack',
  re: 'channel_reestablish',
  an: 'announcement_signatures',
  er: 'error',
  wa: 'warning',
} as const satisfies Record<string, MessageName>;

const table = `
                                              op ac fc fs cr sd cs ad fu fa ma fe co rv re an er wa
opening.idle                                  +  a  a  a  a  a  a  a  a  a  a  a  a  a  a  a  x  .
opening.awaitingAcceptance                    a  +  a  a  a  a  a  a  a  a  a  a  a  a  a  a  x  .
opening.fundingTransaction                    a  a  a  a  a  a  a  a  a  a  a  a  a  a  a  a  x  .
opening.awaitingSignature                     a  a  a  A  a  a  a  a  a  a  a  a  a  a  a  a  x  .
opening.awaitingFunding                       a  a  A  a  a  a  a  a  a  a  a  a  a  a  a  a  x  .
confirming, shallow                           w  w  w  w  +  +  w  w  w  w  w  w  w  w  w  +  x  .
confirming, deep                              w  w  w  w  +  +  w  w  w  w  w  w  w  w  w  +  x  .
confirming, theirs received                   w  w  w  w  .  +  w  w  w  w  w  w  w  w  w  +  x  .
normal                                        w  w  w  w  .  +  w  +  +  +  +  W  W  w  w  +  x  .
normal, accepter                              w  w  w  w  .  +  w  +  +  +  +  +  W  w  w  +  x  .
normal, to be announced                       w  w  w  w  .  +  w  +  +  +  +  W  W  w  w  W  x  .
normal, ready to sign                         w  w  w  w  .  +  w  +  +  +  +  W  W  w  w  +  x  .
normal, revocation awaited                    w  w  w  w  .  +  w  +  +  +  +  W  W  E  w  +  x  .
normal, revocation awaited, ours sent since   w  w  w  w  .  +  w  +  +  +  +  W  W  E  w  +  x  .
normal, commitment awaited                    w  w  w  w  .  +  w  +  +  +  +  W  W  w  w  +  x  .
shuttingDown.requested                        w  w  w  w  .  +  w  +  +  +  +  W  W  E  w  +  x  .
shuttingDown.replying                         w  w  w  w  .  .  w  w  +  +  +  W  W  E  w  +  x  .
shuttingDown.sent                             w  w  w  w  .  +  w  +  +  +  +  W  W  w  w  +  x  .
shuttingDown.draining                         w  w  w  w  .  .  w  w  +  +  +  W  W  w  w  +  x  .
negotiatingClose, opener                      w  w  w  w  .  .  W  w  w  w  w  w  w  w  w  +  x  .
negotiatingClose, accepter                    w  w  w  w  .  .  W  w  w  w  w  w  w  w  w  +  x  .
closing.mutual                                w  w  w  w  .  .  .  w  w  w  w  w  w  w  w  +  +  .
offline                                       .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
reestablishing                                w  w  w  w  w  w  w  w  w  w  w  w  w  w  +  +  x  .
failed                                        .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
fallenBehind                                  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
`;

const [header, ...rows] = table.split('\n').filter((line) => line.trim() !== '');
const abbreviations = (header ?? '').trim().split(/ +/) as (keyof typeof columns)[];
const expected = new Map(rows.map((row) => [row.slice(0, 46).trim(), row.slice(46).trim().split(/ +/)]));

const letters: Record<Answer['kind'], string> = {
  taken: '+',
  ignored: '.',
  warning: 'w',
  error: 'e',
  abandoned: 'a',
  ended: 'x',
};
const letterOf = ({ kind, isUnexpected }: Answer): string =>
  isUnexpected || !['warning', 'error', 'abandoned'].includes(kind) ? letters[kind] : letters[kind].toUpperCase();

/** Who comes back from it: a channel that was refused something, or ignored it, and that had not ended before. */
const isLasting = (state: string, letter: string): boolean =>
  ['w', 'W', '.'].includes(letter) && !state.startsWith('opening') && !['failed', 'fallenBehind'].includes(state);

describe('each message in each state', () => {
  it('has a row for every scene and a column for every message of a channel', () => {
    expect([...expected.keys()]).toEqual(Object.keys(scenes));
    expect(abbreviations).toEqual(Object.keys(columns));
    for (const row of expected.values()) expect(row).toHaveLength(abbreviations.length);
  });

  it('answers what is no channel’s business as it answers anything that does not belong', () => {
    const channelTypes: readonly string[] = Object.values(columns);
    const others = Object.keys(MESSAGE_TYPE_NUMBERS).filter((type) => !channelTypes.includes(type));
    expect(others).toContain('ping');
    for (const type of others) {
      const [opening, normal] = [scenes['opening.awaitingFunding']!(), scenes['normal']!()];
      expect(letterOf(answerTo(opening.pair.bob, { type } as Message))).toBe('a');
      expect(letterOf(answerTo(normal.pair.alice, { type } as Message))).toBe('w');
    }
  });

  it.each(Object.entries(scenes))('%s', (state, scene) => {
    const { pair, victim } = scene();
    const recovered = new Set<string>();
    const seen = abbreviations.map((abbreviation) => {
      const copy = pair.clone();
      const party = copy[victim];
      const message = sampleFor(party, copy.other(party))[columns[abbreviation]] as Message;
      const letter = letterOf(answerTo(party, decodeMessage(encodeMessage(message))));
      // One of each kind: the way back does not depend on what was said.
      if (isLasting(state, letter) && !recovered.has(letter)) {
        recovered.add(letter);
        recover(copy);
      }
      return letter;
    });
    expect(seen.join('  ')).toBe(expected.get(state)?.join('  '));
  });
});

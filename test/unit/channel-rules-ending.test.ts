import { describe, expect, it } from 'vitest';
import { violationOf } from '../../machines/channel/rules.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { ChannelPair, reachConfirming } from '../harness/channel-pair.ts';
import { answerTo, closingSigned } from './channel-answers.ts';
import { bytes, cases, changed, expectRefusal } from './channel-rule-cases.ts';
import { close, scenes, turnEnded, type Scene } from './channel-states.ts';

describe('shutdown (BOLT 2, Closing Initiation)', () => {
  const forms: readonly (readonly [string, Uint8Array])[] = [
    ['P2PKH', Uint8Array.of(0x76, 0xa9, 20, ...bytes(20, 1), 0x88, 0xac)],
    ['P2SH', Uint8Array.of(0xa9, 20, ...bytes(20, 1), 0x87)],
    ['an empty script', new Uint8Array()],
    ['OP_RETURN', Uint8Array.of(0x6a, 6, ...bytes(6, 1))],
    ['a witness program of 1 byte', Uint8Array.of(0x51, 1, 1)],
    ['a witness program of 41 bytes', Uint8Array.of(0x51, 41, ...bytes(41, 1))],
    ['a version 0 program of 21 bytes', Uint8Array.of(0, 21, ...bytes(21, 1))],
  ];
  cases(
    'normal',
    'shutdown',
    forms.map(([name, scriptpubkey]) => [name, 'shutdown_script', 'warning', { scriptpubkey }] as const),
  );
  cases('shuttingDown.draining', 'shutdown', [
    [
      'another script than before',
      'shutdown_script_changed',
      'warning',
      { scriptpubkey: Uint8Array.of(0, 20, ...bytes(20, 9)) },
    ],
  ]);

  it('must name the script that the peer committed to when it opened the channel', () => {
    const upfront = Uint8Array.of(0, 20, ...bytes(20, 9));
    const scene = scenes['normal']!();
    const { context } = scene.pair.alice.actor.getSnapshot();
    const committed = {
      ...context,
      data: { ...context.data, remote: { ...context.data.remote!, upfrontShutdownScript: upfront } },
    };
    expect(
      violationOf(committed, changed(scene, 'shutdown', {})),
    ).toMatchObject({ code: 'shutdown_script_changed', answer: 'warning' });
    expect(violationOf(committed, changed(scene, 'shutdown', { scriptpubkey: upfront }))).toBeUndefined();
  });
});

describe('closing_signed (BOLT 2, Legacy Closing Negotiation)', () => {
  const range = (minFeeSatoshis: bigint, maxFeeSatoshis: bigint) => ({ minFeeSatoshis, maxFeeSatoshis });
  cases('negotiatingClose, accepter', 'closing_signed', [
    ['a signature of nothing', 'invalid_closing_signature', 'warning', {}],
    [
      'a signature of another fee',
      'invalid_closing_signature',
      'warning',
      (_message, _party, peer) => ({ ...closingSigned(peer, 700n), feeSatoshis: 701n }),
    ],
    ['more than the opener has', 'close_fee_exceeds_balance', 'warning', { feeSatoshis: 700_001n }],
    [
      'a fee_range that does not meet ours',
      'closing_no_overlap',
      'warning',
      (_message, _party, peer) => closingSigned(peer, 10n, range(0n, 100n)),
    ],
    [
      'a fee_range that is upside down',
      'closing_no_overlap',
      'warning',
      (_message, _party, peer) => closingSigned(peer, 10n, range(2_000n, 200n)),
    ],
  ]);
  cases('negotiatingClose, opener', 'closing_signed', [
    [
      'a fee that we do not pay, with a range',
      'closing_fee_outside_range',
      'error',
      (_message, _party, peer) => closingSigned(peer, 50_000n, range(100n, 50_000n)),
    ],
    [
      'a range that does not meet ours',
      'closing_no_overlap',
      'warning',
      (_message, _party, peer) => closingSigned(peer, 50_000n, range(40_000n, 50_000n)),
    ],
  ]);
  cases(
    () => {
      const scene = scenes['negotiatingClose, accepter']!();
      answerTo(scene.pair.bob, closingSigned(scene.pair.alice, 10n, { minFeeSatoshis: 0n, maxFeeSatoshis: 5_000n }));
      return scene;
    },
    'closing_signed',
    [[
      'another fee than the one that we chose from its range',
      'closing_fee_outside_range',
      'error',
      (_message, _party, peer) => closingSigned(peer, 11n, range(0n, 5_000n)),
    ]],
  );
});

describe('channel_reestablish (BOLT 2, Message Retransmission)', () => {
  cases('reestablishing', 'channel_reestablish', [
    ['another channel', 'wrong_channel_id', 'warning', { channelId: bytes(32, 9) }],
    ['a next commitment of 0', 'reestablish_commitment_number', 'error', { nextCommitmentNumber: 0 }],
    [
      'a commitment that is long signed',
      'reestablish_commitment_number',
      'error',
      (message) => ({ ...message, nextCommitmentNumber: message.nextCommitmentNumber - 1 }),
    ],
    [
      'a commitment that we never signed',
      'reestablish_commitment_number',
      'error',
      (message) => ({ ...message, nextCommitmentNumber: message.nextCommitmentNumber + 1 }),
    ],
    [
      'a commitment number at the limit',
      'reestablish_commitment_number',
      'error',
      { nextCommitmentNumber: 2 ** 48 - 1 },
    ],
    [
      'a revocation that it had',
      'reestablish_revocation_number',
      'error',
      (message) => ({ ...message, nextRevocationNumber: message.nextRevocationNumber - 2 }),
    ],
    [
      'a revocation that we never gave, unproved',
      'reestablish_revocation_number',
      'error',
      (message) => ({ ...message, nextRevocationNumber: message.nextRevocationNumber + 1 }),
    ],
    [
      'a revocation number at the limit',
      'reestablish_revocation_number',
      'error',
      { nextRevocationNumber: 2 ** 48 - 1 },
    ],
    ['a wrong last secret', 'reestablish_secret', 'error', { yourLastPerCommitmentSecret: bytes(32, 3) }],
    ['no last secret where there is one', 'reestablish_secret', 'error', { yourLastPerCommitmentSecret: bytes(32, 0) }],
  ]);

  it('at the beginning must carry no secret', () => {
    const pair = new ChannelPair();
    reachConfirming(pair);
    pair.disconnect();
    pair.alice.send({ type: 'connected' });
    const scene: Scene = { pair, victim: 'alice' };
    expectRefusal(
      scene,
      changed(scene, 'channel_reestablish', { yourLastPerCommitmentSecret: bytes(32, 3) }),
      'reestablish_secret',
      'error',
    );
  });

  it('that proves that we lost state: our commitment is never broadcast, and the peer is asked for its own', () => {
    const { pair } = scenes['fallenBehind']!();
    const { alice, bob } = pair;
    expect(alice.state('lifecycle')).toBe('fallenBehind');
    expect(alice.data.failure?.code).toBe('fallen_behind');
    pair.deliverOne(alice);
    pair.deliverOne(alice);
    expect(bob.state('lifecycle')).toBe('failed');
    alice.restart();
    for (const event of [{ type: 'connected' }, { type: 'disconnected' }, close, turnEnded] as const) alice.send(event);
    expect(alice.told('broadcastCommitment')).toEqual([]);
    expect(alice.outbox.map((bytes) => decodeMessage(bytes).type)).toEqual(['channel_reestablish', 'error']);
  });
});

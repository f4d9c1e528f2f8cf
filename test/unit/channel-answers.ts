import assert from 'node:assert/strict';
import { snapshotOf } from '../../machines/channel/channel.ts';
import { closingRequest } from '../../machines/channel/closing.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { FeeRange } from '../../machines/channel/effects.ts';
import { buildClosing, closingSighash } from '../../machines/commitment/closing-transaction.ts';
import { lookupSecret, secretIndex } from '../../machines/commitment/secrets.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { encodeJson } from '../../protocols/json.ts';
import { channelTypeAnchors } from '../../protocols/wire/features.ts';
import type { Message, MessageName, MessageOf } from '../../protocols/wire/messages.ts';
import {
  addHtlc,
  confirm,
  crossSign,
  FUNDING_TXID,
  preimageOf,
  REGTEST_CHAIN_HASH,
  type ChannelPair,
  type Party,
} from '../harness/channel-pair.ts';
import { fulfil } from './channel-states.ts';

const bytes = (length: number, seed: number): Uint8Array => new Uint8Array(length).fill(seed);

/**
 * One message of each type, as a peer could send it to `party`: ids, keys, numbers and secrets are right where the peer
 * has them right, signatures are of nothing.
 */
export function sampleFor(party: Party, peer: Party): { readonly [N in MessageName]?: MessageOf<N> } {
  const { data } = party;
  const channelId = data.channelId ?? data.temporaryChannelId;
  const point = peer.signer.channel(0).perCommitmentPoint(1);
  const signature = bytes(64, 1);
  const side = {
    dustLimitSatoshis: 354n,
    maxHtlcValueInFlightMsat: 1_000_000_000n,
    channelReserveSatoshis: 10_000n,
    htlcMinimumMsat: 1n,
    toSelfDelay: 144,
    maxAcceptedHtlcs: 483,
    ...peer.signer.channel(0).publicKeys,
    firstPerCommitmentPoint: peer.signer.channel(0).perCommitmentPoint(0),
    channelType: channelTypeAnchors,
  };
  const { temporaryChannelId } = data;
  const sent = data.localCommitmentNumber;
  const samples: { readonly [N in Exclude<MessageName, Bolt1 | Gossip>]: MessageOf<N> } = {
    open_channel: {
      type: 'open_channel',
      chainHash: REGTEST_CHAIN_HASH,
      temporaryChannelId,
      fundingSatoshis: 1_000_000n,
      pushMsat: 300_000_000n,
      feeratePerKw: 1_000,
      channelFlags: 0,
      ...side,
    },
    accept_channel: { type: 'accept_channel', temporaryChannelId, minimumDepth: 3, ...side },
    funding_created: {
      type: 'funding_created',
      temporaryChannelId,
      fundingTxid: FUNDING_TXID,
      fundingOutputIndex: 1,
      signature,
    },
    funding_signed: { type: 'funding_signed', channelId, signature },
    channel_ready: { type: 'channel_ready', channelId, secondPerCommitmentPoint: point },
    shutdown: { type: 'shutdown', channelId, scriptpubkey: peer.data.localShutdownScript },
    closing_signed: { type: 'closing_signed', channelId, feeSatoshis: 700n, signature },
    update_add_htlc: {
      type: 'update_add_htlc',
      channelId,
      id: data.nextRemoteHtlcId,
      amountMsat: 1_000_000n,
      paymentHash: sha256(preimageOf(1)),
      cltvExpiry: 500,
      onionRoutingPacket: new Uint8Array(1366),
    },
    update_fulfill_htlc: { type: 'update_fulfill_htlc', channelId, id: 0n, paymentPreimage: preimageOf(1) },
    update_fail_htlc: { type: 'update_fail_htlc', channelId, id: 0n, reason: bytes(256, 1) },
    update_fail_malformed_htlc: {
      type: 'update_fail_malformed_htlc',
      channelId,
      id: 0n,
      sha256OfOnion: bytes(32, 0),
      failureCode: 0xc005,
    },
    update_fee: { type: 'update_fee', channelId, feeratePerKw: 2_000 },
    commitment_signed: { type: 'commitment_signed', channelId, signature, htlcSignatures: [] },
    revoke_and_ack: {
      type: 'revoke_and_ack',
      channelId,
      perCommitmentSecret: bytes(32, 1),
      nextPerCommitmentPoint: point,
    },
    channel_reestablish: {
      type: 'channel_reestablish',
      channelId,
      nextCommitmentNumber: data.remoteCommitmentNumber + 1,
      nextRevocationNumber: sent,
      yourLastPerCommitmentSecret: sent === 0 ? bytes(32, 0) : (lookupSecret(
        peer.data.remoteSecrets,
        secretIndex(sent - 1),
      ) ?? bytes(32, 0)),
      myCurrentPerCommitmentPoint: point,
    },
    announcement_signatures: {
      type: 'announcement_signatures',
      channelId,
      shortChannelId: data.shortChannelId ?? 1n,
      nodeSignature: signature,
      bitcoinSignature: signature,
    },
    error: { type: 'error', channelId, data: bytes(8, 0x41) },
    warning: { type: 'warning', channelId, data: bytes(8, 0x41) },
  };
  return samples;
}

/** The closing_signed that `party` would sign at that fee. */
export function closingSigned(party: Party, feeSatoshis: bigint, feeRange?: FeeRange): MessageOf<'closing_signed'> {
  const { parameters } = closingRequest(negotiated(party.data), feeSatoshis, 'local');
  const signature = party.signer.channel(0).signMutualClose(closingSighash(buildClosing(parameters, feeSatoshis)));
  return {
    type: 'closing_signed',
    channelId: party.data.channelId!,
    feeSatoshis,
    signature,
    ...(feeRange && { feeRange }),
  };
}

type Bolt1 = 'init' | 'ping' | 'pong';
type Gossip =
  | 'channel_announcement'
  | 'node_announcement'
  | 'channel_update'
  | 'query_short_channel_ids'
  | 'reply_short_channel_ids_end'
  | 'query_channel_range'
  | 'reply_channel_range'
  | 'gossip_timestamp_filter';

/**
 * How a machine took a message: `taken`; `ignored`; answered with a `warning`, after which the connection ends;
 * answered with an `error`, after which the channel fails, or an opening is `abandoned`; `ended` because the peer said
 * so. With it the reason, and whether that is only that the message does not belong there.
 */
export interface Answer {
  readonly kind: 'taken' | 'ignored' | 'warning' | 'error' | 'abandoned' | 'ended';
  readonly reason: string | undefined;
  readonly isUnexpected: boolean;
}

/** Gives a message to a party and says how it took it, after checking what must hold of each kind of answer. */
export function answerTo(party: Party, message: Message): Answer {
  const before = stateText(party);
  const disconnected = party.clone();
  disconnected.send({ type: 'disconnected' });
  const from = party.effects.length;
  party.send({ type: 'message', message });
  const effects = party.effects.slice(from);
  assert.equal(party.actor.getSnapshot().status, 'active');
  const sent = effects.flatMap((effect) => (effect.type === 'send' ? [effect.message.type] : []));
  const said = sent.filter((type) => type === 'warning' || type === 'error');
  const end = effects.find((effect) => effect.type === 'channelAbandoned' || effect.type === 'channelFailed');
  const hangUp = effects.find((effect) => effect.type === 'disconnect');
  const reason = hangUp?.reason ?? end?.failure.reason;
  const answer = (kind: Answer['kind']): Answer => ({
    kind,
    reason,
    isUnexpected: reason?.includes('does not belong') ?? false,
  });
  if (end !== undefined) {
    assert.deepEqual(said, end.failure.by === 'local' ? ['error'] : []);
    assert.equal(party.state('connection'), 'refusing');
    assert.equal(party.state('lifecycle'), end.type === 'channelAbandoned' ? 'abandoned' : 'failed');
    const onChain = effects.flatMap((effect) => (effect.type === 'broadcastCommitment' ? [
      effect.commitment.commitmentNumber,
    ] : []));
    assert.deepEqual(onChain, end.type === 'channelFailed' ? [party.data.localCommitmentNumber] : []);
    if (end.failure.by === 'remote') return answer('ended');
    return answer(end.type === 'channelAbandoned' ? 'abandoned' : 'error');
  }
  if (said.length > 0) {
    assert.deepEqual(said, ['warning']);
    // With the connection goes what we never signed.
    const last = effects.filter(({ type }) => type !== 'htlcReturned').at(-1)?.type;
    assert.equal(last === 'disconnect' || last === 'channelUnusable', true);
    assert.equal(
      stateText(party),
      stateText(disconnected),
      'a refused message changes nothing but what the loss of the connection does',
    );
    return answer('warning');
  }
  return answer(effects.length === 0 && stateText(party) === before ? 'ignored' : 'taken');
}

/** All that would be on disk. */
export const stateText = (party: Party): string => encodeJson(snapshotOf(party.actor));

/**
 * The link breaks and comes back, and the two go on with what they were about: they pay, or they close. Throws where
 * they cannot.
 */
export function recover(pair: ChannelPair): void {
  const { alice, bob } = pair;
  pair.disconnect();
  const quarrels = [alice, bob].map((party) => party.told('disconnect').length);
  pair.reconnect();
  if ([alice, bob].some((party) => party.state('lifecycle').startsWith('confirming'))) confirm(pair, 3);
  for (let i = 0; i < 3; i++) {
    for (const party of [alice, bob]) {
      for (const { details } of party.actor.getSnapshot().context.htlcs.rows()) party.send(fulfil(details.id));
    }
    pair.settle();
  }
  const ends = [alice, bob].map((party) => party.state('lifecycle'));
  if (ends[0] === 'normal') {
    const before = bob.data.toLocalMsat;
    addHtlc(alice, 1_000_000n);
    crossSign(pair);
    bob.send(fulfil(bob.data.nextRemoteHtlcId - 1n));
    crossSign(pair);
    if (bob.data.toLocalMsat !== before + 1_000_000n) throw new Error(
      'a payment after the reconnection did not come through',
    );
  }
  if (ends[0] !== ends[1] || !['normal', 'closing.mutual'].includes(ends[0]!)) throw new Error(
    `Alice is ${ends[0]}, Bob ${ends[1]} after the reconnection`,
  );
  if ([alice, bob].some((party, i) => party.told('disconnect').length !== quarrels[i])) throw new Error(
    'the two quarrel after the reconnection',
  );
}

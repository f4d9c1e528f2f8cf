import { describe, expect, it } from 'vitest';
import { createChannel, restoreChannel, snapshotOf, type ChannelActor } from '../../machines/channel/channel.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { decodeMessage, encodeMessage } from '../../protocols/wire/messages.ts';
import { addHtlc, ChannelPair, confirm, preimageOf, reachNormal, type Party } from '../harness/channel-pair.ts';

/**
 * What a journal holds of one step: the event (a message as its bytes), and what the channel was and wanted afterwards.
 */
interface Entry {
  readonly event: string;
  readonly wire: Uint8Array | undefined;
  readonly snapshot: string;
  readonly effects: string;
}

/** Writes down everything that a party is told from now on. */
function record(party: Party): Entry[] {
  const entries: Entry[] = [];
  const noted = (event: ExternalChannelEvent, run: () => void): void => {
    const from = party.effects.length;
    run();
    entries.push({
      event: encodeJson(event.type === 'message' ? { type: 'message' } : event),
      wire: event.type === 'message' ? encodeMessage(event.message) : undefined,
      snapshot: encodeJson(snapshotOf(party.actor)),
      effects: encodeJson(party.effects.slice(from)),
    });
  };
  const send = party.send.bind(party);
  const restart = party.restart.bind(party);
  // A restart sends `restored` itself: one entry.
  let restarting = false;
  party.send = (event) => (restarting ? send(event) : noted(event, () => send(event)));
  party.restart = () =>
    noted({ type: 'restored' }, () => {
      restarting = true;
      restart();
      restarting = false;
    });
  return entries;
}

/**
 * The same events to a fresh machine that has the policy and the public points, and no secret. `rebuild`: at `restored`
 * it is rebuilt from what it wrote, as the node that wrote the journal was; otherwise it just goes on.
 */
function replay(party: Party, entries: readonly Entry[], rebuild: boolean): void {
  const effects: ChannelEffect[] = [];
  const environment = {
    policy: party.policy,
    localPoint: (n: number) => party.signer.channel(0).perCommitmentPoint(n),
    emit: (effect: ChannelEffect) => void effects.push(effect),
  };
  let actor: ChannelActor = createChannel(party.initialData(), environment);
  for (const [index, { event, wire, snapshot, effects: wanted }] of entries.entries()) {
    const decoded = decodeJson(event) as ExternalChannelEvent;
    if (decoded.type === 'restored' && rebuild) {
      actor = restoreChannel(decodeJson(encodeJson(snapshotOf(actor))) as ReturnType<typeof snapshotOf>, environment);
    }
    effects.length = 0;
    actor.send(wire === undefined ? decoded : { type: 'message', message: decodeMessage(wire) });
    expect(encodeJson(snapshotOf(actor)), `after entry ${index}: ${event}`).toBe(snapshot);
    expect(encodeJson(effects), `after entry ${index}: ${event}`).toBe(wanted);
  }
}

const fulfil = (id: bigint) => ({
  type: 'removeHtlc',
  id,
  removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) },
}) as const;

/** A life with payments both ways, failures, a feerate, lost connections, restarts, a wrong message and a close. */
function live(pair: ChannelPair): void {
  const { alice, bob } = pair;
  reachNormal(pair, { pushMsat: 300_000_000n });
  for (let i = 0; i < 3; i++) {
    addHtlc(alice, 10_000_000n);
    addHtlc(bob, 5_000n);
  }
  alice.send({ type: 'setFeerate', feeratePerKw: 2_000 });
  for (const party of [alice, bob]) party.send({ type: 'turnEnded' });
  pair.deliverOne(alice);
  pair.deliverOne(bob);
  pair.disconnect();
  pair.reconnect();
  bob.send(fulfil(0n));
  alice.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'failed', reason: new Uint8Array(256) } });
  for (const party of [alice, bob]) party.send({ type: 'turnEnded' });
  pair.deliverOne(bob);
  alice.restart();
  bob.send({ type: 'disconnected' });
  alice.send(fulfil(1n));
  pair.reconnect();
  confirm(pair, 6);
  // Bob says something that does not belong there.
  alice.send({
    type: 'message',
    message: { type: 'funding_signed', channelId: alice.data.channelId!, signature: new Uint8Array(64) },
  });
  pair.disconnect();
  bob.restart();
  pair.reconnect();
  bob.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_500 });
  pair.settle();
  for (const id of [1n, 2n]) bob.send(fulfil(id));
  alice.send(fulfil(2n));
  pair.settle();
  alice.restart();
}

describe('the journal of a channel, replayed through the same machine', () => {
  it.each([
    ['rebuilt at each restart', true],
    ['that never stopped', false],
  ])('gives the same states and the same effects after every event, by a machine %s', (_name, rebuild) => {
    const pair = new ChannelPair({ announce: true });
    const journals = [pair.alice, pair.bob].map((party) => ({ party, entries: record(party) }));
    live(pair);
    expect(pair.alice.state('lifecycle')).toBe('closing.mutual');
    for (const { party, entries } of journals) {
      expect(entries.length).toBeGreaterThan(50);
      replay(party, entries, rebuild);
    }
  });
});

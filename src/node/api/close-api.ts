import type { NodeApi, Output } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import type { LiveChannel } from '../../channels/live-channel.ts';
import { addressToScript, bitcoinNetwork } from '../../wallet/address.ts';
import type { Node } from '../node.ts';
import { summaryOf } from './channel-views.ts';
import { forcedCost, ownCommitment, pendingOf } from './pending-api.ts';
import { shownLive } from './shown-channel.ts';

type CloseOptions = Omit<Parameters<NodeApi['close']>[0], 'channel'>;

/** Blocks within which a closing transaction should confirm, where the user names no feerate. */
const CLOSING_TARGET_BLOCKS = 6;

/** The states of a channel that our commitment can still end. */
const FORCEABLE: ReadonlySet<string> = new Set(['confirming', 'normal', 'shuttingDown', 'negotiatingClose']);

/** Closes a channel together with its peer, or by force: with our commitment, without it. */
export function closeChannel(node: Node, channel: LiveChannel, options: CloseOptions): Promise<Output<'close'>> {
  if (node.channels.isFrozen(channel.index)) {
    throw new ApiError('unavailable', 'channel_frozen', 'the channel is frozen after a fault in this node', {
      hint: 'restart the node, and report it',
    });
  }
  return options.force === true ? forceClose(node, channel) : closeTogether(node, channel, options);
}

async function closeTogether(
  node: Node,
  channel: LiveChannel,
  { address, feeratePerKw }: CloseOptions,
): Promise<Output<'close'>> {
  const { chain, chainName } = node.options;
  const { lifecycle } = channel;
  if (lifecycle !== 'normal' && lifecycle !== 'confirming') throw refusal(node, channel, false);
  const scriptpubkey = address === undefined ? undefined : addressToScript(address, bitcoinNetwork(chainName));
  const feerate = feeratePerKw ?? (await chain.feeratePerKw(CLOSING_TARGET_BLOCKS));
  await node.dispatcher.inTurn((turn) => {
    const event = { type: 'close', scriptpubkey, feeratePerKw: feerate } as const;
    turn.dispatch({ to: 'channel', channelIndex: channel.index, event });
  });
  const own = channel.value.connection === 'offline' ? ownCommitment(channel) : undefined;
  return { ...summaryOf(node, shownLive(node, channel)), ...(own && { ifForced: forcedCost(channel, own) }) };
}

/** BOLT 5, "Failing a Channel": our latest commitment goes to the chain. */
async function forceClose(node: Node, channel: LiveChannel): Promise<Output<'close'>> {
  const { lifecycle } = channel;
  const own = ownCommitment(channel);
  if (!FORCEABLE.has(lifecycle) || own === undefined) throw refusal(node, channel, true);
  await node.dispatcher.inTurn((turn) => {
    turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'forceClose' } });
  });
  // In the same turn an update may have been completed before it: what is broadcast is what is latest now.
  const latest = ownCommitment(channel) ?? own;
  return { ...summaryOf(node, shownLive(node, channel)), closingTxid: displayTxid(latest.txid) };
}

/** Why a channel in its state cannot be closed, or not that way, and what to do. */
function refusal(node: Node, channel: LiveChannel, isForced: boolean): ApiError {
  const { closing, text } = pendingOf(node, shownLive(node, channel)).view;
  const see = 'see `runnel pending`';
  switch (channel.lifecycle) {
    case 'opening':
      return new ApiError('conflict', 'channel_opening', 'the channel is still being opened: nothing is to be closed', {
        hint: 'the opening ends by itself if the peer does not go on with it, or with `runnel disconnect`',
      });
    case 'fallenBehind':
      return new ApiError('refused', 'channel_fallen_behind', `this node cannot close the channel: ${text}`, {
        hint: 'keep the node running, and the peer reachable; by an old commitment the peer could take everything',
      });
    case 'failed':
    case 'closing': {
      const details = closing && { kind: closing.kind, txid: closing.txid, confirmations: closing.confirmations };
      const by = closing?.txid === undefined ? '' : ` (${closing.txid})`;
      const message = `the channel cannot be closed again: ${text}${by}`;
      return new ApiError('conflict', 'channel_closing', message, { details, hint: see });
    }
    case 'shuttingDown':
    case 'negotiatingClose':
      return new ApiError('conflict', 'channel_closing', `the channel cannot be closed again: ${text}`, {
        hint: isForced ? see : `${see}; \`runnel close --force\` goes on without the peer`,
      });
    default:
      return new ApiError('conflict', 'channel_not_open', `expected an open channel, this one is ${channel.lifecycle}`);
  }
}

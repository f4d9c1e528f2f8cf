import type { HtlcTable } from '../htlc/htlc-table.ts';
import type { ChannelData, NegotiatedChannel } from './data.ts';
import type { ChannelEffect } from './effects.ts';
import type { ChannelPolicy } from './policy.ts';
import type { PerCommitmentPoint } from './reestablish.ts';
import { ChannelViolation } from './violation.ts';

/** What a channel's machine is given at its start and cannot make itself. */
export interface ChannelEnvironment {
  readonly policy: ChannelPolicy;
  /** Public points of our own commitments: from the signer in a node, from the journal in a replay. */
  readonly localPoint: PerCommitmentPoint;
  /** The turn's outbox. */
  readonly emit: (effect: ChannelEffect) => void;
}

export interface ChannelContext {
  readonly data: ChannelData;
  readonly htlcs: HtlcTable;
  readonly environment: ChannelEnvironment;
}

/** What an action decides: changes of the channel's data, and effects for the outbox, in order. */
export interface Step {
  readonly data?: Partial<ChannelData>;
  readonly effects?: readonly ChannelEffect[];
}

/** The channel once open_channel and accept_channel were exchanged. The chart calls this only in states that come after. */
export function negotiated(data: ChannelData): NegotiatedChannel {
  if (data.remote === undefined) throw new ChannelViolation('channel_not_negotiated', 'expected the peer to have declared its parameters');
  return { ...data, remote: data.remote };
}

/** The channel's id, or its temporary one until the funding is known. */
export const channelIdOf = (data: ChannelData): Uint8Array => data.channelId ?? data.temporaryChannelId;

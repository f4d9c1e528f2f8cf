/** Where a channel stands, as methods and events tell it. */
import { z } from 'zod';

/**
 * Where in its life a channel is: the states of the channel statechart's lifecycle, without those inside them.
 * `stateValue` beside it is the statechart's whole answer.
 */
export const channelState = z
  .enum([
    'opening',
    'confirming',
    'normal',
    'shuttingDown',
    'negotiatingClose',
    'failed',
    'fallenBehind',
    'closing',
    'closed',
    'abandoned',
  ])
  .meta({ id: 'ChannelState' });

export const connectionState = z
  .enum(['offline', 'reestablishing', 'online', 'refusing'])
  .meta({ description: "The channel statechart's connection: refusing once the channel has failed" });

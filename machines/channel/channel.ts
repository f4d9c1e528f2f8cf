import { createActor, type ActorRefFrom, type AnyStateNode, type StateValue, type StateValueFrom } from 'xstate';
import { HtlcTable, type HtlcRow } from '../htlc/htlc-table.ts';
import { channelMachine } from './channel.machine.ts';
import type { ChannelEnvironment } from './context.ts';
import type { ChannelData, SideParameters } from './data.ts';
import { channelReserve, type ChannelPolicy } from './policy.ts';

export type ChannelActor = ActorRefFrom<typeof channelMachine>;
/** The state of each region. */
export type ChannelStateValue = Required<Exclude<StateValueFrom<typeof channelMachine>, string>>;

/** All that it takes to bring a channel back: the chart's state, its data and its HTLCs. Plain data. */
export interface ChannelSnapshot {
  readonly value: ChannelStateValue;
  readonly data: ChannelData;
  readonly htlcs: readonly HtlcRow[];
}

/** A new channel's actor, started and idle: it waits for `open`, or for the peer's open_channel. */
export function createChannel(data: ChannelData, environment: ChannelEnvironment): ChannelActor {
  return createActor(channelMachine, { input: { data, htlcs: [], environment } }).start();
}

/** A channel as it was saved, without a connection, since that did not outlive the process. Its first event must be `restored`. */
export function restoreChannel({ value, data, htlcs }: ChannelSnapshot, environment: ChannelEnvironment): ChannelActor {
  const connection = value.connection === 'refusing' ? 'refusing' : 'offline';
  // A row that was written before endings on chain were followed has none of theirs.
  const whole = { ...data, ending: data.ending, outputs: data.outputs ?? [] };
  return channelAt({ value: { ...value, connection }, data: whole, htlcs }, environment);
}

/** A channel's actor in exactly that state. */
export function channelAt(
  { value, data, htlcs: rows }: ChannelSnapshot,
  environment: ChannelEnvironment,
): ChannelActor {
  const htlcs = new HtlcTable(rows);
  const ordered = inChartOrder(channelMachine.root, value);
  const snapshot = channelMachine.resolveState({ value: ordered, context: { data, htlcs, environment } });
  const actor = createActor(channelMachine, { snapshot, input: { data, htlcs: rows, environment } });
  htlcs.attach(actor);
  return actor.start();
}

/**
 * Regions act one after another in the order in which the state names them: the chart's, whatever order it was kept in.
 */
function inChartOrder(node: AnyStateNode, value: StateValue): StateValue {
  if (typeof value === 'string') return value;
  const ordered: Record<string, StateValue> = {};
  for (const [key, child] of Object.entries(node.states)) {
    const inner = value[key];
    if (inner !== undefined) ordered[key] = inChartOrder(child, inner);
  }
  return ordered;
}

/** The channel as it is now. */
export function snapshotOf(actor: ChannelActor): ChannelSnapshot {
  const { value, context } = actor.getSnapshot();
  return { value: value as ChannelStateValue, data: context.data, htlcs: [...context.htlcs.rows()] };
}

/** The public keys that the signer made for a channel. */
export type ChannelPublicKeys = Pick<
  SideParameters,
  'fundingPubkey' | 'revocationBasepoint' | 'paymentBasepoint' | 'delayedPaymentBasepoint' | 'htlcBasepoint'
>;

export interface NewChannel {
  readonly channelIndex: number;
  readonly isOpener: boolean;
  readonly openedAtHeight: number;
  readonly localNodeId: Uint8Array;
  readonly remoteNodeId: Uint8Array;
  readonly chainHash: Uint8Array;
  readonly temporaryChannelId: Uint8Array;
  readonly fundingSatoshis: bigint;
  readonly announce: boolean;
  readonly feeratePerKw: number;
  /** Of the funding transaction; the accepter does not make one. */
  readonly openingFeeratePerKw: number;
  readonly publicKeys: ChannelPublicKeys;
  readonly shutdownScript: Uint8Array;
  readonly policy: ChannelPolicy;
}

/** The data of a channel that is about to be opened: what this node will ask of it, and nothing of the peer's yet. */
export function newChannelData({ publicKeys, policy, shutdownScript, ...channel }: NewChannel): ChannelData {
  return {
    ...channel,
    isRecovered: false,
    channelId: undefined,
    local: {
      ...publicKeys,
      dustLimitSatoshis: policy.dustLimitSatoshis,
      maxHtlcValueInFlightMsat: (channel.fundingSatoshis * policy.maxHtlcValueInFlightPpm) / 1000n,
      channelReserveSatoshis: channelReserve(channel.fundingSatoshis, policy),
      htlcMinimumMsat: policy.htlcMinimumMsat,
      toSelfDelay: policy.toSelfDelay,
      maxAcceptedHtlcs: policy.maxAcceptedHtlcs,
      upfrontShutdownScript: new Uint8Array(),
    },
    remote: undefined,
    minimumDepth: policy.minimumDepth,
    funding: undefined,
    fundingTransaction: undefined,
    confirmation: undefined,
    localReady: false,
    shortChannelId: undefined,
    remoteAlias: undefined,
    toLocalMsat: 0n,
    toRemoteMsat: 0n,
    feeUpdates: [],
    nextLocalHtlcId: 0n,
    nextRemoteHtlcId: 0n,
    localCommitmentNumber: 0,
    remoteCommitmentNumber: 0,
    remoteRevocations: 0,
    remoteCurrentPoint: undefined,
    remoteNextPoint: undefined,
    remoteSecrets: [],
    localSignatures: undefined,
    remoteAnnouncement: undefined,
    saidAnnouncement: false,
    localShutdownScript: shutdownScript,
    remoteShutdownScript: undefined,
    closing: { feeratePerKw: channel.openingFeeratePerKw, localFeeSatoshis: undefined, remoteFeeSatoshis: undefined },
    agreedClosing: undefined,
    fundingSpend: undefined,
    ending: undefined,
    outputs: [],
    failure: undefined,
  };
}

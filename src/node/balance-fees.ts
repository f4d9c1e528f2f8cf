import { DEFAULT_UPDATE_RATE, firstStep, followBalance, type ChannelShare, type FeeDecision, type UpdateRate } from '../../machines/forwarding/balance-fee.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import { Timers } from '../payments/timers.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Dispatcher } from '../runtime/dispatcher.ts';
import type { Turn } from '../runtime/turn.ts';
import type { ChosenPolicy, ForwardingPolicies } from './forwarding-policies.ts';

export interface BalanceFeesOptions {
  readonly channels: Pick<ChannelManager, 'get'>;
  readonly policies: ForwardingPolicies;
  readonly clock: Clock;
  readonly dispatcher: () => Pick<Dispatcher, 'run'>;
  /** Default `DEFAULT_UPDATE_RATE`. */
  readonly rate?: UpdateRate;
  /** The channel's policy is another, and on disk. */
  readonly policyChanged: (channel: LiveChannel) => void;
}

/** Has the fees of channels follow their balances: the only place that applies what `followBalance` decides. */
export class BalanceFees {
  readonly #options: BalanceFeesOptions;
  readonly #rate: UpdateRate;
  readonly #timers: Timers;

  constructor(options: BalanceFeesOptions) {
    this.#options = options;
    this.#rate = options.rate ?? DEFAULT_UPDATE_RATE;
    this.#timers = new Timers(options.clock, (work) => work());
  }

  stop(): void {
    this.#timers.clear();
  }

  /** Something of the channel may have changed: call it as often as you like. Nothing is done at once. */
  consider(channel: LiveChannel): void {
    const { index } = channel;
    const decision = this.#decide(channel);
    if (decision.type === 'wait') this.#timers.set(String(index), decision.untilMs, () => this.#reconsider(index));
    else this.#timers.cancel(String(index));
    if (decision.type === 'change') this.#options.dispatcher().run((turn) => this.#apply(index, turn));
  }

  /** Has the fee of a channel follow its balance, within a turn. */
  follow(channel: LiveChannel): void {
    const decision = this.#decide(channel);
    if (decision.type === 'change') this.#options.policies.setStep(channel.index, decision.to);
  }

  /** Sets what the operator chose; a channel that begins to follow its balance does so at once. */
  choose(channel: LiveChannel, changes: Partial<ChosenPolicy>): void {
    const { policies, clock } = this.#options;
    const first = changes.follow && firstStep(shareOf(channel), this.#rate, clock.now());
    policies.set(channel.index, changes, first);
  }

  /** The change that the balance asks for and that the rate puts off, if there is one. */
  waiting(channel: LiveChannel): Extract<FeeDecision, { type: 'wait' }> | undefined {
    const decision = this.#decide(channel);
    return decision.type === 'wait' ? decision : undefined;
  }

  #decide(channel: LiveChannel): FeeDecision {
    const { policies, clock } = this.#options;
    const isOpen = channel.lifecycle === 'confirming' || channel.lifecycle === 'normal';
    if (!isOpen || policies.of(channel.index).follow === undefined) return { type: 'stay' };
    return followBalance(policies.stepOf(channel.index), shareOf(channel), this.#rate, clock.now());
  }

  #apply(channelIndex: number, turn: Turn): void {
    const channel = this.#options.channels.get(channelIndex);
    if (channel === undefined) return;
    this.follow(channel);
    // Also where a turn that was discarded had changed it before.
    turn.afterCommit(() => this.#options.policyChanged(channel));
  }

  #reconsider(channelIndex: number): void {
    const channel = this.#options.channels.get(channelIndex);
    if (channel !== undefined) this.consider(channel);
  }
}

const shareOf = ({ data: { toLocalMsat, fundingSatoshis } }: LiveChannel): ChannelShare => ({
  localMsat: toLocalMsat,
  capacityMsat: fundingSatoshis * 1_000n,
});

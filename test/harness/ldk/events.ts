/** What an LDK node does about the events of its library. */
import { Transaction } from 'bitcoinjs-lib';
import * as ldk from 'lightningdevkit';
import type { LdkCore, LdkWorld } from './core.ts';
import { errorText, hex, optional, reversedHex, userChannelId } from './library.ts';
import type { LdkPayments } from './payments.ts';

/** LDK waits a random time of this kind itself, so that forwards do not tell which came from where. */
const FORWARD_DELAY_MS = 50;

/** A channel that has ended. */
export interface ClosedChannel {
  readonly channelId: string;
  readonly userChannelId: bigint;
  readonly reason: string;
}

export interface PendingChannel {
  readonly channelId: string;
  readonly userChannelId: bigint;
  readonly fundingTxid: string;
}

export class LdkEvents {
  readonly closed: ClosedChannel[] = [];
  /** Those whose funding has been negotiated. */
  readonly pending: PendingChannel[] = [];
  readonly forwarded: { readonly feeMsat: bigint; readonly outboundMsat: bigint }[] = [];
  /** Sends outputs of ended channels to the wallet; not yet in a block. */
  readonly #sweeps = new Map<string, Transaction>();
  readonly #world: LdkWorld;
  readonly #payments: LdkPayments;

  constructor(world: LdkWorld, payments: LdkPayments) {
    this.#world = world;
    this.#payments = payments;
  }

  /** `later` runs what has to wait, unless the node stops before. */
  handle(core: LdkCore, event: ldk.Event, later: (delayMs: number, task: () => void) => void): void {
    this.#payments.handle(event);
    if (event instanceof ldk.Event_OpenChannelRequest) this.#accept(core, event);
    else if (event instanceof ldk.Event_FundingGenerationReady) this.#fund(core, event);
    else if (event instanceof ldk.Event_ChannelPending) {
      const fundingTxid = reversedHex(event.funding_txo.get_txid());
      this.pending.push({ channelId: hex(event.channel_id.get_a()), userChannelId: event.user_channel_id, fundingTxid });
    } else if (event instanceof ldk.Event_ChannelClosed) {
      const { channel_id, user_channel_id: userChannelId, reason } = event;
      this.closed.push({ channelId: hex(channel_id.get_a()), userChannelId, reason: reason.to_str() });
      this.#world.log.add(`closed ${hex(channel_id.get_a())}: ${reason.to_str()}`);
    } else if (event instanceof ldk.Event_PendingHTLCsForwardable) {
      later(FORWARD_DELAY_MS, () => core.manager.process_pending_htlc_forwards());
    } else if (event instanceof ldk.Event_PaymentForwarded) {
      const feeMsat = optional<bigint>(event.total_fee_earned_msat) ?? 0n;
      this.forwarded.push({ feeMsat, outboundMsat: optional<bigint>(event.outbound_amount_forwarded_msat) ?? 0n });
    } else if (event instanceof ldk.Event_SpendableOutputs) this.#sweep(core, event.outputs);
    else if (event instanceof ldk.Event_BumpTransaction) core.bumper.handle_event(event.bump_transaction);
  }

  /** Sends anew what no block holds yet. */
  connect(txids: readonly string[]): void {
    for (const txid of txids) this.#sweeps.delete(txid);
    for (const sweep of this.#sweeps.values()) this.#world.chain.broadcast([sweep]);
  }

  #accept(core: LdkCore, { temporary_channel_id, counterparty_node_id }: ldk.Event_OpenChannelRequest): void {
    const result = core.manager.accept_inbound_channel(temporary_channel_id, counterparty_node_id, userChannelId());
    if (!result.is_ok()) this.#world.log.add(`no channel accepted: ${errorText((result as ldk.Result_NoneAPIErrorZ_Err).err)}`);
  }

  #fund(core: LdkCore, event: ldk.Event_FundingGenerationReady): void {
    const { temporary_channel_id, counterparty_node_id, output_script, channel_value_satoshis } = event;
    const { wallet, fees, log } = this.#world;
    try {
      const funding = wallet.pay(output_script, channel_value_satoshis, fees.feeratePerKw).toBuffer();
      const result = core.manager.funding_transaction_generated(temporary_channel_id, counterparty_node_id, funding);
      if (!result.is_ok()) throw new Error(errorText((result as ldk.Result_NoneAPIErrorZ_Err).err));
    } catch (error) {
      log.add(`no funding: ${(error as Error).message}`);
      core.manager.force_close_without_broadcasting_txn(temporary_channel_id, counterparty_node_id, (error as Error).message);
    }
  }

  #sweep(core: LdkCore, outputs: ldk.SpendableOutputDescriptor[]): void {
    const { wallet, fees, log, chain } = this.#world;
    const none = ldk.Option_u32Z.constructor_none();
    const result = core.keys.as_OutputSpender().spend_spendable_outputs(outputs, [], wallet.script, fees.feeratePerKw, none);
    if (!(result instanceof ldk.Result_TransactionNoneZ_OK)) {
      log.add(`no sweep of ${outputs.length} outputs`);
      return;
    }
    const sweep = Transaction.fromBuffer(result.res);
    this.#sweeps.set(sweep.getId(), sweep);
    chain.broadcast([sweep]);
  }
}

import { equals } from 'uint8arrays';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import type { Chain, UnspentOutput } from '../chain/chain.ts';
import type { Clock } from '../runtime/clock.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { GossipLimits } from './limits.ts';

/**
 * What the chain has against an announcement.
 *
 * - `unconfirmed`: the output is not deep enough, or its block has not come to us; it may be later
 * - `no_output`: it was spent, or never there, in a block that is deep enough
 * - `wrong_output`: it pays to something else there
 * - `chain_unavailable`: the chain did not answer
 */
export type FundingFault = 'unconfirmed' | 'no_output' | 'wrong_output' | 'chain_unavailable';
export type FundingOutput = UnspentOutput & { readonly txid: string };

export interface FundingCheckOptions {
  readonly chain: Pick<Chain, 'outputAt' | 'tip'>;
  readonly clock: Clock;
  readonly limits: GossipLimits;
}

/** What stands at a place where an announcement had claimed something else; undefined for nothing. */
interface Found {
  readonly script: Uint8Array | undefined;
  readonly untilMs: number;
}

/**
 * Holds announcements against the chain. Where one was wrong, what stands there instead is remembered for a while, so that whoever
 * says it again, or says something else that is wrong of the same place, has the chain asked no more.
 */
export class FundingCheck {
  readonly #options: FundingCheckOptions;
  readonly #found: BoundedMap<bigint, Found>;

  constructor(options: FundingCheckOptions) {
    this.#options = options;
    this.#found = new BoundedMap(options.limits.maxFalsePlaces);
  }

  /**
   * BOLT 7, "The `channel_announcement` Message": the output at the short channel id must be the P2WSH of the two bitcoin
   * keys, unspent, and `minConfirmations` deep. Gives the output, or what is wrong with it.
   */
  async check(announcement: MessageOf<'channel_announcement'>): Promise<FundingOutput | FundingFault> {
    const { chain, limits: { minConfirmations } } = this.#options;
    const { shortChannelId, bitcoinKey1, bitcoinKey2 } = announcement;
    const { blockHeight, transactionIndex, outputIndex } = scidToParts(shortChannelId);
    const { scriptPubkey } = fundingOutput(bitcoinKey1, bitcoinKey2);
    const known = this.#remembered(shortChannelId);
    if (known !== undefined && !isFundedBy(known.script, scriptPubkey)) return faultOf(known.script);
    try {
      // First, or announcements of blocks that are still to come would each have the chain looked through.
      const tip = await chain.tip();
      if (blockHeight + minConfirmations > tip.height + 1) return 'unconfirmed';
      const output = await chain.outputAt(blockHeight, transactionIndex, outputIndex);
      if (output === undefined || !isFundedBy(output.script, scriptPubkey)) {
        this.#remember(shortChannelId, output?.script);
        return faultOf(output?.script);
      }
      return output.confirmations < minConfirmations ? 'unconfirmed' : output;
    } catch (error) {
      if (error instanceof RunnelError) return 'chain_unavailable';
      throw error;
    }
  }

  /** Nothing stood at that place a while ago: it need not be asked about. */
  isEmpty(shortChannelId: bigint): boolean {
    const known = this.#remembered(shortChannelId);
    return known !== undefined && known.script === undefined;
  }

  /** A reorg may put anything anywhere. */
  forget(): void {
    this.#found.clear();
  }

  #remember(shortChannelId: bigint, script: Uint8Array | undefined): void {
    const { clock, limits } = this.#options;
    this.#found.set(shortChannelId, { script, untilMs: clock.now() + limits.falsePlaceMs });
  }

  #remembered(shortChannelId: bigint): Found | undefined {
    const known = this.#found.get(shortChannelId);
    return known !== undefined && known.untilMs > this.#options.clock.now() ? known : undefined;
  }
}

function isFundedBy(script: Uint8Array | undefined, scriptPubkey: Uint8Array): boolean {
  return script !== undefined && equals(script, scriptPubkey);
}

function faultOf(script: Uint8Array | undefined): 'no_output' | 'wrong_output' {
  return script === undefined ? 'no_output' : 'wrong_output';
}

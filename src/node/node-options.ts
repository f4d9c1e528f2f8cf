import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { UpdateRate } from '../../machines/forwarding/balance-fee.ts';
import type { PeerTiming } from '../../machines/peer/peer.machine.ts';
import type { EventHub } from '../api/events.ts';
import type { Chain } from '../chain/chain.ts';
import type { JournalLimits } from '../channels/journal.ts';
import type { AnnouncerTimes } from '../gossip/announcer.ts';
import type { SignatureChecker } from '../gossip/signature-checker.ts';
import type { Signer } from '../keys/signer-api.ts';
import type { Logger } from '../logging.ts';
import type { Network } from '../network/network.ts';
import type { Weights } from '../routing/weights.ts';
import type { Clock, RandomBytes } from '../runtime/clock.ts';
import type { Database } from '../storage/database.ts';
import type { BackupFile } from '../backup/backup-file.ts';
import type { Recovery } from './backups.ts';
import type { ChosenPolicy } from './forwarding-policies.ts';

/** All that a node is made of and does not make itself: a simulation gives other clocks, links and chains than a daemon. */
export interface NodeOptions {
  readonly database: Database;
  readonly signer: Signer;
  readonly chain: Chain;
  /** The same chain over connections of its own, for gossip, which looks up outputs by the hundred; `chain` unless told otherwise. */
  readonly gossipChain?: Pick<Chain, 'outputAt' | 'tip'>;
  /** The chain's name as bitcoind has it, and BOLT 7's hash of its first block. */
  readonly chainName: string;
  readonly chainHash: Uint8Array;
  readonly network: Network;
  readonly clock: Clock;
  /** Who checks the signatures of gossip: threads in a daemon. */
  readonly signatures: SignatureChecker;
  readonly randomBytes: RandomBytes;
  readonly logger: Logger;
  readonly events: EventHub;
  readonly channelPolicy: ChannelPolicy;
  readonly forwardingPolicy: ChosenPolicy;
  /** How often fees that follow balances may change (default `DEFAULT_UPDATE_RATE`). */
  readonly feeUpdateRate?: UpdateRate;
  readonly journalLimits?: JournalLimits;
  /** What routes are chosen by (default `DEFAULT_WEIGHTS`). */
  readonly weights?: Weights;
  readonly profile: { readonly alias: string; readonly rgbColor: Uint8Array; readonly announce: readonly string[] };
  readonly peerTiming?: Partial<PeerTiming>;
  readonly announcerTimes?: Partial<AnnouncerTimes>;
  /** How many unused addresses a restore from the seed looks through (default 100: each channel takes one). */
  readonly addressGap?: number;
  /** Where the backup of the channels is kept, if anywhere. */
  readonly backupFile?: BackupFile;
  /** What the start is to bring back, if anything. */
  readonly recovery?: Recovery;
  /** Runs a turn soon: `setImmediate` in a daemon. */
  readonly schedule: (run: () => void) => void;
  /** The node cannot go on: its store fails. */
  readonly onFatal: (error: unknown) => void;
}

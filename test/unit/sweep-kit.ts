import { address, networks, Transaction } from 'bitcoinjs-lib';
import { buildCommitment, type BuiltCommitment, type HtlcOutput } from '../../machines/commitment/commitment-transaction.ts';
import { fundingScript, p2wsh } from '../../machines/commitment/scripts.ts';
import { commitmentSighash, completeCommitment, htlcSighash } from '../../machines/commitment/signatures.ts';
import { deriveCommitmentKeys, deriveRevocationPublicKey } from '../../machines/commitment/keys.ts';
import type { CommitmentHtlc } from '../../machines/commitment/spec.ts';
import type { Claim, ClaimWitness, CommitmentBump } from '../../machines/onchain/claim.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import type { Chain } from '../../src/chain/chain.ts';
import { ChainUnavailableError } from '../../src/chain/errors.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { createSigner } from '../../src/keys/signer.ts';
import type { Logger } from '../../src/logging.ts';
import { type Alarm, Alarms } from '../../src/node/alarms.ts';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { type ChannelBump, type ChannelClaim, Sweeper } from '../../src/sweep/sweeper.ts';
import { Wallet } from '../../src/wallet/wallet.ts';
import { spend, TestChain } from './chain-kit.ts';
import { silentLog } from './node-kit.ts';

export const TO_SELF_DELAY = 10;
export const COMMITMENT_NUMBER = 5;
const REPLACEABLE = 0xfffffffd;
const ourSigner = createSigner(new Uint8Array(64).fill(1), 'regtest');
const theirSigner = createSigner(new Uint8Array(64).fill(2), 'regtest');

export const preimageOf = (id: bigint): Uint8Array => new Uint8Array(32).fill(Number(id) + 1);

/** An HTLC as its commitment's owner sees it. */
export function htlcOf(id: bigint, direction: CommitmentHtlc['direction'], amountSat: bigint, cltvExpiry: number): CommitmentHtlc {
  return { id, direction, amountMsat: amountSat * 1000n, paymentHash: sha256(preimageOf(id)), cltvExpiry };
}

export interface Closing {
  readonly channelIndex: number;
  readonly owner: 'us' | 'peer';
  readonly built: BuiltCommitment;
  /** Signed by both. */
  readonly commitment: Transaction;
  /** The peer's for our HTLC transactions. */
  readonly htlcSignatures: readonly Uint8Array[];
}

export interface ClosingOptions {
  readonly owner: 'us' | 'peer';
  readonly channelIndex?: number;
  readonly htlcs?: readonly CommitmentHtlc[];
  readonly feeratePerKw?: number;
  /** The owner's, of a million. */
  readonly toLocalSat?: bigint;
}

export interface RigOptions {
  readonly coinsSat?: readonly bigint[];
  readonly chain?: TestChain;
  readonly logger?: Logger;
}

/** The sweeper over an embedded chain, with channels on it whose both ends' keys the test has. */
export class SweepRig {
  readonly chain: TestChain;
  database: Database;
  wallet: Wallet;
  sweeper: Sweeper;
  alarms: Alarms;
  readonly told: [boolean, Alarm][] = [];
  /** What the chain estimates, whatever the target. */
  feeratePerKw = 1_000;
  /** In place of an estimate for one target. */
  readonly estimates = new Map<number, number>();
  isChainAway = false;
  /** Called before anything is offered to the chain. */
  onOffer: (transactions: readonly Transaction[]) => void = () => {};
  readonly #rpc: RpcChain;
  readonly #logger: Logger;
  /** The blocks that the wallet has been told of, and where they begin: it has no coins before. */
  readonly #told: string[] = [];
  readonly #first: number;

  constructor({ coinsSat = [1_000_000n], chain = TestChain.funded(8), logger = silentLog }: RigOptions = {}) {
    this.chain = chain;
    this.#logger = logger;
    this.#first = chain.height;
    this.#rpc = new RpcChain({ rpc: embeddedRpc(chain.chain), clock: chain.clock });
    this.database = openDatabase({ path: ':memory:' });
    this.alarms = new Alarms({ logger: silentLog, onChange: (alarm, isRaised) => this.told.push([isRaised, alarm]) });
    this.wallet = this.#openWallet();
    this.sweeper = this.#start();
    if (coinsSat.length > 0) this.deposit(...coinsSat);
  }

  #start(): Sweeper {
    const backend: Pick<Chain, 'broadcast' | 'submitPackage' | 'feeratePerKw'> = {
      broadcast: async (transaction) => {
        this.#reach();
        this.onOffer([transaction]);
        await this.#rpc.broadcast(transaction);
      },
      submitPackage: async (transactions) => {
        this.onOffer(transactions);
        await this.#rpc.submitPackage(transactions);
      },
      feeratePerKw: async (target) => {
        this.#reach();
        const least = await this.#rpc.feeratePerKw(target);
        const estimate = this.estimates.get(target) ?? this.feeratePerKw;
        // The mempool's minimum stands above the regtest fallback of 1,000 only when there is one.
        return least > 1_000 ? Math.max(estimate, least) : estimate;
      },
    };
    const { database, wallet, alarms } = this;
    return new Sweeper({ database, chain: backend, wallet, signer: ourSigner, alarms, logger: this.#logger });
  }

  /** As after a crash: what was in memory is gone, what is in the database stays. */
  restart(): void {
    this.alarms = new Alarms({ logger: silentLog, onChange: (alarm, isRaised) => this.told.push([isRaised, alarm]) });
    this.wallet = this.#openWallet();
    this.sweeper = this.#start();
  }

  #reach(): void {
    if (this.isChainAway) throw new ChainUnavailableError('the chain does not answer');
  }

  #openWallet(): Wallet {
    return new Wallet({ database: this.database, signer: ourSigner.onchain, network: 'regtest', gapLimit: 3 });
  }

  /** A payment to the wallet, not broadcast. */
  payment(...amountsSat: readonly bigint[]): Transaction {
    const script = address.toOutputScript(this.wallet.newAddress().address, networks.regtest);
    return spend([this.chain.fund()], { outputs: amountsSat.map((value) => ({ script, value })) });
  }

  /** Gives the wallet confirmed coins. */
  deposit(...amountsSat: readonly bigint[]): void {
    this.chain.send(this.payment(...amountsSat));
    this.chain.mine();
    this.sync();
  }

  /** Tells the wallet what happened on the chain. */
  sync(): void {
    const { state } = this.chain.chain;
    for (let hash = this.#told.at(-1); hash !== undefined; hash = this.#told.at(-1)) {
      const node = state.find(hash)!;
      if (state.isActive(node)) break;
      this.#told.pop();
      const below = { height: node.height - 1, hash: node.previous!.hash };
      this.wallet.handleChainEvent({ type: 'blockDisconnected', block: { height: node.height, hash }, below });
    }
    const last = this.#told.at(-1);
    for (let height = last === undefined ? this.#first : state.find(last)!.height + 1; height <= state.tip.height; height++) {
      const { hash, previous, block } = state.at(height)!;
      const transactions = block.transactions.map(({ transaction }) => transaction);
      this.wallet.handleChainEvent({ type: 'blockConnected', block: { height, hash, previousHash: previous!.hash, transactions } });
      this.#told.push(hash);
    }
  }

  /** The wallet's transactions that wait for a block. */
  booked(): string[] {
    const waiting = this.wallet.listTransactions().filter(({ blockHeight, conflicted }) => blockHeight === undefined && !conflicted);
    return waiting.map(({ txid }) => txid);
  }

  /** What the wallet could pay fees with. */
  coinsSat(): bigint[] {
    return this.wallet.listUnspent().flatMap(({ amountSat, confirmations }) => (confirmations === 0 ? [] : [amountSat]));
  }

  /** A channel whose funding a block holds, and a commitment of it signed by both. */
  close({ owner, channelIndex = 1, htlcs = [], feeratePerKw = 253, toLocalSat = 500_000n }: ClosingOptions): Closing {
    const us = ourSigner.channel(channelIndex);
    const peer = theirSigner.channel(channelIndex);
    const [local, remote] = owner === 'us' ? [us, peer] : [peer, us];
    const script = p2wsh(fundingScript(us.publicKeys.fundingPubkey, peer.publicKeys.fundingPubkey));
    const funding = spend([this.chain.fund()], { outputs: [{ script, value: 1_000_000n }] });
    this.chain.send(funding);
    this.chain.mine();
    const inHtlcs = htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
    const toLocalMsat = toLocalSat * 1000n;
    const point = local.perCommitmentPoint(COMMITMENT_NUMBER);
    const built = buildCommitment(
      {
        format: 'anchors',
        fundingTxid: funding.getHash(),
        fundingOutputIndex: 0,
        fundingSatoshis: 1_000_000n,
        localFundingPubkey: local.publicKeys.fundingPubkey,
        remoteFundingPubkey: remote.publicKeys.fundingPubkey,
        localIsOpener: true,
        dustLimitSatoshis: 354n,
        toSelfDelay: TO_SELF_DELAY,
        openerPaymentBasepoint: local.publicKeys.paymentBasepoint,
        accepterPaymentBasepoint: remote.publicKeys.paymentBasepoint,
      },
      COMMITMENT_NUMBER,
      deriveCommitmentKeys('anchors', point, local.publicKeys, remote.publicKeys),
      { feeratePerKw, toLocalMsat, toRemoteMsat: 1_000_000_000n - toLocalMsat - inHtlcs, htlcs },
    );
    const sighash = commitmentSighash(built);
    const commitment = completeCommitment(built, local.signMutualClose(sighash), remote.signMutualClose(sighash));
    const { htlcSignatures } = remote.signRemoteCommitment({
      sighash,
      perCommitmentPoint: point,
      htlcSighashes: built.htlcs.map((_, index) => htlcSighash(built, index, 'remote')),
    });
    return { channelIndex, owner, built, commitment, htlcSignatures };
  }

  /** Puts a commitment into a block; its fee may be below what the mempool asks. */
  confirm({ commitment }: Closing): void {
    this.chain.call('generateblock', this.chain.miner.address, [commitment.toHex()]);
  }

  get height(): number {
    return this.chain.height;
  }

  update(claims: readonly ChannelClaim[], bumps: readonly ChannelBump[] = []): Promise<void> {
    this.sync();
    return this.sweeper.update({ height: this.height, claims, bumps });
  }

  /** What the mempool has of the sweeper's, in full. */
  mempool(): Transaction[] {
    return this.chain.mempool.map((txid) => Transaction.fromHex(this.chain.call('getrawtransaction', txid) as string));
  }

  /** The only transaction in the mempool. */
  only(): Transaction {
    const [transaction, ...more] = this.mempool();
    if (transaction === undefined || more.length > 0) throw new Error(`expected one transaction, got ${more.length + 1}`);
    return transaction;
  }

  feeOf(transaction: Transaction): bigint {
    const entry = this.chain.call('getmempoolentry', transaction.getId());
    return BigInt(Math.round(entry.fees.base * 1e8));
  }

  /** The amount of any output that the chain has seen, by `txid:index`. */
  amountOf(key: string): bigint {
    const [txid = '', index = ''] = key.split(':');
    const transaction = Transaction.fromHex(this.chain.call('getrawtransaction', txid) as string);
    return transaction.outs[Number(index)]!.value;
  }

  /**
   * Puts a spend of the output into a block that is not the sweeper's: to the chain one that is valid is as good as the
   * peer's.
   */
  async spendElsewhere(claim: ChannelClaim): Promise<void> {
    const rival = new SweepRig({ chain: this.chain, coinsSat: [] });
    rival.feeratePerKw = 300;
    rival.onOffer = ([transaction]) => {
      this.chain.call('generateblock', this.chain.miner.address, [transaction!.toHex()]);
    };
    await rival.update([{ ...claim, claim: { ...claim.claim, deadline: undefined } }]);
  }

  /** Mines a block and answers whether it has the transaction. */
  confirms(transaction: Transaction): boolean {
    this.chain.mine();
    return !this.chain.mempool.includes(transaction.getId());
  }

  alarmCodes(): string[] {
    return this.alarms.list().map(({ code }) => code);
  }
}

type Overrides = Partial<Pick<Claim, 'deadline' | 'isContested' | 'lockTime' | 'sequence'>>;

function claim(closing: Closing, index: number, witness: ClaimWitness, overrides: Overrides & Partial<Claim>): ChannelClaim {
  const { built, channelIndex } = closing;
  const output = built.outputs[index]!;
  return {
    channelIndex,
    claim: {
      outpoint: { txid: built.txid, outputIndex: index },
      amountSat: output.amountSatoshis,
      witnessScript: output.witnessScript!,
      sequence: REPLACEABLE,
      lockTime: 0,
      witness,
      pairedOutput: undefined,
      isContested: false,
      deadline: undefined,
      ...overrides,
    },
  };
}

const pointOf = ({ owner, channelIndex }: Closing): Uint8Array =>
  (owner === 'us' ? ourSigner : theirSigner).channel(channelIndex).perCommitmentPoint(COMMITMENT_NUMBER);
const revealedBy = ({ channelIndex }: Closing): Uint8Array =>
  theirSigner.channel(channelIndex).perCommitmentSecret(COMMITMENT_NUMBER, COMMITMENT_NUMBER + 1);
const indexOf = ({ built }: Closing, kind: string): number => built.outputs.findIndex((output) => output.kind === kind);
const htlcAt = ({ built }: Closing, id: bigint): HtlcOutput => built.htlcs.find(({ htlc }) => htlc.id === id)!;

/** `to_local` of our own commitment. */
export function toLocal(closing: Closing, overrides: Overrides = {}): ChannelClaim {
  const witness = { kind: 'delayed', perCommitmentPoint: pointOf(closing) } as const;
  return claim(closing, indexOf(closing, 'to_local'), witness, { sequence: TO_SELF_DELAY, ...overrides });
}

/** `to_remote` of the peer's commitment. */
export function toRemote(closing: Closing, overrides: Overrides = {}): ChannelClaim {
  return claim(closing, indexOf(closing, 'to_remote'), { kind: 'to_remote' }, { sequence: 1, ...overrides });
}

/** Our anchor, on either commitment. */
export function anchor(closing: Closing, overrides: Overrides = {}): ChannelClaim {
  return claim(closing, indexOf(closing, closing.owner === 'us' ? 'local_anchor' : 'remote_anchor'), { kind: 'anchor' }, overrides);
}

/**
 * An HTLC on the peer's commitment: one that it received (we offered it) times out, one that it offered is fulfilled.
 */
export function directHtlc(closing: Closing, id: bigint, overrides: Overrides = {}): ChannelClaim {
  const { index, htlc } = htlcAt(closing, id);
  const perCommitmentPoint = pointOf(closing);
  if (htlc.direction === 'offered') {
    const witness = { kind: 'htlc_success', perCommitmentPoint, paymentPreimage: preimageOf(id) } as const;
    return claim(closing, index, witness, { sequence: 1, deadline: htlc.cltvExpiry, ...overrides });
  }
  const witness = { kind: 'htlc_timeout', perCommitmentPoint } as const;
  return claim(closing, index, witness, {
    sequence: 1,
    lockTime: htlc.cltvExpiry,
    isContested: true,
    deadline: htlc.cltvExpiry + 12,
    ...overrides,
  });
}

/** An HTLC on our own commitment, by the transaction that the peer signed. */
export function htlcTransaction(closing: Closing, id: bigint, overrides: Overrides & Partial<Claim> = {}): ChannelClaim {
  const { index, htlc, transaction } = htlcAt(closing, id);
  const [paired] = transaction.outs;
  const isTimeout = htlc.direction === 'offered';
  const witness: ClaimWitness = {
    kind: 'htlc_transaction',
    commitmentNumber: COMMITMENT_NUMBER,
    lowestUnrevoked: COMMITMENT_NUMBER,
    remoteSignature: closing.htlcSignatures[closing.built.htlcs.findIndex((output) => output.index === index)]!,
    paymentPreimage: isTimeout ? undefined : preimageOf(id),
  };
  return claim(closing, index, witness, {
    sequence: 1,
    lockTime: isTimeout ? htlc.cltvExpiry : 0,
    pairedOutput: { script: paired!.script, amountSat: paired!.value },
    isContested: isTimeout,
    deadline: isTimeout ? htlc.cltvExpiry + 12 : htlc.cltvExpiry,
    ...overrides,
  });
}

/** The output of our HTLC transaction, where it is output `index` of `transaction`. */
export function secondStage(closing: Closing, transaction: Transaction, index: number): ChannelClaim {
  const first = toLocal(closing).claim;
  return {
    channelIndex: closing.channelIndex,
    claim: { ...first, outpoint: { txid: transaction.getHash(), outputIndex: index }, amountSat: transaction.outs[index]!.value },
  };
}

/** `to_local` of a revoked commitment of the peer's. */
export function revokedToLocal(closing: Closing, overrides: Overrides = {}): ChannelClaim {
  const witness = { kind: 'revoked_delayed', perCommitmentSecret: revealedBy(closing) } as const;
  return claim(closing, indexOf(closing, 'to_local'), witness, { isContested: false, ...overrides });
}

export function revokedHtlc(closing: Closing, id: bigint, overrides: Overrides = {}): ChannelClaim {
  const { revocationBasepoint } = ourSigner.channel(closing.channelIndex).publicKeys;
  const revocationPubkey = deriveRevocationPublicKey(revocationBasepoint, pointOf(closing));
  const witness = { kind: 'revoked_htlc', perCommitmentSecret: revealedBy(closing), revocationPubkey } as const;
  return claim(closing, htlcAt(closing, id).index, witness, { isContested: true, ...overrides });
}

/** Our commitment, waiting for a block. */
export function bumpOf(closing: Closing, overrides: Partial<CommitmentBump> = {}): ChannelBump {
  const { channelIndex, commitment, built } = closing;
  const bump = { commitment, feeSat: built.feeSatoshis, anchor: anchor(closing).claim, ownSat: 500_000n, valueAtStakeSat: 0n, deadline: undefined };
  return { channelIndex, bump: { ...bump, ...overrides } };
}

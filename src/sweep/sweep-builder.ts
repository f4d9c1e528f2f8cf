import type { Transaction } from 'bitcoinjs-lib';
import {
  claimInputWeight,
  claimLockTime,
  claimSighash,
  claimTransaction,
  claimTransactionWeight,
  claimWitness,
  pairedOutputs,
} from '../../machines/onchain/claim-transaction.ts';
import type { Claim } from '../../machines/onchain/claim.ts';
import type { OutputSigner, Signer } from '../keys/signer-api.ts';
import { dustLimit } from '../wallet/coin-selection.ts';
import type { Outpoint } from '../wallet/records.ts';
import { BudgetExceededError } from './errors.ts';
import { feeOf, feerateOf, INCREMENTAL_FEERATE_PER_KW, replacementFee } from './fee-policy.ts';
import { type Job, parentGapSat } from './job.ts';
import type { FundedInputs, SweepWallet } from './sweep-wallet.ts';
import { displayTxid, type Sweep } from './sweep.ts';

/** What nodes may add to a transaction's weight, for they count whole virtual bytes. */
const ROUNDING_WEIGHT = 3;

/** How many channels' keys are kept at hand. */
const MAX_KEYS = 100;

/** A signed transaction that does a job. */
export interface BuiltSweep {
  readonly transaction: Transaction;
  readonly feeSat: bigint;
}

export interface SweepBuilderOptions {
  readonly wallet: SweepWallet;
  readonly signer: Signer;
}

/** Makes and signs transactions for jobs, within the database transaction in which they are to be booked. */
export class SweepBuilder {
  readonly #wallet: SweepWallet;
  readonly #signer: Signer;
  readonly #keys = new Map<number, OutputSigner>();

  constructor({ wallet, signer }: SweepBuilderOptions) {
    this.#wallet = wallet;
    this.#signer = signer;
  }

  /**
   * The transaction of a job at a feerate; if it replaces another one, at whatever that takes at least. What it
   * replaces must be out of the wallet's books by then.
   *
   * Throws `BudgetExceededError`; `WalletError` `insufficient_funds`; `CommitmentError` `wrong_preimage` and
   * `KeysError` `commitment_revoked` for a claim that cannot be signed for.
   */
  build(job: Job, feeratePerKw: number, replaced: Sweep | undefined): BuiltSweep {
    const built = job.isFunded ? this.#funded(job, feeratePerKw, replaced) : this.#paying(job, feeratePerKw, replaced);
    if (built.feeSat > job.budgetSat) throw new BudgetExceededError(built.feeSat, job.budgetSat);
    for (const [index, { channelIndex, claim }] of job.claims.entries()) {
      const sighash = claimSighash(built.transaction, index, claim);
      const signature = signClaim(this.#keysOf(channelIndex), claim, sighash);
      built.transaction.setWitness(index, claimWitness(claim, signature));
    }
    if (job.isFunded) this.#wallet.signInputs(built.transaction);
    return built;
  }

  /** Deriving a channel's keys takes longer than signing with them. */
  #keysOf(channelIndex: number): OutputSigner {
    const known = this.#keys.get(channelIndex);
    if (known !== undefined) return known;
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
    const keys = this.#signer.channel(channelIndex);
    this.#keys.set(channelIndex, keys);
    return keys;
  }

  /** The claims pay the fee themselves. */
  #paying(job: Job, feeratePerKw: number, replaced: Sweep | undefined): BuiltSweep {
    const claims = job.claims.map(({ claim }) => claim);
    const script = this.#wallet.payoutScript();
    const weight = claimTransactionWeight(claims, [script]);
    const leastSat = replaced === undefined ? 0n : replacementFee(old(replaced), weight);
    const feeSat = max(feeOf(weight, feeratePerKw), leastSat);
    const totalSat = claims.reduce((sum, { amountSat }) => sum + amountSat, 0n);
    const spendableSat = totalSat - dustLimit(script);
    if (feeSat > spendableSat) throw new BudgetExceededError(feeSat, spendableSat);
    return { transaction: claimTransaction(claims, [{ script, amountSat: totalSat - feeSat }]), feeSat };
  }

  /** The wallet pays the fee. */
  #funded(job: Job, feeratePerKw: number, replaced: Sweep | undefined): BuiltSweep {
    const extraFeeSat = parentGapSat(job, feeratePerKw) + feeOf(ROUNDING_WEIGHT, feeratePerKw);
    const wanted = this.#addFunds(job, feeratePerKw, extraFeeSat, replaced);
    if (replaced === undefined || suffices(wanted, replaced)) return wanted;
    // BIP 125, rules 3 and 4: all that was paid before, and the relay of the new transaction.
    const relaySat = feeOf(ROUNDING_WEIGHT, INCREMENTAL_FEERATE_PER_KW);
    const byFee = this.#addFunds(job, INCREMENTAL_FEERATE_PER_KW, replaced.feeSat + relaySat, replaced);
    if (suffices(byFee, replaced)) return byFee;
    const { feeSat, weight } = old(replaced);
    const least = feerateOf(feeSat, weight) + INCREMENTAL_FEERATE_PER_KW;
    return this.#addFunds(job, least, feeOf(ROUNDING_WEIGHT, least), replaced);
  }

  #addFunds({ claims }: Job, feeratePerKw: number, extraFeeSat: bigint, replaced: Sweep | undefined): FundedInputs {
    const all = claims.map(({ claim }) => claim);
    return this.#wallet.addFunds({
      inputs: all.map((claim) => ({
        txid: displayTxid(claim.outpoint.txid),
        outputIndex: claim.outpoint.outputIndex,
        sequence: claim.sequence,
        amountSat: claim.amountSat,
        weight: claimInputWeight(claim),
      })),
      outputs: pairedOutputs(all),
      lockTime: claimLockTime(all),
      feeratePerKw,
      extraFeeSat,
      keep: replaced === undefined ? [] : coinsOf(replaced),
    });
  }
}

function signClaim(signer: OutputSigner, { witness }: Claim, sighash: Uint8Array): Uint8Array {
  switch (witness.kind) {
    case 'delayed':
      return signer.signDelayedOutput(sighash, witness.perCommitmentPoint);
    case 'to_remote':
      return signer.signToRemote(sighash);
    case 'anchor':
      return signer.signAnchor(sighash);
    case 'htlc_timeout':
    case 'htlc_success':
      return signer.signRemoteCommitmentHtlc(sighash, witness.perCommitmentPoint);
    case 'htlc_transaction':
      return signer.signLocalHtlcTransaction(sighash, witness.commitmentNumber, witness.lowestUnrevoked);
    case 'revoked_delayed':
    case 'revoked_htlc':
      return signer.signRevokedOutput(sighash, witness.perCommitmentSecret);
  }
}

/** The wallet's coins in a transaction: the inputs after the claims. */
function coinsOf({ transaction, claimed }: Sweep): Outpoint[] {
  return transaction.ins
    .slice(claimed.length)
    .map(({ hash, index }) => ({ txid: displayTxid(hash), outputIndex: index }));
}

function suffices({ feeSat, weight }: FundedInputs, replaced: Sweep): boolean {
  return feeSat >= replacementFee(old(replaced), weight);
}

function old({ feeSat, transaction }: Sweep): { feeSat: bigint; weight: number } {
  return { feeSat, weight: transaction.weight() };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

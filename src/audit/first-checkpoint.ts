import { equals } from 'uint8arrays';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import { closingRequest } from '../../machines/channel/closing.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import { revokedNumberOf } from '../../machines/channel/spending.ts';
import { closingSignedByRemote } from '../../machines/commitment/closing-transaction.ts';
import { isSettled, isStateOf } from '../../machines/htlc/htlc-states.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { AuditError } from './errors.ts';
import { readSpend } from './spend.ts';

/**
 * A journal that was cut short begins with its node's word for what the channel is. What the peer's signatures and hashes can prove of it must be proven; the
 * report names the rest (see `report.ts`). Throws `AuditError`.
 */
export function expectProven({ value, data, htlcs }: ChannelSnapshot): void {
  // A channel that came back from a backup has neither balances nor HTLCs that anybody signed.
  if (!data.isRecovered && data.localSignatures === undefined) throw unproven('it has no signature of the peer’s for the latest commitment');
  if (data.isRecovered && (data.localSignatures !== undefined || htlcs.length > 0)) throw unproven('a channel that came back from a backup knows of no commitment');
  const seen = new Set<string>();
  for (const row of htlcs) {
    const { direction, id } = row.details;
    if (seen.size === seen.add(`${direction} ${id}`).size) throw unproven(`there are two ${direction} HTLCs ${id}`);
    expectLive(row, data);
  }
  expectAgreedClosing(data);
  expectCheater({ value, data });
}

/** An HTLC that stands in a commitment or is on its way into one or out of one; nothing else moves a balance. */
function expectLive({ details, state, removal }: HtlcRow, { nextLocalHtlcId, nextRemoteHtlcId }: ChannelData): void {
  const { direction, id, paymentHash } = details;
  const name = `the ${direction} HTLC ${id}`;
  if (!isStateOf(direction, state) || isSettled(state)) throw unproven(`${name} cannot be ${state}`);
  if (id >= (direction === 'offered' ? nextLocalHtlcId : nextRemoteHtlcId)) throw unproven(`${name} has an id that is yet to be given`);
  // A preimage that the peer gave is kept when the connection is lost, though its removal is forgotten.
  const mayEnd = state.includes('_REMOVE_') || (removal?.kind === 'fulfilled' && state === 'SENT_ADD_ACK_REVOCATION');
  if (removal === undefined ? state.includes('_REMOVE_') : !mayEnd) throw unproven(`${name} is ${state}, and its end is ${removal?.kind ?? 'not there'}`);
  if (removal?.kind === 'fulfilled' && !equals(sha256(removal.paymentPreimage), paymentHash)) throw unproven(`the preimage of ${name} does not hash to its payment hash`);
}

function expectAgreedClosing(data: ChannelData): void {
  if (data.agreedClosing === undefined) return;
  const { feeSatoshis, remoteSignature } = data.agreedClosing;
  closingSignedByRemote(closingRequest(negotiated(data), feeSatoshis, 'remote').parameters, feeSatoshis, remoteSignature);
}

/** That the peer broadcast what it had revoked is shown by the transaction, with the peer's signature, and the secret that it gave. */
function expectCheater({ value, data }: Pick<ChannelSnapshot, 'value' | 'data'>): void {
  const { lifecycle } = value;
  if (typeof lifecycle !== 'object' || !('closing' in lifecycle) || lifecycle.closing !== 'revoked') return;
  const { fundingSpend, ending } = data;
  const number = fundingSpend && revokedNumberOf(data, readSpend(fundingSpend.transaction));
  if (number === undefined || ending?.commitmentNumber !== number) throw unproven('no revoked commitment shows that the peer cheated');
}

const unproven = (reason: string): AuditError => new AuditError('audit_checkpoint', `the first checkpoint proves nothing: ${reason}`);

import type { HtlcState } from '../../machines/htlc/htlc.machine.ts';

/** Where an HTLC stands seen from one commitment. */
export type Stage = 'before' | 'in' | 'gone';

export interface HtlcFacts {
  readonly local: Stage;
  readonly remote: Stage;
  /** Whose next commitment_signed changes a commitment by it: ours (`us`), the peer's (`them`), nobody's. */
  readonly awaits: 'us' | 'them' | undefined;
}

const facts = (local: Stage, remote: Stage, awaits?: 'us' | 'them'): HtlcFacts => ({ local, remote, awaits });

/**
 * Which commitments an HTLC stands in, by its state: written down here anew from BOLT 2's description of how an update
 * travels, and the same as Core Lightning's state bits have it, so that neither the chart's tags nor the code that
 * reads them can be wrong unseen.
 */
export const htlcFacts: Readonly<Record<Exclude<HtlcState, 'free'>, HtlcFacts>> = {
  // Offered by us: first in the peer's commitment, then in ours; removed by the peer: first from ours, then from the
  // peer's.
  SENT_ADD_HTLC: facts('before', 'before', 'us'),
  SENT_ADD_COMMIT: facts('before', 'in'),
  RCVD_ADD_REVOCATION: facts('before', 'in', 'them'),
  RCVD_ADD_ACK_COMMIT: facts('in', 'in'),
  SENT_ADD_ACK_REVOCATION: facts('in', 'in'),
  RCVD_REMOVE_HTLC: facts('in', 'in', 'them'),
  RCVD_REMOVE_COMMIT: facts('gone', 'in'),
  SENT_REMOVE_REVOCATION: facts('gone', 'in', 'us'),
  SENT_REMOVE_ACK_COMMIT: facts('gone', 'gone'),
  RCVD_REMOVE_ACK_REVOCATION: facts('gone', 'gone'),
  // Offered by the peer: the mirror image.
  RCVD_ADD_HTLC: facts('before', 'before', 'them'),
  RCVD_ADD_COMMIT: facts('in', 'before'),
  SENT_ADD_REVOCATION: facts('in', 'before', 'us'),
  SENT_ADD_ACK_COMMIT: facts('in', 'in'),
  RCVD_ADD_ACK_REVOCATION: facts('in', 'in'),
  SENT_REMOVE_HTLC: facts('in', 'in', 'us'),
  SENT_REMOVE_COMMIT: facts('in', 'gone'),
  RCVD_REMOVE_REVOCATION: facts('in', 'gone', 'them'),
  RCVD_REMOVE_ACK_COMMIT: facts('gone', 'gone'),
  SENT_REMOVE_ACK_REVOCATION: facts('gone', 'gone'),
};

export const factsOf = (state: HtlcState): HtlcFacts => {
  if (state === 'free') throw new Error('a free slot holds no HTLC');
  return htlcFacts[state];
};

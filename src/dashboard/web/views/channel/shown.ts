/** What the page of a channel shows: the channel as it is, or as it was after an entry of its journal. */
import type { StateValue } from '../../../../api/fields.ts';
import type { Output } from '../../api/types.ts';

export type Detail = Output<'channel'>;
export type Moment = Output<'moment'>;

export interface Shown {
  readonly state: string;
  readonly stateValue: StateValue;
  readonly localMsat: string;
  readonly remoteMsat: string;
  readonly capacitySat: string;
  readonly htlcs: Detail['htlcs'];
  readonly commitments: Detail['commitments'];
  readonly outputs: Moment['outputs'];
}

export const shownNow = (detail: Detail): Shown => ({
  ...detail,
  stateValue: detail.stateValue as StateValue,
  commitments: detail.commitments,
  outputs: detail.pending?.outputs ?? [],
});

export const shownThen = (moment: Moment): Shown => ({
  ...moment,
  stateValue: moment.stateValue as StateValue,
  commitments: moment.commitments,
});

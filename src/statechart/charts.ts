/** Every chart of this node. */
import type { AnyStateMachine } from 'xstate';
import { channelMachine } from '../../machines/channel/channel.machine.ts';
import { forwardingMachine } from '../../machines/forwarding/forwarding.machine.ts';
import { htlcMachine } from '../../machines/htlc/htlc.machine.ts';
import { invoiceMachine } from '../../machines/invoice/invoice.machine.ts';
import { anchorChart, balanceChart, htlcChart, noOutputChart, penaltyChart } from '../../machines/onchain/output-charts.ts';
import { paymentMachine } from '../../machines/payment/payment.machine.ts';
import { peerMachine } from '../../machines/peer/peer.machine.ts';
import { walk, type Chart } from './model.ts';
import { chartTitles, type ChartName } from './names.ts';

export const machines: Readonly<Record<ChartName, AnyStateMachine>> = {
  channel: channelMachine,
  htlc: htlcMachine,
  payment: paymentMachine,
  forwarding: forwardingMachine,
  invoice: invoiceMachine,
  peer: peerMachine,
  'balance-output': balanceChart,
  'htlc-output': htlcChart,
  'revoked-output': penaltyChart,
  'anchor-output': anchorChart,
  'no-output': noOutputChart,
};

/** The chart of that name, walked from the machine that the node runs. */
export function chartOf(name: ChartName): Chart {
  return walk(name, chartTitles[name], machines[name]);
}

/** Every chart of this node. */
import type { AnyStateMachine } from 'xstate';
import { walk, type Chart } from './model.ts';
import { chartTitles, type ChartName } from './names.ts';

const outputCharts = () => import('../../machines/onchain/output-charts.ts');

/** Each is imported when it is asked for: that of the channel brings all of the cryptography with it. */
const machines: Readonly<Record<ChartName, () => Promise<AnyStateMachine>>> = {
  channel: async () => (await import('../../machines/channel/channel.machine.ts')).channelMachine,
  htlc: async () => (await import('../../machines/htlc/htlc.machine.ts')).htlcMachine,
  payment: async () => (await import('../../machines/payment/payment.machine.ts')).paymentMachine,
  forwarding: async () => (await import('../../machines/forwarding/forwarding.machine.ts')).forwardingMachine,
  invoice: async () => (await import('../../machines/invoice/invoice.machine.ts')).invoiceMachine,
  peer: async () => (await import('../../machines/peer/peer.machine.ts')).peerMachine,
  'balance-output': async () => (await outputCharts()).balanceChart,
  'htlc-output': async () => (await outputCharts()).htlcChart,
  'revoked-output': async () => (await outputCharts()).penaltyChart,
  'anchor-output': async () => (await outputCharts()).anchorChart,
  'no-output': async () => (await outputCharts()).noOutputChart,
};

/** The machine that the node runs. */
export function machineOf(name: ChartName): Promise<AnyStateMachine> {
  return machines[name]();
}

/** The chart of that name, walked from the machine. */
export async function chartOf(name: ChartName): Promise<Chart> {
  return walk(name, chartTitles[name], await machineOf(name));
}

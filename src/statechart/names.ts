/** The charts of this node, by the names that commands, files and pages call them by. */
export const chartTitles = {
  channel: 'Channel',
  htlc: 'HTLC',
  payment: 'Payment',
  forwarding: 'Forwarding',
  invoice: 'Invoice',
  peer: 'Peer',
  'balance-output': 'Output that pays a balance',
  'htlc-output': 'Output of an HTLC',
  'revoked-output': 'Output of a revoked commitment',
  'anchor-output': 'Output of an anchor',
  'no-output': 'HTLC without an output',
} as const;

export type ChartName = keyof typeof chartTitles;

export const chartNames = Object.keys(chartTitles) as readonly ChartName[];

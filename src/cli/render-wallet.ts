/** The on-chain wallet for people. */
import type { Output } from '../api/contract.ts';
import { formatMsat } from '../amounts.ts';
import { list, table } from './text.ts';

export function renderBalance({ onchain, channels }: Output<'balance'>): string {
  const balances = table(
    ['WHERE', 'SAT'],
    [
      ['on chain, confirmed', onchain.confirmedSat],
      ['  of it kept for fees', onchain.reservedForFeesSat],
      ['on chain, unconfirmed', onchain.unconfirmedSat],
      ['on chain, immature', onchain.immatureSat],
      ['on chain, reserved', onchain.reservedSat],
      ['channels, local', formatMsat(channels.localMsat)],
      ['channels, remote', formatMsat(channels.remoteMsat)],
      ['channels, in offered HTLCs', formatMsat(channels.offeredHtlcsMsat)],
      ['channels, in received HTLCs', formatMsat(channels.receivedHtlcsMsat)],
      ['channels, opening', formatMsat(channels.openingMsat)],
      ['channels, closing', formatMsat(channels.closingMsat)],
    ],
    '',
  );
  if (onchain.warning === undefined) return balances;
  return `${balances}\n\n${onchain.warning} (\`runnel newaddress\` makes an address to deposit more at)`;
}

export function renderUtxos({ utxos }: Output<'utxos'>): string {
  return table(
    ['OUTPOINT', 'SAT', 'CONFIRMATIONS', 'RESERVED', 'ADDRESS'],
    utxos.map((utxo) => [utxo.outpoint, utxo.amountSat, utxo.confirmations, utxo.reserved, utxo.address]),
    'The on-chain wallet is empty; `runnel newaddress` makes an address to fill it at.',
  );
}

export function renderWithdrawal({ txid, amountSat, feeSat, warning }: Output<'withdraw'>): string {
  return list({ txid, 'amount (sat)': amountSat, 'fee (sat)': feeSat, warning });
}

export function renderBump({ txid, kind, bumpedTxid, feeSat, warning }: Output<'bumpfee'>): string {
  return list({
    txid,
    [kind === 'replacement' ? 'replaces' : 'pays for']: bumpedTxid,
    'fee (sat)': feeSat,
    warning,
  });
}

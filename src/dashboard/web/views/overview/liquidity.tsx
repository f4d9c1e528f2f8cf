import { hrefOf } from '../../api/location.ts';
import type { Output } from '../../api/types.ts';
import { formatWholeSat, msatOf, satToMsat } from '../../lib/amounts.ts';
import { nameOr } from '../../lib/text.ts';
import { BalanceBar, Sat } from '../../ui/amount.tsx';
import { ChannelState } from '../../ui/badge.tsx';
import { Panel, Table } from '../../ui/panel.tsx';

const HEAD = ['Peer', 'Channel', 'State', { number: 'Ours, sat' }, 'Balance', { number: 'Theirs, sat' }, { number: 'Can send, sat' }, { number: 'Can receive, sat' }];

/** Who has how much of each channel, and of all together. */
export function Liquidity({ overview }: { readonly overview: Output<'overview'> }) {
  const { liquidity, localMsat, remoteMsat, capacitySat } = overview;
  const local = msatOf(localMsat);
  const remote = msatOf(remoteMsat);
  return (
    <Panel title="Liquidity" aside={<span class="legend"><span class="key-local" /> ours <span class="key-remote" /> theirs</span>}>
      <div class="total">
        <Sat msat={local} whole />
        <BalanceBar localMsat={local} remoteMsat={remote} label={balanceText(local, remote)} />
        <Sat msat={remote} whole />
      </div>
      {liquidity.length === 0 ? (
        <p class="muted">No channels yet. Connect to a node, and open one from the mesh.</p>
      ) : (
        <Table label="Liquidity of each channel" head={HEAD}>
          {liquidity.map((channel) => {
            const { channelId, shortChannelId, nodeId, alias, connection, state } = channel;
            const [ours, theirs] = [msatOf(channel.localMsat), msatOf(channel.remoteMsat)];
            return (
              <tr key={channelId}>
                <th scope="row">
                  <a href={hrefOf({ view: 'channel', id: channelId })}>{nameOr(alias, nodeId)}</a>
                </th>
                <td class="mono">{shortChannelId ?? '–'}</td>
                <td>
                  <ChannelState state={state} connection={connection} />
                </td>
                <td class="number">
                  <Sat msat={ours} whole unit={false} />
                </td>
                <td class="bar-cell">
                  <BalanceBar localMsat={ours} remoteMsat={theirs} capacityMsat={satToMsat(channel.capacitySat)} label={balanceText(ours, theirs)} />
                </td>
                <td class="number">
                  <Sat msat={theirs} whole unit={false} />
                </td>
                <td class="number">
                  <Sat msat={msatOf(channel.spendableMsat)} whole unit={false} />
                </td>
                <td class="number">
                  <Sat msat={msatOf(channel.receivableMsat)} whole unit={false} />
                </td>
              </tr>
            );
          })}
        </Table>
      )}
      <p class="hidden">Capacity of all: {capacitySat} sat</p>
    </Panel>
  );
}

const balanceText = (local: bigint, remote: bigint): string => `${formatWholeSat(local)} sat ours, ${formatWholeSat(remote)} sat theirs`;

import { useSignal } from '@preact/signals';
import { ConnectAnyPeer } from '../actions/channel-actions.tsx';
import { hrefOf } from '../api/location.ts';
import { currentClient, isViewed } from '../api/server.ts';
import { formatWholeSat, msatOf, satToMsat } from '../lib/amounts.ts';
import { harmless, nameOr } from '../lib/text.ts';
import { BalanceBar, Sat } from '../ui/amount.tsx';
import { ChannelState } from '../ui/badge.tsx';
import { Table } from '../ui/panel.tsx';
import { Loaded } from '../ui/states.tsx';
import { useLoader } from '../ui/use-loader.ts';

const HEAD = ['Peer', 'Channel', 'State', { number: 'Capacity, sat' }, { number: 'Ours, sat' }, 'Balance', { number: 'Theirs, sat' }, { number: 'HTLCs' }, 'What is up'];

export function Channels() {
  const client = currentClient();
  const withClosed = useSignal(false);
  const loader = useLoader(
    `channels ${withClosed.value}`,
    async (abort) => (await client.call('channels', { closed: withClosed.value }, abort)).channels,
    ({ type }, node) => isViewed(node) && ['channel', 'htlc', 'block', 'output'].includes(type),
  );
  return (
    <>
      <div class="page-head">
        <h1>Channels</h1>
        <label class="check">
          <input
            type="checkbox"
            checked={withClosed.value}
            onChange={({ currentTarget }) => {
              withClosed.value = currentTarget.checked;
            }}
          />{' '}
          Closed ones too
        </label>
        <div class="end">
          <ConnectAnyPeer client={client} />
        </div>
      </div>
      <Loaded from={loader}>
        {(channels) =>
          channels.length === 0 ? (
            <p class="muted">No channels. A channel is opened with a node of the mesh: select it there.</p>
          ) : (
            <div class="panel">
              <Table label="Channels" head={HEAD}>
                {channels.map((channel) => {
                  const [ours, theirs] = [msatOf(channel.localMsat), msatOf(channel.remoteMsat)];
                  return (
                    <tr key={channel.channelId}>
                      <th scope="row">
                        <a href={hrefOf({ view: 'channel', id: channel.channelId })}>{nameOr(channel.alias, channel.nodeId)}</a>
                      </th>
                      <td class="mono">{channel.shortChannelId ?? '–'}</td>
                      <td>
                        <ChannelState state={channel.state} connection={channel.connection} />
                      </td>
                      <td class="number">
                        <Sat msat={satToMsat(channel.capacitySat)} unit={false} />
                      </td>
                      <td class="number">
                        <Sat msat={ours} unit={false} />
                      </td>
                      <td class="bar-cell">
                        <BalanceBar
                          localMsat={ours}
                          remoteMsat={theirs}
                          capacityMsat={satToMsat(channel.capacitySat)}
                          label={`${formatWholeSat(ours)} sat ours, ${formatWholeSat(theirs)} sat theirs`}
                        />
                      </td>
                      <td class="number">
                        <Sat msat={theirs} unit={false} />
                      </td>
                      <td class="number">{channel.numHtlcs}</td>
                      <td class="long" title={harmless(channel.error ?? channel.closing?.text ?? '', 400)}>
                        {harmless(channel.error ?? channel.closing?.text ?? '', 120)}
                      </td>
                    </tr>
                  );
                })}
              </Table>
            </div>
          )
        }
      </Loaded>
    </>
  );
}

import { useEffect, useMemo } from 'preact/hooks';
import { CloseChannel, ForceClose } from '../../actions/channel-actions.tsx';
import { replace, route, routeNode } from '../../api/location.ts';
import type { NodeClient } from '../../api/types.ts';
import { currentClient, isViewed } from '../../api/server.ts';
import { harmless, nameOr } from '../../lib/text.ts';
import { ChannelState } from '../../ui/badge.tsx';
import { ChartView } from '../../ui/chart/chart-view.tsx';
import { Id } from '../../ui/id.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Loaded, Problem } from '../../ui/states.tsx';
import { useLoader } from '../../ui/use-loader.ts';
import { Balances } from './balances.tsx';
import { ClosingTree } from './closing-tree.tsx';
import { Commitments } from './commitments.tsx';
import { Entry } from './entry.tsx';
import { Htlcs } from './htlcs.tsx';
import { Moments } from './moments.ts';
import { Outputs } from './outputs.tsx';
import { shownNow, shownThen, type Detail } from './shown.ts';
import { Terms } from './terms.tsx';
import { Timeline } from './timeline.tsx';
import { Why } from './why.tsx';
import './channel.css';

/** One channel: as it is, live, or as it was after any entry of its journal. */
export function ChannelPage() {
  const client = currentClient();
  const id = route.value?.id ?? '';
  const loader = useLoader(
    `channel ${id}`,
    (abort) => client.call('channel', { channel: id }, abort),
    (event, node) => isViewed(node) && (event.type === 'block' || ('channelId' in event && event.channelId?.startsWith(id) !== false)),
  );
  return <Loaded from={loader}>{(detail) => <Channel client={client} detail={detail} />}</Loaded>;
}

function Channel({ client, detail }: { readonly client: NodeClient; readonly detail: Detail }) {
  const { channelId } = detail;
  const moments = useMemo(() => new Moments(client, channelId), [client, channelId]);
  const moment = moments.shown.value;
  const last = Math.max(detail.journalTail.at(-1)?.sequence ?? 0, (moment?.total ?? 1) - 1);
  const at = route.value?.at === undefined ? undefined : Math.min(route.value.at, last);
  useEffect(() => {
    if (at === undefined) moments.leave();
    else moments.show(at);
  }, [moments, at]);
  const goTo = (sequence: number | undefined): void => {
    const node = routeNode.value;
    const id = route.value?.id ?? channelId;
    replace({ view: 'channel', id, ...(node !== undefined && { node }), ...(sequence !== undefined && { at: sequence }) });
  };
  const isPast = at !== undefined && moment !== undefined;
  const shown = isPast ? shownThen(moment) : shownNow(detail);
  return (
    <div class={`stack ${isPast ? 'past' : ''}`}>
      <Head client={client} detail={detail} />
      {detail.why !== undefined && <Why why={detail.why} onEntry={goTo} />}
      {detail.why === undefined && detail.error !== undefined && <p class="problem">{harmless(detail.error, 500)}</p>}
      {!isPast && detail.closingTree !== undefined && <ClosingTree root={detail.closingTree} />}
      <Timeline client={client} channelId={channelId} last={last} at={at} shownAt={moment?.sequence} timeMs={moment?.timeMs} onMove={goTo} />
      {moments.failure.value !== undefined && <Problem failure={moments.failure.value} />}
      {isPast && <Entry moment={moment} />}
      <Balances shown={shown} />
      <Panel title="Statechart" aside={<span class="muted">{isPast ? `as it was after entry ${moment.sequence}` : 'live'}</span>}>
        <ChartView name="channel" value={shown.stateValue} label="Statechart of the channel" />
      </Panel>
      <Htlcs htlcs={shown.htlcs} />
      {shown.outputs.length > 0 && <Outputs outputs={shown.outputs} />}
      {shown.commitments !== undefined && <Commitments commitments={shown.commitments} />}
      <Terms detail={detail} />
    </div>
  );
}

function Head({ client, detail }: { readonly client: NodeClient; readonly detail: Detail }) {
  const { channelId, shortChannelId, alias, nodeId, state, connection } = detail;
  const peerName = nameOr(alias, nodeId);
  const isOver = state === 'closing' || state === 'closed' || state === 'abandoned';
  return (
    <div class="page-head">
      <h1>Channel with {peerName}</h1>
      <ChannelState state={state} connection={connection} />
      {shortChannelId !== undefined && <span class="mono muted">{shortChannelId}</span>}
      <Id of={channelId} what="channel id" />
      {!isOver && (
        <div class="end buttons">
          {state === 'normal' && <CloseChannel client={client} channelId={channelId} peerName={peerName} />}
          <ForceClose client={client} channelId={channelId} peerName={peerName} />
        </div>
      )}
    </div>
  );
}

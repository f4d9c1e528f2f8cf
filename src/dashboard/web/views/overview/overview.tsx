import { currentClient, isCluster, isViewed } from '../../api/server.ts';
import { routeNode } from '../../api/location.ts';
import { useLoader } from '../../ui/use-loader.ts';
import { Loaded } from '../../ui/states.tsx';
import { PayInvoice, MakeInvoice } from '../../actions/payment-actions.tsx';
import { ConnectAnyPeer } from '../../actions/channel-actions.tsx';
import { nameOr } from '../../lib/text.ts';
import { Alarms } from './alarms.tsx';
import { ClusterSummary } from './cluster-summary.tsx';
import { Figures } from './figures.tsx';
import { Liquidity } from './liquidity.tsx';
import { RecentForwards, RecentInvoices, RecentPayments } from './recent.tsx';
import './overview.css';

/** A node at a glance; or all of a cluster, where the address names none of its nodes. */
export function Overview() {
  return isCluster.value && routeNode.value === undefined ? <ClusterSummary /> : <NodeOverview />;
}

const MOST_RECENT = 8;

function NodeOverview() {
  const client = currentClient();
  const loader = useLoader(
    'overview',
    async (abort) => {
      const limit = { limit: MOST_RECENT };
      const [overview, { payments }, { invoices }, { forwards }] = await Promise.all([
        client.call('overview', {}, abort),
        client.call('payments', limit, abort),
        client.call('invoices', limit, abort),
        client.call('forwards', limit, abort),
      ]);
      return { overview, payments, invoices, forwards };
    },
    (_, node) => isViewed(node),
  );
  return (
    <Loaded from={loader}>
      {({ overview, payments, invoices, forwards }) => (
        <div class="stack">
          <div class="page-head">
            <h1>{nameOr(overview.alias, overview.nodeId)}</h1>
            <p class="muted">
              {overview.network}, block {overview.blockHeight}
            </p>
            <div class="end buttons">
              <PayInvoice client={client} />
              <MakeInvoice client={client} />
              <ConnectAnyPeer client={client} />
            </div>
          </div>
          <Alarms alarms={overview.alarms} />
          <Figures overview={overview} />
          <Liquidity overview={overview} />
          <div class="grid">
            <RecentPayments payments={payments} />
            <RecentInvoices invoices={invoices} />
            <RecentForwards forwards={forwards} />
          </div>
        </div>
      )}
    </Loaded>
  );
}

import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { route, routeNode } from '../../api/location.ts';
import { currentClient, isViewed } from '../../api/server.ts';
import type { Output } from '../../api/types.ts';
import { msatOf } from '../../lib/amounts.ts';
import { nodeInfo } from '../../state/node-info.ts';
import { harmless, nameOr, shortId } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Id } from '../../ui/id.tsx';
import { Facts, Panel } from '../../ui/panel.tsx';
import { Loaded } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';
import { useLoader } from '../../ui/use-loader.ts';
import { MeshView } from '../mesh/mesh-view.tsx';
import { createMeshSource } from '../mesh/source.ts';
import { AttemptPanel } from './attempt.tsx';
import '../mesh/mesh.css';
import './payment.css';

type Payment = Output<'payment'>;

/** One payment with all that was tried for it. */
export function PaymentPage() {
  const client = currentClient();
  const paymentHash = route.value?.id ?? '';
  const loader = useLoader(
    `payment ${paymentHash}`,
    (abort) => client.call('payment', { paymentHash }, abort),
    (event, node) => isViewed(node) && event.type === 'payment' && event.paymentHash === paymentHash,
  );
  const source = useMemo(createMeshSource, []);
  useEffect(() => () => source.end(), [source]);
  const shown = useSignal<number | undefined>(undefined);
  const nameOf = (id: string): string => source.mesh.value.nodes.get(id)?.name ?? shortId(id);
  return (
    <>
      <div class="page-head">
        <h1>
          Payment <span class="mono">{shortId(paymentHash)}</span>
        </h1>
      </div>
      <Loaded from={loader}>
        {(payment) => (
          <div class="stack">
            <Summary payment={payment} nameOf={nameOf} />
            <div class="payment-columns">
              <Attempts payment={payment} nameOf={nameOf} shown={shown} />
              <Panel title="On the mesh" class="route-map">
                <MeshView mesh={source.mesh.value} marks={{ route: routeOf(payment, shown.value) }} />
              </Panel>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}

function Summary({ payment, nameOf }: { readonly payment: Payment; readonly nameOf: (id: string) => string }) {
  const { status, destination, amountMsat, feeMsat, keysend, description, createdAt, finishedAt, failure, preimage, paymentHash, attempts } = payment;
  const seconds = finishedAt === undefined ? undefined : finishedAt - createdAt;
  return (
    <Panel title="What became of it" aside={<Status status={status} />}>
      {failure !== undefined && <p class="problem">{harmless(failure.message, 400)}</p>}
      <Facts
        pairs={{
          Amount: <Sat msat={msatOf(amountMsat)} />,
          Fee: <Sat msat={msatOf(feeMsat)} />,
          To: nameOr(nameOf(destination), destination),
          'What for': keysend ? 'keysend' : harmless(description ?? '', 640),
          Attempts: attempts.length,
          Made: <Ago timeMs={createdAt * 1_000} />,
          Took: seconds === undefined ? undefined : seconds === 0 ? 'under a second' : `${seconds} s`,
          'Payment hash': <Id of={paymentHash} what="payment hash" />,
          Preimage: preimage === undefined ? undefined : <Id of={preimage} what="preimage" />,
        }}
      />
    </Panel>
  );
}

function Attempts(props: { readonly payment: Payment; readonly nameOf: (id: string) => string; readonly shown: Signal<number | undefined> }) {
  const { payment, nameOf, shown } = props;
  const { attempts } = payment;
  return (
    <Panel title={attempts.length === 1 ? 'The attempt' : 'Attempts and parts'}>
      {attempts.length === 0 && <p class="muted">Nothing was sent.</p>}
      <ol class="attempts">
        {attempts.map((attempt, index) => (
          <AttemptPanel
            key={index}
            index={index}
            attempt={attempt}
            payer={harmless(routeNode.value ?? nodeInfo.value?.alias ?? 'this node', 32)}
            nameOf={nameOf}
            isShown={shown.value === index}
            onShow={() => (shown.value = shown.value === index ? undefined : index)}
          />
        ))}
      </ol>
    </Panel>
  );
}

/** The channels of the attempt that is looked at, or of all that were not in vain. */
function routeOf({ attempts, status }: Payment, shown: number | undefined): ReadonlySet<string> {
  const relevant = shown === undefined ? attempts.filter((attempt) => attempt.status === status) : attempts.slice(shown, shown + 1);
  return new Set(relevant.flatMap(({ route: { hops } }) => hops.map(({ shortChannelId }) => shortChannelId)));
}

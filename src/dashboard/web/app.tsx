import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { replace, route, routeNode } from './api/location.ts';
import { isCluster, served, viewedNode } from './api/server.ts';
import { token } from './api/session.ts';
import type { View } from './lib/route.ts';
import { Lazy } from './ui/lazy.tsx';
import { Header, LostNotice, homeHref } from './ui/shell.tsx';
import { Waiting } from './ui/states.tsx';
import { Toasts } from './ui/toasts.tsx';
import { TokenForm } from './ui/token-form.tsx';

const loads: Readonly<Record<View, () => Promise<ComponentType>>> = {
  overview: async () => (await import('./views/overview/overview.tsx')).Overview,
  mesh: async () => (await import('./views/mesh/mesh.tsx')).MeshPage,
  channels: async () => (await import('./views/channels.tsx')).Channels,
  channel: async () => (await import('./views/channel/channel.tsx')).ChannelPage,
  payments: async () => (await import('./views/payments/payments.tsx')).Payments,
  payment: async () => (await import('./views/payments/payment.tsx')).PaymentPage,
  invoices: async () => (await import('./views/payments/invoices.tsx')).Invoices,
  charts: async () => (await import('./views/charts.tsx')).Charts,
  chart: async () => (await import('./views/charts.tsx')).ChartPage,
};

export function App() {
  if (token.value === undefined) {
    return (
      <>
        <TokenForm />
        <Toasts />
      </>
    );
  }
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <LostNotice />
        <CurrentView />
      </main>
      <Toasts />
    </>
  );
}

const OF_A_NODE: ReadonlySet<View> = new Set(['channels', 'channel', 'payments', 'payment', 'invoices']);

const isWithoutNode = (view: View | undefined): boolean => view !== undefined && OF_A_NODE.has(view) && isCluster.value && routeNode.value === undefined;

function CurrentView() {
  const { view, id, node } = route.value ?? {};
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) {
      window.scrollTo(0, 0);
      document.getElementById('main')?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [view, id, node]);
  useEffect(() => {
    document.title = [view, node, 'Runnel'].filter((part) => part !== undefined).join(' – ');
  }, [view, node]);
  // In a cluster these are some node's, which the address must name.
  const owner = viewedNode.value;
  useEffect(() => {
    if (route.value !== undefined && isWithoutNode(view) && owner !== undefined) replace({ ...route.value, node: owner });
  }, [view, node, owner]);
  if (served.value === undefined || isWithoutNode(view)) return <Waiting />;
  if (view === undefined) {
    return (
      <>
        <h1>There is no such page</h1>
        <p>
          The <a href={homeHref()}>overview</a> has links to all there is.
        </p>
      </>
    );
  }
  return <Lazy key={`${view} ${id} ${node}`} load={loads[view]} />;
}

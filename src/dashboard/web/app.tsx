import { signal } from '@preact/signals';
import { connection, onEvent } from './api/events.ts';
import { nodeClient } from './api/server.ts';
import { signOut, token } from './api/session.ts';
import type { Output } from './api/types.ts';
import { TokenForm } from './ui/token-form.tsx';
import { harmless } from './lib/text.ts';

const info = signal<Output<'getinfo'> | undefined>(undefined);
const load = async (): Promise<void> => {
  info.value = await nodeClient().call('getinfo', {});
};
onEvent((event) => {
  if (event.type === 'block') void load();
});

export function App() {
  if (token.value === undefined) return <TokenForm />;
  if (connection.value === 'live' && info.value === undefined) void load();
  const { alias = '', network, blockHeight } = info.value ?? {};
  return (
    <main>
      <h1>{harmless(alias)}</h1>
      <p>
        {network} {blockHeight} {connection}
      </p>
      <button type="button" onClick={() => signOut()}>
        Sign out
      </button>
    </main>
  );
}

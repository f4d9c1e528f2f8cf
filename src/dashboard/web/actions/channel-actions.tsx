/** Opening, connecting and closing. */
import type { NodeClient } from '../api/types.ts';
import { Field, FormAction } from '../ui/action.tsx';
import { satField, optionalMsat } from './fields.ts';

export function OpenChannel({ client, nodeId, name }: { readonly client: NodeClient; readonly nodeId: string; readonly name: string }) {
  return (
    <FormAction
      title={`Open a channel with ${name}`}
      button="Open channel"
      submit="Open"
      act={async (fields) => {
        const amountSat = satField(fields, 'amountSat');
        const pushMsat = optionalMsat(fields, 'pushSat');
        // A channel is opened over a connection; where there is one, that is all that is done.
        await client.call('connect', { nodeId });
        await client.call('open', {
          nodeId,
          amountSat,
          ...(pushMsat !== undefined && { pushMsat }),
          ...(fields.private === 'on' && { private: true }),
        });
        return `The channel with ${name} is being opened: it waits for blocks`;
      }}
    >
      <Field name="amountSat" label="Capacity in sat" inputMode="numeric" required hint="From the on-chain wallet; below 16 777 216 sat." />
      <Field name="pushSat" label="Give to the peer, in sat" inputMode="decimal" hint="It is a gift: leave it empty for none." />
      <label class="check">
        <input type="checkbox" name="private" /> Do not announce it to the network
      </label>
    </FormAction>
  );
}

export function ConnectPeer({ client, nodeId, name }: { readonly client: NodeClient; readonly nodeId: string; readonly name: string }) {
  return (
    <FormAction
      title={`Connect to ${name}`}
      button="Connect"
      submit="Connect"
      act={async ({ address = '' }) => {
        await client.call('connect', { nodeId, ...(address.trim() !== '' && { address: address.trim() }) });
        return `Connected to ${name}`;
      }}
    >
      <Field name="address" label="Address" hint="host:port or a multiaddr; leave it empty to have the mesh find it." />
    </FormAction>
  );
}

export function ConnectAnyPeer({ client }: { readonly client: NodeClient }) {
  return (
    <FormAction
      title="Connect to a node"
      submit="Connect"
      act={async ({ node = '' }) => {
        const [nodeId = '', address] = node.trim().split('@');
        await client.call('connect', { nodeId, ...(address !== undefined && { address }) });
        return 'Connected';
      }}
    >
      <Field name="node" label="Node" required hint="<node id>@<host>:<port>, or the id alone" />
    </FormAction>
  );
}

interface Closing {
  readonly client: NodeClient;
  readonly channelId: string;
  readonly peerName: string;
  /** Who closes, where the page is not about one node. */
  readonly actor?: string | undefined;
}

const who = (actor: string | undefined): string => (actor === undefined ? '' : `${actor}: `);

export function CloseChannel({ client, channelId, peerName, actor }: Closing) {
  return (
    <FormAction
      title={`${who(actor)}Close the channel together with ${peerName}?`}
      button="Close …"
      submit="Close"
      act={async () => {
        await client.call('close', { channel: channelId });
        return `${who(actor)}Closing the channel together with ${peerName}`;
      }}
    >
      <p>
        Both sign a transaction that pays to each what it has, less a fee that the opener pays. Payments through the channel end, and it
        cannot be taken back.
      </p>
    </FormAction>
  );
}

export function ForceClose({ client, channelId, peerName, actor }: Closing) {
  return (
    <FormAction
      title={`${who(actor)}Close the channel with ${peerName} by force?`}
      button="Force close …"
      class="danger"
      submit="Force close"
      isDangerous
      act={async () => {
        await client.call('close', { channel: channelId, force: true });
        return `${who(actor)}The channel with ${peerName} is being closed without it`;
      }}
    >
      <p>
        {actor === undefined ? 'Our' : `${actor}’s`} commitment transaction goes to the chain. What {actor ?? 'we'} {actor === undefined ? 'have' : 'has'} comes back only
        after the delay that the peer asked for, HTLCs in flight are resolved on chain, and all of that costs fees. It cannot be taken back.
      </p>
      <p>Where the peer answers, closing together is cheaper and quicker.</p>
    </FormAction>
  );
}

import { assign, setup, type StateValueFrom } from 'xstate';

/**
 * One HTLC through the commit/revoke dance: ten states for an HTLC that we offered and ten for one that we received,
 * named as Core Lightning names them (who did what last). Whether an HTLC stands in a commitment is read from its state's
 * tags and from nowhere else:
 *
 * - `inLocal`, `inRemote`: it is an output (or trimmed) of our, their latest commitment;
 * - `goneLocal`, `goneRemote`: it was there and is removed from it;
 * - `unsigned`: our next `commitment_signed` will carry a change of it;
 * - `uncommitted`: their next `commitment_signed` is to carry a change of it.
 *
 * A slot is recycled: `free` is where an HTLC's life begins and ends (XState memoises each actor id for ever).
 */
export interface HtlcDetails {
  readonly direction: 'offered' | 'received';
  readonly id: bigint;
  readonly amountMsat: bigint;
  readonly paymentHash: Uint8Array;
  readonly cltvExpiry: number;
  readonly onionRoutingPacket: Uint8Array;
}

export type HtlcRemoval =
  | { readonly kind: 'fulfilled'; readonly paymentPreimage: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: Uint8Array }
  | { readonly kind: 'malformed'; readonly sha256OfOnion: Uint8Array; readonly failureCode: number };

export interface HtlcContext {
  readonly details: HtlcDetails | undefined;
  readonly removal: HtlcRemoval | undefined;
}

/** The four steps of the dance, seen from this node. */
export type DanceEvent = { type: 'commitSent' } | { type: 'revocationReceived' } | { type: 'commitReceived' } | { type: 'revocationSent' };

export type HtlcEvent =
  | DanceEvent
  | { type: 'offer'; details: HtlcDetails }
  | { type: 'receive'; details: HtlcDetails }
  | { type: 'remove'; removal: HtlcRemoval }
  | { type: 'disconnected' }
  | { type: 'release' };

export const htlcMachine = setup({
  types: {
    context: {} as HtlcContext,
    events: {} as HtlcEvent,
    tags: {} as 'inLocal' | 'inRemote' | 'goneLocal' | 'goneRemote' | 'unsigned' | 'uncommitted' | 'settled',
  },
  actions: {
    keepDetails: assign(({ event }) =>
      event.type === 'offer' || event.type === 'receive' ? { details: event.details, removal: undefined } : {},
    ),
    keepRemoval: assign(({ event }) => (event.type === 'remove' ? { removal: event.removal } : {})),
    forgetFailure: assign(({ context }) => (context.removal?.kind === 'fulfilled' ? {} : { removal: undefined })),
    clear: assign({ details: undefined, removal: undefined }),
  },
}).createMachine({
  id: 'htlc',
  description: 'One HTLC through commitment_signed and revoke_and_ack: on the one side those that we offer, on the other those that we receive.',
  context: { details: undefined, removal: undefined },
  initial: 'free',
  states: {
    free: {
      description: 'An unused slot.',
      on: {
        offer: { target: 'SENT_ADD_HTLC', actions: 'keepDetails' },
        receive: { target: 'RCVD_ADD_HTLC', actions: 'keepDetails' },
      },
    },

    SENT_ADD_HTLC: {
      description: 'BOLT 2, Adding an HTLC: we sent update_add_htlc, which the peer forgets with the connection unless we sign it.',
      tags: ['unsigned'],
      on: { commitSent: 'SENT_ADD_COMMIT', disconnected: { target: 'free', actions: 'clear' } },
    },
    SENT_ADD_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it stands in the commitment that we signed for the peer.',
      tags: ['inRemote'],
      on: { revocationReceived: 'RCVD_ADD_REVOCATION' },
    },
    RCVD_ADD_REVOCATION: {
      description: 'BOLT 2, Completing the Transition: the peer revoked the commitment without it; it is pending on us.',
      tags: ['inRemote', 'uncommitted'],
      on: { commitReceived: 'RCVD_ADD_ACK_COMMIT' },
    },
    RCVD_ADD_ACK_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it stands in both latest commitments; ours without it is not yet revoked.',
      tags: ['inLocal', 'inRemote'],
      on: { revocationSent: 'SENT_ADD_ACK_REVOCATION' },
    },
    SENT_ADD_ACK_REVOCATION: {
      description: 'BOLT 2, Normal Operation: irrevocably committed on both sides; the peer may now fulfill or fail it.',
      tags: ['inLocal', 'inRemote'],
      on: { remove: { target: 'RCVD_REMOVE_HTLC', actions: 'keepRemoval' } },
    },
    RCVD_REMOVE_HTLC: {
      description: 'BOLT 2, Removing an HTLC: the peer sent its fulfill or fail; the removal is pending on us.',
      tags: ['inLocal', 'inRemote', 'uncommitted'],
      on: {
        commitReceived: 'RCVD_REMOVE_COMMIT',
        disconnected: { target: 'SENT_ADD_ACK_REVOCATION', actions: 'forgetFailure' },
      },
    },
    RCVD_REMOVE_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it is gone from our latest commitment; the one with it is not yet revoked.',
      tags: ['goneLocal', 'inRemote'],
      on: { revocationSent: 'SENT_REMOVE_REVOCATION' },
    },
    SENT_REMOVE_REVOCATION: {
      description: 'BOLT 2, Completing the Transition: gone from ours for good; our next signature removes it from theirs.',
      tags: ['goneLocal', 'inRemote', 'unsigned'],
      on: { commitSent: 'SENT_REMOVE_ACK_COMMIT' },
    },
    SENT_REMOVE_ACK_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: gone from both latest commitments; theirs with it is not yet revoked.',
      tags: ['goneLocal', 'goneRemote'],
      on: { revocationReceived: 'RCVD_REMOVE_ACK_REVOCATION' },
    },
    RCVD_REMOVE_ACK_REVOCATION: {
      description: 'BOLT 2, Normal Operation: the removal is irrevocably committed on both sides.',
      tags: ['goneLocal', 'goneRemote', 'settled'],
      on: { release: { target: 'free', actions: 'clear' } },
    },

    RCVD_ADD_HTLC: {
      description: 'BOLT 2, Adding an HTLC: the peer sent update_add_htlc; it is pending on us.',
      tags: ['uncommitted'],
      on: { commitReceived: 'RCVD_ADD_COMMIT', disconnected: { target: 'free', actions: 'clear' } },
    },
    RCVD_ADD_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it stands in our latest commitment; the one without it is not yet revoked.',
      tags: ['inLocal'],
      on: { revocationSent: 'SENT_ADD_REVOCATION' },
    },
    SENT_ADD_REVOCATION: {
      description: 'BOLT 2, Completing the Transition: it stands in ours for good; our next signature adds it to theirs.',
      tags: ['inLocal', 'unsigned'],
      on: { commitSent: 'SENT_ADD_ACK_COMMIT' },
    },
    SENT_ADD_ACK_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it stands in both latest commitments; theirs without it is not yet revoked.',
      tags: ['inLocal', 'inRemote'],
      on: { revocationReceived: 'RCVD_ADD_ACK_REVOCATION' },
    },
    RCVD_ADD_ACK_REVOCATION: {
      description: 'BOLT 2, Normal Operation: irrevocably committed on both sides; now it may be forwarded, fulfilled or failed.',
      tags: ['inLocal', 'inRemote'],
      on: { remove: { target: 'SENT_REMOVE_HTLC', actions: 'keepRemoval' } },
    },
    SENT_REMOVE_HTLC: {
      description: 'BOLT 2, Removing an HTLC: we decided its end and sent it, or will once the peer is back.',
      tags: ['inLocal', 'inRemote', 'unsigned'],
      on: { commitSent: 'SENT_REMOVE_COMMIT' },
    },
    SENT_REMOVE_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: it is gone from the commitment that we signed for the peer.',
      tags: ['inLocal', 'goneRemote'],
      on: { revocationReceived: 'RCVD_REMOVE_REVOCATION' },
    },
    RCVD_REMOVE_REVOCATION: {
      description: 'BOLT 2, Completing the Transition: gone from theirs for good; their next signature removes it from ours.',
      tags: ['inLocal', 'goneRemote', 'uncommitted'],
      on: { commitReceived: 'RCVD_REMOVE_ACK_COMMIT' },
    },
    RCVD_REMOVE_ACK_COMMIT: {
      description: 'BOLT 2, Committing Updates So Far: gone from both latest commitments; ours with it is not yet revoked.',
      tags: ['goneLocal', 'goneRemote'],
      on: { revocationSent: 'SENT_REMOVE_ACK_REVOCATION' },
    },
    SENT_REMOVE_ACK_REVOCATION: {
      description: 'BOLT 2, Normal Operation: the removal is irrevocably committed on both sides.',
      tags: ['goneLocal', 'goneRemote', 'settled'],
      on: { release: { target: 'free', actions: 'clear' } },
    },
  },
});

export type HtlcState = StateValueFrom<typeof htlcMachine>;

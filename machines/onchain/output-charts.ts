import { and, assign, not, setup } from 'xstate';
import type { Depths, OutputEffect, OutputEvent, OutputKind, OutputRow } from './output.ts';

interface OutputContext {
  readonly row: OutputRow;
  readonly depths: Depths;
  readonly emit: (effect: OutputEffect) => void;
}

const depthOf = (blockHeight: number, height: number): number => height - blockHeight + 1;

const isDeep = ({ row }: OutputContext, event: OutputEvent, depth: number): boolean =>
  event.type === 'blockConnected' && depthOf(row.spend?.blockHeight ?? row.blockHeight, event.height) >= depth;

/** Whether an HTLC expired so many blocks ago. */
const isExpiredBy = ({ row }: OutputContext, event: OutputEvent, blocks: number): boolean =>
  event.type === 'blockConnected' && row.htlc !== undefined && event.height >= row.htlc.cltvExpiry + blocks;

/** Whether a transaction with the delay of its script could stand in the next block. */
const isMature = ({ row }: OutputContext, event: OutputEvent): boolean =>
  event.type === 'blockConnected' && depthOf(row.blockHeight, event.height) >= row.csvDelay;

/** The vocabulary of the charts of outputs. */
const outputSetup = setup({
  types: { context: {} as OutputContext, input: {} as OutputContext, events: {} as OutputEvent },
  guards: {
    isMature: ({ context, event }) => isMature(context, event),
    // The HTLC-timeout transaction has the expiry as its lock time, so that the block after it is the first to hold it.
    isExpired: ({ context, event }) => isExpiredBy(context, event, 0),
    isLongExpired: ({ context, event }) => isExpiredBy(context, event, context.depths.reasonableDepth),
    isIrrevocablyExpired: ({ context, event }) => isExpiredBy(context, event, context.depths.irrevocableDepth),
    isOffered: ({ context }) => context.row.htlc?.direction === 'offered',
    knowsPreimage: ({ context }) => context.row.paymentPreimage !== undefined,
    isByUs: ({ event }) => event.type === 'spent' && event.spend.by === 'us',
    isOrphaned: ({ context, event }) => event.type === 'blockDisconnected' && context.row.blockHeight >= event.height,
    isSpendGone: ({ context, event }) =>
      event.type === 'blockDisconnected' && (context.row.spend?.blockHeight ?? 0) >= event.height,
    isBuried: ({ context, event }) => isDeep(context, event, context.depths.reasonableDepth),
    isIrrevocable: ({ context, event }) => isDeep(context, event, context.depths.irrevocableDepth),
  },
  actions: {
    noteConfirmed: assign(({ context: { row }, event }) =>
      event.type === 'confirmed' ? { row: { ...row, blockHeight: event.height } } : {},
    ),
    noteSpend: assign(({ context: { row }, event }) =>
      event.type === 'spent'
        ? { row: { ...row, spend: event.spend, paymentPreimage: event.paymentPreimage ?? row.paymentPreimage } }
        : {},
    ),
    forgetSpend: assign(({ context: { row } }) => ({ row: { ...row, spend: undefined } })),
    notePreimage: assign(({ context: { row }, event }) =>
      event.type === 'preimageKnown' ? { row: { ...row, paymentPreimage: event.paymentPreimage } } : {},
    ),
    tellFulfilled: ({ context, event }) => {
      if (event.type !== 'spent' || event.paymentPreimage === undefined) return;
      context.emit({ type: 'fulfilled', paymentPreimage: event.paymentPreimage });
    },
    tellOurs: ({ context }) => context.emit({ type: 'ended', to: 'us' }),
    tellTheirs: ({ context }) => context.emit({ type: 'ended', to: 'peer' }),
  },
});

/** A reorg: the transaction that makes the output is in no block any more, or only the one that spends it. */
const orphaned = { guard: 'isOrphaned', target: 'unconfirmed', actions: 'forgetSpend' } as const;
const unspent = [orphaned, { guard: 'isSpendGone', target: 'waiting', actions: 'forgetSpend' }] as const;
const immature = [orphaned, { target: 'waiting' }] as const;

const spent = {
  spent: [
    { guard: 'isByUs', target: 'claimed', actions: 'noteSpend' },
    { target: 'taken', actions: 'noteSpend' },
  ],
} as const;

/** The preimage of an HTLC is of use upstream, whoever gets what is downstream. */
const learning = {
  spent: [
    { guard: 'isByUs', target: 'claimed', actions: 'noteSpend' },
    { target: 'taken', actions: ['noteSpend', 'tellFulfilled'] },
  ],
} as const;

const unconfirmed = {
  description: 'BOLT 5, General Requirements: a reorg took out the transaction that makes it; nothing can be said of it until a block holds one again.',
  on: { confirmed: { target: 'waiting', actions: 'noteConfirmed' } },
} as const;

const resolved = {
  description: 'BOLT 5, General Nomenclature: irrevocably resolved, since what spends it is so deep (100 blocks) that no reorg reaches it.',
} as const;

const claimed = {
  description: 'BOLT 5, General Nomenclature: our transaction that spends it is in a block, and may yet be taken out.',
  on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: unspent },
} as const;

const taken = {
  description: 'BOLT 5, General Nomenclature: a transaction of the peer spends it, and may yet be taken out.',
  on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: unspent },
} as const;

export const balanceChart = outputSetup.createMachine({
  id: 'balance output',
  description: 'to_local, to_remote and the outputs of our HTLC transactions: ours alone, after a delay.',
  context: ({ input }) => input,
  initial: 'waiting',
  states: {
    unconfirmed,
    waiting: {
      description:
        'BOLT 5, Unilateral Close Handling: Local Commitment Transaction: to_local must rest until its OP_CHECKSEQUENCEVERIFY delay has passed; to_remote one block.',
      on: { blockConnected: { guard: 'isMature', target: 'claimable' }, blockDisconnected: orphaned, ...spent },
    },
    claimable: {
      description: 'BOLT 5, Unilateral Close Handling: Local Commitment Transaction: it is to be spent to an address of ours.',
      on: { blockDisconnected: immature, ...spent },
    },
    claimed,
    taken,
    resolved,
  },
});

export const htlcChart = outputSetup.createMachine({
  id: 'HTLC output',
  description: 'An HTLC on a commitment that was not revoked: ours by its expiry if we offered it, by its preimage if we received it.',
  context: ({ input }) => input,
  initial: 'waiting',
  on: { preimageKnown: { actions: 'notePreimage' } },
  states: {
    unconfirmed,
    waiting: {
      description:
        'BOLT 5, HTLC Output Handling: offered by us, it has not expired; received by us, its preimage is not known.',
      on: {
        blockConnected: [
          { guard: and(['isMature', 'isOffered', 'isExpired']), target: 'claimable' },
          { guard: and(['isMature', not('isOffered'), 'knowsPreimage']), target: 'claimable' },
          { guard: and([not('isOffered'), 'isLongExpired']), target: 'expired' },
        ],
        preimageKnown: { guard: not('isOffered'), target: 'claimable', actions: 'notePreimage' },
        blockDisconnected: orphaned,
        ...learning,
      },
    },
    claimable: {
      description:
        'BOLT 5, HTLC Output Handling: to be spent by HTLC-timeout or HTLC-success on our own commitment, or directly on that of the peer.',
      on: { blockDisconnected: immature, ...learning },
    },
    expired: {
      description:
        "BOLT 5, HTLC Output Handling: Local Commitment, Remote Offers: received, expired, and its preimage unknown: the peer's, whenever it takes it.",
      on: {
        // Not before: as long as the peer has not taken it, a preimage from the channel downstream is worth it.
        blockConnected: { guard: 'isIrrevocablyExpired', target: 'resolved', actions: 'tellTheirs' },
        preimageKnown: { target: 'claimable', actions: 'notePreimage' },
        blockDisconnected: immature,
        ...learning,
      },
    },
    claimed: {
      description: 'BOLT 5, HTLC Output Handling: our transaction has it, not deep enough to act upon in the channel upstream.',
      on: {
        blockConnected: { guard: 'isBuried', target: 'claimBuried', actions: 'tellOurs' },
        blockDisconnected: unspent,
      },
    },
    claimBuried: {
      description: 'BOLT 5, HTLC Output Handling: ours at a reasonable depth: if we offered it, the HTLC upstream is failed.',
      on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: unspent },
    },
    taken: {
      description:
        'BOLT 5, HTLC Output Handling: the peer has it: by the preimage, which is passed upstream at once, or after its expiry.',
      on: {
        blockConnected: { guard: 'isBuried', target: 'takeBuried', actions: 'tellTheirs' },
        blockDisconnected: unspent,
      },
    },
    takeBuried: {
      description: "BOLT 5, HTLC Output Handling: the peer's at a reasonable depth.",
      on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: unspent },
    },
    resolved: { ...resolved, on: { preimageKnown: {} } },
  },
});

export const penaltyChart = outputSetup.createMachine({
  id: 'revoked output',
  description: 'An output of a revoked commitment, or of an HTLC transaction upon it: ours by the revocation, at once.',
  context: ({ input }) => input,
  initial: 'waiting',
  states: {
    unconfirmed,
    waiting: {
      description: 'BOLT 5, Revoked Transaction Close Handling: just seen, or seen again after a reorg.',
      on: { blockConnected: 'claimable', blockDisconnected: orphaned, ...learning },
    },
    claimable: {
      description:
        'BOLT 5, Revoked Transaction Close Handling: to be taken with the revocation key before the delay of the cheater ends.',
      on: { blockDisconnected: immature, ...learning },
    },
    claimed,
    taken: {
      ...taken,
      description:
        'BOLT 5, Revoked Transaction Close Handling: the cheater spends it: by an HTLC transaction, whose output is ours too, or after its delay.',
    },
    resolved,
  },
});

export const anchorChart = outputSetup.createMachine({
  id: 'anchor output',
  description: 'Our anchor: only of use while the commitment waits for a block.',
  context: ({ input }) => input,
  initial: 'waiting',
  states: {
    unconfirmed,
    waiting: {
      description: 'BOLT 5, Unilateral Close Handling: Local Commitment Transaction: worth less than its fee: whoever wants it may take it after 16 blocks.',
      on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: orphaned, ...spent },
    },
    claimed,
    taken,
    resolved,
  },
});

export const noOutputChart = outputSetup.createMachine({
  id: 'HTLC without output',
  description: 'An HTLC without an output in the commitment that was confirmed: too small, or not in it.',
  context: ({ input }) => input,
  initial: 'waiting',
  states: {
    unconfirmed,
    waiting: {
      description: 'BOLT 5, HTLC Output Handling: the commitment without it is not deep enough to act upon in the channel upstream.',
      on: {
        blockConnected: { guard: 'isBuried', target: 'buried', actions: 'tellTheirs' },
        blockDisconnected: orphaned,
      },
    },
    buried: {
      description: 'BOLT 5, HTLC Output Handling: the commitment without it is at a reasonable depth: the HTLC upstream is failed.',
      on: { blockConnected: { guard: 'isIrrevocable', target: 'resolved' }, blockDisconnected: orphaned },
    },
    resolved,
  },
});

/** The chart that resolves each kind of output. */
export const outputCharts = {
  to_local: balanceChart,
  second_stage: balanceChart,
  to_remote: balanceChart,
  anchor: anchorChart,
  htlc: htlcChart,
  no_output: noOutputChart,
  revoked_to_local: penaltyChart,
  revoked_htlc: penaltyChart,
  revoked_second_stage: penaltyChart,
} as const satisfies Record<OutputKind, unknown>;

import type { LiveChannel } from '../../src/channels/live-channel.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { PaymentsEvent } from '../../src/runtime/turn.ts';
import type { NodeId } from '../../src/network/network.ts';
import { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

/*
 * What it takes to end a channel just so: HTLCs that stand for as long as one likes, messages that are lost from a certain one on, and blocks until
 * nothing is left to do.
 */

/** How long until nothing is on its way any more, if nobody waits for a block. */
const QUIET_MS = 150;
/** Blocks in which every channel of these tests is over. */
const MAX_BLOCKS = 400;

/** Whoever fails to answer for an HTLC that it received: the HTLCs stand until it is told otherwise. */
export class Deaf {
  readonly node: MeshNode;
  #held: PaymentsEvent[] = [];
  #isDeaf = true;

  constructor(node: MeshNode) {
    this.node = node;
    const { payments } = node.node;
    const handle = payments.handle.bind(payments);
    payments.handle = (event, turn) => {
      const isHeld = this.#isDeaf && event.type === 'htlcNotice' && event.notice.type === 'htlcReceived';
      if (isHeld) this.#held.push(event);
      else handle(event, turn);
    };
  }

  get hears(): number {
    return this.#held.length;
  }

  /** It answers now, as if the HTLCs had come this moment. */
  async listen(): Promise<void> {
    this.#isDeaf = false;
    const held = this.#held;
    this.#held = [];
    await this.node.node.dispatcher.inTurn((turn) => {
      for (const event of held) turn.dispatch({ to: 'payments', event });
    });
  }
}

/** Of what `node` says to the peer, everything from the first message of this type on is lost. */
export function loseFrom(node: MeshNode, to: NodeId, type: string): { readonly hasLost: () => boolean } {
  let hasLost = false;
  node.loses = (each, peer) => {
    if (peer !== to) return false;
    hasLost ||= each === type;
    return hasLost;
  };
  return { hasLost: () => hasLost };
}

/** The node's channel with the peer, of which there is one. */
export function channelOf({ node }: MeshNode, peer: { readonly nodeId: NodeId }): LiveChannel {
  const [channel] = node.channels.ofPeer(peer.nodeId);
  if (channel === undefined) throw new Error(`there is no channel with ${peer.nodeId}`);
  return channel;
}

/** Something happens to a channel of the node's, in a turn of its own. */
export async function tell(mesh: Mesh, node: MeshNode, peer: { readonly nodeId: NodeId }, event: ExternalChannelEvent): Promise<void> {
  const channelIndex = channelOf(node, peer).index;
  await mesh.outcome(node.node.dispatcher.inTurn((turn) => turn.dispatch({ to: 'channel', channelIndex, event })));
}

/** Two nodes with an open channel that nobody else knows of. */
export async function openBetween(mesh: Mesh, opener: MeshNode, accepter: MeshNode, amountSat: bigint, pushMsat: bigint): Promise<void> {
  await mesh.outcome(mesh.openChannel(opener, accepter, amountSat, { pushMsat, announce: false }));
  await mesh.until('the funding is broadcast', () => mesh.chain.hasUnconfirmed);
  await mesh.mine(1);
  await usable(mesh);
}

/** All channels take HTLCs, and know each other's policies. */
export async function usable(mesh: Mesh): Promise<void> {
  await mesh.until('all channels are usable', () => mesh.nodes.every(({ node }) => [...node.channels.all()].every(({ isUsable }) => isUsable)));
  await quiet(mesh);
}

export const quiet = (mesh: Mesh): Promise<void> => mesh.runFor(QUIET_MS);

/** Both ends of the channel have nothing under way. */
export async function settled(mesh: Mesh, a: MeshNode, b: MeshNode): Promise<void> {
  const isStill = ({ value, htlcs }: LiveChannel): boolean =>
    value.remoteCommitment !== 'readyToSign' &&
    [...htlcs.rows()].every(({ state }) => state === 'SENT_ADD_ACK_REVOCATION' || state === 'RCVD_ADD_ACK_REVOCATION');
  await mesh.until('nothing is under way', () => isStill(channelOf(a, b)) && isStill(channelOf(b, a)));
  await quiet(mesh);
}

export const mine = async (mesh: Mesh): Promise<void> => {
  await mesh.mine(1);
  await quiet(mesh);
};

/** Blocks, one by one, until something holds; `each` is done after every one. */
export async function mineUntil(mesh: Mesh, what: string, holds: () => boolean, each: () => Promise<void> = async () => {}): Promise<void> {
  for (let blocks = 0; !holds(); blocks++) {
    if (blocks === MAX_BLOCKS) throw new Error(`it did not happen within ${MAX_BLOCKS} blocks that ${what}`);
    await mine(mesh);
    await each();
  }
}

export const isClosed = ({ node }: MeshNode, peer: MeshNode): boolean => node.channels.ofPeer(peer.nodeId).length === 0;

import type { Clock } from '../runtime/clock.ts';
import { NetworkError } from './errors.ts';
import { MemoryPipe } from './memory-pipe.ts';
import type { NetworkHandlers, NodeId } from './network.ts';

/** What a link needs from the hub. */
export interface LinkTiming {
  readonly clock: Clock;
  /** How long the next message takes. */
  readonly delayMs: () => number;
  /** How many of `count` messages on the way survive a break. */
  part(count: number): number;
}

/** The node at one end of a link. */
export interface LinkOwner {
  readonly nodeId: NodeId;
  readonly alive: boolean;
  readonly handlers: NetworkHandlers | undefined;
  /** Its end of each of its links, by the peer. */
  readonly ends: Map<NodeId, MemoryLinkEnd>;
  /** Its dial to `nodeId`, if there is one, has ended: well, or with an error. */
  dialled(nodeId: NodeId, error?: NetworkError): void;
  receiveGossip(message: Uint8Array, from: NodeId): void;
}

/** A pair's link: one end at each node, one pipe in each direction. */
export class MemoryLink {
  readonly dialler: MemoryLinkEnd;
  readonly accepter: MemoryLinkEnd;
  readonly #timing: LinkTiming;

  constructor(timing: LinkTiming, dialler: LinkOwner, accepter: LinkOwner) {
    this.#timing = timing;
    const there = new MemoryPipe(timing.clock, timing.delayMs);
    const back = new MemoryPipe(timing.clock, timing.delayMs);
    this.dialler = new MemoryLinkEnd(this, dialler, accepter, false, there, back);
    this.accepter = new MemoryLinkEnd(this, accepter, dialler, true, back, there);
  }

  break(reason: string): void {
    for (const end of [this.dialler, this.accepter]) {
      end.incoming.close(this.#timing.part(end.incoming.length), () => end.down(reason));
    }
  }
}

export class MemoryLinkEnd {
  readonly link: MemoryLink;
  readonly owner: LinkOwner;
  readonly peer: LinkOwner;
  readonly inbound: boolean;
  readonly outgoing: MemoryPipe;
  readonly incoming: MemoryPipe;
  /** `pending`: dialled, the other's answer is on its way. `leaving`: hung up, the handler is about to be told. */
  state: 'pending' | 'up' | 'leaving' | 'down' = 'pending';

  constructor(
    link: MemoryLink,
    owner: LinkOwner,
    peer: LinkOwner,
    inbound: boolean,
    outgoing: MemoryPipe,
    incoming: MemoryPipe,
  ) {
    this.link = link;
    this.owner = owner;
    this.peer = peer;
    this.inbound = inbound;
    this.outgoing = outgoing;
    this.incoming = incoming;
  }

  up(): void {
    this.state = 'up';
    const address = memoryAddress(this.peer.nodeId);
    this.owner.handlers?.onPeerConnected(this.peer.nodeId, { inbound: this.inbound, address });
    this.owner.dialled(this.peer.nodeId);
  }

  /** Ends this side: nothing more is delivered to it. */
  down(reason: string): void {
    const was = this.state;
    if (was === 'down') return;
    this.state = 'down';
    this.incoming.destroy();
    if (this.owner.ends.get(this.peer.nodeId) === this) this.owner.ends.delete(this.peer.nodeId);
    if (was !== 'pending') this.owner.handlers?.onPeerDisconnected(this.peer.nodeId, reason);
    else this.owner.dialled(this.peer.nodeId, unreachable(this.peer.nodeId, reason));
  }

  /** Ends this side without a word to its owner; of what it has sent, the first `keep` messages still arrive. */
  leave(keep: number, reason: string, state: 'leaving' | 'down' = 'down'): void {
    this.state = state;
    this.incoming.destroy();
    const otherEnd = this.inbound ? this.link.dialler : this.link.accepter;
    this.outgoing.close(keep, () => otherEnd.down(reason));
  }

  get usable(): boolean {
    return this.state === 'up' && this.owner.alive && this.peer.alive;
  }
}

/** The multiaddr of a node in memory. */
export function memoryAddress(nodeId: NodeId): string {
  return `/memory/${nodeId}`;
}

function unreachable(nodeId: NodeId, reason: string): NetworkError {
  return new NetworkError('peer_unreachable', `could not connect to ${nodeId}: ${reason}`, { nodeId });
}

import { pino } from 'pino';
import type { Logger } from '../../src/logging.ts';
import type { Network, NetworkHandlers, NodeId } from '../../src/network/network.ts';

/** A log of which only the lines' messages are kept. */
export function noteLog(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push((JSON.parse(line) as { msg?: string }).msg ?? '');
  return { logger: pino({ level: 'debug' }, { write }), lines };
}

export const silentLog: Logger = pino({ level: 'silent' });

/** Lets everything that waits on promises alone go on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export interface Dial {
  readonly nodeId: NodeId;
  readonly address: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A network whose other end is the test: it notes what the node asks for and does nothing by itself. */
export class FakeNetwork implements Network {
  readonly nodeId = '02'.padEnd(66, '0');
  readonly dials: Dial[] = [];
  readonly sent: { readonly nodeId: NodeId; readonly bytes: Uint8Array }[] = [];
  readonly disconnects: { readonly nodeId: NodeId; readonly reason: string }[] = [];
  handlers: NetworkHandlers | undefined;
  /** What `disconnect` does. */
  onDisconnect: (nodeId: NodeId, reason: string) => Promise<void> = async () => {};

  async start(handlers: NetworkHandlers): Promise<void> {
    this.handlers = handlers;
  }

  async stop(): Promise<void> {}

  listenAddresses(): readonly string[] {
    return ['/memory/self'];
  }

  connect(nodeId: NodeId, address?: string): Promise<void> {
    return new Promise((resolve, reject) => void this.dials.push({ nodeId, address, resolve, reject }));
  }

  disconnect(nodeId: NodeId, reason: string): Promise<void> {
    this.disconnects.push({ nodeId, reason });
    return this.onDisconnect(nodeId, reason);
  }

  /** Who is hung up on hears nothing more. */
  isLost: (nodeId: NodeId) => boolean = () => false;

  send(nodeId: NodeId, messages: readonly Uint8Array[]): void {
    if (this.isLost(nodeId)) return;
    for (const bytes of messages) this.sent.push({ nodeId, bytes });
  }

  startGossip(): void {}

  async publishGossip(): Promise<void> {}

  tellGossip(): void {}

  distrustGossip(): void {}

  async *requestSync(): AsyncIterable<Uint8Array> {}
}

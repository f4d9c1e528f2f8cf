import type { Connection } from '@libp2p/interface';

const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Ends a connection at once, though not within the caller's call: libp2p closes the streams of a connection that ends
 * one by one, and throws when one of their listeners ends the connection under it.
 */
export function abortConnection(connection: Connection, reason: string): void {
  queueMicrotask(() => {
    try {
      connection.abort(new Error(reason));
    } catch {
      // It was ending already.
    }
  });
}

/** Ends connections after what was sent on them has left, or after a while. Never throws. */
export async function closeConnections(connections: readonly Connection[]): Promise<void> {
  await Promise.allSettled(
    connections.map(async (connection) => {
      try {
        await connection.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) });
      } finally {
        abortConnection(connection, 'hung up');
      }
    }),
  );
}

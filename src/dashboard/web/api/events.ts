/** The one stream of events that feeds all views; it comes back by itself, and says so, since whatever was told meanwhile is missed. */
import { effect, signal } from '@preact/signals';
import { send } from './request.ts';
import { token } from './session.ts';
import type { ClusterMesh, NodeEvent } from './types.ts';

export type Connection = 'connecting' | 'live' | 'lost';
export const connection = signal<Connection>('connecting');
/** Grows with each connection: what was fetched before it may be out of date. */
export const generation = signal(0);

export type EventListener = (event: NodeEvent, node: string | undefined) => void;
const listeners = new Set<EventListener>();
const meshListeners = new Set<(mesh: ClusterMesh) => void>();

/** Both return what ends the subscription. */
export function onEvent(listener: EventListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onMesh(listener: (mesh: ClusterMesh) => void): () => void {
  meshListeners.add(listener);
  return () => meshListeners.delete(listener);
}

/** After a connection that was not there when this was called. */
export function onReconnected(listener: () => void): () => void {
  let isFirst = true;
  return generation.subscribe(() => {
    if (!isFirst) listener();
    isFirst = false;
  });
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export interface EventSource {
  readonly stream: '/v1/events' | '/cluster/events';
  /** Asked before each connection: its 401 leads to the form, which a refused WebSocket could not. */
  readonly probe: string;
}

/** Keeps the stream open as long as there is a token. To be called once. */
export function keepConnected(source: EventSource): void {
  effect(() => {
    const current = token.value;
    return current === undefined ? undefined : connect(source, current);
  });
}

function connect({ stream, probe }: EventSource, withToken: string): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_WAIT_MS;
  let ended = false;

  const open = (): void => {
    socket = new WebSocket(`ws://${location.host}${stream}`, ['runnel', `token.${withToken}`]);
    socket.addEventListener('open', () => {
      wait = FIRST_WAIT_MS;
      connection.value = 'live';
      generation.value++;
    });
    socket.addEventListener('message', ({ data }) => dispatch(String(data)));
    socket.addEventListener('close', later);
  };
  const later = (): void => {
    if (ended) return;
    connection.value = 'lost';
    // Not all tabs of a node at once.
    timer = setTimeout(attempt, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
  const attempt = (): void => {
    timer = undefined;
    send('GET', probe).then(
      () => ended || open(),
      () => ended || later(),
    );
  };
  const hurry = (): void => {
    if (document.hidden || timer === undefined) return;
    clearTimeout(timer);
    attempt();
  };

  connection.value = 'connecting';
  document.addEventListener('visibilitychange', hurry);
  window.addEventListener('online', hurry);
  attempt();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', hurry);
    window.removeEventListener('online', hurry);
    socket?.close();
  };
}

function dispatch(text: string): void {
  const message = JSON.parse(text) as NodeEvent | { node: string; event: NodeEvent } | { mesh: ClusterMesh };
  if ('mesh' in message) for (const listener of meshListeners) listener(message.mesh);
  else if ('event' in message) for (const listener of listeners) listener(message.event, message.node);
  else for (const listener of listeners) listener(message, undefined);
}

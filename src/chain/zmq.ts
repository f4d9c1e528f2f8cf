import { connect } from 'node:net';
import { OPENING, SubscriberReader, ZmqError, subscription } from './zmtp.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How soon a machine that has vanished is noticed is left to the system after that. */
const KEEP_ALIVE_MS = 30_000;

export interface ZmqSubscription {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  /** The publisher answers: messages may come. */
  readonly onReady: () => void;
  /** A message of that topic has come. */
  readonly onMessage: () => void;
  /** Called once, with why no more messages will come; not where this side ended it. */
  readonly onEnd: (error: ZmqError) => void;
}

/** Subscribes to a topic of a ZeroMQ publisher over TCP. The returned function ends it. */
export function subscribe({ host, port, topic, onReady, onMessage, onEnd }: ZmqSubscription): () => void {
  const socket = connect({ host, port });
  let isOver = false;
  const end = (): boolean => {
    const wasOver = isOver;
    isOver = true;
    clearTimeout(timer);
    socket.destroy();
    return !wasOver;
  };
  const fail = (why: string, cause?: Error): void => {
    if (end()) onEnd(new ZmqError(`${host}:${port} ${why}`, { cause }));
  };
  const timer = setTimeout(() => fail(`was not ready within ${HANDSHAKE_TIMEOUT_MS} ms`), HANDSHAKE_TIMEOUT_MS);
  const reader = new SubscriberReader(topic, () => {
    clearTimeout(timer);
    socket.write(subscription(topic));
    onReady();
  }, onMessage);
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS).unref();
  timer.unref();
  socket.once('connect', () => socket.write(OPENING));
  socket.on('data', (bytes: Buffer) => {
    if (isOver) return;
    try {
      reader.push(bytes);
    } catch (error) {
      if (!(error instanceof ZmqError)) throw error;
      fail(error.message);
    }
  });
  socket.on('error', (error) => fail(`cannot be reached (${error.message})`, error));
  socket.once('close', () => fail('closed the connection'));
  return () => void end();
}

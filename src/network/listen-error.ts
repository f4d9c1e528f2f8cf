import { messageOf, NetworkError } from './errors.ts';

/** What the operating system says, somewhere in libp2p's account of it. */
const SYSTEM_ERROR = /listen (E[A-Z]+): ([^\n]*?)(?: (\S+):(\d+))?(?:\n|$)/g;

/** Why no socket could be had at the addresses, in one line: the port that is taken, above all. */
export function listenError(listen: readonly string[], error: unknown): NetworkError {
  const text = messageOf(error);
  const found = [...text.matchAll(SYSTEM_ERROR)].map(([, code = '', reason = '', host, port]) => {
    if (code === 'EADDRINUSE' && port !== undefined) return `port ${port} of ${host} is in use by another program`;
    return host === undefined ? reason : `cannot listen at ${host}:${port}: ${reason}`;
  });
  const why = found.length > 0 ? [...new Set(found)].join('; ') : text.split('\n', 1)[0];
  return new NetworkError('listen_failed', `could not listen on ${listen.join(', ')}: ${why}`, { listen }, { cause: error });
}

import { useEffect, useMemo } from 'preact/hooks';
import { onEvent, onReconnected } from '../api/events.ts';
import { Loader } from '../api/loader.ts';
import type { NodeEvent } from '../api/types.ts';

/**
 * What `load` gives, anew for another `key`, after each event that `concerns` it, and after a lost connection. It ends with
 * the component.
 */
export function useLoader<Data>(
  key: string,
  load: (abort: AbortSignal) => Promise<Data>,
  concerns: (event: NodeEvent, node: string | undefined) => boolean,
): Loader<Data> {
  const loader = useMemo(() => new Loader(load), [key]);
  useEffect(() => {
    const unsubscribe = onEvent((event, node) => {
      if (concerns(event, node)) loader.invalidate();
    });
    const forget = onReconnected(() => loader.invalidate());
    return () => {
      unsubscribe();
      forget();
      loader.end();
    };
  }, [loader]);
  return loader;
}

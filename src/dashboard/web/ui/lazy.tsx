import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { Waiting } from './states.tsx';

/** A view that is fetched when it is first looked at. `load` must be the same function each time. */
export function Lazy({ load }: { readonly load: () => Promise<ComponentType> }) {
  const loaded = useSignal<{ readonly View: ComponentType } | 'failed' | undefined>(undefined);
  useEffect(() => {
    let isCurrent = true;
    loaded.value = undefined;
    load().then(
      (View) => {
        if (isCurrent) loaded.value = { View };
      },
      () => {
        if (isCurrent) loaded.value = 'failed';
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [load]);
  if (loaded.value === undefined) return <Waiting />;
  if (loaded.value === 'failed') {
    return (
      <p class="problem" role="alert">
        This part of the page could not be fetched: reload the page once the node answers.
      </p>
    );
  }
  const { View } = loaded.value;
  return <View />;
}

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

const WAIT_MS = 700;

/** A value that changes often, as it is read: it follows at most once in a while. */
export function useCalm<Value>(value: Value): Value {
  const shown = useSignal(value);
  const isWaiting = useSignal(false);
  useEffect(() => {
    if (isWaiting.value || shown.value === value) return;
    shown.value = value;
    isWaiting.value = true;
    setTimeout(() => {
      isWaiting.value = false;
    }, WAIT_MS);
  }, [value, isWaiting.value]);
  return shown.value;
}

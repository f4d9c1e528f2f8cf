import { shortId } from '../lib/text.ts';
import { toast } from './toasts.tsx';

/** An id, shortened, with a button that copies all of it. */
export function Id({ of, what }: { readonly of: string; readonly what: string }) {
  const copy = (): void => {
    navigator.clipboard.writeText(of).then(
      () => toast(`Copied the ${what}`),
      () => toast(`The ${what} could not be copied: ${of}`, 'warn'),
    );
  };
  return (
    <button type="button" class="id" title={`${of} (copy)`} aria-label={`Copy the ${what} ${shortId(of)}`} onClick={copy}>
      {shortId(of)}
    </button>
  );
}

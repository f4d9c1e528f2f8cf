/** What stands where there is nothing to show yet, or something went wrong. */
import type { ComponentChildren } from 'preact';
import type { Loader } from '../api/loader.ts';
import type { ApiFailure } from '../api/failure.ts';
import { harmless } from '../lib/text.ts';

export function Waiting() {
  return (
    <p class="muted" role="status">
      Loading …
    </p>
  );
}

/** An error with what to do about it. */
export function Problem({ failure }: { readonly failure: ApiFailure }) {
  return (
    <p class="problem" role="alert">
      {harmless(failure.message, 500)}
      {failure.hint !== undefined && <span class="hint"> → {harmless(failure.hint, 500)}</span>}
    </p>
  );
}

/** What a loader has loaded; what it could not load is said above the last that it could. */
export function Loaded<Data>(props: { readonly from: Loader<Data>; readonly children: (data: Data) => ComponentChildren }) {
  const { from, children } = props;
  const data = from.data.value;
  const failure = from.failure.value;
  return (
    <>
      {failure !== undefined && <Problem failure={failure} />}
      {data === undefined ? failure === undefined && <Waiting /> : children(data)}
    </>
  );
}

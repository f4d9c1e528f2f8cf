import type { Signal } from '@preact/signals';

/** Walks through a long list, page by page, newest first. */
export function Pager(props: { readonly offset: Signal<number>; readonly size: number; readonly total: number }) {
  const { offset, size, total } = props;
  if (total <= size) return null;
  const from = offset.value + 1;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={offset.value === 0} onClick={() => (offset.value = Math.max(0, offset.value - size))}>
        Newer
      </button>
      <span class="muted">
        {from}–{Math.min(total, offset.value + size)} of {total}
      </span>
      <button type="button" disabled={offset.value + size >= total} onClick={() => (offset.value += size)}>
        Older
      </button>
    </nav>
  );
}

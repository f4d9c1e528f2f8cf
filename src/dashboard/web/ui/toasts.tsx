import { signal } from '@preact/signals';
import { harmless } from '../lib/text.ts';
import type { Tone } from './badge.tsx';

interface Toast {
  readonly id: number;
  readonly tone: Tone;
  readonly text: string;
}

const SHOWN_MS = 7_000;
const MOST = 4;

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Says something for some seconds, also to those who hear the page. */
export function toast(text: string, tone: Tone = 'idle'): void {
  const id = ++lastId;
  toasts.value = [...toasts.value.slice(1 - MOST), { id, tone, text: harmless(text, 300) }];
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** What was said is for those who were here. */
export function clearToasts(): void {
  toasts.value = [];
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((shown) => shown.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, tone, text }) => (
        <p key={id} class={`toast toast-${tone}`}>
          {text}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}

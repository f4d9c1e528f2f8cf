import type { ComponentChildren } from 'preact';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

/** A state: told by its word, coloured for the eye that looks for it. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

const channelTones: Readonly<Record<string, Tone>> = {
  opening: 'busy',
  confirming: 'busy',
  normal: 'good',
  shuttingDown: 'warn',
  negotiatingClose: 'warn',
  failed: 'bad',
  fallenBehind: 'bad',
  closing: 'warn',
  closed: 'idle',
  abandoned: 'idle',
};

/** `negotiatingClose` as `negotiating close`. */
export const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export function ChannelState({ state, connection }: { readonly state: string; readonly connection?: string }) {
  const isOffline = state === 'normal' && connection !== undefined && connection !== 'online';
  return (
    <Badge tone={isOffline ? 'warn' : (channelTones[state] ?? 'idle')}>
      {words(state)}
      {isOffline && `, ${connection}`}
    </Badge>
  );
}

const statusTones: Readonly<Record<string, Tone>> = {
  succeeded: 'good',
  settled: 'good',
  paid: 'good',
  inFlight: 'busy',
  accepted: 'busy',
  open: 'idle',
  failed: 'bad',
  lost: 'bad',
  expired: 'idle',
  canceled: 'idle',
};

export function Status({ status }: { readonly status: string }) {
  return <Badge tone={statusTones[status] ?? 'idle'}>{words(status)}</Badge>;
}

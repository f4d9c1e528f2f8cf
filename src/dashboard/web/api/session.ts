/** The token of this tab: from the link's fragment, or typed in. It is kept in the tab's storage and nowhere else. */
import { signal } from '@preact/signals';

const KEY = 'runnel-token';
const TOKEN = /^[0-9a-f]{64}$/;

export const token = signal<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);
/** Why the form asks (again), where there is something to say. */
export const refusal = signal<string | undefined>(undefined);

/** Takes the token out of the address before anything else can see it there. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  history.replaceState(null, '', `${location.pathname}#/`);
  if (!signIn(given)) refusal.value = 'The link holds no token of Runnel: expected 64 hex digits.';
}

/** False for what is no token at all. */
export function signIn(text: string): boolean {
  const given = text.trim().toLowerCase();
  if (!TOKEN.test(given)) return false;
  sessionStorage.setItem(KEY, given);
  refusal.value = undefined;
  token.value = given;
  return true;
}

export function signOut(reason?: string): void {
  sessionStorage.removeItem(KEY);
  refusal.value = reason;
  token.value = undefined;
}

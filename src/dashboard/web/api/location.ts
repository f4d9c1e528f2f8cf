/** The page's address as a signal. */
import { computed, signal } from '@preact/signals';
import { formatRoute, parseRoute, type Route } from '../lib/route.ts';
import { takeTokenFromAddress } from './session.ts';

// Before anything reads the address.
takeTokenFromAddress();
const hash = signal(location.hash);
window.addEventListener('hashchange', () => {
  takeTokenFromAddress();
  hash.value = location.hash;
});

/** Undefined where the address names nothing that there is. */
export const route = computed(() => parseRoute(hash.value));
/** The node of a cluster that the address names. */
export const routeNode = computed(() => route.value?.node);

export function go(to: Route): void {
  location.hash = formatRoute(to);
}

/** Another address for where one is already: a selection or a moment, which the back button need not bring back one by one. */
export function replace(to: Route): void {
  history.replaceState(null, '', formatRoute(to));
  hash.value = location.hash;
}

/** The address of a view of the node that is looked at. */
export function hrefOf(to: Route): string {
  return formatRoute(routeNode.value === undefined ? to : { node: routeNode.value, ...to });
}

/** Messages and events by field, for people. */
import type { Output } from '../api/client.ts';
import { harmless } from './text.ts';

type Decoded = Output<'moment'>['event'];

/** A message or an event by field, those within others further in. */
export function renderDecoded({ fields }: Pick<Decoded, 'fields'>): string {
  const lines = linesOf(fields, '');
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  return lines.length === 0 ? 'no fields' : lines.map(([name, value]) => harmless(`${name.padEnd(width)}  ${value}`)).join('\n');
}

function linesOf(fields: Decoded['fields'], indent: string): [string, string][] {
  return fields.flatMap(({ name, value, unit, fields: inner = [] }): [string, string][] => [
    [`${indent}${name}`, unit === undefined ? shortened(value) : `${value} ${unit}`],
    ...linesOf(inner, `${indent}  `),
  ]);
}

/** An onion packet says nothing to a person. */
const MAX_SHOWN = 160;
const shortened = (value: string): string =>
  value === '' ? '(empty)' : value.length <= MAX_SHOWN ? value : `${value.slice(0, MAX_SHOWN)}… (${value.length} characters)`;

/** Text from a URL or a command line as the JSON value that a field's schema expects. */
import { z } from 'zod';
import type { Unit } from './fields.ts';

/** A field without its `optional`, and what is known of it. */
export interface Field {
  readonly type: 'text' | 'integer' | 'boolean';
  readonly unit: Unit | undefined;
  readonly optional: boolean;
  readonly description: string;
  /** The values of an enumeration. */
  readonly choices: readonly string[] | undefined;
}

/** What URLs and command lines need to know of a field of a method's input. */
export function fieldOf(schema: z.core.$ZodType): Field {
  let inner = schema;
  let meta: Record<string, unknown> = {};
  let optional = false;
  for (;;) {
    meta = { ...z.globalRegistry.get(inner), ...meta };
    if (!(inner instanceof z.ZodOptional)) break;
    optional = true;
    inner = inner.def.innerType;
  }
  return {
    type: inner instanceof z.ZodBoolean ? 'boolean' : inner instanceof z.ZodNumber ? 'integer' : 'text',
    unit: meta['x-unit'] as Unit | undefined,
    optional,
    description: typeof meta.description === 'string' ? meta.description : '',
    choices: inner instanceof z.ZodEnum ? inner.options.map(String) : undefined,
  };
}

/** Text that is not of the field's type stays text, which the schema then refuses with its own message. */
export function jsonFromText(field: Field, text: string): unknown {
  if (field.type === 'integer' && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (field.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

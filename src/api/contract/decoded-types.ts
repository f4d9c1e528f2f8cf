/** A wire message or an event of a channel's journal, by field. */
import { z } from 'zod';

const unit = z.enum(['sat', 'msat']);

export const decodedField = z
  .object({
    name: z.string().meta({ description: 'As the BOLTs name it, or the place in a list' }),
    type: z.enum(['amount', 'hex', 'number', 'text', 'list']),
    value: z.string().meta({ description: 'As people read it; of a list how long it is' }),
    unit: unit.optional().meta({ description: 'Of an amount' }),
    get fields(): z.ZodOptional<z.ZodArray<typeof decodedField>> {
      return z.array(decodedField).optional();
    },
  })
  .meta({ id: 'DecodedField', description: 'One field; a list, or a field that has fields itself, has them in `fields`' });

export const decoded = z
  .object({
    name: z.string().meta({ description: 'The type of the message or of the event' }),
    bolt: z.string().optional().meta({ description: 'Of a wire message: the BOLT that defines it' }),
    fields: z.array(decodedField),
  })
  .meta({ id: 'Decoded' });

/** The OpenAPI 3.1 description of the API, derived from the contract. */
import { z } from 'zod';
import { contract, methodNames } from './contract.ts';
import { errorBody } from './errors.ts';
import { eventSchema, eventTypes } from './events.ts';
import { pathFields, type MethodSpec } from './method.ts';

type Json = Record<string, unknown>;

/** Builds the description; it is plain JSON. `version` is the daemon's. */
export function describeApi(version: string): Json {
  const schemas: Json = {};

  /** A schema as JSON Schema, with the named ones that it uses moved to the components. */
  const schemaOf = (schema: z.core.$ZodType): Json => {
    // 'input' is the side of a codec that stands in JSON, for what is sent and for what is answered alike.
    const json = JSON.stringify(z.toJSONSchema(schema, { io: 'input' })).replaceAll(
      '"#/$defs/',
      '"#/components/schemas/',
    );
    const { $schema: _, $defs = {}, ...own } = JSON.parse(json) as Json & { $defs?: Json };
    Object.assign(schemas, $defs);
    return own;
  };

  const paths: Record<string, Json> = {};
  for (const name of methodNames) {
    const spec: MethodSpec = contract[name];
    const operation = describeMethod(name, spec, schemaOf);
    paths[spec.http.path] = { ...paths[spec.http.path], [spec.http.method.toLowerCase()]: operation };
  }
  paths['/v1/events'] = { get: describeEvents(schemaOf) };
  paths['/metrics'] = { get: metricsOperation };

  return {
    openapi: '3.1.0',
    info: {
      title: 'Runnel',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description:
        'The API of a Runnel node, on 127.0.0.1 only. The token stands in the file `api-token` of the data folder. ' +
        "Amounts are decimal strings with their unit in the field's name.",
    },
    servers: [{ url: 'http://127.0.0.1:9737' }],
    security: [{ token: [] }],
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}

function describeMethod(name: string, spec: MethodSpec, schemaOf: (schema: z.core.$ZodType) => Json): Json {
  const inPath = pathFields(spec.http.path);
  const example = spec.example.input as Json;
  const operation: Json = {
    operationId: name,
    summary: spec.summary,
    description: [spec.description, `On the command line: \`${spec.cli.example}\``].filter(Boolean).join('\n\n'),
    responses: {
      200: {
        description: 'Done',
        content: { 'application/json': { schema: schemaOf(spec.output), example: spec.example.output } },
      },
      default: { description: 'Not done', content: { 'application/json': { schema: schemaOf(errorBody) } } },
    },
  };
  const inBody = spec.http.method === 'POST';
  const parameters = Object.entries(spec.input.shape)
    .filter(([field]) => inPath.includes(field) || !inBody)
    .map(([field, schema]) => ({
      name: field,
      in: inPath.includes(field) ? 'path' : 'query',
      required: !(schema instanceof z.ZodOptional),
      schema: schemaOf(schema),
      ...(field in example ? { example: example[field] } : {}),
    }));
  if (parameters.length > 0) operation.parameters = parameters;
  if (inBody) {
    const body = schemaOf(spec.input) as { properties: Json; required?: string[] };
    const properties = Object.fromEntries(Object.entries(body.properties).filter(([field]) => !inPath.includes(field)));
    const required = (body.required ?? []).filter((field) => !inPath.includes(field));
    operation.requestBody = {
      required: required.length > 0,
      content: {
        'application/json': {
          schema: { ...body, properties, required },
          example: Object.fromEntries(Object.entries(example).filter(([field]) => !inPath.includes(field))),
        },
      },
    };
  }
  return operation;
}

const metricsOperation: Json = {
  operationId: 'metrics',
  summary: 'The node and its process, for Prometheus',
  description: "In Prometheus' text format, with the token like the rest: `authorization: { credentials_file: … }` in a scrape_config.",
  responses: { 200: { description: 'The metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
};

function describeEvents(schemaOf: (schema: z.core.$ZodType) => Json): Json {
  return {
    operationId: 'events',
    summary: 'Follow what happens, over a WebSocket',
    description:
      'Upgrades to a WebSocket on which each text message is one event. A browser, which cannot set headers, gives the ' +
      'token as the subprotocol `token.<token>` beside `runnel`. A client that reads too slowly is closed with code ' +
      '1013: it connects again and reads anew what it must know.',
    parameters: [
      {
        name: 'types',
        in: 'query',
        required: false,
        description: `Only these, with commas between them: ${eventTypes.join(', ')}`,
        schema: { type: 'string' },
        example: 'payment,channel',
      },
    ],
    responses: {
      101: { description: 'The stream of events', content: { 'application/json': { schema: schemaOf(eventSchema) } } },
      default: { description: 'Refused', content: { 'application/json': { schema: schemaOf(errorBody) } } },
    },
  };
}

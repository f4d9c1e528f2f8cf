import { describe, expect, it } from 'vitest';
import { contract, methodNames } from '../../src/api/contract.ts';
import { describeApi } from '../../src/api/openapi.ts';
import { fakeNode, serve } from './api-fake-node.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- a document of no known shape, walked
type Json = { [key: string]: any };

const description = describeApi('1.2.3') as Json;

function* walk(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  yield value as Json;
  for (const inner of Object.values(value)) yield* walk(inner);
}

describe('the OpenAPI description', () => {
  it('is 3.1, titled, versioned, and secured by the token', () => {
    expect(description).toMatchObject(
      { openapi: '3.1.0', info: { title: 'Runnel', version: '1.2.3' }, security: [{ token: [] }] },
    );
    expect(description.components.securitySchemes.token).toEqual({ type: 'http', scheme: 'bearer' });
  });

  it.each(methodNames)('describes %s with its parameters, body, answer, errors and examples', (name) => {
    const { http, input, example, summary } = contract[name];
    const operation = description.paths[http.path][http.method.toLowerCase()];
    expect(operation).toMatchObject({ operationId: name, summary });
    expect(operation.description).toContain(contract[name].cli.example);
    const body = operation.requestBody?.content['application/json'];
    const parameters: Json[] = operation.parameters ?? [];
    const fields = [...parameters.map((parameter) => parameter.name), ...Object.keys(body?.schema.properties ?? {})];
    expect(fields.sort()).toEqual(Object.keys(input.shape).sort());
    const inPath = parameters.filter((parameter) => parameter.in === 'path');
    expect(inPath.every((parameter) => parameter.required)).toBe(true);
    expect(inPath.map((parameter) => `{${parameter.name}}`).sort()).toEqual((http.path.match(/\{\w+\}/g) ?? []).sort());
    expect(operation.responses[200].content['application/json'].example).toEqual(example.output);
    expect(operation.responses.default.content['application/json'].schema).toEqual(
      { $ref: '#/components/schemas/Error' },
    );
  });

  it('refers only to schemas that it has, and has no schema that nothing refers to', () => {
    const used = new Set([...walk(description)].map((node) => node.$ref).filter((ref) => ref !== undefined));
    const known = Object.keys(description.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect([...used].sort()).toEqual(known.sort());
  });

  it('says that amounts are decimal strings', () => {
    const balance = description.components.schemas.Balance.properties;
    expect(balance.onchain.properties.confirmedSat).toMatchObject({ type: 'string', 'x-unit': 'sat' });
    expect(balance.channels.properties.localMsat).toMatchObject({ type: 'string', 'x-unit': 'msat' });
  });

  it('has unique operation ids, the stream of events, and the metrics', () => {
    const ids = Object.values(description.paths as Json).flatMap(
      (path) => Object.values(path as Json).map((operation) => operation.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.sort()).toEqual([...methodNames, 'events', 'metrics'].sort());
  });

  it('is served without a token', async () => {
    const server = await serve(fakeNode());
    try {
      const response = await fetch(`${server.url}/openapi.json`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ openapi: '3.1.0', info: { version: '0.1.0' } });
    } finally {
      await server.close();
    }
  });
});

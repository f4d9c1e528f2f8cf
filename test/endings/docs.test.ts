import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { endingsDocument } from '../harness/endings-docs.ts';

const path = new URL('../../docs/endings.md', import.meta.url);

it('docs/endings.md says what the tests hold', () => {
  const document = endingsDocument();
  if (process.env['RUNNEL_WRITE_DOCS'] !== undefined) writeFileSync(path, document);
  expect(readFileSync(path, 'utf8')).toBe(document);
});

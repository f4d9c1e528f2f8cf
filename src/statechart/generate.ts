/** Writes files made of the charts into a folder: `generate.js documents <folder>`, `generate.js dashboard <folder>`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardData, documents, drawAll } from './files.ts';

const [what, folder] = process.argv.slice(2);
if ((what !== 'documents' && what !== 'dashboard') || folder === undefined) {
  throw new TypeError('expected documents or dashboard, and a folder');
}
mkdirSync(folder, { recursive: true });
const all = await drawAll();
const files = what === 'documents' ? documents(all) : dashboardData(all);
for (const [name, text] of files) writeFileSync(join(folder, name), text);

/** `runnel statechart`: the machines of this node as charts. */
import { Argument, Option } from 'commander';
import type { ChartFormat } from '../statechart/drawn.ts';
import { chartNames, chartTitles, type ChartName } from '../statechart/names.ts';
import { writeNamedFile } from './files.ts';
import type { LocalVerb } from './local-verbs.ts';
import { harmless, json, table } from './text.ts';
import { UsageError } from './verbs.ts';

const formats: readonly ChartFormat[] = ['svg', 'mermaid', 'json'];

const example = 'runnel statechart channel --format svg --out channel.svg';

export const statechartVerb: LocalVerb = {
  words: 'statechart',
  summary: 'Draw a statechart of this node, or list them',
  description:
    'The charts are read off the machines that the node runs, with their guards, actions and the part of the BOLTs that each state stands for. No node need run.',
  example,
  args: [new Argument('[name]', `Which: ${chartNames.join(', ')}`)],
  options: [
    new Option('--format <format>', 'As a picture, as a Mermaid diagram, or as data (default: svg; json with --json)').choices(formats),
    new Option('--out <file>', 'Write it to this file'),
  ],
  async run({ args: [name], options, json: asJson, surroundings }) {
    const { format = asJson ? 'json' : 'svg', out } = options as { readonly format?: ChartFormat; readonly out?: string };
    if (name === undefined) {
      if (Object.keys(options).length > 0) throw new UsageError(`expected the name of a chart: ${chartNames.join(', ')}`, example);
      const rows = chartNames.map((known) => [known, chartTitles[known]]);
      surroundings.out(`${asJson ? json(rows.map(([chart, title]) => ({ name: chart, title }))) : table(['NAME', 'CHART OF'], rows, '')}\n`);
      return;
    }
    if (!isChartName(name)) throw new UsageError(`there is no chart ${name}; expected one of ${chartNames.join(', ')}`, example);
    const { drawn } = await import('../statechart/drawn.ts');
    const content = await drawn(name, format);
    const text = asJson && format !== 'json' ? `${json({ name, format, content })}\n` : content;
    if (out === undefined) surroundings.out(text);
    else {
      writeNamedFile(out, text);
      surroundings.err(`written to ${harmless(out)}\n`);
    }
  },
};

const isChartName = (name: string): name is ChartName => Object.hasOwn(chartTitles, name);

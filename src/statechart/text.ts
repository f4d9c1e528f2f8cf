/** Text that is measured before it is drawn: nothing here may need a browser. */
import type { Run, TextKind } from './laid-out.ts';

/** Widths of Helvetica, Arial, Liberation Sans and the like, in thousandths of the font's size. */
const widths = new Map<string, number>(
  Object.entries({
    222: "'ijl",
    278: ' !,./:;I[\\]ft|·',
    334: '()-`r{}"',
    389: '*',
    500: 'Jcksvxyz^',
    556: '#$0123456789?L_abdeghnopqu',
    590: '+<=>~',
    611: 'FTZ',
    667: '&ABEKPSVXY',
    722: 'CDHNRUw',
    778: 'GOQ',
    833: 'Mm',
    889: '%',
  }).flatMap(([width, characters]) => [...characters].map((character) => [character, Number(width)] as const)),
);
const WIDEST = 1_000;
/** Bold is wider, and another font of that family may be a little. */
const BOLD = 1.08;
const ALLOWANCE = 1.02;

/** How each kind of line is set: its size, the height of its line, whether it is bold. */
export const styles: Readonly<Record<TextKind, { readonly size: number; readonly lineHeight: number; readonly bold?: boolean }>> = {
  heading: { size: 18, lineHeight: 24, bold: true },
  title: { size: 14, lineHeight: 19, bold: true },
  tags: { size: 11, lineHeight: 15 },
  description: { size: 11, lineHeight: 14.5 },
  event: { size: 11, lineHeight: 14.5, bold: true },
  guard: { size: 11, lineHeight: 14.5 },
  actions: { size: 11, lineHeight: 14.5 },
};

export function textWidth(text: string, kind: TextKind): number {
  const { size, bold = false } = styles[kind];
  let thousandths = 0;
  for (const character of text) thousandths += widths.get(character) ?? WIDEST;
  return (thousandths / 1_000) * size * (bold ? BOLD : 1) * ALLOWANCE;
}

export interface FlowedLine {
  readonly runs: readonly Run[];
  readonly width: number;
  readonly indent: number;
}

/** Breaks text at its spaces, so that no line is wider than asked for, unless a word is. */
export function flow(runs: readonly Run[], maxWidth: number, hanging = 0): FlowedLine[] {
  const lines: FlowedLine[] = [];
  let line: Run[] = [];
  let width = 0;
  const end = (): void => {
    if (line.length === 0) return;
    const indent = lines.length === 0 ? 0 : hanging;
    lines.push({ runs: joined(line), width: width + indent, indent });
    line = [];
    width = 0;
  };
  for (const { kind, text } of runs) {
    for (const word of text.split(' ')) {
      const added = textWidth(line.length === 0 ? word : ` ${word}`, kind);
      if (line.length > 0 && width + added + (lines.length === 0 ? 0 : hanging) > maxWidth) end();
      width += line.length === 0 ? textWidth(word, kind) : added;
      line.push({ kind, text: word });
    }
  }
  end();
  return lines;
}

/** Words of one kind become one run again. */
function joined(words: readonly Run[]): Run[] {
  const runs: { kind: TextKind; text: string }[] = [];
  for (const { kind, text } of words) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.text += ` ${text}`;
    else runs.push({ kind, text });
  }
  return runs;
}

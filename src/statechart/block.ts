/** Blocks of text: what stands in a state's box and beside a line. */
import type { Run, TextLine } from './laid-out.ts';
import type { ChartState } from './model.ts';
import { flow, styles, type FlowedLine } from './text.ts';

export interface Block {
  readonly width: number;
  readonly height: number;
  /** From the block's own corner. */
  readonly text: readonly TextLine[];
}

/** An alternative for the event above it, and what did not fit into the line above. */
const ALTERNATIVE_INDENT = 10;
const HANGING_INDENT = 14;
const GAP = 5;

/** A state's name, tags, description and what it does without leaving it, no wider than asked for if words allow it. */
export function stateBlock(state: ChartState, internal: readonly (readonly Run[])[], maxWidth: number): Block {
  const { label, tags, description } = state;
  return stack([
    flow([{ kind: state.parent === undefined ? 'heading' : 'title', text: label }], maxWidth),
    tags.length === 0 ? [] : flow([{ kind: 'tags', text: tags.join(' · ') }], maxWidth),
    description === undefined ? [] : flow([{ kind: 'description', text: description }], maxWidth),
    paragraphs(internal, maxWidth),
  ]);
}

export function labelBlock(label: readonly (readonly Run[])[], maxWidth: number): Block {
  return stack([label.flatMap((runs) => flow(runs, maxWidth))]);
}

function paragraphs(internal: readonly (readonly Run[])[], maxWidth: number): FlowedLine[] {
  return internal.flatMap((runs) => {
    const isAlternative = runs[0]?.kind !== 'event';
    const indent = isAlternative ? ALTERNATIVE_INDENT : 0;
    return flow(runs, maxWidth - indent, HANGING_INDENT).map((line) => ({
      ...line,
      indent: line.indent + indent,
      width: line.width + indent,
    }));
  });
}

function stack(parts: readonly (readonly FlowedLine[])[]): Block {
  const text: TextLine[] = [];
  let y = 0;
  let width = 0;
  for (const lines of parts) {
    if (lines.length > 0 && y > 0) y += GAP;
    for (const line of lines) {
      const { size, lineHeight } = styles[line.runs[0]?.kind ?? 'description'];
      text.push({ x: line.indent, y: y + (lineHeight + size * 0.7) / 2, runs: line.runs });
      y += lineHeight;
      width = Math.max(width, line.width);
    }
  }
  return { width, height: y, text };
}

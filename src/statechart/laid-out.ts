/** A chart with a place for everything: what is drawn, on paper or on a page. Lengths are in pixels, from the upper left. */
import type { StateType } from './model.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface LaidOutState extends Box {
  readonly id: string;
  /** Below the root, which has an empty one. */
  readonly path: readonly string[];
  readonly label: string;
  readonly type: StateType;
  readonly depth: number;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly isInitial: boolean;
  /** One of several that are active side by side. */
  readonly isRegion: boolean;
  /** Transitions that do not leave the state, as lines of text. */
  readonly internal: readonly string[];
  /** What stands in the box. */
  readonly text: readonly TextLine[];
}

/** What a text is, for the way in which it is set. */
export type TextKind = 'heading' | 'title' | 'tags' | 'description' | 'event' | 'guard' | 'actions';

export interface Run {
  readonly kind: TextKind;
  readonly text: string;
}

/** A line of text with its left end and its baseline; between its runs is a space. */
export interface TextLine extends Point {
  readonly runs: readonly Run[];
}

/**
 * A box for a state that is drawn in full elsewhere in the chart: a closed one, which is opened beside it, or one that lines
 * come from or lead to.
 */
export interface LaidOutReference extends Box {
  readonly id: string;
  /** The state's id. */
  readonly state: string;
  readonly isClosed: boolean;
  readonly text: readonly TextLine[];
}

/** Transitions from one state to another that are drawn as one line. */
export interface LaidOutEdge {
  readonly id: string;
  /** The states' ids, whether drawn in full where the line is or not. */
  readonly source: string;
  readonly target: string;
  /** That of the first transition: empty for `always`, `*` for the wildcard. */
  readonly event: string;
  readonly guard?: string;
  readonly actions: readonly string[];
  readonly isAlways: boolean;
  /** From a state to one within it: it begins at a ring, and is taken from wherever in the state the chart is. */
  readonly isInwards: boolean;
  /** The ids of all transitions that it stands for. */
  readonly transitions: readonly string[];
  /** The lines of its label; `text` has them with their places, but where another line that joins this one has them. */
  readonly label: readonly string[];
  readonly labelX: number;
  readonly labelY: number;
  readonly labelWidth: number;
  readonly labelHeight: number;
  readonly text: readonly TextLine[];
  readonly points: readonly Point[];
}

export interface LaidOutChart {
  readonly name: string;
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** Each state before its substates. */
  readonly nodes: readonly LaidOutState[];
  readonly references: readonly LaidOutReference[];
  readonly edges: readonly LaidOutEdge[];
  /** From a dot to the state or reference that something begins in. */
  readonly initials: readonly { readonly target: string; readonly points: readonly Point[] }[];
  /** Where lines with the same target join; where they only cross, there is none. */
  readonly junctions: readonly Point[];
}

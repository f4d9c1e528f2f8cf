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
  /** What stands in the box, each line with its baseline and its left end. */
  readonly text: readonly TextLine[];
}

/** What a line of text is, for the way in which it is set. */
export type TextKind = 'title' | 'tags' | 'description' | 'event' | 'guard' | 'actions';

export interface TextLine extends Point {
  readonly kind: TextKind;
  readonly text: string;
}

/** Transitions from one state to another that are drawn as one line. */
export interface LaidOutEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** That of the first transition: empty for `always`, `*` for the wildcard. */
  readonly event: string;
  readonly guard?: string;
  readonly actions: readonly string[];
  readonly isAlways: boolean;
  /** The ids of all transitions that it stands for. */
  readonly transitions: readonly string[];
  /** The lines as drawn; `text` has them with their places. */
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
  readonly edges: readonly LaidOutEdge[];
  /** The dots that point at where a state begins. */
  readonly initials: readonly { readonly target: string; readonly points: readonly Point[] }[];
}

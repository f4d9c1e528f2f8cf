import * as ldk from 'lightningdevkit';
import { enumName, hex, present } from './library.ts';

const KEPT_LINES = 2_000;
const TAIL_LINES = 25;
const TAIL_WIDTH = 250;

/** What LDK says, its last lines. */
export class LdkLog {
  /** For the library, which holds it weakly. */
  readonly logger: ldk.Logger;
  readonly #lines: string[] = [];

  constructor(level = ldk.Level.LDKLevel_Debug) {
    this.logger = ldk.Logger.new_impl({
      log: (record) => {
        if (record.get_level() >= level) this.add(line(record));
      },
    });
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(text: string): void {
    this.#lines.push(text);
    if (this.#lines.length > KEPT_LINES) this.#lines.splice(0, KEPT_LINES / 2);
  }

  /** What it said last, for a test's message. */
  tail(): string {
    return this.#lines.slice(-TAIL_LINES).map((each) => each.slice(0, TAIL_WIDTH)).join('\n');
  }

  /** The last line with all of these words in it. */
  last(...words: readonly string[]): string | undefined {
    return this.#lines.findLast((line) => words.every((word) => line.includes(word)));
  }
}

function line(record: ldk.Record): string {
  const peer = present(record.get_peer_id());
  const of = peer === undefined || peer.length === 0 ? '' : ` [${hex(peer).slice(0, 8)}]`;
  const level = enumName(ldk.Level as unknown as Record<number, string>, record.get_level());
  return `${level} ${record.get_module_path()}${of} ${record.get_args()}`;
}

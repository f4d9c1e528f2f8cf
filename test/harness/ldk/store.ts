/** What a node writes down, and reads again when it starts anew. */
import * as ldk from 'lightningdevkit';
import { freeMonitor, reversedHex } from './library.ts';

const DONE = ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed;

export class LdkStore {
  manager: Uint8Array | undefined;
  graph: Uint8Array | undefined;
  /** For the library, which holds it weakly. */
  readonly persist: ldk.Persist;
  /** By outpoint of the funding. */
  readonly #monitors = new Map<string, Uint8Array>();

  constructor() {
    const write = (outpoint: ldk.OutPoint, monitor: ldk.ChannelMonitor): ldk.ChannelMonitorUpdateStatus => {
      this.#monitors.set(nameOf(outpoint), monitor.write());
      freeMonitor(monitor);
      return DONE;
    };
    this.persist = ldk.Persist.new_impl({
      persist_new_channel: write,
      update_persisted_channel: (outpoint, _update, monitor) => write(outpoint, monitor),
      archive_persisted_channel: (outpoint) => void this.#monitors.delete(nameOf(outpoint)),
    });
  }

  get monitors(): readonly Uint8Array[] {
    return [...this.#monitors.values()];
  }
}

function nameOf(outpoint: ldk.OutPoint): string {
  return `${reversedHex(outpoint.get_txid())}:${outpoint.get_index()}`;
}

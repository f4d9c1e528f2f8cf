import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainFolder } from '../../src/chain/embedded/chain-folder.ts';
import { ChainBrokenError, type ChainLog, type ChainRecord } from '../../src/chain/embedded/embedded-chain.ts';
import { ChainDamagedError } from '../../src/chain/embedded/records.ts';
import { StorageError } from '../../src/storage/errors.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { TestChain, output, spend } from './chain-kit.ts';

let path: string;
let open: ChainFolder[] = [];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'runnel-chain-'));
});

afterEach(() => {
  for (const folder of open) folder.close();
  open = [];
  rmSync(path, { recursive: true, force: true });
});

function openFolder(): ChainFolder {
  const folder = new ChainFolder(path);
  open.push(folder);
  return folder;
}

function close(folder: ChainFolder): void {
  folder.close();
  open = open.filter((other) => other !== folder);
}

/** A chain that lives in the folder, as it is after a (re)start. */
function start(clock = new VirtualClock(1_700_000_000_000)): { chain: TestChain; folder: ChainFolder } {
  const folder = openFolder();
  return { chain: new TestChain({ log: folder }, folder.history, clock), folder };
}

function coins(chain: TestChain): string[] {
  return [...chain.chain.state.coins.keys()].sort();
}

const file = () => join(path, 'chain.dat');

describe('a chain in a folder', () => {
  it('is the same after a restart: blocks, coins, transactions, branches', () => {
    const first = start();
    first.chain.mine(103);
    const parent = spend([first.chain.fund()]);
    first.chain.send(parent);
    const [left] = first.chain.mine(2) as [string];
    first.chain.call('invalidateblock', left);
    first.chain.mine(3);
    close(first.folder);

    const second = start(first.chain.clock);
    expect(second.folder.repairedBytes).toBe(0);
    expect(second.chain.tip).toBe(first.chain.tip);
    expect(coins(second.chain)).toEqual(coins(first.chain));
    expect(second.chain.call('getblockheader', left).confirmations).toBe(-1);
    second.chain.call('reconsiderblock', left);
    expect(second.chain.height).toBe(106);
    second.chain.mine(2);
    close(second.folder);

    const third = start(first.chain.clock);
    expect(third.chain.tip).toBe(second.chain.tip);
    third.chain.call('invalidateblock', third.chain.call('getblockhash', 104));
    expect(third.chain.call('getblockhash', 104)).toBe(left);
  });

  it('keeps its mempool over an orderly end, parents first', () => {
    const first = start();
    first.chain.mine(103);
    const parent = spend([first.chain.fund()]);
    const child = spend([output(parent, 0, first.chain.miner)]);
    for (const transaction of [parent, child]) first.chain.send(transaction);
    // After a reorg the child stands before its parent.
    const [block] = first.chain.call('generateblock', first.chain.miner.address, [parent.toHex()]).hash.split(' ');
    first.chain.call('invalidateblock', block);
    expect(first.chain.mempool).toEqual([child.getId(), parent.getId()]);
    first.folder.saveMempool(first.chain.chain.dumpMempool());
    close(first.folder);

    const second = start(first.chain.clock);
    expect(second.chain.chain.loadMempool(second.folder.loadMempool())).toBe(2);
    expect(second.chain.mempool).toEqual([parent.getId(), child.getId()]);
    second.chain.mine();
    second.folder.saveMempool([parent.toBuffer()]);
    expect(second.chain.chain.loadMempool(second.folder.loadMempool())).toBe(0);
    writeFileSync(join(path, 'mempool.dat'), 'damaged');
    expect(second.folder.loadMempool()).toEqual([]);
  });

  it('does not run the scripts of its own blocks again, and does for blocks that it never connected', () => {
    const made = TestChain.funded();
    const bad = spend([made.fund()]);
    bad.ins[0]!.witness[0]![10]! ^= 1;
    const history: ChainRecord[] = [];
    for (let height = 1; height <= made.height; height++) {
      const raw = Uint8Array.from(Buffer.from(made.call('getblock', made.call('getblockhash', height), 0), 'hex'));
      history.push({ type: 'block', raw, verified: true });
    }
    const replayed = new TestChain({}, history, made.clock);
    expect(replayed.height).toBe(103);
    // A block with a wrong signature, as it could only stand in a file that somebody wrote by hand.
    const forged = forge(made, bad);
    const heightWith = (verified: boolean) =>
      new TestChain({}, [...history, { type: 'block', raw: forged, verified }], made.clock).height;
    expect(heightWith(true)).toBe(104);
    expect(heightWith(false)).toBe(103);
  });

  it('may be open once', () => {
    openFolder();
    expect(() => new ChainFolder(path)).toThrow(StorageError);
  });

  it('takes off a record that a crash cut short, wherever it was cut', () => {
    const first = start();
    first.chain.mine(2);
    const whole = statSync(file()).size;
    first.chain.mine(1);
    const size = statSync(file()).size;
    close(first.folder);
    const bytes = readFileSync(file());
    for (let length = whole; length < size; length += 7) {
      writeFileSync(file(), bytes.subarray(0, length));
      const { chain, folder } = start(first.chain.clock);
      expect(chain.height, `cut at ${length}`).toBe(2);
      expect(folder.repairedBytes).toBe(length - whole);
      chain.mine(1);
      close(folder);
      const again = start(first.chain.clock);
      expect(again.chain.height).toBe(3);
      close(again.folder);
    }
    for (const length of [0, 3, 8]) {
      writeFileSync(file(), bytes.subarray(0, length));
      const { chain, folder } = start(first.chain.clock);
      expect(chain.height).toBe(0);
      close(folder);
    }
  });

  it('takes off zeros that a crash left at the end', () => {
    const first = start();
    first.chain.mine(2);
    const size = statSync(file()).size;
    close(first.folder);
    truncateSync(file(), size + 300);
    const { chain, folder } = start(first.chain.clock);
    expect(folder.repairedBytes).toBe(300);
    expect(chain.height).toBe(2);
  });

  it('refuses a file that is damaged anywhere else, and leaves it alone', () => {
    const first = start();
    first.chain.mine(2);
    const lastRecord = statSync(file()).size;
    first.chain.mine(1);
    close(first.folder);
    const bytes = readFileSync(file());
    for (let at = 0; at < lastRecord; at += 13) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x40;
      writeFileSync(file(), damaged);
      expect(() => new ChainFolder(path), `byte ${at}`).toThrow(ChainDamagedError);
      expect(Uint8Array.from(readFileSync(file()))).toEqual(damaged);
    }
    writeFileSync(file(), 'not a chain at all');
    expect(() => new ChainFolder(path)).toThrow(/does not begin as an embedded chain file/);
  });

  it('can only be read by its owner', () => {
    const { chain, folder } = start();
    chain.mine();
    folder.saveMempool([]);
    for (const name of ['chain.dat', 'mempool.dat']) expect(statSync(join(path, name)).mode & 0o077).toBe(0);
  });
});

describe('a chain whose file cannot be written', () => {
  it('refuses that call and every later one, so that nothing is answered that a restart would not know', () => {
    let full = false;
    const log: ChainLog = {
      append: () => {},
      sync() {
        if (full) throw new Error('no space left on device');
      },
    };
    const told: ChainBrokenError[] = [];
    const chain = new TestChain({ log, onBroken: (error) => told.push(error) });
    chain.mine(2);
    full = true;
    expect(chain.failure('generatetoaddress', 1, chain.miner.address)).toEqual({
      code: -20,
      message: expect.stringContaining('no space left on device'),
    });
    full = false;
    expect(chain.failure('getblockcount').code).toBe(-20);
    expect(chain.failure('generatetoaddress', 1, chain.miner.address).code).toBe(-20);
    expect(told.length).toBe(1);
  });
});

/** A block on `chain`'s tip with a transaction that the chain itself would refuse. */
function forge(chain: TestChain, transaction: ReturnType<typeof spend>): Uint8Array {
  const check = chain.chain.state.testConnect.bind(chain.chain.state);
  chain.chain.state.testConnect = () => {};
  const { hex } = chain.call('generateblock', chain.miner.address, [transaction.toHex()], false);
  chain.chain.state.testConnect = check;
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

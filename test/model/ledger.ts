import assert from 'node:assert/strict';
import type { HtlcNotice } from '../../machines/channel/effects.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import type { Name } from './commands.ts';

interface Entry {
  readonly offerer: Name;
  readonly details: HtlcDetails;
  readonly seed: number;
  /** What the receiver decided first. */
  decision: HtlcRemoval | undefined;
  /** How often each was told, in the present life of the process for those that a restart may repeat. */
  received: number;
  fulfilled: number;
  failed: number;
  ended: number;
}

/**
 * Every HTLC that was ever offered, with what both ends were told of it: each is to be settled exactly once, on both
 * ends alike.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #next = { alice: 0n, bob: 0n };
  readonly #references = new Map<string, number>();

  /** An HTLC is asked for: it must be answered once. */
  asked(reference: string, seed: number): void {
    this.#references.set(reference, seed);
  }

  get unanswered(): number {
    return this.#references.size;
  }

  /** The HTLCs that `receiver` was told of since it last started. */
  receivedBy(receiver: Name): Entry[] {
    return [
      ...this.#entries.values()
    ].filter(({ offerer, received, ended }) => offerer !== receiver && received > 0 && ended === 0);
  }

  decide(entry: Entry, removal: HtlcRemoval): void {
    entry.decision ??= removal;
  }

  hasOffered(name: Name): boolean {
    return this.#next[name] > 0n;
  }

  /** A process of `name` starts: what it may repeat is counted anew. */
  restarted(name: Name): void {
    for (const entry of this.#entries.values()) {
      if (entry.offerer === name) entry.fulfilled = 0;
      else entry.received = 0;
    }
  }

  told(name: Name, notice: HtlcNotice): void {
    switch (notice.type) {
      case 'htlcOffered': {
        const seed = this.#answered(notice.reference);
        assert.equal(notice.htlc.id, this.#next[name], 'ids count up by one');
        this.#next[name] += 1n;
        const counts = { received: 0, fulfilled: 0, failed: 0, ended: 0 };
        this.#entries.set(
          `${name}:${notice.htlc.id}`,
          { offerer: name, details: notice.htlc, seed, decision: undefined, ...counts },
        );
        return;
      }
      case 'htlcRefused':
        this.#answered(notice.reference);
        return;
      case 'htlcReceived': {
        const entry = this.#received(name, notice.htlc);
        assert.equal(++entry.received, 1, `HTLC ${notice.htlc.id} told as received twice`);
        assert.equal(entry.ended, 0, `HTLC ${notice.htlc.id} told as received after its end`);
        return;
      }
      case 'htlcEnded': {
        const entry = this.#received(name, notice.htlc);
        assert.equal(++entry.ended, 1, `HTLC ${notice.htlc.id} ended twice`);
        assert.deepEqual(plain(notice.removal), plain(entry.decision));
        return;
      }
      case 'htlcFulfilled': {
        const entry = this.#offered(name, notice.htlc);
        assert.equal(++entry.fulfilled, 1, `HTLC ${notice.htlc.id} fulfilled twice`);
        assert.equal(entry.failed, 0);
        assert.deepEqual(plain({ kind: 'fulfilled', paymentPreimage: notice.paymentPreimage }), plain(entry.decision));
        return;
      }
      case 'htlcFailed': {
        const entry = this.#offered(name, notice.htlc);
        assert.equal(++entry.failed, 1, `HTLC ${notice.htlc.id} failed twice`);
        assert.equal(entry.fulfilled, 0);
        assert.deepEqual(plain(notice.removal), plain(entry.decision));
        return;
      }
      case 'htlcReturned': {
        // Withdrawn before it was signed: nobody else ever heard of it for good, and its number is free again.
        const { received, fulfilled, failed, ended } = this.#offered(name, notice.htlc);
        assert.deepEqual([received, fulfilled, failed, ended], [0, 0, 0, 0]);
        assert.equal(notice.code, 'temporary_channel_failure', 'nothing ends on chain between honest nodes');
        this.#entries.delete(`${name}:${notice.htlc.id}`);
        this.#next[name] -= 1n;
        return;
      }
    }
  }

  /** Everything came to its end: both ends of each HTLC know the same. Returns what went from Alice to Bob, in msat. */
  close(): bigint {
    let toBob = 0n;
    for (const { offerer, details, decision, ended, failed } of this.#entries.values()) {
      assert.equal(ended, 1, `HTLC ${details.id} of ${offerer} did not end`);
      assert.equal(failed, decision?.kind === 'fulfilled' ? 0 : 1);
      if (decision?.kind === 'fulfilled') toBob += offerer === 'alice' ? details.amountMsat : -details.amountMsat;
    }
    return toBob;
  }

  #answered(reference: string): number {
    const seed = this.#references.get(reference);
    assert.notEqual(seed, undefined, `an answer to ${reference}, which was not asked or answered already`);
    this.#references.delete(reference);
    return seed ?? 0;
  }

  #offered(name: Name, htlc: HtlcDetails): Entry {
    const entry = this.#entries.get(`${name}:${htlc.id}`);
    assert.ok(entry, `${name} never offered HTLC ${htlc.id}`);
    assert.deepEqual(plain(htlc), plain(entry.details));
    return entry;
  }

  #received(name: Name, htlc: HtlcDetails): Entry {
    const entry = this.#entries.get(`${name === 'alice' ? 'bob' : 'alice'}:${htlc.id}`);
    assert.ok(entry, `nobody offered HTLC ${htlc.id} to ${name}`);
    assert.deepEqual(plain({ ...htlc, direction: 'offered' }), plain(entry.details));
    return entry;
  }
}

/** Bytes as text: Buffers and Uint8Arrays of equal content are equal. */
const plain = (value: object | undefined): unknown =>
  value && Object.fromEntries(Object.entries(value).map(([key, item]) => [
    key,
    item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item,
  ]));

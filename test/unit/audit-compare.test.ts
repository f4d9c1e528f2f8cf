import { describe, expect, it } from 'vitest';
import { compareAudits, type CompareReport } from '../../src/audit/compare.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { verifyTexts } from '../harness/audit-files.ts';
import { auditedChannel, entriesOf, linesOf, more, type Ends } from '../harness/audited-channel.ts';

const compare = (one: readonly string[], other: readonly string[]): CompareReport =>
  compareAudits([(options) => verifyTexts(one, options), (options) => verifyTexts(other, options)]);

const idOf = (end: Ends[0]): string => hexOf(end.signer.node.nodeId);

describe("both ends' audit files", () => {
  it('agree on every commitment, also where one was made earlier', () => {
    const ends = auditedChannel(5, 4);
    const [alice, bob] = ends;
    const early = linesOf(alice);
    const { localCommitmentNumber, remoteCommitmentNumber } = alice.channel.data;
    expect(compare(early, linesOf(bob))).toMatchObject({
      agrees: true,
      compared: [
        { ownerId: idOf(alice), first: 0, last: localCommitmentNumber, onlyOwner: 0, onlyPeer: 0 },
        { ownerId: idOf(bob), first: 0, last: remoteCommitmentNumber, onlyOwner: 0, onlyPeer: 0 },
      ],
    });
    more(ends, 1, 'later');
    const late = compare(early, linesOf(bob));
    expect(late).toMatchObject({ agrees: true, compared: [{ last: localCommitmentNumber }, { last: remoteCommitmentNumber }] });
    expect(late.compared[0]?.onlyPeer).toBe(alice.channel.data.localCommitmentNumber - localCommitmentNumber);
  });

  it('that tell two lives of one channel differ first where these part, and the report says who signed both', () => {
    const [one, other] = [auditedChannel(5, 4), auditedChannel(5, 4)];
    const parted = one[0].channel.data;
    more(one, 2, 'one life');
    more(other, 2, 'another life');
    const { agrees, divergence } = compare(linesOf(one[0]), linesOf(other[1]));
    expect(agrees).toBe(false);
    // Alice pays: the first commitment that has the new HTLC is Bob's, which she signed.
    expect(divergence).toMatchObject({
      ownerId: idOf(other[1]),
      signerId: idOf(one[0]),
      commitmentNumber: parted.remoteCommitmentNumber + 1,
      kind: 'content',
      versions: [{ inFileOf: idOf(other[1]) }, { inFileOf: idOf(one[0]) }],
    });
    const [owners, signers] = divergence!.versions;
    expect(owners.htlcs[0]?.paymentHash).not.toBe(signers.htlcs[0]?.paymentHash);
    expect(owners.signature).not.toBe(signers.signature);
    expect(divergence!.explanation).toContain(`${idOf(one[0])} signed both`);
  });

  it('are not compared where they are of one end alone, have nothing in common, or one does not hold', () => {
    const [alice, bob] = auditedChannel(5, 4);
    const whole = linesOf(alice);
    expect(compare(whole, whole)).toMatchObject({ agrees: false, failure: { code: 'audit_other_channel' } });
    const entries = entriesOf(bob);
    const last = entries.findLastIndex(({ entry }) => entry.event.type === 'checkpoint');
    const beginning = entriesOf(alice);
    const firstTurns = beginning.slice(0, beginning.findIndex(({ entry }, index) => index > 10 && entry.stateHash !== undefined) + 1);
    expect(compare(linesOf(alice, firstTurns), linesOf(bob, entries.slice(last)))).toMatchObject({ agrees: false, failure: { code: 'audit_no_overlap' } });
    expect(compare(whole, linesOf(bob).toSpliced(5, 1))).toMatchObject({ agrees: false, failure: { code: 'audit_does_not_hold' } });
  });
});

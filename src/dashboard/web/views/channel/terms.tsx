/** What both sides agreed on when the channel was opened, and what they ask for forwarding. */
import { msatOf, satToMsat } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';
import { Id } from '../../ui/id.tsx';
import { Facts, Panel } from '../../ui/panel.tsx';
import type { Detail } from './shown.ts';

export function Terms({ detail }: { readonly detail: Detail }) {
  const { limits, policies, nodeId, fundingOutpoint, fundingConfirmations, minimumDepth, opener, announced, feeratePerKw } = detail;
  return (
    <Panel title="Terms">
      <div class="stack">
        <Facts
          pairs={{
            Peer: <Id of={nodeId} what="node id" />,
            Funding: fundingOutpoint === undefined ? undefined : <Id of={fundingOutpoint} what="outpoint" />,
            Confirmations: fundingConfirmations < minimumDepth ? `${fundingConfirmations} of ${minimumDepth}` : `${fundingConfirmations} (${minimumDepth} were needed)`,
            'Opened by': opener === 'local' ? 'us' : 'the peer',
            Announced: announced ? 'yes' : 'no',
            'Commitment feerate': `${feeratePerKw} sat per kw`,
          }}
        />
        <div class="grid">
          <Side title="We ask" limits={limits.local} policy={policies.local} />
          {limits.remote !== undefined && <Side title="The peer asks" limits={limits.remote} policy={policies.remote} />}
        </div>
      </div>
    </Panel>
  );
}

function Side(props: { readonly title: string; readonly limits: Detail['limits']['local']; readonly policy: Detail['policies']['local'] | undefined }) {
  const { title, limits, policy } = props;
  const following = policy?.followsBalance;
  return (
    <div>
      <h3>{title}</h3>
      <Facts
        pairs={{
          'Dust limit': <Sat msat={satToMsat(limits.dustLimitSat)} />,
          'Reserve to keep': <Sat msat={satToMsat(limits.channelReserveSat)} />,
          'HTLC at least': <Sat msat={msatOf(limits.htlcMinimumMsat)} />,
          'In flight at most': <Sat msat={msatOf(limits.maxHtlcValueInFlightMsat)} />,
          'HTLCs at most': limits.maxAcceptedHtlcs,
          'Delay of own money': `${limits.toSelfDelay} blocks`,
          'Forwarding fee': policy && (
            <>
              <Sat msat={msatOf(policy.feeBaseMsat)} /> + {policy.feeProportionalMillionths} ppm
            </>
          ),
          'Follows the balance': following && `${following.minPpm} to ${following.maxPpm} ppm, step ${following.step} of ${following.numSteps}`,
          'CLTV delta': policy && `${policy.cltvExpiryDelta} blocks`,
        }}
      />
    </div>
  );
}

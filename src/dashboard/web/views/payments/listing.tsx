import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { isViewed } from '../../api/server.ts';
import type { NodeEvent } from '../../api/types.ts';
import { Pager } from '../../ui/pager.tsx';
import { Table, type ColumnTitle } from '../../ui/panel.tsx';
import { Loaded } from '../../ui/states.tsx';
import { useLoader } from '../../ui/use-loader.ts';

const PAGE = 50;

/** A page with a long list, newest first: it follows the node's events of that type. */
export function Listing<Item>(props: {
  readonly title: string;
  readonly type: NodeEvent['type'];
  readonly action: ComponentChildren;
  readonly head: readonly ColumnTitle[];
  readonly load: (page: { readonly limit: number; readonly offset: number }, abort: AbortSignal) => Promise<{ readonly total: number; readonly items: readonly Item[] }>;
  readonly row: (item: Item) => ComponentChildren;
}) {
  const { title, type, action, head, load, row } = props;
  const offset = useSignal(0);
  const loader = useLoader(
    `${title} ${offset.value}`,
    (abort) => load({ limit: PAGE, offset: offset.value }, abort),
    (event, node) => isViewed(node) && event.type === type,
  );
  return (
    <>
      <div class="page-head">
        <h1>{title}</h1>
        <div class="end">{action}</div>
      </div>
      <Loaded from={loader}>
        {({ total, items }) =>
          total === 0 ? (
            <p class="muted">No {title.toLowerCase()} yet.</p>
          ) : (
            <>
              <div class="panel">
                <Table label={title} head={head}>
                  {items.map(row)}
                </Table>
              </div>
              <Pager offset={offset} size={PAGE} total={total} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

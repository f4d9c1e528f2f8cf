/** What the page does to a node: at most once at a time, with its progress and its error shown. */
import { useSignal, type ReadonlySignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiFailure } from '../api/failure.ts';
import { Problem } from './states.tsx';
import { toast } from './toasts.tsx';

export interface Action {
  readonly isBusy: ReadonlySignal<boolean>;
  readonly failure: ReadonlySignal<ApiFailure | undefined>;
  /** Ignored while it runs. `act` resolves with what to say of its success. Tells whether it succeeded. */
  run(act: () => Promise<string>): Promise<boolean>;
  /** Its last error is of no interest any more. */
  forget(): void;
}

export function useAction(): Action {
  const isBusy = useSignal(false);
  const failure = useSignal<ApiFailure | undefined>(undefined);
  const run = async (act: () => Promise<string>): Promise<boolean> => {
    if (isBusy.value) return false;
    isBusy.value = true;
    failure.value = undefined;
    try {
      toast(await act(), 'good');
      return true;
    } catch (error) {
      failure.value = error instanceof ApiFailure ? error : new ApiFailure('page_error', String(error));
      return false;
    } finally {
      isBusy.value = false;
    }
  };
  const forget = (): void => {
    failure.value = undefined;
  };
  return { isBusy, failure, run, forget };
}

/** A button that does one thing. */
export function ActionButton(props: {
  readonly act: () => Promise<string>;
  readonly class?: string;
  readonly busyText?: string;
  readonly children: ComponentChildren;
}) {
  const action = useAction();
  return (
    <span class="action">
      <button type="button" class={props.class} aria-disabled={action.isBusy.value} onClick={() => void action.run(props.act)}>
        {action.isBusy.value ? (props.busyText ?? 'Working …') : props.children}
      </button>
      {action.failure.value !== undefined && <Problem failure={action.failure.value} />}
    </span>
  );
}

/**
 * A button that opens a form in a dialog. `act` gets the form's fields; the dialog closes once it has succeeded, and stays
 * with the error where it has not.
 */
export function FormAction(props: {
  readonly title: string;
  readonly button?: ComponentChildren;
  readonly class?: string;
  readonly submit: string;
  readonly isDangerous?: boolean;
  readonly act: (fields: Readonly<Record<string, string>>) => Promise<string>;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = useSignal(false);
  const action = useAction();
  useEffect(() => {
    if (isOpen.value) dialog.current?.showModal();
  }, [isOpen.value]);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(event.currentTarget as HTMLFormElement)].map(([name, value]) => [name, String(value)]));
    if (await action.run(() => props.act(fields))) dialog.current?.close();
    // Somebody may have closed the dialog meanwhile.
    else if (!isOpen.value && action.failure.value !== undefined) toast(action.failure.value.message, 'bad');
  };
  return (
    <>
      <button
        type="button"
        class={props.class}
        onClick={() => {
          action.forget();
          isOpen.value = true;
        }}
      >
        {props.button ?? props.title}
      </button>
      <dialog
        ref={dialog}
        aria-label={props.title}
        onClose={() => {
          isOpen.value = false;
        }}
      >
        {isOpen.value && (
          <form onSubmit={(event) => void submit(event)}>
            <h2>{props.title}</h2>
            {props.children}
            {action.failure.value !== undefined && <Problem failure={action.failure.value} />}
            <div class="buttons">
              <button type="button" onClick={() => dialog.current?.close()}>
                Cancel
              </button>
              <button type="submit" class={props.isDangerous === true ? 'danger' : 'primary'} aria-disabled={action.isBusy.value}>
                {action.isBusy.value ? 'Working …' : props.submit}
              </button>
            </div>
          </form>
        )}
      </dialog>
    </>
  );
}

/** A labelled field of such a form. */
export function Field(props: {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string;
  readonly required?: boolean;
  readonly inputMode?: 'decimal' | 'numeric';
  readonly onText?: (text: string) => void;
}) {
  const id = `field-${props.name}`;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        name={props.name}
        defaultValue={props.value}
        required={props.required}
        inputMode={props.inputMode}
        onInput={({ currentTarget }) => props.onText?.(currentTarget.value)}
        autocomplete="off"
        spellcheck={false}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
      />
      {props.hint !== undefined && (
        <small id={`${id}-hint`} class="muted">
          {props.hint}
        </small>
      )}
    </div>
  );
}

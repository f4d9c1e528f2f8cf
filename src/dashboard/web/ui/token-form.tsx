import { refusal, signIn } from '../api/session.ts';

/** Asks for the token where the link brought none, or one that the server does not know. */
export function TokenForm() {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget as HTMLFormElement).get('token'));
    if (!signIn(text)) refusal.value = 'That is no token of Runnel: expected 64 hex digits.';
  };
  return (
    <main class="sign-in">
      <h1>Runnel</h1>
      <p>
        This page shows what only the node's owner may see. <code>runnel dashboard</code> prints a link that opens it; or enter the
        token, which stands in the file <code>api-token</code> of the data folder.
      </p>
      <form onSubmit={submit}>
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck={false} required aria-describedby="refusal" />
        <p id="refusal" class="problem" role="alert">
          {refusal}
        </p>
        <button type="submit" class="primary">
          Open
        </button>
      </form>
    </main>
  );
}

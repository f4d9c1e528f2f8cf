import { render } from 'preact';
import { startServing } from './api/server.ts';
import { takeTokenFromAddress } from './api/session.ts';
import { App } from './app.tsx';
import './style/base.css';

takeTokenFromAddress();
window.addEventListener('hashchange', takeTokenFromAddress);
render(<App />, document.getElementById('app') as HTMLElement);
void startServing();

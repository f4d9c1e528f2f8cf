import { render } from 'preact';
import { startServing } from './api/server.ts';
import { App } from './app.tsx';
import { followNodeInfo } from './state/node-info.ts';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';

render(<App />, document.getElementById('app') as HTMLElement);
followNodeInfo();
void startServing();

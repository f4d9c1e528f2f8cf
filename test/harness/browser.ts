/** Somebody who looks at the dashboard: headless Chromium, driven by what a person sees and does. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { describe } from 'vitest';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export type Role = Parameters<Page['getByRole']>[0];

/** Chromium of `RUNNEL_CHROMIUM`, or the first of its names on the PATH; undefined where there is none. */
export function findChromium(): string | undefined {
  const named = process.env.RUNNEL_CHROMIUM;
  if (named !== undefined) return existsSync(named) ? named : undefined;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // Another name, perhaps.
    }
  }
  return undefined;
}

/** `describe` for tests in a browser: they are skipped, and say so, where there is none. */
export function describeInBrowser(title: string, tests: () => void): void {
  if (findChromium() !== undefined) describe(title, tests);
  else describe.skip(`${title} (skipped: no Chromium; install it, or name one with RUNNEL_CHROMIUM)`, tests);
}

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

export interface Look {
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly calm?: boolean;
}

/** One visitor with a fresh tab of their own. */
export class Visitor {
  readonly page: Page;
  /** What no visit may bring: errors, violations of the page's policy, requests to elsewhere. */
  readonly offences: string[] = [];

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens a link in a new tab. */
  static async open(browser: Browser, link: string, { theme = 'light', width = 1_280, height = 860, calm = false }: Look = {}): Promise<Visitor> {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: calm ? 'reduce' : 'no-preference',
    });
    const visitor = new Visitor(await context.newPage());
    // Before a test's own time is up, so that it says what was waited for.
    visitor.page.setDefaultTimeout(20_000);
    visitor.#watch(new URL(link).origin);
    await visitor.page.goto(link);
    return visitor;
  }

  async leave(): Promise<void> {
    await this.page.context().close();
  }

  /** What stands after the `#` of the address. */
  get place(): string {
    return new URL(this.page.url()).hash;
  }

  async goTo(hash: string): Promise<void> {
    await this.page.evaluate((to) => (globalThis as unknown as { location: { hash: string } }).location.hash = to, hash);
  }

  /** Waits until it is there to be seen. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor({ state: 'visible' });
  }

  async seesHeading(name: string | RegExp): Promise<void> {
    await this.page.getByRole('heading', { name }).first().waitFor({ state: 'visible' });
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async clicks(role: Role, name: string | RegExp): Promise<void> {
    await this.find(role, name).click();
  }

  async fills(label: string | RegExp, text: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).and(this.page.locator('input')).fill(text);
  }

  find(role: Role, name: string | RegExp): Locator {
    return this.page.getByRole(role, { name }).first();
  }

  /** The accessible name of what has the focus. */
  async focused(): Promise<string> {
    return this.page.evaluate('document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? ""');
  }

  /** What axe finds against WCAG 2.2 AA, or against its contrast alone, each as a line; `without` what a selector names. */
  async accessibilityProblems(of: 'all' | 'contrast' = 'all', without?: string): Promise<string[]> {
    const axe = new AxeBuilder({ page: this.page });
    if (without !== undefined) axe.exclude(without);
    const { violations } = await (of === 'all' ? axe.withTags(RULES) : axe.withRules('color-contrast')).analyze();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`));
  }

  #watch(origin: string): void {
    this.page.on('console', (message) => {
      // What a test provokes (a refusal, a node that is gone) the browser logs by itself.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.offences.push(message.text());
    });
    this.page.on('pageerror', (error) => this.offences.push(String(error.stack ?? error)));
    this.page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) this.offences.push(`a request to ${url}`);
    });
    this.page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(origin).host) this.offences.push(`a WebSocket to ${socket.url()}`);
    });
    this.page.on('dialog', (dialog) => {
      this.offences.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }
}

/** The page's colours as a canvas takes them: resolved for the theme of the moment. */

const names = {
  surface: '--surface',
  line: '--strong-line',
  strongLine: '--muted',
  text: '--text',
  accent: '--accent',
  remote: '--remote',
  node: '--node',
  good: '--good',
  warn: '--warn',
  bad: '--bad',
} as const;

export type Palette = Readonly<Record<keyof typeof names, string>>;

export function paletteOf(element: HTMLElement): Palette {
  const probe = document.createElement('span');
  element.append(probe);
  try {
    const entries = Object.entries(names).map(([name, property]) => {
      probe.style.color = `var(${property})`;
      return [name, getComputedStyle(probe).color];
    });
    return Object.fromEntries(entries) as Palette;
  } finally {
    probe.remove();
  }
}

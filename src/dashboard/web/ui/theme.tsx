import { effect, signal } from '@preact/signals';

const KEY = 'runnel-theme';
const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

const stored = localStorage.getItem(KEY);
export const theme = signal<Theme>(themes.find((known) => known === stored) ?? 'auto');

effect(() => {
  localStorage.setItem(KEY, theme.value);
  document.documentElement.dataset.theme = theme.value;
});

const titles: Readonly<Record<Theme, string>> = { auto: 'As the system', light: 'Light', dark: 'Dark' };

export function ThemeChooser() {
  return (
    <select
      class="quiet"
      aria-label="Colours"
      value={theme.value}
      onChange={({ currentTarget }) => {
        theme.value = currentTarget.value as Theme;
      }}
    >
      {themes.map((known) => (
        <option key={known} value={known}>
          {titles[known]}
        </option>
      ))}
    </select>
  );
}

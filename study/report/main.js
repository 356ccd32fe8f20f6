// SPDX-License-Identifier: Apache-2.0
// Puts the page together and keeps it up to date with what the reader chooses.

/** [id, title, title in the bar of links, function that makes the content]. */
const SECTIONS = [
  ['summary', 'Summary', 'Summary', summary_section],
  ['view', 'What to show', 'View', view_section],
  ['table', 'Points', 'Points', table_section],
  ['comparison', 'Comparison', 'Comparison', comparison_section],
  ['sweep', 'Sweep', 'Sweep', sweep_section],
  ['time', 'Where the time went', 'Time', time_section],
  ['wait', 'Where a request waits', 'Waits', wait_section],
  ['use', 'Use of processor, engine and disk', 'Use', use_section],
  ['latency', 'Latency', 'Latency', latency_section],
  ['closely', points.length > 1 ? 'Two points closely' : 'The run closely', 'Closely', closely_section],
  ['phases', 'Phases', 'Phases', phases_section],
  ['faults', 'Faults and integrity', 'Faults', faults_section],
  ['configuration', 'Configuration', 'Configuration', configuration_section],
];

// What does not depend on the choosers is not made anew, so that a field in use keeps the focus.
const STANDING = new Set(['summary', 'view']);

function fill_section(id) {
  const section = document.getElementById(id);
  const [, title, , build] = SECTIONS.find(([name]) => name === id);
  forget_charts(section);
  section.replaceChildren(el('h2', {}, title), ...build());
}

/** The reader chose something: what depends on it is made anew. `only`: the sections concerned. */
function change(choice, only = null) {
  Object.assign(state, choice);
  if (only === null) keep_looking_at_visible();
  else if ('first' in choice || 'second' in choice) state.wanted = [state.first, state.second];
  const at = document.activeElement?.closest?.('section')?.id;
  const caption = document.activeElement?.closest?.('label')?.firstChild?.textContent;
  for (const [id] of SECTIONS) {
    if (document.getElementById(id) === null) continue;
    if (only === null ? STANDING.has(id) : !only.includes(id)) continue;
    fill_section(id);
  }
  // A chooser that was made anew gets the focus back.
  if (at && caption && !document.activeElement?.closest?.('section')) {
    const label = [...document.querySelectorAll(`#${at} label`)].find((l) => l.firstChild?.textContent === caption);
    label?.querySelector('select, input')?.focus();
  }
}

/** What is looked at closely is what was chosen, where the filter leaves that, else something that it leaves. */
function keep_looking_at_visible() {
  const shown = visible_points();
  if (shown.length === 0) return;
  const [first, second] = state.wanted;
  const other = (than) => shown.find((p) => p !== than && p.series) ?? shown.find((p) => p !== than) ?? null;
  state.first = shown.includes(first) ? first : other(second) ?? shown[0];
  state.second = second === null ? null : shown.includes(second) && second !== state.first ? second : other(state.first);
}

function look_at(point) {
  change({first: point, second: point === state.second ? state.first : state.second}, ['closely', 'configuration']);
  document.getElementById('closely').scrollIntoView();
}

function set_theme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = document.getElementById('theme');
  button.textContent = {auto: '◐ auto', light: '☀ light', dark: '☾ dark'}[theme];
  button.setAttribute('aria-label', `Colours: ${theme}. Press to change.`);
  button.dataset.theme = theme;
  Chart.defaults.color = theme_colour('text');
  redraw_charts();
  // The matrix' colours are in its cells.
  for (const id of ['sweep', 'phases']) {
    if (document.getElementById(id) !== null) fill_section(id);
  }
}

function main() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  document.getElementById('study').textContent = report.study;
  document.getElementById('doc').textContent = report.doc ?? '';
  document.getElementById('facts').textContent =
    [`${report.points.length} point${report.points.length === 1 ? '' : 's'}`, `cesasim ${report.version}`,
      ...report.overrides.map((text) => `--set ${text}`)].join(' · ');
  document.getElementById('about').append(...about().flatMap(([caption, text]) =>
    [el('dt', {}, caption), el('dd', {}, caption === 'Command' ? el('code', {}, text) : text)]));

  const page = document.getElementById('page');
  const contents = document.getElementById('contents');
  page.replaceChildren();
  for (const [id, title, short, build] of SECTIONS) {
    const content = build();
    if (content.length === 0) continue;
    page.append(el('section', {id}, el('h2', {}, title), ...content));
    contents.append(el('a', {href: `#${id}`}, short));
  }

  const stored = (() => {
    try { return localStorage.getItem('cesasim-theme'); } catch { return null; }
  })();
  set_theme(['light', 'dark'].includes(stored) ? stored : 'auto');
  document.getElementById('theme').addEventListener('click', (event) => {
    const next = {auto: 'dark', dark: 'light', light: 'auto'}[event.currentTarget.dataset.theme];
    try { localStorage.setItem('cesasim-theme', next); } catch { /* a page without storage keeps no choice */ }
    set_theme(next);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    set_theme(document.getElementById('theme').dataset.theme);
  });

  // Wide and narrow charts differ in more than size.
  let wide = innerWidth >= 700;
  addEventListener('resize', () => {
    if ((innerWidth >= 700) === wide) return;
    wide = !wide;
    for (const [id] of SECTIONS) if (document.getElementById(id) !== null && !STANDING.has(id)) fill_section(id);
  });
  // Paper is white, of one width, and wants every chart and whatever is folded away.
  let before = 'auto';
  let folded = [];
  addEventListener('beforeprint', () => {
    before = document.getElementById('theme').dataset.theme;
    document.documentElement.classList.add('printing');
    folded = [...document.querySelectorAll('main details:not([open])')];
    for (const details of folded) details.open = true;
    draw_all();
    set_theme('light');
    draw_all();
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove('printing');
    for (const details of folded) details.open = false;
    set_theme(before);
  });
  watch_scrolling();
}

main();

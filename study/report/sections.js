// SPDX-License-Identifier: Apache-2.0
// The sections of the page. Each function gives the list of what stands under the section's head.

const plural = (count, one, many = `${one}s`) => `${grouped(String(count))} ${count === 1 ? one : many}`;

// --- What it is about -----------------------------------------------------------------------

/** Values of a key over all points, each once. */
const values_of_key = (key) => [...new Set(points.filter((p) => p.status !== 'failed' || p.config.length > 0)
    .map((p) => config_of(p, key)).filter((v) => v !== undefined && v !== null).map(String))];

/** [caption, text]: what ran, on what, when and how it was asked for. */
function about() {
  const some = (key, short = (text) => text) => {
    const all = values_of_key(key).map(short);
    return all.length > 6 ? `${all.slice(0, 6).join(', ')} and ${all.length - 6} more` : all.join(', ');
  };
  const bench = values_of_key('workload.bench.algorithm').filter((name) => name !== 'none');
  return [
    ['Board', some('soc.preset')], ['Kernel', some('kernel.preset')], ['Disk', bench.length > 0 ? '' : some('disk.preset')],
    ['Trace', bench.length > 0 ? '' : some('workload.trace')], ['Benchmark', bench.join(', ')], ['Ran', report.date ?? ''],
    ['Command', report.command ?? ''],
  ].filter(([, text]) => text !== '');
}

// --- Summary --------------------------------------------------------------------------------

function bound_text(e) {
  const text = (value) => grouped(String(Number(value.toPrecision(10))));
  if (is_number(e.min) && is_number(e.max)) return `${text(e.min)} to ${text(e.max)}`;
  if (is_number(e.min)) return `≥ ${text(e.min)}`;
  return is_number(e.max) ? `≤ ${text(e.max)}` : '-';
}

/** Per cent off the published value; null where nothing is published. */
const published_error = (e) => e.published && is_number(e.value) && e.published.value !== 0
  ? e.value / e.published.value - 1 : null;

function expectation_table() {
  const verdicts = (e) => (e.ok === null ? '– not checked' : !e.ok ? '✗ FAIL' : e.misses_aim ? '▲ off its aim' : '✓ ok');
  const columns = [
    {title: 'verdict', value: verdicts, node: (e) => el('span',
        {class: `verdict ${e.ok === false ? 'bad' : e.ok === null || e.misses_aim ? 'warn' : 'ok'}`}, verdicts(e))},
    {title: 'expectation', words: true, wrap: true, value: (e) => e.name},
    {title: 'metric', words: true, value: (e) => `${e.metric}${e.phase ? `, phase ${e.phase}` : ''}`},
    ...(report.expectations.some((e) => e.relative)
      ? [{title: 'relative to', words: true, value: (e) => (e.relative ? e.relative_to : '')}] : []),
    {title: 'value', value: (e) => e.value, text: (e) => !is_number(e.value) ? '-'
      : e.relative ? ratio_text(e.value) : with_unit(e.value, metric_named(e.metric))},
    {title: 'expected', value: bound_text},
    {title: 'at the point', words: true, wrap: true, value: (e) => points.find((p) => p.label === e.point)?.text ?? e.point ?? ''},
  ];
  if (report.expectations.some((e) => e.published)) {
    columns.push(
        {title: 'published', value: (e) => e.published?.value, text: (e) => number_text(e.published?.value)},
        {title: 'error', value: published_error, text: (e) => {
          const error = published_error(e);
          return error === null ? '-' : `${error > 0 ? '+' : ''}${(error * 100).toFixed(1)} %`;
        }},
        {title: 'aim', value: (e) => e.published?.within, text: (e) => (e.published ? `${e.published.within} %` : '-')},
        {title: 'tolerated', words: true, wrap: true, value: (e) => e.published?.tolerated?.within,
          text: (e) => (e.published?.tolerated ? `to ${e.published.tolerated.within} %: ${e.published.tolerated.reason}` : '')},
        {title: 'basis', words: true, value: (e) => e.published?.basis ?? ''},
        {title: 'source', words: true, wrap: true, value: (e) => e.published?.source ?? ''});
  }
  if (report.expectations.some((e) => e.note)) {
    columns.push({title: 'note', words: true, wrap: true, value: (e) => e.note ?? ''});
  }
  return data_table(columns, report.expectations, {filter: 'Filter expectations', label: 'Expectations'});
}

/** A tile: caption, the figure, and a line below. */
const tile = (kind, caption, figure, below) =>
  el('div', {class: `tile ${kind}`}, el('span', {class: 'muted small'}, caption), el('b', {}, figure),
      el('span', {class: 'small muted'}, below));

function summary_section() {
  const count = (test) => points.filter(test).length;
  const failed = count((p) => p.status === 'failed');
  const broken = count((p) => p.status === 'broken');
  const tolerated = count((p) => p.tolerated);
  const bad = failed + broken - tolerated;
  const tiles = [tile(bad > 0 ? 'bad' : tolerated > 0 ? 'warn' : 'ok', 'Points',
      `${points.length - failed - broken} of ${points.length} ok`,
      [failed > 0 ? `${failed} failed` : '',
        broken > 0 ? `${broken} broke a guarantee${tolerated > 0 ? ', which this study only reports' : ''}` : '',
        failed + broken === 0 ? 'every guarantee about the data kept' : ''].filter(Boolean).join(', '))];

  const unmet = report.expectations.filter((e) => e.ok === false).length;
  const skipped = report.expectations.filter((e) => e.ok === null).length;
  const off = report.expectations.filter((e) => e.ok && e.misses_aim).length;
  if (report.expectations.length > 0) {
    tiles.push(tile(unmet > 0 ? 'bad' : off + skipped > 0 ? 'warn' : 'ok', 'Expectations',
        `${report.expectations.length - unmet - skipped - off} of ${report.expectations.length} hold`,
        [unmet > 0 ? `${unmet} failed` : '', off > 0 ? `${off} off their aim, within what is tolerated` : '',
          skipped > 0 ? `${skipped} not checked` : ''].filter(Boolean).join(', ') || 'all met'));
  }
  tiles.push(...standing_tiles());

  const out = [el('div', {class: 'tiles'}, tiles)];
  if (report.overrides.length > 0) {
    out.push(el('p', {}, 'Run with ', ...report.overrides.flatMap((text, i) => [i > 0 ? ', ' : '', el('code', {}, `--set ${text}`)]),
        report.expectations.length > 0 ? '; the expectations were written for the study’s own values.' : '.'));
  }
  const troubled = points.filter((p) => p.status !== 'ok');
  if (troubled.length > 0) {
    const list = data_table([
      {title: 'point', words: true, value: (p) => p.text, node: (p) => point_link(p)},
      {title: 'status', words: true, value: (p) => p.status, node: status_node},
      {title: 'what happened', words: true, wrap: true, value: (p) => [p.error, ...(p.broken ?? [])].filter(Boolean).join('; ')},
    ], troubled, {filter: troubled.length > 8 ? 'Filter' : undefined, label: 'Points that failed or broke a guarantee'});
    out.push(el('details', {open: bad > 0}, el('summary', {},
        `${plural(troubled.length, 'point')} that failed or broke a guarantee`), list));
  }
  out.push(...fastest_table(), ...worth(), ...notes());
  if (report.expectations.length > 0) {
    out.push(el('h3', {}, 'Expectations'), expectation_table());
  }
  return out;
}

/** The published measurements that bear on the boards and drivers of the run, and what is assumed. */
function worth() {
  const lines = (report.worth ?? []).filter(Boolean);
  if (lines.length === 0) return [];
  return [el('h3', {}, 'What the figures are worth'),
    el('p', {class: 'muted small'}, 'rows of published figures that were measured on the same board with the same driver, and values that '
        + 'presets only assume'),
    el('ul', {class: 'small'}, lines.map((line) => el('li', {}, line)))];
}

/** What one should know of some points: each note once, with the points that it is about. */
function notes() {
  const texts = [...new Set(points.flatMap((p) => p.notes ?? []))];
  if (texts.length === 0) return [];
  return [el('h3', {}, 'Notes'), el('ul', {}, texts.map((text) => {
    const about = points.filter((p) => p.notes?.includes(text));
    return el('li', {}, `${text}. `, el('details', {}, el('summary', {}, plural(about.length, 'point')),
        el('p', {}, ...about.flatMap((p, i) => [i > 0 ? ', ' : '', point_link(p)]))));
  }))];
}

/** The figures of the only point, or the fastest and slowest of several. */
function standing_tiles() {
  const timed = points.filter((p) => p.status !== 'failed' && is_number(value_of(p, 'sim_seconds', -1)));
  if (points.length === 1 && timed.length === 1) {
    return ['sim_seconds', 'throughput_mb_s', 'latency_us.p50', 'latency_us.p99', 'cpu.utilization', 'engine.utilization',
      'disk.utilization'].filter((name) => is_number(value_of(timed[0], name, -1))).map((name) =>
      tile('', metric_named(name).name, with_unit(value_of(timed[0], name, -1), metric_named(name)), metric_named(name).doc));
  }
  if (timed.length < 2 || load_axes === null) return [];
  const all = groups(load_axes, timed.filter((p) => p.status === 'ok')).map(fastest_of).filter(Boolean);
  // Many tiles are a wall; then they are a table, in fastest_table().
  return all.length > TILES_AT_MOST ? [] : all.map(({title, point, skip, seconds, beside}) =>
    tile('', `${title ? `${title}: ` : ''}fastest`, label_of(point, skip), `${duration_text(seconds)}; ${beside}`));
}

const TILES_AT_MOST = 6;

/** Of points with one load the fastest, whichever it is, and how it stands to its baseline. */
function fastest_of(group) {
  if (group.points.length < 2) return null;
  const seconds_of = (p) => value_of(p, 'sim_seconds', -1);
  const [point, next] = [...group.points].sort((a, b) => seconds_of(a) - seconds_of(b));
  const ratio = ratio_of(point, 'sim_seconds', -1);
  const base = base_of(point);
  const after = `next ${label_of(next, group.skip)}, ${ratio_text(seconds_of(next) / seconds_of(point))} of its time`;
  const beside = base === undefined ? after : base === point ? `the baseline; ${after}`
    : `${ratio_text(ratio)} of the time of ${baseline_text()}`;
  return {...group, point, seconds: seconds_of(point), beside};
}

/** The same for more loads than there is room for tiles. */
function fastest_table() {
  if (points.length < 2 || load_axes === null) return [];
  const all = groups(load_axes, points.filter((p) => p.status === 'ok' && is_number(value_of(p, 'sim_seconds', -1))))
      .map(fastest_of).filter(Boolean);
  if (all.length <= TILES_AT_MOST) return [];
  return [el('h3', {}, 'The fastest point of each load'), data_table([
    {title: 'load', words: true, wrap: true, value: (g) => g.title},
    {title: 'fastest', words: true, wrap: true, value: (g) => label_of(g.point, g.skip), node: (g) => point_link(g.point, label_of(g.point, g.skip))},
    {title: 'simulated time', unit: 's', value: (g) => g.seconds, text: (g) => number_text(g.seconds)},
    {title: 'beside the others', words: true, wrap: true, value: (g) => g.beside},
  ], all, {label: 'The fastest point of each load'})];
}

// --- What to show ----------------------------------------------------------------------------

function view_section() {
  if (points.length < 2 && report.phases.length < 2) return [];
  const count = el('span', {class: 'muted small', 'aria-live': 'polite'});
  const tell = () => { count.textContent = `${visible_points().length} of ${points.length} points shown`; };
  const apply = (choice) => { change(choice); tell(); };
  tell();

  let pending = 0;
  const fields = [el('label', {}, 'Filter points', el('input', {
    type: 'search', placeholder: 'words of their names', oninput: (event) => {
      clearTimeout(pending);
      const filter = event.target.value;
      pending = setTimeout(() => apply({filter}), 150);
    }}))];
  for (const axis of varying) {
    fields.push(chooser(axis.path, [[-1, 'all'], ...axis.values.map((_, i) => [i, value_text(axis, i)])],
        state.only.get(axis.index) ?? -1, (choice) => {
          const only = new Map(state.only);
          if (Number(choice) < 0) only.delete(axis.index);
          else only.set(axis.index, Number(choice));
          apply({only});
        }));
  }
  if (report.phases.length > 1) {
    fields.push(chooser('Phase', [[-1, 'whole run'], ...report.phases.map((name, i) => [i, name])], state.phase,
        (choice) => apply({phase: Number(choice)})));
  }
  if (varying.length > 1) {
    const several = (load_axes ?? []).length > 1;
    fields.push(chooser('A panel for each', [['', '(one panel)'], ...(several ? [[key_of(load_axes), 'load']] : []),
      ...varying.map((axis) => [axis.index, axis.path])],
    key_of(state.panels), (choice) => apply({panels: choice === '' ? [] : choice.split(',').map(Number), all_panels: false})));
  }
  const out = [el('p', {class: 'muted small'}, 'Applies to everything below.'), el('div', {class: 'controls'}, fields)];
  if (varying.length > 0) {
    const choosers = varying.map((axis) => chooser(axis.path,
        [[-1, 'as the point'], ...axis.values.map((_, i) => [i, value_text(axis, i)])],
        state.baseline.get(axis.index) ?? -1, (choice) => {
          const baseline = new Map(state.baseline);
          if (Number(choice) < 0) baseline.delete(axis.index);
          else baseline.set(axis.index, Number(choice));
          apply({baseline});
        }));
    out.push(el('div', {class: 'controls'}, el('fieldset', {},
        el('legend', {}, 'Baseline: compare each point with the one that has'), el('div', {}, choosers))));
  }
  out.push(count);
  return out;
}

// --- Points ------------------------------------------------------------------------------------

function top_shares(point) {
  return ACTIVITIES.filter(([name]) => name !== 'idle')
      .map(([name]) => [value_of(point, `cpu.share.${name}`), name])
      .filter(([share]) => share >= 0.005).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([share, name]) => `${name} ${(share * 100).toFixed(0)} %`).join(', ');
}

function table_section() {
  const column = (title, unit, name, scale = 1) => ({
    title, unit, doc: metric_named(name).doc,
    value: (p) => { const v = value_of(p, name); return is_number(v) ? v * scale : null; },
    text: (p) => number_text(is_number(value_of(p, name)) ? value_of(p, name) * scale : null),
    shown: metric_index.has(name),
  });
  const share = (title, name) => ({
    ...column(title, '%', name),
    text: (p) => (is_number(value_of(p, name)) ? (value_of(p, name) * 100).toFixed(1) : '-'),
  });
  const columns = [
    {title: 'point', words: true, value: (p) => p.number, text: (p) => p.text, node: (p) => point_link(p)},
    {title: 'status', words: true, value: (p) => p.status, node: status_node},
    column('simulated time', 's', 'sim_seconds'),
    {title: 'vs baseline', doc: 'simulated time relative to the baseline', value: (p) => ratio_of(p, 'sim_seconds'),
      text: (p) => ratio_text(ratio_of(p, 'sim_seconds')), shown: state.baseline.size > 0},
    column('throughput', 'MB/s', 'throughput_mb_s'),
    column('latency p50', 'µs', 'latency_us.p50'),
    column('p99', 'µs', 'latency_us.p99'),
    share('CPU', 'cpu.utilization'),
    share('engine', 'engine.utilization'),
    share('disk', 'disk.utilization'),
    column('copied', 'MB', 'bytes_copied', 1e-6),
    column('interrupts', '', 'interrupts'),
    column('switches', '', 'context_switches'),
    {title: 'most of the CPU', words: true, value: top_shares},
  ].filter((c) => c.shown !== false);
  const note = `${state.phase < 0 ? 'The whole run' : `Phase ${report.phases[state.phase]}`}` +
      `${state.baseline.size > 0 ? `, relative to ${baseline_text()}` : ''}. ` +
      'A column’s head sorts; a point’s name shows it closely.';
  return [el('p', {class: 'muted small'}, note), data_table(columns, visible_points(), {label: 'Points'})];
}

// --- Comparison ---------------------------------------------------------------------------------

function metric_chooser(on_choice, chosen = state.metric) {
  const by_group = new Map();
  for (const metric of telling_metrics) {
    const group = metric.name.includes('.') ? metric.name.split('.')[0] : 'run';
    if (!by_group.has(group)) by_group.set(group, []);
    by_group.get(group).push([metric.name, metric.name]);
  }
  return chooser('Metric', [...by_group].map(([group, options]) => ({group, options})), chosen, on_choice);
}

function comparison_section() {
  if (points.length < 2) return [];
  const metric = metric_named(state.metric);
  const relative = visible_points().some((p) => is_number(ratio_of(p, metric.name)));
  const scale = !relative && metric.unit === '1' ? 100 : 1;
  const unit = metric.unit === '1' ? '%' : unit_text(metric.unit);
  const shown_value = (p) => {
    const value = relative ? ratio_of(p, metric.name) : value_of(p, metric.name);
    return is_number(value) ? value * scale : null;
  };

  const all = visible_points().map(shown_value).filter((v) => is_number(v) && v > 0);
  const least = Math.min(...all);
  const most = Math.max(...all, relative ? 1 : 0);
  const log = all.length > 1 && most / least > 40;
  // Bars of a logarithmic axis begin at 1 when they are ratios, otherwise at its end.
  const log_low = 10 ** Math.floor(Math.log10(relative ? Math.min(least, 1) : least));

  const chart = (group, group_points) => {
    const rows = group_points.map((point) => {
      const value = shown_value(point);
      const base = base_of(point) === point;
      const absolute = with_unit(value_of(point, metric.name), metric);
      return {
        label: label_of(point, group.skip), value, base, broken: point.status === 'broken',
        text: point.status === 'failed' ? 'failed'
          : value === null ? (relative ? `${absolute}, no baseline` : '-')
          : `${relative ? (base ? `baseline: ${absolute}` : `${ratio_text(value)}  (${absolute})`) : absolute}` +
            `${point.status === 'broken' ? '  ▲ broken' : ''}`,
      };
    });
    if (state.order === 'value') rows.sort((a, b) => (a.value ?? Infinity) - (b.value ?? Infinity));
    const colour = (row) => {
      // How long it took to go wrong is neither good nor bad.
      if (row.broken) return faint(theme_colour('same'), 0.55);
      if (!relative) return theme_colour('plain');
      if (row.base) return theme_colour('same');
      if (metric.better === 'neither' || row.value === null) return theme_colour('plain');
      if (Math.abs(row.value - 1) < 0.0005) return theme_colour('same');
      return theme_colour((row.value < 1) === (metric.better === 'lower') ? 'better' : 'worse');
    };
    return row_chart(rows, {
      datasets: () => [{data: rows.map((row) => row.value), backgroundColor: rows.map(colour),
        base: log ? (relative ? 1 : log_low) : 0}],
      x: () => {
        const name = relative ? `${metric.name}, relative to the baseline (ratio)` : `${metric.name}${unit ? ` (${unit})` : ''}`;
        return log ? log_axis(name, log_low, most * 1.05)
          : axis_options(name, {min: 0, max: most * 1.02, ticks: {callback: tick_text, maxTicksLimit: 6}});
      },
      plugins: relative ? [() => reference_line(1, theme_colour('text'))] : [],
      summary: `${metric.name} ${relative ? `relative to ${baseline_text()}` : ''}: ` +
          rows.map((row) => `${row.label} ${row.text}`).join('; '),
      tooltip: {callbacks: {label: (item) => rows[item.dataIndex].text}},
    });
  };

  const better = {lower: 'lower is better', higher: 'higher is better', neither: ''}[metric.better];
  const title = relative ? `${metric.doc || metric.name}: relative to ${baseline_text()}` : `${metric.doc || metric.name}`;
  const keys = !relative ? [] : metric.better === 'neither' ? [{colour: theme_colour('plain'), text: 'other points'}]
    : [{colour: theme_colour('better'), text: 'better'}, {colour: theme_colour('worse'), text: 'worse'}];
  return [
    el('div', {class: 'controls'}, metric_chooser((name) => change({metric: name}, ['comparison', 'sweep', 'phases'])),
        chooser('Order', [['study', 'as in the study'], ['value', 'by value']], state.order,
            (order) => change({order}, ['comparison']))),
    el('h3', {}, `${title[0].toUpperCase()}${title.slice(1)}`),
    el('p', {class: 'muted small'}, [phase_text(), better, log ? 'logarithmic axis' : ''].filter(Boolean).join('; ')),
    relative ? legend([{colour: theme_colour('same'), text: 'baseline, or the same'}, ...keys]) : null,
    panels(chart),
  ].filter(Boolean);
}

// --- Sweep ----------------------------------------------------------------------------------------

const LINE_STYLES = [
  ['#0072b2', '#56b4e9', [], 'circle'], ['#c4550a', '#f0a04b', [7, 3], 'triangle'], ['#00795a', '#35c49a', [2, 2], 'rect'],
  ['#a4457f', '#dd8fbb', [9, 3, 2, 3], 'rectRot'], ['#6b6b00', '#d6cf4a', [], 'star'], ['#444a52', '#c3c9d1', [4, 2], 'crossRot'],
  ['#332288', '#8f83e0', [2, 2], 'cross'], ['#882255', '#c2587f', [7, 3], 'line'],
];

function sweep_section() {
  const numeric = varying.filter((axis) => axis.numbers);
  if (points.length < 3 || (numeric.length === 0 && varying.length < 2)) return [];
  const can_lines = numeric.length > 0;
  const can_matrix = varying.length > 1;
  const chosen = state.sweep;
  chosen.kind ??= numeric.some((axis) => axis.values.length > 2) || !can_matrix ? 'lines' : 'matrix';
  if (chosen.kind === 'lines') {
    if (!numeric.some((axis) => axis.index === chosen.x)) {
      chosen.x = numeric.reduce((a, b) => (b.values.length > a.values.length ? b : a)).index;
    }
  } else if (!varying.some((axis) => axis.index === chosen.x)) {
    chosen.x = varying[varying.length - 1].index;
  }
  if (chosen.by === undefined || chosen.by === chosen.x) {
    // The longest other axis tells most.
    chosen.by = varying.filter((axis) => axis.index !== chosen.x)
        .reduce((a, b) => (a === null || b.values.length > a.values.length ? b : a), null)?.index ?? -1;
  }
  chosen.others ??= new Map();
  const metric = metric_named(state.metric);
  const others = varying.filter((axis) => axis.index !== chosen.x && axis.index !== chosen.by);
  for (const axis of others) if (!chosen.others.has(axis.index)) chosen.others.set(axis.index, 0);

  const again = (more) => change({sweep: {...state.sweep, ...more}}, ['sweep']);
  const x_axes = chosen.kind === 'lines' ? numeric : varying;
  const controls = el('div', {class: 'controls'},
      metric_chooser((name) => change({metric: name}, ['comparison', 'sweep', 'phases'])),
      can_lines && can_matrix ? chooser('Shown as', [['lines', 'lines'], ['matrix', 'coloured table']], chosen.kind,
          (kind) => again({kind, x: undefined, by: undefined})) : null,
      chooser(chosen.kind === 'lines' ? 'Along' : 'Columns', x_axes.map((axis) => [axis.index, axis.path]), chosen.x,
          (x) => again({x: Number(x)})),
      varying.length > 1 ? chooser(chosen.kind === 'lines' ? 'A line for each' : 'Rows',
          varying.filter((axis) => axis.index !== chosen.x).map((axis) => [axis.index, axis.path]), chosen.by,
          (by) => again({by: Number(by)})) : null,
      others.map((axis) => chooser(axis.path, axis.values.map((_, i) => [i, value_text(axis, i)]),
          chosen.others.get(axis.index), (value) => again({others: new Map(chosen.others).set(axis.index, Number(value))}))));

  const shown = visible_points();
  const at = (x, by) => shown.find((p) => p.axes[chosen.x] === x && (chosen.by < 0 || p.axes[chosen.by] === by) &&
      others.every((axis) => p.axes[axis.index] === chosen.others.get(axis.index)));
  const fixed = others.map((axis) => value_text(axis, chosen.others.get(axis.index))).join(', ');
  const title = `${metric.name} by ${report.axes[chosen.x].path}${chosen.by >= 0 ? ` and ${report.axes[chosen.by].path}` : ''}`;
  return [controls, el('h3', {}, title), el('p', {class: 'muted small'}, [fixed, phase_text(), metric.doc].filter(Boolean).join('; ')),
    ...(chosen.kind === 'lines' ? sweep_lines(chosen, metric, at) : sweep_matrix(chosen, metric, at))];
}

function sweep_lines(chosen, metric, at) {
  const axis = report.axes[chosen.x];
  const percent = metric.unit === '1';
  const places = axis.numbers.values.map((number, i) => [number, i]).sort((a, b) => a[0] - b[0]);
  const lines = (chosen.by < 0 ? [-1] : report.axes[chosen.by].values.map((_, i) => i)).map((by) => ({
    name: by < 0 ? metric.name : value_text(report.axes[chosen.by], by),
    data: places.map(([x, i]) => {
      const point = at(i, by);
      const y = point === undefined ? null : value_of(point, metric.name);
      return {x, y: is_number(y) ? y * (percent ? 100 : 1) : null};
    }).filter((place) => place.y !== null),
  })).filter((line) => line.data.length > 0);
  const left_out = Math.max(0, lines.length - LINE_STYLES.length);
  lines.length = Math.min(lines.length, LINE_STYLES.length);
  if (lines.length === 0) return [el('p', {class: 'muted'}, 'No point has this metric here.')];
  const colour = (i) => LINE_STYLES[i][is_dark() ? 1 : 0];
  const xs = places.map(([x]) => x);
  const log = xs[0] > 0 && xs[xs.length - 1] / xs[0] >= 8;
  const unit = percent ? '%' : unit_text(metric.unit);
  // The axis fits the lines: logarithmic where they differ much, from zero unless they hardly differ.
  const ys = lines.flatMap((line) => line.data.map((d) => d.y));
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const log_y = low > 0 && high / low > 40;
  const room_y = (high - low || Math.abs(high) || 1) * 0.08;
  const y_title = `${metric.name}${unit ? ` (${unit})` : ''}`;
  const y_axis = () => (log_y ? log_axis(y_title, low, high * 1.05)
    : axis_options(low > high * 0.75 ? `${y_title}, not from zero` : y_title,
        {min: low > high * 0.75 ? low - room_y : Math.min(0, low), max: high + room_y,
          ticks: {callback: tick_text, maxTicksLimit: 7}}));
  const x_title = `${axis.numbers.name}${axis.numbers.unit ? ` (${axis.numbers.unit})` : ''}${log ? ', logarithmic' : ''}`;
  const chart = chart_box(360, `${metric.name} along ${axis.path}: ${lines.map((l) =>
    `${l.name} ${l.data.map((d) => `${d.x}: ${number_text(d.y)}`).join(', ')}`).join('; ')}`, (width) => {
    const named = width >= NARROW;
    const room = named ? Math.max(...lines.map((l) => l.name.length)) * 7.4 + 16 : 8;
    return {
      type: 'line',
      data: {datasets: lines.map((line, i) => ({label: line.name, data: line.data, borderColor: colour(i), backgroundColor: colour(i),
        borderDash: LINE_STYLES[i][2], pointStyle: LINE_STYLES[i][3], pointRadius: 4, borderWidth: 2, tension: 0, clip: false}))},
      options: {
        layout: {padding: {right: room, top: 6}},
        interaction: {mode: 'x', intersect: false},
        scales: {
          x: axis_options(x_title, {type: log ? 'logarithmic' : 'linear', min: xs[0], max: xs[xs.length - 1], grid: {display: false},
            afterBuildTicks: (scale) => { scale.ticks = xs.map((value) => ({value})); }, ticks: {callback: number_text, autoSkip: true}}),
          y: y_axis(),
        },
        plugins: {tooltip: {callbacks: {
          title: (items) => (items.length > 0 ? `${axis.numbers.name} ${brief(items[0].parsed.x)} ${axis.numbers.unit}` : ''),
          label: (item) => `${item.dataset.label}: ${number_text(item.parsed.y)} ${unit}`,
        }}},
      },
      plugins: named && chosen.by >= 0 ? [line_names] : [],
    };
  });
  // The names stand at the lines' ends where there is room.
  const keys = lines.map((line, i) => ({colour: colour(i), text: line.name, shape: LINE_STYLES[i][2].length > 0 ? 'line dashed' : 'line'}));
  return [innerWidth < NARROW + 80 || is_printing() ? legend(keys) : null, chart,
    left_out > 0 ? el('p', {class: 'small muted'}, `${plural(left_out, 'line')} more than the eye can tell apart left out; the coloured table has all.`) : null].filter(Boolean);
}

/** Names at the right ends of lines, moved apart where they would cover each other. */
const line_names = {
  id: 'line_names',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea} = chart;
    const ends = chart.data.datasets.map((set, i) => {
      const last = chart.getDatasetMeta(i).data.at(-1);
      return last === undefined ? null : {name: set.label, colour: set.borderColor, y: last.y};
    }).filter(Boolean).sort((a, b) => a.y - b.y);
    for (let i = 1; i < ends.length; ++i) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 14);
    const over = ends.length > 0 ? ends.at(-1).y - chartArea.bottom : 0;
    if (over > 0) {
      ends.at(-1).y -= over;
      for (let i = ends.length - 2; i >= 0; --i) ends[i].y = Math.min(ends[i].y, ends[i + 1].y - 14);
    }
    ctx.save();
    ctx.font = font(12);
    ctx.textBaseline = 'middle';
    for (const end of ends) {
      ctx.fillStyle = end.colour;
      ctx.fillText(end.name, chartArea.right + 10, end.y);
    }
    ctx.restore();
  },
};

/** A colour between the card's and `strong`, and the ink to write on it. */
function shade(share, strong) {
  return `background:color-mix(in srgb, var(--${strong}) ${(Math.min(1, Math.max(0, share)) * 62).toFixed(0)}%, var(--card))`;
}

function sweep_matrix(chosen, metric, at) {
  const columns = report.axes[chosen.x];
  const rows = chosen.by < 0 ? {values: [''], path: ''} : report.axes[chosen.by];
  const cells = rows.values.map((_, by) => columns.values.map((__, x) => at(x, chosen.by < 0 ? -1 : by)));
  const values = cells.flat().filter(Boolean).map((p) => value_of(p, metric.name)).filter(is_number);
  const low = Math.min(...values);
  const high = Math.max(...values);
  // Values of very different size are told apart on a logarithmic scale; what is not above zero is at its end.
  const least = Math.min(...values.filter((v) => v > 0));
  const log = low >= 0 && high / least > 30;
  const share = (v) => (high === low || (log && v <= 0) ? 0
    : log ? Math.log(v / least) / Math.log(high / least) : (v - low) / (high - low));
  const text = (v) => (metric.unit === '1' ? percent_text(v) : number_text(v));
  const cell = (point) => {
    if (point === undefined) return el('td', {class: 'muted'}, '');
    const value = value_of(point, metric.name);
    const mark = point.status === 'ok' ? '' : point.status === 'failed' ? '✗ failed' : ' ▲';
    return el('td', {class: 'cell', style: is_number(value) ? shade(share(value), metric.better === 'higher' ? 'better' : 'worse') : null,
      title: `${point.text}: ${with_unit(value, metric)}${point.error ? `; ${point.error}` : ''}`},
    is_number(value) ? `${text(value)}${mark}` : mark || '-');
  };
  const unit = metric.unit === '1' ? '' : unit_text(metric.unit);
  return [el('p', {class: 'muted small'}, `${unit ? `In ${unit}; ` : ''}the stronger the colour, the larger the value` +
      `${log ? ' (logarithmic)' : ''}. ▲: the point broke a guarantee.`),
  el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'coloured table'}, el('table', {},
      el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, rows.path), columns.values.map((_, i) => el('th', {scope: 'col'}, value_text(columns, i))))),
      el('tbody', {}, cells.map((line, by) => el('tr', {}, el('th', {scope: 'row'}, chosen.by < 0 ? '' : value_text(rows, by)), line.map(cell))))))];
}

// --- Where the time went --------------------------------------------------------------------------

function time_section() {
  if (!points.some((p) => is_number(value_of(p, 'cpu.share.idle', -1)))) return [];
  const percent = state.time === 'percent';
  const scale = (p) => (percent ? 100 : (value_of(p, 'sim_seconds') ?? 0));
  const present = ACTIVITIES.filter(([name]) => points.some((p) => value_of(p, `cpu.share.${name}`, -1) > 0));
  const unit = percent ? '% of the cores’ time' : 'seconds of simulated time, mean of the cores';

  const chart = (group, group_points) => {
    const rows = group_points.map((point) => {
      const idle = value_of(point, 'cpu.share.idle');
      return {label: label_of(point, group.skip),
        text: point.status === 'failed' ? 'failed' : percent ? (is_number(idle) ? `${((1 - idle) * 100).toFixed(0)} % busy` : '')
          : duration_text(value_of(point, 'sim_seconds'))};
    });
    const most = Math.max(...group_points.map((p) => scale(p) ?? 0));
    return row_chart(rows, {
      stacked: true,
      datasets: () => present.map((activity) => ({
        label: activity[0], data: group_points.map((p) => (value_of(p, `cpu.share.${activity[0]}`) ?? 0) * scale(p)),
        backgroundColor: activity_colour(activity), ink: ink_on(activity_colour(activity)), minBarLength: 0,
        borderColor: theme_colour('card'), borderWidth: {right: 1}, borderSkipped: false,
      })),
      x: () => axis_options(unit, {stacked: true, min: 0, max: percent ? 100 : most, ticks: {callback: tick_text, maxTicksLimit: 6}}),
      plugins: [() => segment_names],
      summary: `Where the time went: ${group_points.map((p) => `${label_of(p, group.skip)}: ${top_shares(p)}`).join('; ')}`,
      tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${number_text(item.parsed.x)} ${percent ? '%' : 's'}`},
        filter: (item) => item.parsed.x > 0},
    });
  };
  return [
    el('div', {class: 'controls'}, chooser('Unit', [['seconds', 'seconds'], ['percent', 'per cent']], state.time,
        (time) => change({time}, ['time']))),
    el('h3', {}, 'What the processor cores did, by activity'),
    el('p', {class: 'muted small'}, `${phase_text()}; ${unit}${!percent && state.panels.length > 0 ? '; each panel has its own scale' : ''}`),
    legend(present.map((activity) => ({colour: activity_colour(activity), text: activity[0], title: activity[3]}))),
    panels(chart),
  ];
}

// --- Use ---------------------------------------------------------------------------------------------

const USES = [['cpu.utilization', 'CPU', 'use-cpu', 'circle'], ['engine.utilization', 'engine', 'use-engine', 'triangle'],
  ['disk.utilization', 'disk', 'use-disk', 'rect']];

function wait_section() {
  const names = [['', 'all requests'], ['read.', 'reads'], ['write.', 'writes']]
      .filter(([direction]) => points.some((p) => is_number(value_of(p, `stage_us.${direction}disk`, -1))));
  const direction = (names.find(([d]) => d === state.wait) ?? names[0] ?? [''])[0];
  const value = (point, wait) => value_of(point, `stage_us.${direction}${wait[0]}`, -1) ?? 0;
  const present = WAITS.filter((wait) => points.some((p) => value(p, wait) > 0));
  if (present.length === 0) return [];
  const whole = (point) => WAITS.reduce((sum, wait) => sum + value(point, wait), 0);
  const longest = (point) => present.map((wait) => [value(point, wait), wait[0]]).sort((a, b) => b[0] - a[0])
      .slice(0, 3).map(([us, name]) => `${name} ${number_text(us)} us`).join(', ');
  const chart = (group, group_points) => row_chart(
      group_points.map((p) => ({label: label_of(p, group.skip), text: p.status === 'failed' ? 'failed' : `${number_text(whole(p))} us`})), {
        stacked: true,
        datasets: () => present.map((wait) => ({
          label: wait[0], data: group_points.map((p) => value(p, wait)),
          backgroundColor: activity_colour(wait), ink: ink_on(activity_colour(wait)), minBarLength: 0,
          borderColor: theme_colour('card'), borderWidth: {right: 1}, borderSkipped: false,
        })),
        x: () => axis_options('us, mean of a request', {stacked: true, min: 0, max: Math.max(...group_points.map(whole)),
          ticks: {callback: tick_text, maxTicksLimit: 6}}),
        plugins: [() => segment_names],
        summary: `Where a request waits: ${group_points.map((p) => `${label_of(p, group.skip)}: ${longest(p)}`).join('; ')}`,
        tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${number_text(item.parsed.x)} us`},
          filter: (item) => item.parsed.x > 0},
      });
  return [
    names.length < 2 ? null : el('div', {class: 'controls'}, chooser('Of', names, direction, (wait) => change({wait}, ['wait']))),
    el('h3', {}, 'Mean time of a request, by what it waits for'),
    el('p', {class: 'muted small'}, 'whole run; the parts of a bar add up to the mean latency'
        + (state.panels.length > 0 ? '; each panel has its own scale' : '')),
    legend(present.map((wait) => ({colour: activity_colour(wait), text: wait[0], title: wait[3]}))),
    panels(chart),
  ].filter(Boolean);
}

function use_section() {
  const uses = USES.filter(([name]) => points.some((p) => is_number(value_of(p, name, -1))));
  if (uses.length === 0) return [];
  const chart = (group, group_points) => row_chart(group_points.map((p) => ({label: label_of(p, group.skip)})), {
    type: 'line', room: 10,
    datasets: () => uses.map(([name, text, colour, shape]) => ({
      label: text, showLine: false, pointStyle: shape, pointRadius: 6, pointHoverRadius: 7, clip: false,
      borderColor: theme_colour('card'), backgroundColor: theme_colour(colour),
      data: group_points.map((p) => (is_number(value_of(p, name)) ? value_of(p, name) * 100 : null)),
    })),
    x: () => axis_options('busy (% of the time)', {min: 0, max: 100, ticks: {stepSize: 20}}),
    plugins: [() => row_lines],
    summary: `Use: ${group_points.map((p) => `${label_of(p, group.skip)}: ${uses.map(([name, text]) =>
      `${text} ${percent_text(value_of(p, name))}`).join(', ')}`).join('; ')}`,
    tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${item.parsed.x.toFixed(1)} %`}},
  });
  return [el('h3', {}, 'Share of the time in which cores, engines and disk were busy'),
    el('p', {class: 'muted small'}, phase_text()),
    legend(uses.map(([, text, colour, shape]) => ({colour: theme_colour(colour), text, shape}))), panels(chart)];
}

/** A faint line for each row, so that the eye finds the label that belongs to a dot. */
const row_lines = {
  id: 'row_lines',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea} = chart;
    ctx.save();
    ctx.strokeStyle = theme_colour('line');
    for (let i = 0; i < chart.data.labels.length; ++i) {
      const y = row_centre(chart, i);
      ctx.beginPath();
      ctx.moveTo(chartArea.left, y);
      ctx.lineTo(chartArea.right, y);
      ctx.stroke();
    }
    ctx.restore();
  },
};

// --- Latency -------------------------------------------------------------------------------------------

function latency_section() {
  const quantiles = ['latency_us.p50', 'latency_us.p95', 'latency_us.p99', 'latency_us.max'];
  if (!points.some((p) => value_of(p, quantiles[0], -1) > 0)) return [];
  const all = visible_points().flatMap((p) => quantiles.map((name) => value_of(p, name))).filter((v) => v > 0);
  const low = Math.min(...all);
  const high = Math.max(...all);
  const parts = [['median to 95th percentile', 1], ['95th to 99th percentile', 0.55], ['99th percentile to longest', 0.25]];
  const chart = (group, group_points) => {
    const at = (p, name) => Math.max(value_of(p, name) ?? NaN, low);
    const rows = group_points.map((p) => ({label: label_of(p, group.skip),
      text: p.status === 'failed' ? 'failed' : is_number(value_of(p, 'latency_us.p50'))
        ? `${brief(value_of(p, 'latency_us.p50'))} / ${brief(value_of(p, 'latency_us.p99'))}` : '-'}));
    return row_chart(rows, {
      datasets: () => parts.map(([label, alpha], i) => ({label, grouped: false, backgroundColor: faint(theme_colour('first'), alpha),
        data: group_points.map((p) => {
          const from = at(p, quantiles[i]);
          return is_number(from) ? [from, at(p, quantiles[i + 1])] : null;
        })})),
      x: () => log_axis('latency of a bio (µs)', low, high),
      summary: `Latency in microseconds, median and 99th percentile: ${rows.map((r) => `${r.label} ${r.text}`).join('; ')}`,
      tooltip: {callbacks: {
        title: (items) => rows[items[0].dataIndex].label,
        label: (item) => `${item.dataset.label}: ${number_text(item.raw[0])} to ${number_text(item.raw[1])} µs`,
      }},
    });
  };
  return [el('h3', {}, 'How long a bio took, from its submission to its end'),
    el('p', {class: 'muted small'}, `${phase_text()}; behind each bar: median / 99th percentile in µs`),
    legend(parts.map(([text, alpha]) => ({colour: faint(theme_colour('first'), alpha), text}))), panels(chart)];
}

// --- Two points closely ----------------------------------------------------------------------------------

const BINS_PER_DECADE = 8;

/** Shares of the requests in equal steps of the logarithm: [[from, to, share]]. */
function log_bins(buckets) {
  const counts = new Map();
  let total = 0;
  for (const [upper, count] of buckets) {
    // A bucket is narrower than a bin; its upper edge belongs to it.
    const bin = Math.ceil(Math.log10(Math.max(upper, 1e-3)) * BINS_PER_DECADE - 1e-9) - 1;
    counts.set(bin, (counts.get(bin) ?? 0) + count);
    total += count;
  }
  if (total === 0) return [];
  const bins = [...counts.keys()];
  const out = [];
  for (let bin = Math.min(...bins); bin <= Math.max(...bins); ++bin) {
    out.push([10 ** (bin / BINS_PER_DECADE), 10 ** ((bin + 1) / BINS_PER_DECADE), (counts.get(bin) ?? 0) / total]);
  }
  return out;
}

function histogram(direction, looked_at) {
  const sets = looked_at.map(({point, colour, dash}) => ({
    name: point.text, colour, dash, bins: log_bins(point.latency?.[direction] ?? []),
  })).filter((set) => set.bins.length > 0);
  if (sets.length === 0) return null;
  const low = Math.min(...sets.map((set) => set.bins[0][0]));
  const high = Math.max(...sets.map((set) => set.bins.at(-1)[1]));
  return el('div', {class: 'panel'}, el('h4', {}, `Latency of ${direction}s`),
      chart_box(230, `Distribution of the latency of ${direction}s`, () => ({
        type: 'line',
        data: {datasets: sets.map(({name, colour, dash, bins}) => ({
          label: name, borderColor: theme_colour(colour), backgroundColor: faint(theme_colour(colour), 0.16), borderDash: dash, borderWidth: 1.8,
          fill: 'origin', pointRadius: 0, pointHitRadius: 5, tension: 0,
          data: [{x: bins[0][0], y: 0}, ...bins.flatMap(([from, to, share]) => [{x: from, y: share * 100}, {x: to, y: share * 100}]),
            {x: bins.at(-1)[1], y: 0}],
        }))},
        options: {
          layout: {padding: {right: 8, top: 4}},
          scales: {
            x: log_axis('latency (µs)', low, high, {grid: {display: false}}),
            y: axis_options(`share of the ${direction}s (%)`, {min: 0, ticks: {callback: tick_text, maxTicksLimit: 6}}),
          },
          plugins: {tooltip: {callbacks: {title: (items) => `${number_text(items[0].parsed.x)} µs`,
            label: (item) => `${item.dataset.label}: ${number_text(item.parsed.y)} %`}}},
        },
      })));
}

function closely_section() {
  if (state.first === null) return [];
  // What the filter leaves, and what is looked at.
  const shown = new Set([...visible_points(), state.first, state.second]);
  const options = points.filter((p) => shown.has(p)).map((p) => [p.number, p.text]);
  const choose = (slot) => (number) =>
    change({[slot]: Number(number) < 0 ? null : points[Number(number)]}, ['closely', 'configuration']);
  const out = [];
  if (points.length > 1) {
    out.push(el('div', {class: 'controls'}, chooser('Point', options, state.first.number, choose('first')),
        chooser('Beside it', [[-1, '(none)'], ...options], state.second?.number ?? -1, choose('second'))));
  }
  const looked_at = [{point: state.first, colour: 'first', dash: []}, {point: state.second, colour: 'second', dash: [6, 3]}]
      .filter(({point}) => point !== null);

  const with_series = looked_at.filter(({point}) => point.series);
  if (with_series.length > 0) {
    out.push(el('h3', {}, 'Over simulated time'), el('p', {class: 'muted small'},
        `${with_series.length > 1 ? 'Both with the same axes. ' : ''}Phases are marked above the charts. A value is the mean of ` +
        `${with_series.map(({point}) => `${number_text(point.series.bin_seconds)} s`).join(' or ')}.`),
    el('div', {class: `panels ${with_series.length === 1 ? 'single' : ''}`}, over_time(with_series)));
  }
  const histograms = ['read', 'write'].map((direction) => histogram(direction, looked_at)).filter(Boolean);
  if (histograms.length > 0) {
    out.push(el('h3', {}, 'Distribution of the latency, whole run'),
        legend(looked_at.map(({point, colour, dash}) => ({colour: theme_colour(colour), text: point.text, shape: `line ${dash.length > 0 ? 'dashed' : ''}`}))),
        el('div', {class: 'panels'}, histograms));
  }
  if (with_series.length === 0 && histograms.length === 0) {
    out.push(el('p', {class: 'muted'}, 'These results hold no course over time and no distribution of latencies: they are of an older run, or the run was no replay.'));
  }
  out.push(el('details', {}, el('summary', {}, `Every metric${state.second ? ', side by side' : ''}`), metric_table(looked_at)));
  return out;
}

function over_time(looked_at) {
  const list = (series, name) => series[name] ?? [];
  const end = ({point}) => Math.max(point.series.bin_seconds * list(point.series, 'in_flight').length, ...point.series.phases.map((p) => p.to));
  const longest = Math.max(...looked_at.map((l) => Math.min(end(l), value_of(l.point, 'sim_seconds', -1) ?? Infinity)));
  const peak = (...names) => Math.max(1e-9, ...looked_at.flatMap(({point}) => names.flatMap((name) => list(point.series, name))));
  const x_max = longest;
  const CHARTS = [
    {title: 'Throughput (MB/s)', unit: 'MB/s', lines: [['read', 'first', [], 'read_mb_s'], ['write', 'second', [6, 3], 'write_mb_s']]},
    {title: 'Requests in flight and at the disk (mean)', unit: 'requests', lines: [['in flight', 'first', [], 'in_flight'],
      ['at the disk', 'third', [6, 3], 'disk_queue']]},
    {title: 'Busy (% of the time)', unit: '%', percent: true, lines: [['CPU', 'use-cpu', [], 'cpu_busy'],
      ['engine', 'use-engine', [6, 3], 'engine_busy'], ['disk', 'use-disk', [2, 2], 'disk_busy']]},
  ];
  return looked_at.map(({point}) => el('div', {class: 'panel'}, el('h4', {}, point.text),
      CHARTS.map(({title, unit, percent, lines}) => {
        const present = lines.filter(([, , , name]) => list(point.series, name).length > 0);
        if (present.length === 0) return null;
        return el('div', {}, el('p', {class: 'small'}, title),
            legend(present.map(([name, colour, dash]) => ({colour: theme_colour(colour), text: name, shape: `line ${dash.length > 0 ? 'dashed' : ''}`}))),
            time_chart(point.series, present.map(([name, colour, dash, key]) =>
              ({name, colour, dash, values: list(point.series, key), fill: key === 'read_mb_s' || key === 'write_mb_s'})),
            {unit, percent, x_max, y_max: peak(...lines.map(([, , , name]) => name)) * 1.05, summary: `${title} over simulated time, ${point.text}`}));
      })));
}

function metric_table(looked_at) {
  const rows = report.metrics.filter((metric) => looked_at.some(({point}) => is_number(value_of(point, metric.name))));
  const columns = [
    {title: 'metric', words: true, value: (m) => m.name},
    ...looked_at.map(({point}) => ({title: point.text, value: (m) => value_of(point, m.name), text: (m) => number_text(value_of(point, m.name))})),
  ];
  if (looked_at.length > 1) {
    const quotient = (m) => {
      const [a, b] = looked_at.map(({point}) => value_of(point, m.name));
      return is_number(a) && is_number(b) && a !== 0 ? b / a : null;
    };
    columns.push({title: 'second / first', value: quotient, text: (m) => ratio_text(quotient(m))});
  }
  columns.push({title: 'unit', words: true, value: (m) => unit_text(m.unit)}, {title: 'what', words: true, wrap: true, value: (m) => m.doc});
  return data_table(columns, rows, {filter: 'Filter metrics', label: 'Every metric'});
}

// --- Phases ------------------------------------------------------------------------------------------------

const PHASE_COLUMNS = 12;

function phases_section() {
  if (report.phases.length < 2) return [];
  const metric = metric_named(state.metric);
  const name = phase_index.has(metric_index.get(metric.name)) ? metric.name : 'sim_seconds';
  const shown = metric_named(name);
  const tables = groups().map((group) => {
    const own = report.phases.map((_, i) => i).filter((i) => group.points.some((p) => p.phases[i]));
    if (own.length < 2) return null;
    const columns = group.points.filter((p) => p.status !== 'failed').slice(0, PHASE_COLUMNS);
    const cell = (point, phase) => {
      const value = value_of(point, name, phase);
      const ratio = ratio_of(point, name, phase);
      // A factor of two is the full colour.
      const strength = is_number(ratio) && ratio > 0 ? Math.abs(Math.log2(ratio)) : 0;
      const good = (ratio < 1) === (shown.better === 'lower');
      return el('td', {class: 'cell', style: strength > 0.005 && shown.better !== 'neither' ? shade(strength, good ? 'better' : 'worse') : null},
          shown.unit === '1' ? percent_text(value) : number_text(value),
          is_number(ratio) && base_of(point) !== point ? el('span', {class: 'small'}, ` (${ratio_text(ratio)})`) : null);
    };
    const cut = group.points.length > columns.length
      ? el('p', {class: 'small muted'}, `${columns.length} of ${group.points.length} points shown; the filter above narrows them.`) : null;
    return el('div', {}, group.title ? el('h4', {}, group.title) : null,
        el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Phases ${group.title}`}, el('table', {},
            el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, 'phase'), columns.map((p) => el('th', {scope: 'col'}, label_of(p, group.skip))))),
            el('tbody', {}, own.map((phase) => el('tr', {}, el('th', {scope: 'row'}, report.phases[phase]), columns.map((p) => cell(p, phase))))))), cut);
  }).filter(Boolean).slice(0, state.all_panels ? Infinity : PANELS_AT_ONCE);
  if (tables.length === 0) return [el('p', {class: 'muted'}, 'The points shown have one phase each.')];
  const unit = shown.unit === '1' ? '' : ` (${unit_text(shown.unit)})`;
  return [
    el('div', {class: 'controls'}, metric_chooser((chosen) => change({metric: chosen}, ['comparison', 'sweep', 'phases']), name)),
    el('h3', {}, `${name}${unit} of each phase`),
    el('p', {class: 'muted small'}, state.baseline.size > 0
      ? `In brackets: relative to ${baseline_text()}. Blue is better, orange worse; full colour from a factor of two on.` : 'No baseline chosen.'),
    ...tables,
  ];
}

// --- Faults and integrity ------------------------------------------------------------------------------------

const VERDICTS = ['right', 'failed', 'hung', 'lost', 'ended_twice', 'wrong_on_disk', 'wrong_data', 'plaintext_on_disk'];

function faults_section() {
  const shown = visible_points();
  const total = (name) => shown.reduce((sum, p) => sum + (p.integrity?.[name] ?? 0), 0);
  const names = [...new Set(points.flatMap((p) => Object.keys(p.integrity ?? {})))];
  if (names.length === 0) return [];
  const tellers = shown.filter((p) => p.faults || p.broken || p.hazards || p.status === 'broken');
  const checked = `${plural(total('requests_ended'), 'request')} ended; ${plural(total('verified_reads'), 'read')} and ` +
      `${plural(total('verified_disk_sectors'), 'sector')} on the disks were checked against a reference cipher`;
  const out = [el('p', {}, `In the ${plural(shown.length, 'point')} shown: ${checked}.`)];
  if (tellers.length === 0) {
    out.push(el('p', {}, el('span', {class: 'verdict ok'}, '✓ '), 'No fault was injected, and no guarantee was broken.'));
  } else {
    const verdicts = VERDICTS.filter((name) => points.some((p) => is_number(value_of(p, `verdict.${name}`, -1))));
    out.push(el('h3', {}, 'What became of the requests'), data_table([
      {title: 'point', words: true, value: (p) => p.number, text: (p) => p.text, node: (p) => point_link(p)},
      {title: 'status', words: true, value: (p) => p.status, node: status_node},
      {title: 'faults that happened', words: true, value: (p) => (p.faults ?? []).reduce((sum, f) => sum + f.fired, 0),
        text: (p) => (p.faults ?? []).map((f) => `${f.kind}: ${f.fired} of ${grouped(String(f.opportunities))}` +
            (f.hit ? ` (${f.hit})` : '')).join(', ') || '-'},
      ...verdicts.map((name) => ({title: name.replaceAll('_', ' '), unit: 'requests', doc: metric_named(`verdict.${name}`).doc,
        value: (p) => value_of(p, `verdict.${name}`, -1), text: (p) => number_text(value_of(p, `verdict.${name}`, -1))})),
      {title: 'broken guarantees', words: true, wrap: true, value: (p) => [...(p.broken ?? []), ...(p.hazards ?? [])].join('; '),
        text: (p) => [...(p.broken ?? []), ...(p.hazards ?? [])].join('; ') || (p.status === 'broken' ? p.error : '-')},
    ], tellers, {filter: 'Filter', label: 'Faults'}));
  }
  out.push(el('details', {}, el('summary', {}, 'Integrity counters'), data_table([
    {title: 'counter', words: true, value: (name) => name},
    {title: 'all points shown', value: (name) => total(name), text: (name) => grouped(String(total(name)))},
    {title: 'points with one', value: (name) => shown.filter((p) => p.integrity?.[name] > 0).length},
  ], names, {label: 'Integrity counters'})));
  return out;
}

// --- Configuration ----------------------------------------------------------------------------------------------

const config_text = (value) => (value === null || value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value));

function configuration_section() {
  const {common, keys, units} = report.config;
  if (keys.length === 0 && Object.keys(common).length === 0) return [];
  const of = config_of;
  const shown = visible_points();
  const out = [el('p', {class: 'muted small'}, `cesasim ${report.version}; ${plural(Object.keys(common).length, 'value')} that every point shares, ${keys.length} that differ.`)];
  if (keys.length > 0) {
    const distinct = (key) => [...new Set(shown.map((p) => config_text(of(p, key))))];
    out.push(el('details', {open: keys.length <= 12}, el('summary', {}, `What differs between the points (${plural(keys.length, 'key')})${shown.length < points.length ? `, values of the ${plural(shown.length, 'point')} shown` : ''}`), data_table([
      {title: 'key', words: true, value: (key) => key},
      {title: 'unit', words: true, value: (key) => units[key] ?? ''},
      {title: 'values', words: true, wrap: true, value: (key) => distinct(key).join(' · ')},
    ], keys, {filter: keys.length > 12 ? 'Filter keys' : undefined, label: 'Keys that differ'})));
  }
  if (state.first !== null) {
    const looked_at = [state.first, state.second].filter(Boolean);
    const all = [...keys, ...Object.keys(common)];
    out.push(el('details', {}, el('summary', {}, `Resolved configuration of ${looked_at.map((p) => `“${p.text}”`).join(' and ')}`),
        el('p', {class: 'muted small'}, `Marked: keys whose values differ between points.${points.length > 1 ? ' The points are chosen in “Two points closely”.' : ''}`),
        data_table([
          {title: 'key', words: true, value: (key) => key},
          ...looked_at.map((point) => ({title: point.text, words: true, wrap: true, value: (key) => config_text(of(point, key))})),
          {title: 'unit', words: true, value: (key) => units[key] ?? ''},
        ], all, {filter: 'Filter keys', label: 'Resolved configuration',
          row_class: (key) => (keys.includes(key) ? 'varies' : null)})));
  }
  return out;
}

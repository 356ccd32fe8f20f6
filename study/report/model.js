// SPDX-License-Identifier: Apache-2.0
// The data of the page (see report_data.h) and what the reader has chosen to see of it.

const report = JSON.parse(document.getElementById('data').textContent);

const metric_index = new Map(report.metrics.map((metric, i) => [metric.name, i]));
const phase_index = new Map(report.phase_metrics.map((index, i) => [index, i]));
const metric_named = (name) =>
  report.metrics[metric_index.get(name)] ?? {name, unit: '', doc: '', better: 'neither'};

/** Axes that tell the points apart. */
const varying = report.axes.map((axis, i) => ({...axis, index: i})).filter((axis) => axis.values.length > 1);

/** An axis' value for people: files without folder and endings, numbers with their key. */
function value_text(axis, index) {
  const value = axis.values[index];
  if (value === undefined) return '-';
  if (typeof value !== 'string') return `${axis.path.split('.').pop()}=${value}`;
  return axis.path === 'workload.trace' ? value.replace(/^.*\//, '').replace(/\.(csv|txt|blkparse|gz|zst)\b/g, '') : value;
}

/** The point's values of the axes that vary, less those in `skip`. */
function label_of(point, skip = []) {
  const parts = varying.filter((axis) => !skip.includes(axis.index))
      .map((axis) => value_text(axis, point.axes[axis.index]));
  return parts.join(' ') || (varying.length > 0 ? 'all' : '(one point)');
}

const points = report.points.map((point, i) => ({...point, number: i}));
for (const point of points) point.text = label_of(point);

/** A point's value of a configured key; undefined if it has none. */
function config_of(point, key) {
  const i = report.config.keys.indexOf(key);
  return i < 0 ? report.config.common[key] : point.config[i];
}

/**
 * Axes that change what the points have to do (trace, sizes, depth) and nothing else. Times of different
 * loads do not compare. null: an axis changes the load and more, so that no axis tells loads apart.
 */
const load_axes = (() => {
  const rest_of = (point, skip) => point.axes.map((value, axis) => (axis === skip ? '' : value)).join(',');
  const out = [];
  for (const axis of varying) {
    const seen = new Map();  // the other axes' values -> the first point that has them
    let load = axis.path === 'workload.trace';
    let more = false;
    for (const point of points) {
      // One that failed before it said what it was tells nothing.
      if (point.config.every((value) => value === null)) continue;
      const rest = rest_of(point, axis.index);
      const other = seen.get(rest);
      if (other === undefined) { seen.set(rest, point); continue; }
      report.config.keys.forEach((key, i) => {
        if (JSON.stringify(point.config[i]) === JSON.stringify(other.config[i])) return;
        if (key.startsWith('workload.')) load = true;
        else more = true;
      });
    }
    if (load && more) return null;
    if (load) out.push(axis.index);
  }
  return out;
})();

/** What the reader has chosen. */
const state = {
  filter: '',
  only: new Map(),       // axis -> index of the one value to show
  phase: -1,             // of report.phases; -1: the whole run
  baseline: new Map(),   // axis -> index of its value; empty: no comparison
  metric: metric_index.has('sim_seconds') ? 'sim_seconds' : (report.metrics[0]?.name ?? ''),
  order: 'study',
  panels: [],            // axes with a panel for each combination of their values; empty: one panel
  all_panels: false,
  time: 'seconds',
  wait: '',              // direction of the requests whose waits are shown
  first: null, second: null,  // the points looked at closely
  wanted: [],            // those that the reader chose, whether or not the filter leaves them
  sweep: {},
};

const key_of = (indices) => indices.join(',');
const by_axes = new Map();
for (const point of points) {
  if (point.status !== 'failed') by_axes.set(key_of(point.axes), point);
}

/** The point that `point` is compared with, or undefined. */
function base_of(point) {
  if (state.baseline.size === 0) return undefined;
  return by_axes.get(key_of(point.axes.map((value, axis) => state.baseline.get(axis) ?? value)));
}

/** A metric of the whole run, or of the phase in view; null if there is none. */
function value_of(point, name, phase = state.phase) {
  if (point.status === 'failed') return null;
  const index = metric_index.get(name);
  if (index === undefined) return null;
  if (phase < 0) return point.metrics[index];
  const at = phase_index.get(index);
  return at === undefined ? null : (point.phases[phase]?.[at] ?? null);
}

/** Relative to the baseline; null without one. */
function ratio_of(point, name, phase = state.phase) {
  const base = base_of(point);
  if (base === undefined) return null;
  const value = value_of(point, name, phase);
  const divisor = value_of(base, name, phase);
  return is_number(value) && is_number(divisor) && divisor !== 0 ? value / divisor : null;
}

function baseline_text() {
  return [...state.baseline].map(([axis, value]) => value_text(report.axes[axis], value)).join(' ');
}

/** The points that filter and choosers leave. */
function visible_points() {
  const words = state.filter.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return points.filter((point) => {
    for (const [axis, value] of state.only) {
      if (point.axes[axis] !== value) return false;
    }
    const text = `${point.text} ${point.label} ${point.status}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** [{title, points, skip}]: `of`, apart by the values of `axes`. */
function groups(axes = state.panels, of = visible_points()) {
  if (axes.length === 0) return [{title: '', points: of, skip: []}];
  const by_values = new Map();
  for (const point of of) {
    const key = key_of(axes.map((axis) => point.axes[axis]));
    if (!by_values.has(key)) by_values.set(key, []);
    by_values.get(key).push(point);
  }
  return [...by_values.values()].map((members) => ({
    title: axes.map((axis) => value_text(report.axes[axis], members[0].axes[axis])).join(', '), points: members, skip: axes,
  }));
}

const phase_text = () => (state.phase < 0 ? 'whole run' : `phase ${report.phases[state.phase]}`);

/** Metrics worth offering: some point has them, and not zero everywhere. */
const telling_metrics = report.metrics.filter((_, i) => points.some((p) => is_number(p.metrics[i]) && p.metrics[i] !== 0));

function choose_defaults() {
  for (const [path, value] of Object.entries(report.baseline ?? {})) {
    const axis = report.axes.findIndex((a) => a.path === path);
    const index = axis < 0 ? -1 : report.axes[axis].values.findIndex((v) => String(v) === String(value));
    if (index >= 0) state.baseline.set(axis, index);
  }
  // A panel for each load, unless every point has its own.
  const loads = load_axes ?? [];
  if (loads.length > 0 && groups(loads, points).length * 2 <= points.length) state.panels = loads;
  else if (points.length > 14 && varying.length > 1) state.panels = [varying[0].index];

  const usable = points.filter((point) => point.status !== 'failed');
  // With a baseline: that and what differs most from it; of the last panel, which is often the longest run.
  // Points whose course over time is known come first.
  const known = usable.filter((point) => point.series);
  const based = (known.length > 0 ? known : usable).filter((point) => base_of(point) === point);
  state.first = based[based.length - 1] ?? known[0] ?? usable[0] ?? points[0] ?? null;
  if (state.first === null) return;
  const others = (list) => list.filter((p) => p !== state.first);
  const siblings = (list) => others(list).filter((p) => state.panels.every((axis) => p.axes[axis] === state.first.axes[axis]));
  const seconds = (p) => value_of(p, 'sim_seconds', -1) ?? Infinity;
  const quickest = (list) => list.sort((a, b) => seconds(a) - seconds(b))[0];
  // Of the same load if there is one.
  state.second = quickest(siblings(known)) ?? quickest(others(known)) ?? quickest(siblings(usable)) ?? null;
}
choose_defaults();
state.wanted = [state.first, state.second];

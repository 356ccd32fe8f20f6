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

/** What the reader has chosen. */
const state = {
  filter: '',
  only: new Map(),       // axis -> index of the one value to show
  phase: -1,             // of report.phases; -1: the whole run
  baseline: new Map(),   // axis -> index of its value; empty: no comparison
  metric: metric_index.has('sim_seconds') ? 'sim_seconds' : (report.metrics[0]?.name ?? ''),
  order: 'study',
  panels: -1,            // axis with a panel for each value; -1: one panel
  all_panels: false,
  time: 'seconds',
  first: null, second: null,  // the points looked at closely
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

/** [{title, points, skip}]: the visible points, apart by the value of the panels' axis. */
function groups() {
  const shown = visible_points();
  if (state.panels < 0) return [{title: '', points: shown, skip: []}];
  const axis = report.axes[state.panels];
  return axis.values.map((_, value) => ({
    title: value_text(axis, value),
    points: shown.filter((point) => point.axes[state.panels] === value),
    skip: [state.panels],
  })).filter((group) => group.points.length > 0);
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
  const traces = varying.find((axis) => axis.path === 'workload.trace');
  if (traces !== undefined) state.panels = traces.index;
  else if (points.length > 14 && varying.length > 1) state.panels = varying[0].index;

  const usable = points.filter((point) => point.status !== 'failed');
  // With a baseline: that and what differs most from it; of the last panel, which is often the longest run.
  // Points whose course over time is known come first.
  const known = usable.filter((point) => point.series);
  const based = (known.length > 0 ? known : usable).filter((point) => base_of(point) === point);
  state.first = based[based.length - 1] ?? known[0] ?? usable[0] ?? points[0] ?? null;
  if (state.first === null) return;
  const siblings = (known.length > 1 ? known : usable).filter((p) => p !== state.first &&
      (state.panels < 0 || p.axes[state.panels] === state.first.axes[state.panels]));
  const seconds = (p) => value_of(p, 'sim_seconds', -1) ?? Infinity;
  state.second = siblings.sort((a, b) => seconds(a) - seconds(b))[0] ?? null;
}
choose_defaults();

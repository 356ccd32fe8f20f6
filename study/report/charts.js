// Charts: drawn by Chart.js when they come into view, labelled directly where there is room.

const NARROW = 560;        // px of a chart's width below which labels stand above the bars
const PANELS_AT_ONCE = 6;
const ROWS_PER_PANEL = 40;

// Activities of the cores: those of the crypto first. Twelve colours are more than any palette
// tells apart for everybody, so segments also carry their names, and neighbours differ in lightness.
const ACTIVITIES = [
  ['cipher', '#332288', '#8f83e0', 'encryption in software'],
  ['copy', '#88ccee', '#a8dcf5', 'copying data'],
  ['cache', '#117733', '#3fae63', 'cache maintenance for DMA'],
  ['driver', '#ddcc77', '#e6d88f', 'crypto driver'],
  ['ocf', '#aa4499', '#d07ac2', 'OCF core'],
  ['dm', '#44aa99', '#66cbb9', 'device-mapper and dm-crypt'],
  ['sched', '#882255', '#c2587f', 'context switches and wake-ups'],
  ['irq', '#ee9955', '#f3ae77', 'interrupt entry and exit'],
  ['block', '#2266aa', '#5a9bd8', 'block layer and disk driver'],
  ['fs', '#bbbb44', '#cfcf6a', 'file system and page cache'],
  ['user', '#cc6677', '#e08c9a', 'the application'],
  ['idle', '#e4e6e9', '#3a414c', 'nothing to run'],
];

const probe = el('span', {hidden: true});
document.body.append(probe);

/** A colour of report.css as the theme in force has it. */
function theme_colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function is_dark() {
  const forced = document.documentElement.dataset.theme;
  return forced ? forced === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** The same colour, partly transparent. `colour` is rgb(...) as getComputedStyle() gives it. */
const faint = (colour, alpha) => colour.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);

/** Black or white, whichever reads better on `hex`. */
function ink_on(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  return 0.299 * r + 0.587 * g + 0.114 * b > 0.58 ? '#15181c' : '#ffffff';
}

const activity_colour = (activity) => activity[is_dark() ? 2 : 1];

// --- Life of a chart -----------------------------------------------------------------------

const waiting = new Map();  // box -> function that draws it
const drawn = new Map();    // canvas -> {chart, box, configure}

function draw(box) {
  const configure = waiting.get(box);
  if (configure === undefined || !box.isConnected) return;
  waiting.delete(box);
  near.unobserve(box);
  const canvas = box.querySelector('canvas');
  drawn.set(canvas, {chart: new Chart(canvas, configure(box.clientWidth)), box, configure});
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) draw(entry.target);
  }
}, {rootMargin: '400px'});

function draw_all() {
  for (const box of [...waiting.keys()]) draw(box);
}

/** Frees the charts in what is about to be replaced. */
function forget_charts(parent) {
  for (const [canvas, {chart}] of [...drawn]) {
    if (!parent.contains(canvas)) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
  for (const box of [...waiting.keys()]) {
    if (!parent.contains(box)) continue;
    near.unobserve(box);
    waiting.delete(box);
  }
}

/** All charts anew, in the colours now in force. */
function redraw_charts() {
  for (const [canvas, {chart, box, configure}] of [...drawn]) {
    chart.destroy();
    drawn.set(canvas, {chart: new Chart(canvas, configure(box.clientWidth)), box, configure});
  }
}

/**
 * A chart's place. `configure(width)` gives Chart.js its configuration; `summary` is what a screen
 * reader says; `height` a number, or a function of the width.
 */
function chart_box(height, summary, configure) {
  const canvas = el('canvas', {role: 'img', 'aria-label': summary});
  const box = el('div', {class: 'canvas'}, canvas);
  // The width is known once the box stands in the page.
  requestAnimationFrame(() => {
    box.style.height = `${typeof height === 'function' ? height(box.clientWidth) : height}px`;
    near.observe(box);
  });
  waiting.set(box, (width) => {
    box.style.height = `${typeof height === 'function' ? height(width) : height}px`;
    const config = configure(width);
    config.options = {
      responsive: true, maintainAspectRatio: false, animation: false, color: theme_colour('text'),
      ...config.options,
    };
    config.options.plugins = {legend: {display: false}, title: {display: false}, ...config.options.plugins};
    return config;
  });
  return box;
}

function legend(entries) {
  return el('ul', {class: 'legend'}, entries.map(({colour, text, shape, title}) => {
    const swatch = el('span', {class: `swatch ${shape ?? ''}`, 'aria-hidden': 'true'});
    const [property, value] = (shape ?? '').startsWith('line') ? ['borderTopColor', colour] : ['backgroundColor', colour];
    swatch.style[property] = value;
    return el('li', {title}, swatch, text);
  }));
}

const font = (size = 12, weight = 'normal') => `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;

function axis_options(title, more = {}) {
  const {ticks, grid, ...rest} = more;
  return {
    title: {display: title !== '', text: title, color: theme_colour('muted'), font: {size: 12}},
    grid: {color: theme_colour('line'), drawBorder: false, ...grid},
    ticks: {color: theme_colour('muted'), font: {size: 11}, maxRotation: 0, includeBounds: false, ...ticks},
    ...rest,
  };
}

/**
 * Options of a logarithmic axis for values from `low` to `high`: it ends at a round value below and at
 * `high`, and has ticks at 1, 2 and 5, or where these are too many at the powers of ten.
 */
function log_axis(title, low, high, more = {}) {
  const round = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); ++power) {
    for (const step of [1, 2, 5]) round.push(Number((step * 10 ** power).toPrecision(1)));
  }
  const min = round.filter((v) => v <= low * 1.0000001).at(-1);
  const leading = high / low <= 300 ? ['1', '2', '5'] : ['1'];
  const ticks = round.filter((v) => v >= min && v <= high * 1.0000001 && leading.includes(v.toExponential()[0]));
  return axis_options(`${title}, logarithmic`, {
    type: 'logarithmic', min, max: high,
    afterBuildTicks: (axis) => { axis.ticks = ticks.map((value) => ({value})); },
    ticks: {callback: tick_text}, ...more,
  });
}

// --- Horizontal bars -----------------------------------------------------------------------

const clipped = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** Draws each row's label above its bar: for charts without room beside it. */
const labels_above = (labels) => ({
  id: 'labels_above',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea, scales} = chart;
    ctx.save();
    ctx.font = font(12);
    ctx.fillStyle = theme_colour('text');
    ctx.textBaseline = 'bottom';
    labels.forEach((label, i) => {
      const row = scales.y.getPixelForValue(i);
      const half = (scales.y.height / labels.length) / 2;
      let text = label;
      while (text.length > 4 && ctx.measureText(text).width > chartArea.right - chartArea.left) {
        text = `${text.slice(0, -2)}…`;
      }
      ctx.fillText(text, chartArea.left, row - half + 17);
    });
    ctx.restore();
  },
});

/** Text behind the end of each row. */
const labels_behind = (texts, ends) => ({
  id: 'labels_behind',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea, scales} = chart;
    ctx.save();
    ctx.font = font(12);
    ctx.textBaseline = 'middle';
    texts.forEach((text, i) => {
      if (!text) return;
      const width = ctx.measureText(text).width;
      const y = row_centre(chart, i);
      const x = Math.min(scales.x.getPixelForValue(ends[i]) + 6, chart.width - width - 2);
      ctx.fillStyle = theme_colour('card');
      ctx.fillRect(x - 2, y - 8, width + 4, 16);
      ctx.fillStyle = theme_colour('text');
      ctx.fillText(text, x, y);
    });
    ctx.restore();
  },
});

/** Where the bar of row `i` is: in the lower part of its row where the label stands above. */
function row_centre(chart, i) {
  const bar = chart.getDatasetMeta(0).data[i];
  return bar === undefined ? chart.scales.y.getPixelForValue(i) : bar.y;
}

const reference_line = (value, colour) => ({
  id: 'reference_line',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea, scales} = chart;
    const x = scales.x.getPixelForValue(value);
    if (x < chartArea.left || x > chartArea.right) return;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.setLineDash([4, 3]);
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(x, chartArea.top);
    ctx.lineTo(x, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
});

/**
 * rows: [{label, end?: value where `text` stands, text?}]; datasets as Chart.js takes them; x: options of
 * the value axis; type: bar, or line for dots.
 */
function row_chart(rows, {datasets, x, stacked = false, type = 'bar', plugins = [], summary, tooltip, room = 0}) {
  const narrow = (width) => width < NARROW;
  // The category axis has equal rows; labels above their bars need taller ones.
  const height = (width) => rows.length * (narrow(width) ? 42 : 27) + 58;
  return chart_box(height, summary, (width) => {
    const above = narrow(width);
    const labels = rows.map((row) => row.label);
    const texts = rows.map((row) => row.text);
    const widest = Math.max(0, ...texts.map((text) => (text ?? '').length)) * 6.7;
    const made = datasets();
    for (const set of made) {
      if (type === 'bar') {
        set.barThickness = above ? 14 : 17;
        set.minBarLength ??= 2;
      }
    }
    return {
      type,
      data: {labels, datasets: made},
      options: {
        indexAxis: 'y',
        layout: {padding: {right: Math.min(widest + 10, width * 0.45) + room}},
        interaction: {mode: 'index', axis: 'y', intersect: false},
        plugins: {tooltip: {...tooltip, callbacks: {
          title: (items) => labels[items[0].dataIndex], ...tooltip?.callbacks,
        }}},
        scales: {
          x: x(),
          y: {
            stacked, offset: true,
            grid: {display: false, drawBorder: false},
            ticks: {
              display: !above, autoSkip: false, color: theme_colour('text'), font: {size: 12},
              callback: (_, i) => clipped(labels[i], 34),
            },
          },
        },
      },
      plugins: [
        ...(above ? [shift_down, labels_above(labels)] : []),
        ...plugins.map((plugin) => plugin()),
        ...(texts.some(Boolean) ? [labels_behind(texts, rows.map((row) => row.end))] : []),
      ],
    };
  });
}

/** Moves the bars down within their rows, to where the labels above leave room. */
const shift_down = {
  id: 'shift_down',
  afterUpdate(chart) {
    const by = 7;
    chart.data.datasets.forEach((_, i) => {
      for (const element of chart.getDatasetMeta(i).data) element.y += by;
    });
  },
};

/** Names in the segments of stacked bars that have room for them. */
const segment_names = {
  id: 'segment_names',
  afterDatasetsDraw(chart) {
    const {ctx} = chart;
    ctx.save();
    ctx.font = font(11);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    chart.data.datasets.forEach((set, i) => {
      const room = ctx.measureText(set.label).width + 8;
      ctx.fillStyle = set.ink;
      for (const bar of chart.getDatasetMeta(i).data) {
        if (bar && Math.abs(bar.x - bar.base) >= room) ctx.fillText(set.label, (bar.x + bar.base) / 2, bar.y + 0.5);
      }
    });
    ctx.restore();
  },
};

/** One panel for each group; `make(group, rows)` gives its chart. */
function panels(make) {
  const all = groups();
  const shown = state.all_panels ? all : all.slice(0, PANELS_AT_ONCE);
  const boxes = shown.map((group) => {
    const rows = state.all_panels ? group.points : group.points.slice(0, ROWS_PER_PANEL);
    const note = rows.length < group.points.length
      ? el('p', {class: 'small muted'}, `${rows.length} of ${group.points.length} points shown; the filter above narrows them.`) : null;
    return el('div', {class: 'panel'}, group.title ? el('h4', {}, group.title) : null, make(group, rows), note);
  });
  const cut = shown.length < all.length || all.some((g) => g.points.length > ROWS_PER_PANEL);
  const more = cut && !state.all_panels ? el('p', {class: 'more'},
      shown.length < all.length ? `${shown.length} of ${all.length} groups shown. ` : '',
      el('button', {type: 'button', onclick: () => change({all_panels: true})}, 'Show all')) : null;
  if (boxes.length === 0) return el('p', {class: 'muted'}, 'No point matches the filter.');
  return el('div', {}, el('div', {class: `panels ${boxes.length === 1 ? 'single' : ''}`}, boxes), more);
}

// --- Lines over time ------------------------------------------------------------------------

/** Bands for the phases of a run, named where there is room. */
const phase_bands = (phases) => ({
  id: 'phase_bands',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea, scales} = chart;
    ctx.save();
    ctx.font = font(11);
    ctx.textBaseline = 'top';
    phases.forEach((phase, i) => {
      const from = Math.max(scales.x.getPixelForValue(phase.from), chartArea.left);
      const to = Math.min(scales.x.getPixelForValue(phase.to), chartArea.right);
      if (to <= from) return;
      if (i % 2 === 0 && phases.length > 1) {
        ctx.fillStyle = theme_colour('band');
        ctx.fillRect(from, chartArea.top, to - from, chartArea.bottom - chartArea.top);
      }
      let name = phase.name.replace(/_+$/, '').replaceAll('_', ' ');
      if (ctx.measureText(name).width > to - from - 6) {
        while (name.length > 3 && ctx.measureText(`${name}…`).width > to - from - 6) name = name.slice(0, -1);
        name = name.length > 3 ? `${name}…` : '';
      }
      ctx.fillStyle = theme_colour('muted');
      ctx.fillText(name, from + 4, chartArea.top - 16);
    });
    ctx.restore();
  },
});

/** lines: [{name, colour, dash?, values}] over the bins of `series`. */
function time_chart(series, lines, {unit, x_max, y_max, percent = false, summary}) {
  const width = series.bin_seconds;
  return chart_box(190, summary, (px) => ({
    type: 'line',
    data: {
      datasets: lines.map(({name, colour, dash, values, fill}) => ({
        label: name, data: values.map((y, i) => ({x: (i + 0.5) * width, y: percent ? y * 100 : y})),
        borderColor: theme_colour(colour), backgroundColor: faint(theme_colour(colour), 0.14), fill: fill ?? false,
        borderDash: dash, borderWidth: 1.7, pointRadius: values.length === 1 ? 3 : 0, pointHitRadius: 6, tension: 0,
      })),
    },
    options: {
      layout: {padding: {top: series.phases.length > 0 ? 18 : 4, right: 6}},
      interaction: {mode: 'index', intersect: false},
      scales: {
        x: axis_options('simulated time (s)', {type: 'linear', min: 0, max: x_max, grid: {display: false},
          ticks: {maxTicksLimit: px < NARROW ? 6 : 10, callback: tick_text}}),
        // The same width for all, so that charts one above the other have their times one above the other.
        y: axis_options(unit, {min: 0, max: percent ? 100 : y_max, ticks: {maxTicksLimit: 6, callback: tick_text},
          afterFit: (axis) => { axis.width = 60; }}),
      },
      plugins: {tooltip: {callbacks: {
        title: (items) => {
          const at = items[0].parsed.x;
          const phase = series.phases.find((p) => at >= p.from && at < p.to);
          return `${number_text(at)} s${phase ? `, ${phase.name}` : ''}`;
        },
        label: (item) => `${item.dataset.label}: ${number_text(item.parsed.y)} ${percent ? '%' : unit}`,
      }}},
    },
    plugins: [phase_bands(series.phases)],
  }));
}

// SPDX-License-Identifier: Apache-2.0
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

// What a request waits for, in the order of a write; the colours are those of the activities.
const WAITS = [
  ['submitter', '#cc6677', '#e08c9a', 'its submitter, which is busy or asleep'],
  ['dm', '#44aa99', '#66cbb9', 'dm-crypt: mapping, pages, work queues'],
  ['cipher', '#332288', '#8f83e0', 'the cipher of the processor'],
  ['crypto_queue', '#aa4499', '#d07ac2', 'the accelerator’s first operation'],
  ['engine', '#ddcc77', '#e6d88f', 'the accelerator’s operations'],
  ['interrupt', '#ee9955', '#f3ae77', 'the interrupt after the last'],
  ['callback', '#882255', '#c2587f', 'the callback after the interrupt'],
  ['disk_queue', '#88ccee', '#a8dcf5', 'the block layer’s queue'],
  ['disk', '#2266aa', '#5a9bd8', 'the disk'],
  ['end', '#bbbb44', '#cfcf6a', 'the end of the bio after the last of these'],
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

const pen = document.createElement('canvas').getContext('2d');

/** Pixels that `text` takes in a chart. */
function text_pixels(text, size = 12) {
  pen.font = font(size);
  return pen.measureText(text).width;
}

/** `text` within `room` pixels: its beginning and its end, with what is between cut out. */
function cut_middle(text, room) {
  if (text_pixels(text) <= room) return text;
  let [head, tail] = [Math.ceil(text.length / 2), Math.floor(text.length / 2)];
  const cut = () => `${text.slice(0, head).trimEnd()}…${text.slice(text.length - tail).trimStart()}`;
  while (head + tail > 2 && text_pixels(cut()) > room) {
    if (head > tail) --head;
    else --tail;
  }
  return cut();
}

/** Words at the beginning and the end that all of `names` have. */
function common_words(names) {
  const words = names.map((name) => name.split(' '));
  const shortest = Math.min(...words.map((list) => list.length)) - 1;
  const same = (at) => words.every((list) => list.at(at) === words[0].at(at));
  let head = 0;
  while (head < shortest && same(head)) ++head;
  let tail = 0;
  while (tail < shortest - head && same(-1 - tail)) ++tail;
  return [head, tail];
}

/**
 * Each name in at most two lines of `room` pixels, broken between words. Names that are longer lose what
 * all of them share, which tells nothing apart, and then their middle.
 */
function fitted_names(names, room) {
  const lines_of = (name) => {
    const lines = [''];
    for (const word of name.split(' ')) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if (lines.at(-1) !== '' && text_pixels(longer) > room) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    return lines;
  };
  const fits = (lines) => lines.length <= 2 && lines.every((line) => text_pixels(line) <= room);
  if (names.length > 1 && !names.every((name) => fits(lines_of(name)))) {
    const [head, tail] = common_words(names);
    names = names.map((name) => {
      const words = name.split(' ');
      return [...(head > 0 ? ['…'] : []), ...words.slice(head, words.length - tail), ...(tail > 0 ? ['…'] : [])].join(' ');
    });
  }
  return names.map((name) => {
    const lines = lines_of(name);
    if (fits(lines)) return lines;
    // Two lines hold about twice as much; what is between goes.
    const [first, ...rest] = lines;
    return text_pixels(first) <= room && rest.length > 0 ? [first, cut_middle(rest.join(' '), room)] : [cut_middle(name, room)];
  });
}

/** Draws each row's name above its bar, and its value at the right of the same line: for charts without room beside it. */
const labels_above = (labels, texts) => ({
  id: 'labels_above',
  afterDatasetsDraw(chart) {
    const {ctx, scales} = chart;
    ctx.save();
    ctx.font = font(12);
    ctx.fillStyle = theme_colour('text');
    ctx.textBaseline = 'bottom';
    labels.forEach((label, i) => {
      const y = scales.y.getPixelForValue(i) - (scales.y.height / labels.length) / 2 + 17;
      const value = texts[i] ?? '';
      const taken = value === '' ? 0 : text_pixels(value) + 10;
      ctx.textAlign = 'left';
      ctx.fillText(cut_middle(label, chart.width - 4 - taken), 2, y);
      ctx.textAlign = 'right';
      ctx.fillText(value, chart.width - 2, y);
    });
    ctx.restore();
  },
});

/** Each row's value in a column of its own at the right, where no bar and no line comes. */
const values_beside = (texts) => ({
  id: 'values_beside',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea} = chart;
    chart.values_shown = texts;
    ctx.save();
    ctx.font = font(12);
    ctx.textBaseline = 'middle';
    ctx.fillStyle = theme_colour('text');
    texts.forEach((text, i) => {
      if (text) ctx.fillText(text, chartArea.right + 10, row_centre(chart, i));
    });
    ctx.restore();
  },
});

/** Where the bar of row `i` is: in the lower part of its row where the label stands above. */
function row_centre(chart, i) {
  const bar = chart.getDatasetMeta(0).data[i];
  return bar === undefined ? chart.scales.y.getPixelForValue(i) : bar.y;
}

/** A line at `value`; interrupted where names stand between the bars. */
const reference_line = (value, colour) => ({
  id: 'reference_line',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea, scales} = chart;
    const between = chart.options.names_above;
    const x = scales.x.getPixelForValue(value);
    if (x < chartArea.left || x > chartArea.right) return;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.setLineDash([4, 3]);
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    if (between) {
      for (let i = 0; i < chart.data.labels.length; ++i) {
        ctx.moveTo(x, row_centre(chart, i) - 10);
        ctx.lineTo(x, row_centre(chart, i) + 10);
      }
    } else {
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
    }
    ctx.stroke();
    ctx.restore();
  },
});

/**
 * rows: [{label, text?: the value in words}]; datasets as Chart.js takes them; x: options of
 * the value axis; type: bar, or line for dots.
 */
function row_chart(rows, {datasets, x, stacked = false, type = 'bar', plugins = [], summary, tooltip, room = 0}) {
  const labels = rows.map((row) => row.label);
  const texts = rows.map((row) => row.text);
  const layout = (width) => {
    const above = width < NARROW;
    const names = above ? labels : fitted_names(labels, Math.min(280, width * 0.34));
    const two_lines = !above && names.some((lines) => lines.length > 1);
    // The category axis has equal rows; labels above their bars need taller ones.
    return {above, names, row: above ? 42 : two_lines ? 34 : 27};
  };
  return chart_box((width) => rows.length * layout(width).row + 58, summary, (width) => {
    const {above, names} = layout(width);
    const widest = Math.max(0, ...texts.map((text) => (text ? text_pixels(text) : 0)));
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
        names_above: above,
        layout: {padding: {right: (above || widest === 0 ? 8 : widest + 14) + room}},
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
              display: !above, autoSkip: false, color: theme_colour('text'), font: {size: 12, lineHeight: 1.1},
              callback: (_, i) => names[i],
            },
          },
        },
      },
      plugins: [
        ...(above ? [shift_down, labels_above(labels, texts)] : []),
        ...plugins.map((plugin) => plugin()),
        ...(!above && widest > 0 ? [values_beside(texts)] : []),
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

// SPDX-License-Identifier: Apache-2.0
// Goes behind everything else in the page: looks at it as a reader would and uses its choosers. What it
// finds becomes the attribute data-check of the page, or goes to the page that holds this one in a frame.
'use strict';
(async () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 60));
  const found = {};
  const text_of = (id) => document.getElementById(id)?.innerText ?? '';

  /** Charts, and those of them on which nothing is drawn. */
  async function look() {
    await pause();
    draw_all();
    await pause();
    const canvases = [...document.querySelectorAll('canvas')];
    const blank = canvases.filter((canvas) => {
      if (canvas.width === 0 || canvas.height === 0) return true;
      // A copy, so that the chart's own canvas is not read.
      const copy = document.createElement('canvas');
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const pen = copy.getContext('2d', {willReadFrequently: true});
      pen.drawImage(canvas, 0, 0);
      const pixels = pen.getImageData(0, 0, copy.width, copy.height).data;
      return !pixels.some((value, i) => i % 4 === 3 && value !== 0);
    });
    const unnamed = [...document.querySelectorAll('button, select, input')].filter((node) =>
      !node.closest('label') && !node.textContent.trim() && !node.getAttribute('aria-label'));
    return {
      charts: canvases.length, blank: blank.length, unnamed: unnamed.length,
      // How much wider than the window the page is.
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
  }
  /** Values that are written where a bar, the plot or the edge of the chart is. */
  function covered_values() {
    const out = [];
    for (const canvas of document.querySelectorAll('#comparison canvas, #latency canvas')) {
      const chart = Chart.getChart(canvas);
      if (chart === undefined || chart.options.names_above) continue;
      const right = Math.max(chart.chartArea.right, ...chart.getDatasetMeta(0).data.map((bar) => bar.x || 0));
      for (const text of chart.values_shown ?? []) {
        if (!text) continue;
        if (right > chart.chartArea.right + 1 || chart.chartArea.right + 10 + text_pixels(text) > chart.width) out.push(text);
      }
    }
    return out;
  }
  function choose(section, caption, value) {
    const label = [...document.querySelectorAll(`#${section} label`)].find((l) => l.firstChild.textContent === caption);
    const field = label.querySelector('select, input');
    field.value = value;
    field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'));
  }
  const column = (section, n) => [...document.querySelectorAll(`#${section} tbody tr`)].map((row) => row.children[n].innerText);

  try {
    found.loaded_ms = performance.now();
    found.first = await look();
    found.drawn_ms = performance.now();
    found.requests = performance.getEntriesByType('resource').map((entry) => entry.name);
    found.title = document.title;
    found.study = text_of('study');
    found.sections = [...document.querySelectorAll('main > section')].map((section) => section.id);
    found.text = document.body.innerText;
    const wide = [...document.querySelectorAll('.scroll')].filter((box) => !box.closest('details:not([open])') && box.scrollWidth > box.clientWidth + 4);
    found.scrolling = wide.length;
    found.scrolling_hints = wide.filter((box) => getComputedStyle(box, '::after').content.includes('scroll')).length;
    found.fastest = [...document.querySelectorAll('.tile')].map((tile) => tile.innerText).filter((text) => /fastest\n/.test(text));
    found.amber = document.querySelectorAll('.tile.warn').length;
    found.covered = covered_values();
    const bars = Chart.getChart(document.querySelector('#comparison canvas') ?? document.createElement('canvas'));
    found.row_names = bars === undefined ? [] : bars.data.labels.map((_, i) => bars.options.scales.y.ticks.callback.call(bars.scales.y, i, i, []));
    if (typeof use_choosers !== 'undefined') {
      found.table_ratios = column('table', 3);
      const head = document.querySelectorAll('#table thead button')[2];  // simulated time
      head.click();
      found.rising = column('table', 2);
      head.click();
      found.falling = column('table', 2);
      choose('view', 'dmcrypt.path', '1');
      await pause();
      found.only_ocf = column('table', 0);
      await look();
      found.only_ocf_sweep = Chart.getChart(document.querySelector('#sweep canvas')).data.datasets.map((set) => set.label);
      found.only_ocf_closely = [...document.querySelector('#closely select').options].map((option) => option.textContent);
      choose('view', 'dmcrypt.path', '-1');
      choose('view', 'Filter points', 'DEPTH 32');
      await new Promise((resolve) => setTimeout(resolve, 400));
      found.only_depth_32 = column('table', 0);
      choose('view', 'Filter points', '');
      await new Promise((resolve) => setTimeout(resolve, 400));
      choose('view', 'Phase', '1');
      found.seconds_of_read = column('table', 2);
      choose('view', 'Phase', '-1');
      choose('comparison', 'Metric', 'throughput_mb_s');
      found.after_metric = await look();
      found.comparison = [...document.querySelectorAll('#comparison canvas')].map((c) => c.getAttribute('aria-label'));
      // The second of the two: the baseline's own chooser.
      const baseline = [...document.querySelectorAll('#view fieldset label')].find((l) => l.firstChild.textContent === 'depth').querySelector('select');
      baseline.value = '0';
      baseline.dispatchEvent(new Event('change'));
      found.other_baseline = column('table', 3);
      document.getElementById('theme').click();
      found.theme = document.documentElement.dataset.theme;
      found.dark = await look();
      dispatchEvent(new Event('beforeprint'));
      found.printed = await look();
      found.printed_theme = document.documentElement.dataset.theme;
      found.printed_folded = document.querySelectorAll('main details:not([open])').length;
      dispatchEvent(new Event('afterprint'));
      found.folded_again = document.querySelectorAll('main details:not([open])').length;
      document.querySelector('#table td button').click();
      found.after_link = await look();
    }
  } catch (error) {
    caught.push(`the check itself: ${error.stack}`);
  }
  found.caught = caught;
  const answer = encodeURIComponent(JSON.stringify(found));
  document.documentElement.dataset.check = answer;
  if (parent !== window) parent.postMessage(answer, '*');
})();

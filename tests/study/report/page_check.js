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
      dispatchEvent(new Event('afterprint'));
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

// SPDX-License-Identifier: Apache-2.0
// Tables that sort by a click on a column's head and show what a filter leaves.

const ROWS_AT_ONCE = 100;

/**
 * columns: {title, unit?, words?: left aligned, wrap?, value(row): what to sort by, text?(row) or node?(row)}
 * options: {filter: caption of a filter field, row_class(row), empty: text without rows}
 */
function data_table(columns, rows, options = {}) {
  let sorted_by = -1;
  let direction = 1;
  let words = [];
  let limit = ROWS_AT_ONCE;
  const text_of = (column, row) => column.text ? column.text(row) : String(column.value(row) ?? '-');

  const heads = columns.map((column, i) => {
    const unit = column.unit ? el('span', {class: 'unit'}, column.unit) : null;
    const button = el('button', {type: 'button', title: column.doc, onclick: () => {
      direction = sorted_by === i ? -direction : 1;
      sorted_by = i;
      show();
    }}, column.title);
    return el('th', {scope: 'col', class: column.words ? 'words' : null}, button, unit);
  });
  const body = el('tbody');
  const more = el('p', {class: 'small more'});
  const count = el('span', {class: 'muted small', 'aria-live': 'polite'});

  function compare(a, b) {
    const x = columns[sorted_by].value(a);
    const y = columns[sorted_by].value(b);
    // What has no value stays at the end whichever way.
    const none = (v) => v === null || v === undefined || v === '';
    if (none(x) || none(y)) return none(x) - none(y);
    const order = is_number(x) && is_number(y) ? x - y : String(x).localeCompare(String(y), 'en', {numeric: true});
    return order * direction;
  }

  function show() {
    let shown = rows.filter((row) => {
      if (words.length === 0) return true;
      const text = columns.map((column) => text_of(column, row)).join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
    if (sorted_by >= 0) shown = [...shown].sort(compare);
    heads.forEach((head, i) => {
      if (i === sorted_by) head.setAttribute('aria-sort', direction > 0 ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    });
    body.replaceChildren(...shown.slice(0, limit).map((row) => el('tr', {class: options.row_class?.(row)},
        columns.map((column) => el('td', {
          class: [column.words ? 'words' : '', column.wrap ? 'wrap' : '', column.class?.(row) ?? ''].join(' ').trim() || null,
        }, column.node ? column.node(row) : text_of(column, row))))));
    if (shown.length === 0) {
      body.append(el('tr', {}, el('td', {colspan: columns.length}, options.empty ?? 'nothing matches')));
    }
    count.textContent = words.length > 0 ? `${shown.length} of ${rows.length}` : '';
    more.replaceChildren();
    if (shown.length > limit) {
      more.append(`${limit} of ${shown.length} rows shown. `, el('button', {type: 'button', onclick: () => {
        limit = Infinity;
        show();
      }}, 'Show all'));
    }
  }

  const filter = options.filter === undefined ? null : el('div', {class: 'controls'},
      el('label', {}, options.filter, el('input', {type: 'search', oninput: (event) => {
        words = event.target.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
        show();
      }})), count);
  show();
  return el('div', {}, filter, el('div', {class: `scroll ${rows.length > 16 ? 'tall' : ''}`, tabindex: 0, role: 'region',
    'aria-label': options.label ?? 'table'}, el('table', {}, el('thead', {}, el('tr', {}, heads)), body)), more);
}

/** A point's name as a button that looks at it closely. */
function point_link(point, text = point.text) {
  return el('button', {type: 'button', class: 'link', title: 'look at this point closely', onclick: () => {
    look_at(point);
  }}, text);
}

function status_node(point) {
  if (point.status === 'ok') return el('span', {class: 'verdict ok'}, '✓ ok');
  if (point.tolerated) return el('span', {class: 'verdict warn'}, '▲ broken');
  return el('span', {class: 'verdict bad'}, `✗ ${point.status}`);
}

// --- More to the right ------------------------------------------------------------------------

/** Marks what can be scrolled sideways, so that a hint stands there (report.css). */
function mark_scrolling(box) {
  const rest = box.scrollWidth - box.clientWidth;
  box.classList.toggle('more-right', rest > 4 && box.scrollLeft < rest - 4);
  box.classList.toggle('wide', rest > 4);
}

function watch_scrolling() {
  const sizes = new ResizeObserver((entries) => { for (const entry of entries) mark_scrolling(entry.target); });
  const adopt = (node) => {
    if (!(node instanceof Element)) return;
    for (const box of [node, ...node.querySelectorAll('.scroll')]) {
      if (!box.matches('.scroll, #contents')) continue;
      sizes.observe(box);
      box.addEventListener('scroll', () => mark_scrolling(box), {passive: true});
    }
  };
  adopt(document.getElementById('contents'));
  adopt(document.getElementById('page'));
  new MutationObserver((changes) => { for (const change of changes) change.addedNodes.forEach(adopt); })
      .observe(document.getElementById('page'), {childList: true, subtree: true});
}

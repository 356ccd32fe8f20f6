// SPDX-License-Identifier: Apache-2.0
// Elements and numbers.

/** Element with attributes and children. Strings become text nodes, so nothing needs escaping. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** A <select> with its caption. `options`: [value, text] or {group, options}. */
function chooser(caption, options, chosen, on_choice) {
  const make = ([value, text]) => {
    const option = el('option', {}, text);
    option.value = String(value);
    option.selected = String(value) === String(chosen);
    return option;
  };
  const select = el('select', {onchange: (event) => on_choice(event.target.value)},
      options.map((o) => o.group === undefined
        ? make(o) : el('optgroup', {label: o.group}, o.options.map(make))));
  return el('label', {}, caption, select);
}

const is_number = (value) => typeof value === 'number' && Number.isFinite(value);

/** Thousands apart by thin spaces, as 300 922. */
function grouped(text) {
  const [whole, ...rest] = text.split('.');
  const digits = whole.replace('-', '');
  if (digits.length < 5) return text;
  return [whole.replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f'), ...rest].join('.');
}

/** Four significant digits; large numbers in full. */
function number_text(value) {
  if (!is_number(value)) return '-';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e13)) return value.toExponential(3);
  if (Number.isInteger(value)) return grouped(String(value));
  if (size >= 1000) return grouped(value.toFixed(0));
  return value.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size))));
}

/** As few digits as an axis or a label needs. */
function brief(value) {
  if (!is_number(value)) return '-';
  const size = Math.abs(value);
  for (const [step, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (size >= step) {
      const by = letter === 'k' ? 1e3 : step;
      return `${Number((value / by).toPrecision(3))}${letter}`;
    }
  }
  return String(Number(value.toPrecision(3)));
}

/** The same for axes, where 1k stands beside 10k. */
const tick_text = (value) => (Math.abs(value) >= 1e3 && Math.abs(value) < 1e4 ? `${Number((value / 1e3).toPrecision(3))}k` : brief(value));

const percent_text = (value) =>
  is_number(value) ? `${(value * 100).toFixed(Math.abs(value) >= 0.9995 ? 0 : 1)} %` : '-';

const ratio_text = (value) =>
  is_number(value) ? (value >= 100 ? number_text(value) : value.toFixed(value >= 10 ? 2 : 3)) : '-';

/** Units as people write them; "1" is a share. */
const unit_text = (unit) => ({'us': 'µs', '1': 'share', 'cycles/byte': 'cycles/byte'}[unit] ?? unit);

/** A metric's value with its unit. */
function with_unit(value, metric) {
  if (!is_number(value)) return '-';
  if (metric.unit === '1') return percent_text(value);
  return metric.unit === '' ? number_text(value) : `${number_text(value)} ${unit_text(metric.unit)}`;
}

const is_printing = () => document.documentElement.classList.contains('printing');

function duration_text(seconds) {
  return is_number(seconds) ? `${number_text(seconds)} s` : '-';
}

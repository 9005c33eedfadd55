// Draws answers: bars, curves and rows. It knows nothing of the server.

const SVG = 'http://www.w3.org/2000/svg';

// element makes an element with properties and children.
export function element(name, properties = {}, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

function shape(name, attributes, ...children) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

export function percent(p) {
  if (p > 0 && p < .001) return '< 0.1\u00a0%';
  return (100 * p).toFixed(p >= .0995 && p < .985 || p >= .9995 ? 0 : 1) + '\u00a0%';
}

// points is a difference of two probabilities.
export function points(d) {
  const n = 100 * d;
  return (n < 9.95 ? n.toFixed(1) : n.toFixed(0)) + (n.toFixed(1) === '1.0' ? ' point' : ' points');
}

// share sets the width of an element, which a strict policy allows scripts to do.
function share(e, from, width) {
  e.style.left = 100 * from + '%';
  e.style.width = 100 * width + '%';
}

// bars fills a table's body with a row for each class. The lead of the first over the second
// is hatched.
export function bars(body, classes, answer) {
  if (body.rows.length !== classes.length) {
    body.replaceChildren(...classes.map(c => {
      const row = element('tr', {className: 'c-' + c.class});
      row.append(
        element('th', {scope: 'row'}, element('span', {className: 'swatch'}), c.diagnosis, element('span', {className: 'dim'}, ' ' + c.class)),
        element('td', {ariaHidden: 'true'}, element('div', {className: 'track'}, element('div', {className: 'fill'}), element('div', {className: 'lead', hidden: true}))),
        element('td'));
      row.querySelector('td').setAttribute('aria-hidden', 'true');
      return row;
    }));
  }
  classes.forEach((c, k) => {
    const row = body.rows[k], p = answer.probabilities[c.class], first = c.class === answer.prediction;
    row.classList.toggle('first', first);
    share(row.querySelector('.fill'), 0, p);
    const lead = row.querySelector('.lead');
    lead.hidden = !first;
    share(lead, p - answer.margin, answer.margin);
    row.cells[2].textContent = percent(p);
  });
}

const box = {left: 42, right: 342, top: 10, bottom: 206, width: 420};

// ageAt is the age at a place of the curve's picture, 0 to 1 from the left.
export function ageAt(place, ages) {
  const x = (place * box.width - box.left) / (box.right - box.left);
  return Math.min(Math.max(ages[0] + x * (ages.at(-1) - ages[0]), ages[0]), ages.at(-1));
}

// curves draws the probabilities by age. now is the age in use, assumed says that it was not
// given.
export function curves(svg, classes, sweep, now, assumed) {
  const ages = sweep.ages, last = ages.at(-1);
  const x = age => box.left + (box.right - box.left) * (age - ages[0]) / (last - ages[0]);
  const y = p => box.bottom - (box.bottom - box.top) * p;
  const parts = [];
  for (const p of [0, .25, .5, .75, 1]) {
    parts.push(shape('line', {class: 'grid', x1: box.left, x2: box.right, y1: y(p), y2: y(p)}),
      shape('text', {x: box.left - 6, y: y(p) + 4, 'text-anchor': 'end'}, 100 * p + ' %'));
  }
  for (let age = ages[0]; age <= last; age += 20) {
    parts.push(shape('text', {x: x(age), y: box.bottom + 17, 'text-anchor': 'middle'}, String(age)));
  }
  parts.push(shape('text', {x: (box.left + box.right) / 2, y: box.bottom + 32, 'text-anchor': 'middle'}, 'age in years'));
  const most = c => Math.max(...sweep.probabilities[c.class]);
  const ranked = [...classes].sort((a, b) => most(b) - most(a)), named = ranked.slice(0, 4).filter(c => most(c) > .05);
  for (const c of [...ranked].reverse()) {
    const line = sweep.probabilities[c.class].map((p, k) => `${x(ages[k]).toFixed(1)},${y(p).toFixed(1)}`).join(' ');
    parts.push(shape('polyline', {class: `curve c-${c.class}` + (named.includes(c) ? '' : ' faint'), points: line}));
  }
  // The names stand where the curves end, apart from each other.
  let free = -Infinity;
  for (const c of [...named].sort((a, b) => sweep.probabilities[b.class].at(-1) - sweep.probabilities[a.class].at(-1))) {
    const at = Math.max(y(sweep.probabilities[c.class].at(-1)) + 4, free);
    free = at + 14;
    parts.push(shape('text', {class: `name c-${c.class}`, x: box.right + 8, y: Math.min(at, box.bottom + 24)}, c.class));
  }
  if (now !== null) {
    const at = Math.min(Math.max(now, ages[0]), last);
    parts.push(shape('line', {class: 'now' + (assumed ? ' assumed' : ''), x1: x(at), x2: x(at), y1: box.top, y2: box.bottom}));
    const k = ages.findLastIndex(age => age <= at), next = Math.min(k + 1, ages.length - 1);
    const between = next > k ? (at - ages[k]) / (ages[next] - ages[k]) : 0;
    for (const c of named) {
      const values = sweep.probabilities[c.class];
      parts.push(shape('circle', {class: `dot c-${c.class}`, r: 5, cx: x(at), cy: y(values[k] + between * (values[next] - values[k]))}));
    }
  }
  svg.replaceChildren(svg.querySelector('title'), ...parts);
  svg.querySelector('title').textContent = 'Probability of each diagnosis by age. ' + named.map(c => {
    const values = sweep.probabilities[c.class];
    return `${c.diagnosis}: ${percent(values[0])} at ${ages[0]}, ${percent(values.at(-1))} at ${last} years`;
  }).join('; ') + '.';
}

// rows draws a row for each word: all probabilities, stacked, and the most probable one. take
// is called with the word of a row that is pressed.
export function rows(list, classes, sweep, now, label, take) {
  sweep = [...sweep].sort((a, b) => (a.word !== 'unknown') - (b.word !== 'unknown')); // stable
  if (list.children.length !== sweep.length) {
    list.replaceChildren(...sweep.map(one => {
      const button = element('button', {type: 'button', onclick: () => take(one.word)},
        element('span', {}, label(one.word)),
        element('span', {className: 'stack'}, ...classes.map(c => element('span', {className: 'c-' + c.class}))),
        element('span', {className: 'top'}));
      button.querySelector('.stack').setAttribute('aria-hidden', 'true');
      return button;
    }));
  }
  sweep.forEach((one, i) => {
    const button = list.children[i];
    button.setAttribute('aria-pressed', String(one.word === now));
    const best = classes.reduce((a, b) => one.probabilities[b.class] > one.probabilities[a.class] ? b : a);
    classes.forEach((c, k) => { button.children[1].children[k].style.width = 100 * one.probabilities[c.class] + '%'; });
    button.children[2].textContent = `${best.class} ${percent(one.probabilities[best.class])}`;
  });
}

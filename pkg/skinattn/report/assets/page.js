const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const three = v => Number.isNaN(v) ? 'undefined' : v.toFixed(3);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The images of a cell of a confusion matrix.
const pageSize = 60;
function listImages(run, truth, predicted, into) {
  const images = run.images.filter(im => im.truth === truth && im.predicted === predicted)
    .sort((a, b) => b.p[predicted] - a.p[predicted]);
  const title = `${images.length} image${images.length === 1 ? '' : 's'} of ${run.classes[truth]} predicted as ${run.classes[predicted]}, the surest first`;
  const list = element('ul', {class: 'images'});
  let shown = 0;
  const more = element('button', {type: 'button'}, 'Show more');
  const show = () => {
    for (const im of images.slice(shown, shown + pageSize)) {
      const item = element('li', {});
      if (im.photo) item.append(element('img', {src: im.photo, alt: `Photo ${im.id}`, width: 144, height: 144}));
      if (im.overlay) item.append(element('img', {src: im.overlay, alt: `Where the network looks in ${im.id}; weights of places ${im.weights}`, width: 144, height: 144}));
      const text = im.p.map((p, k) => [p, run.classes[k]]).sort((a, b) => b[0] - a[0]).slice(0, 3)
        .map(([p, name]) => `${name} ${(p / 1e5).toFixed(2)}`).join(', ');
      item.append(element('span', {class: 'id'}, im.id + (im.lesion ? ` (${im.lesion})` : '')), element('span', {}, text));
      if (im.weights) item.append(element('span', {}, `attention ${im.weights}`));
      list.append(item);
    }
    shown += pageSize;
    more.hidden = shown >= images.length;
  };
  show();
  more.addEventListener('click', show);
  into.replaceChildren(element('h4', {tabindex: '-1'}, title), list, more);
  into.firstChild.focus();
}

// The movable operating point of a class. The chart has the scale of chart.go.
const left = 52, top0 = 12, wide = 296, high = 240;
const px = x => left + wide * x, py = y => top0 + high * (1 - y);
const path = points => points.map(([x, y], i) => `${i ? 'L' : 'M'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join('');

function operatingPoint(box, run) {
  const choice = $('select', box), slider = $('input[type=range]', box), prevalence = $('input[type=number]', box);
  const out = name => $(`[data-out=${name}]`, box);
  const handle = $('.handle', box), roc = $('.moving', box), svg = handle.ownerSVGElement;
  let points, p, n, natural;

  function choose() {
    const classes = choice.selectedOptions[0].dataset.classes.split(' ').map(Number);
    const scores = run.images.map(im => classes.reduce((sum, k) => sum + im.p[k], 0) / 1e5);
    const positive = run.images.map(im => classes.includes(im.truth));
    points = curve(scores, positive);
    p = positive.filter(Boolean).length;
    n = positive.length - p;
    natural = p / (p + n);
    prevalence.value = (100 * natural).toFixed(1);
    roc.setAttribute('d', path(points.map(q => [q.fp / n, q.tp / p])));
    slider.max = points.length - 1;
    const half = points.findLastIndex(q => q.threshold >= .5);
    slider.value = Math.max(0, half);
    decision();
    move();
  }
  function share() { return Math.min(Math.max(Number(prevalence.value) / 100, .0001), .9999); }
  function move() {
    const point = points[slider.value], r = rates(point, p, n, share());
    handle.setAttribute('cx', px(point.fp / n));
    handle.setAttribute('cy', py(point.tp / p));
    const threshold = point.threshold === Infinity ? 'above all' : point.threshold.toFixed(5);
    slider.setAttribute('aria-valuetext', `threshold ${threshold}, sensitivity ${three(r.sensitivity)}, specificity ${three(r.specificity)}`);
    out('threshold').textContent = threshold;
    out('sensitivity').textContent = `${three(r.sensitivity)} (${point.tp} of ${p})`;
    out('specificity').textContent = `${three(r.specificity)} (${n - point.fp} of ${n})`;
    out('ppv').textContent = three(r.ppv);
    out('npv').textContent = three(r.npv);
    const t = Math.min(Math.max(point.threshold, 0), .99);
    $('.mark', box).setAttribute('d', `M${px(t)} ${top0}V${top0 + high}`);
  }
  function decision() {
    const at = share(), ts = Array.from({length: 100}, (_, i) => i / 100), peak = Math.max(at, .001);
    const y = benefit => Math.min(Math.max((benefit / peak + .25) / 1.25, 0), 1); // -peak/4 to peak
    $('.benefit', box).setAttribute('d', path(ts.map(t => [t, y(netBenefit(points, p, n, t, at))])));
    $('.all', box).setAttribute('d', path(ts.map(t => [t, y(treatAll(t, at))])));
    $('.none', box).setAttribute('d', path([[0, y(0)], [1, y(0)]]));
    $('.peak', box).textContent = peak.toFixed(3);
  }
  function drag(event) {
    const area = svg.getBoundingClientRect(), scale = 360 / area.width;
    const x = ((event.clientX - area.left) * scale - left) / wide, y = 1 - ((event.clientY - area.top) * scale - top0) / high;
    let best = 0, nearest = Infinity;
    points.forEach((q, i) => {
      const distance = (q.fp / n - x) ** 2 + (q.tp / p - y) ** 2;
      if (distance < nearest) [best, nearest] = [i, distance];
    });
    slider.value = best;
    move();
  }
  svg.addEventListener('pointerdown', event => { svg.setPointerCapture(event.pointerId); drag(event); });
  svg.addEventListener('pointermove', event => { if (svg.hasPointerCapture(event.pointerId)) drag(event); });
  choice.addEventListener('change', choose);
  slider.addEventListener('input', move);
  prevalence.addEventListener('input', () => { decision(); move(); });
  $('.reset', box).addEventListener('click', () => { prevalence.value = (100 * natural).toFixed(1); decision(); move(); });
  box.hidden = false;
  choose();
}

const runs = JSON.parse($('#data').textContent);
$$('section.run').forEach((section, i) => {
  const into = $('.listed', section);
  $$('.confusion button', section).forEach(button => button.addEventListener('click', () => {
    $$('.confusion button[aria-pressed=true]', section).forEach(b => b.setAttribute('aria-pressed', 'false'));
    button.setAttribute('aria-pressed', 'true');
    listImages(runs[i], Number(button.dataset.truth), Number(button.dataset.predicted), into);
  }));
  operatingPoint($('.point', section), runs[i]);
});
window.addEventListener('beforeprint', () => $$('details').forEach(d => { d.open = true; }));

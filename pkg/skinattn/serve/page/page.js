// The page: what is asked, and where the answer goes. draw.js draws it.
import {ageAt, bars, curves, element, percent, points, rows} from './draw.js';

const $ = id => document.getElementById(id);
// The server prints an address that ends in #token=TOKEN if it wants a token.
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const settled = 200; // milliseconds without a change, after which the server is asked

let model = null;
let photo = null; // the file, a Blob
let answer = null;
let maps = null; // of the explanation
let running = null; // AbortController of the question that is under way
let timer = 0;

async function ask(path, options = {}) {
  const response = await fetch(path, {...options, headers: token ? {Authorization: 'Bearer ' + token} : {}});
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  throw new Error(problem?.detail ?? `The server answered ${response.status}.`);
}

const label = word => word === 'unknown' ? word : capital(word);
const capital = text => text[0].toUpperCase() + text.slice(1);
const number = value => value === 0 ? '0' : value.toPrecision(2);
const diagnosis = name => model.classes.find(c => c.class === name).diagnosis;

function tell(problem) {
  $('problem').textContent = problem;
  $('problem').hidden = !problem;
}

// The controls.

const age = () => $('age-unknown').checked ? null : $('age').valueAsNumber;
const sex = () => document.querySelector('input[name=sex]:checked')?.value ?? 'unknown';

function showAge() {
  $('age-value').textContent = age() === null ? 'unknown' : $('age').value + ' years';
  $('age').setAttribute('aria-valuetext', $('age-value').textContent);
}

function takeAge(years) {
  $('age').value = years;
  $('age-unknown').checked = false;
  changed();
}

function setUp() {
  const takes = model.metadata;
  $('model').textContent = `Model: ${model.model}, ${model.calibrated ? 'calibrated' : 'not calibrated'}` + (model.notes ? '; ' + model.notes.join('; ') : '');
  $('no-patient').hidden = takes;
  for (const part of document.querySelectorAll('#patient .field, #sex')) part.hidden = !takes;
  $('mean-age').textContent = model.mean_age ? ` (${model.mean_age.toFixed(0)} years then, the mean of the training photos)` : '';
  $('sexes').replaceChildren(...[...model.sexes].sort((a, b) => (a !== 'unknown') - (b !== 'unknown')).map(word =>
    element('label', {}, element('input', {type: 'radio', name: 'sex', value: word, checked: word === 'unknown', onchange: changed}), ' ' + word)));
  $('site').replaceChildren(...[...model.localizations].sort((a, b) => (a !== 'unknown') - (b !== 'unknown') || a.localeCompare(b)).map(word =>
    element('option', {value: word, textContent: label(word)})));
  for (const name of ['soft-attention', 'grad-cam']) {
    document.querySelector(`[data-map=${name}]`).hidden = name === 'soft-attention' && !model.soft_attention;
  }
  $('bars-caption').textContent = model.calibrated ? 'Calibrated probabilities; the hatched end is the margin' : "The network's own probabilities, not calibrated; the hatched end is the margin";
  if (!model.calibrated) $('about-probability').textContent = "The network's own certainty. It is not calibrated: it need not be how often the diagnosis is right. The seven always sum to 100 %, even for a photo of a cat.";
  $('about-unusual').hidden = $('about-unusual-term').hidden = !model.unusual;
  $('about-unusual').textContent = model.unusual?.description ?? '';
}

// changed asks anew, after a moment. The curves know what an age means already.
function changed() {
  showAge();
  if (answer?.sweep) drawSweep();
  if (!photo) return;
  clearTimeout(timer);
  timer = setTimeout(question, settled);
}

// Questions.

function form(more) {
  const f = new FormData();
  for (const [name, value] of Object.entries(more)) f.append(name, value);
  if (model.metadata) {
    if (age() !== null) f.append('age', age());
    f.append('sex', sex());
    f.append('localization', $('site').value);
  }
  f.append('photo', photo, 'photo');
  return f;
}

// question asks for the answer, and then, as it takes longer, where the network looks.
async function question() {
  clearTimeout(timer);
  running?.abort();
  running = new AbortController();
  const signal = running.signal;
  let answered = false;
  document.body.classList.add('busy');
  $('answer').setAttribute('aria-busy', 'true');
  try {
    const wanted = {sweep: true, similar: model.similar, unusual: Boolean(model.unusual)};
    const given = await (await ask('/v1/predict', {method: 'POST', body: form(wanted), signal})).json();
    if (signal.aborted) return;
    answer = given;
    answered = true;
    tell('');
    showAnswer();
    const explained = await (await ask('/v1/explain', {method: 'POST', body: form({}), signal})).json();
    if (signal.aborted) return;
    maps = explained;
    showMap();
  } catch (error) {
    if (signal.aborted) return;
    forget(!answered);
    tell(error instanceof TypeError ? 'The server can\'t be reached. Is it still running?' : error.message);
  } finally {
    if (!signal.aborted) {
      document.body.classList.remove('busy');
      $('answer').removeAttribute('aria-busy');
    }
  }
}

// Answers.

// forget takes away what was answered to the question before: the maps, or all of it.
function forget(all) {
  maps = null;
  showMap();
  if (!all) return;
  answer = null;
  $('result').hidden = $('moves').hidden = $('similar').hidden = true;
}

function showAnswer() {
  $('hint').hidden = true;
  $('result').hidden = false;
  const verdict = `${capital(diagnosis(answer.prediction))}, ${percent(answer.confidence)}`;
  if ($('verdict').textContent !== verdict) $('verdict').textContent = verdict;
  $('margin').textContent = `${points(answer.margin)} ahead of ${diagnosis(answer.runner_up)}.`;
  const unusual = answer.unusual;
  $('unusual').hidden = !unusual?.unusual;
  if (unusual?.unusual) {
    $('unusual').replaceChildren(element('strong', {}, 'Unlike anything it was trained on.'),
      ` The answer means little. (Score ${unusual.score.toFixed(2)}; 19 of 20 photos of lesions have at most ${unusual.threshold.toFixed(2)}.)`);
  }
  $('uncertain').hidden = !answer.uncertain;
  if (answer.uncertain) {
    const rule = model.confidence;
    $('uncertain').replaceChildren(element('strong', {}, 'Uncertain.'),
      ` Of ${rule.below} validation photos with a first probability below ${percent(rule.threshold)}, ${percent(rule.accuracy_below)} were predicted rightly.`);
  }
  bars($('bars'), model.classes, answer);
  $('assumed').textContent = answer.assumed?.length ? `Not given: ${answer.assumed.join(', ')}.` : '';
  if (answer.sweep) drawSweep();
  $('moves').hidden = !answer.sweep;
  showSimilar();
}

function drawSweep() {
  curves($('age-curve'), model.classes, answer.sweep.age, age() ?? model.mean_age, age() === null);
  rows($('sex-rows'), model.classes, answer.sweep.sex, sex(), word => 'Sex: ' + word, word => {
    document.querySelector(`input[name=sex][value="${CSS.escape(word)}"]`).checked = true;
    changed();
  });
  rows($('site-rows'), model.classes, answer.sweep.localization, $('site').value, label, word => {
    $('site').value = word;
    changed();
  });
}

let pictures = []; // addresses of the similar photos

async function showSimilar() {
  const similar = answer.similar ?? [];
  $('similar').hidden = !similar.length;
  pictures.forEach(URL.revokeObjectURL);
  pictures = [];
  $('similar-photos').replaceChildren(...similar.map(s => {
    const alike = s.distance < 5e-4 ? 'this very photo' : s.same_lesion ? 'the same lesion as a nearer photo' : '';
    const item = element('li', {}, element('div', {}, element('strong', {}, capital(diagnosis(s.dx))),
      element('span', {className: 'dim'}, `${s.image_id}, distance ${s.distance.toFixed(3)}`), alike ? element('span', {className: 'same'}, alike) : ''));
    if (s.photo) {
      const img = element('img', {alt: `Training photo ${s.image_id}: ${diagnosis(s.dx)}`});
      item.prepend(img);
      // Fetched, as an image's own request could not carry the token.
      ask(s.photo).then(r => r.blob()).then(blob => {
        pictures.push(img.src = URL.createObjectURL(blob));
      }).catch(() => img.remove());
    }
    return item;
  }));
}

function showMap() {
  const wanted = document.querySelector('input[name=map]:checked').value;
  const found = maps?.maps.find(m => m.method === wanted);
  $('overlay').disabled = !maps;
  $('map').hidden = $('scale').hidden = !found;
  $('opacity-value').textContent = $('opacity').value + ' %';
  $('map').style.opacity = $('opacity').value / 100;
  $('view').hidden = !maps || maps.view.width === maps.photo.width && maps.view.height === maps.photo.height;
  for (const e of maps ? [$('map'), $('view')] : []) {
    e.style.left = 100 * maps.view.left / maps.photo.width + '%';
    e.style.top = 100 * maps.view.top / maps.photo.height + '%';
    e.style.width = 100 * maps.view.width / maps.photo.width + '%';
    e.style.height = 100 * maps.view.height / maps.photo.height + '%';
  }
  $('map-note').textContent = maps && !$('view').hidden ? 'The network sees the part in the frame.' : '';
  if (!found) return;
  $('map').src = 'data:image/png;base64,' + found.picture;
  $('scale-high').textContent = number(found.high);
  const what = found.method === 'grad-cam' ? `Evidence for ${diagnosis(maps.class)}` : 'The same for every diagnosis';
  $('map-note').textContent = what + '. ' + (found.flat ? 'This map is flat: it points nowhere. ' : `The values go from ${number(found.low)} to ${number(found.high)}. `) + $('map-note').textContent;
}

// Photos.

function give(file) {
  if (!file) return;
  photo = file;
  answer = maps = null;
  const old = $('photo').src;
  $('photo').src = URL.createObjectURL(file);
  if (old.startsWith('blob:')) URL.revokeObjectURL(old);
  $('empty').hidden = true;
  $('stage').hidden = false;
  $('drop').classList.add('full');
  tell('');
  showMap();
  question();
}

// fromTransfer takes a picture out of what was dropped or pasted.
function fromTransfer(transfer) {
  const file = [...transfer.files].find(f => f.type.startsWith('image/')) ?? transfer.files[0];
  if (file) give(file);
  return Boolean(file);
}

$('photo').onerror = () => {
  $('stage').hidden = true;
  $('empty').hidden = false;
};
$('choose').onclick = () => $('file').click();
for (const id of ['file', 'capture']) {
  $(id).onchange = event => {
    give(event.target.files[0]);
    event.target.value = ''; // the same file may be chosen again
  };
}
for (const button of document.querySelectorAll('[data-example]')) {
  button.onclick = () => fetch(button.dataset.example).then(r => r.blob()).then(give).catch(() => tell('The example could not be loaded.'));
}
addEventListener('paste', event => {
  if (model && fromTransfer(event.clipboardData)) event.preventDefault();
});
addEventListener('dragover', event => {
  event.preventDefault();
  $('dropping').hidden = !event.dataTransfer.types.includes('Files');
});
addEventListener('dragleave', event => { $('dropping').hidden = event.relatedTarget === null || $('dropping').hidden; });
addEventListener('drop', event => {
  event.preventDefault();
  $('dropping').hidden = true;
  if (model) fromTransfer(event.dataTransfer);
});

// The camera: on a phone its own program, elsewhere the page shows what the camera sees.

let stream = null;

$('camera').onclick = async () => {
  if (!navigator.mediaDevices?.getUserMedia || matchMedia('(pointer: coarse)').matches) {
    $('capture').click();
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 1920}}});
  } catch {
    tell('There is no camera, or it may not be used.');
    return;
  }
  $('video').srcObject = stream;
  $('viewfinder').showModal();
  $('video').play();
};
$('cancel').onclick = () => $('viewfinder').close();
$('shoot').onclick = () => {
  const video = $('video'), canvas = element('canvas', {width: video.videoWidth, height: video.videoHeight});
  canvas.getContext('2d').drawImage(video, 0, 0);
  canvas.toBlob(blob => give(blob), 'image/jpeg', .95);
  $('viewfinder').close();
};
$('viewfinder').onclose = () => stream?.getTracks().forEach(track => track.stop());

// The patient and the overlay.

$('age').oninput = () => {
  $('age-unknown').checked = false;
  changed();
};
$('age-unknown').onchange = changed;
$('site').onchange = changed;
$('age-curve').onclick = event => {
  const r = $('age-curve').getBoundingClientRect();
  if (answer?.sweep) takeAge(Math.round(ageAt((event.clientX - r.left) / r.width, answer.sweep.age.ages) / 5) * 5);
};
$('opacity').oninput = showMap;
for (const radio of document.querySelectorAll('input[name=map]')) radio.onchange = showMap;

ask('/v1/model').then(r => r.json()).then(m => {
  model = m;
  setUp();
  showAge();
  document.body.classList.add('ready');
}).catch(error => tell(token ? error.message : error.message + ' Open the page by the address that the server printed.'));

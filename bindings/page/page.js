'use strict';

const $ = (id) => document.getElementById(id);
/** So many list entries, bytes and user records are shown at once. */
const LISTED = 500;
const SHOWN_BYTES = 4096;
const PAGE = 200;
const SVG = 'http://www.w3.org/2000/svg';

const base64 = $('wasm').textContent.trim();
const worker = new Worker(URL.createObjectURL(new Blob([$('worker').textContent], { type: 'text/javascript' })));
let state = { summaries: [], texts: [], data: new Uint8Array(), ends: [], shards: [] };
let selected = -1;

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.append(text);
  return made;
}

/** The open shards' ids and the hash keys where they start, to be drawn. */
function shards(json) {
  const listed = json === '' ? [] : (JSON.parse(json).Shards ?? []);
  const open = listed.filter((shard) => !shard.SequenceNumberRange?.EndingSequenceNumber);
  return open.map(({ ShardId, HashKeyRange }) => ({ id: ShardId, start: HashKeyRange.StartingHashKey }));
}

function say(text, bad = false) {
  $('status').textContent = text;
  $('status').className = bad ? 'bad' : '';
}

/** Counts what was given: answers about what came before are not drawn any more. */
let latest = 0;

/** Hands bytes to the worker; the answer comes to `onmessage`. */
function inspect(input) {
  latest += 1;
  const diagnosis = diagnosisIn(input);
  $('diagnosis').hidden = diagnosis === undefined;
  if (diagnosis !== undefined) {
    $('result').hidden = true;
    drawDiagnosis(diagnosis);
    return say('a diagnosis');
  }
  const json = $('shards').value.trim();
  say('reading…');
  worker.postMessage({ input: { bytes: input, number: latest }, base64, shards: json });
}

worker.onmessage = ({ data }) => {
  if (data.decompressed) return decompressed(data);
  if (data.number !== latest) return;
  $('result').hidden = data.error !== undefined;
  if (data.error !== undefined) return say(data.error, true);
  // The worker has found them good.
  state = { ...data, shards: shards($('shards').value.trim()) };
  const { summaries, refused, warnings } = data;
  say(`${summaries.length} Kinesis record${summaries.length === 1 ? '' : 's'}`);
  $('warnings').replaceChildren(
    ...refused.map(({ place, why }) => element('p', `${place}: ${why}`, { className: 'bad' })),
    ...warnings.map((warning) => element('p', warning, { className: 'bad' })),
  );
  list();
};

const whole = (record) => record.kcl.delivers === 'all';

/** The records that the filter leaves, by their places. */
function filtered() {
  const words = $('filter').value.toLowerCase();
  const matches = (text) => words === '' || text.toLowerCase().includes(words);
  const wanted = ({ bad }) => bad || !$('only-bad').checked;
  return [...state.summaries.keys()].filter((place) => wanted(state.summaries[place]) && matches(state.texts[place]));
}

function list() {
  const places = filtered();
  const entries = places.slice(0, LISTED).map((place) => {
    const { record, kind, dataLength, userRecords, bad } = state.summaries[place];
    const parts = [`${record} ${kind}`, `${dataLength} B`];
    if (userRecords > 0) parts.push(`${userRecords} user records`);
    if (bad && kind !== 'broken') parts.push('not delivered whole');
    const button = element('button', parts.join(', '), { type: 'button', className: bad ? 'bad' : '' });
    button.dataset.place = place;
    button.addEventListener('click', () => show(place));
    const item = element('li');
    item.append(button);
    return item;
  });
  if (places.length > LISTED) entries.push(element('li', `and ${places.length - LISTED} more: filter`));
  $('list').replaceChildren(...entries);
  if (places.length > 0) show(places.includes(selected) ? selected : places[0]);
}

/** Up and down go through the list. */
$('list').addEventListener('keydown', (event) => {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  const button = step && event.target.parentElement[step]?.querySelector('button');
  if (!button) return;
  event.preventDefault();
  button.focus();
  button.click();
});

/** The data of a Kinesis record. */
const shown = (place) => state.data.subarray(place === 0 ? 0 : state.ends[place - 1], state.ends[place]);

/** The first bytes of gzip, zlib and Zstandard. Others may begin so by chance: the worker tells. */
const looksCompressed = ([a, b, c, d]) =>
  (a === 0x1f && b === 0x8b && c === 8) || (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) ||
  ((a & 0x8f) === 8 && (a * 256 + b) % 31 === 0);

/** The cells that the worker's answer goes into, by the number of the question: a later one takes their place. */
let asked = { question: 0, cells: [] };

/** Shows what is in compressed data: each item is a cell and the data that it shows. */
function decompress(items) {
  const compressed = items.filter(([, data]) => looksCompressed(data));
  asked = { question: asked.question + 1, cells: compressed.map(([cell]) => cell) };
  if (compressed.length === 0) return;
  worker.postMessage({ question: asked.question, base64, compressed: compressed.map(([, data]) => data.slice()) });
}

function decompressed({ question, decompressed: texts }) {
  if (question !== asked.question) return;
  texts.forEach((text, n) => text !== '' && asked.cells[n].replaceChildren(element('em', 'decompressed: '), text));
}

function show(place) {
  selected = place;
  for (const button of $('list').querySelectorAll('button')) {
    button.setAttribute('aria-current', Number(button.dataset.place) === place);
  }
  const record = JSON.parse(state.texts[place]);
  verdict(record);
  bytes(record, shown(place));
  $('users-part').hidden = record.userRecords.length === 0;
  users(record, 0);
  if (record.userRecords.length === 0) decompress([[$('verdict').querySelector('.data'), shown(place)]]);
  ring(record);
}

function verdict(record) {
  const facts = element('dl');
  const fact = (name, value) => value !== null && value !== undefined && facts.append(element('dt', name), element('dd', `${value}`));
  fact('what it is', record.kind);
  fact('problem', record.problem);
  fact('breaks at byte', record.breaksAt);
  fact('partition key', record.partitionKey);
  fact('sequence number', record.sequenceNumber);
  fact('shard', record.shardId ?? record.predictedShard);
  fact('digest', record.frame && (record.frame.digest === record.frame.computedDigest ? 'right' : 'wrong'));
  fact('data', record.userRecords.length === 0 ? record.dataPreview : undefined);
  if (record.userRecords.length === 0) facts.lastElementChild.className = 'data';
  const headline = element('p', `The KCL ${record.kcl.explanation}.`, { className: whole(record) ? 'good' : 'bad' });
  $('verdict').replaceChildren(headline, facts);
}

/** Where each part of the record is: magic, tables, user records, digest. */
function spans(record, length) {
  if (!record.frame) return [{ start: 0, end: length, name: record.kind, title: 'data' }];
  const parts = [{ start: 0, end: 4, name: 'magic', title: 'magic' }];
  let at = 4;
  for (const user of record.userRecords) {
    // What is before the data: tables at first, then the user record's own fields.
    const end = user.dataOffset + user.dataLength;
    if (user.dataOffset < at) continue;
    const first = user.subSequenceNumber === 0;
    if (first) parts.push({ start: at, end: user.dataOffset, name: 'tables', title: 'tables of keys' });
    const name = user.subSequenceNumber % 2 === 0 ? 'even' : 'odd';
    const start = first ? user.dataOffset : at;
    parts.push({ start, end, name, title: `user record ${user.subSequenceNumber}`, user: user.subSequenceNumber });
    at = end;
  }
  if (at < length - 16) parts.push({ start: at, end: length - 16, name: 'tables', title: 'the rest of the message' });
  parts.push({ start: Math.max(at, length - 16), end: length, name: 'digest', title: 'MD5 of the message' });
  return parts;
}

const hex = (part) => Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

function bytes(record, data) {
  const made = [];
  for (const { start, end, name, title, user } of spans(record, data.length)) {
    if (start >= SHOWN_BYTES) break;
    const span = element('span', hex(data.subarray(start, Math.min(end, SHOWN_BYTES))), { className: name });
    span.title = `${title}: bytes ${start} to ${end}`;
    if (user !== undefined) {
      span.dataset.user = user;
      span.addEventListener('click', () => light(user));
    }
    made.push(span, ' ');
  }
  if (data.length > SHOWN_BYTES) made.push(`and ${data.length - SHOWN_BYTES} bytes more`);
  $('bytes').replaceChildren(...made);
}

/** Lights a user record up, in the bytes and in the table. */
function light(user) {
  for (const lit of document.querySelectorAll('.lit')) lit.classList.remove('lit');
  for (const it of document.querySelectorAll(`[data-user="${user}"]`)) it.classList.add('lit');
  document.querySelector(`#bytes [data-user="${user}"]`)?.scrollIntoView({ block: 'nearest' });
}

function users(record, first) {
  const rows = record.userRecords.slice(first, first + PAGE).map((user) => {
    const row = element('tr', undefined, { tabIndex: 0 });
    row.dataset.user = user.subSequenceNumber;
    row.addEventListener('click', () => light(user.subSequenceNumber));
    row.addEventListener('focus', () => light(user.subSequenceNumber));
    const cells = [user.subSequenceNumber, user.partitionKey, user.explicitHashKey, user.predictedShard,
      `${user.dataPreview} (${user.dataLength} B)`, user.fault];
    row.append(...cells.map((cell, n) => element('td', `${cell ?? ''}`, { className: n === 5 ? 'bad' : '' })));
    return row;
  });
  $('users').replaceChildren(...rows);
  const data = shown(selected);
  decompress(rows.map((row, n) => {
    const { dataOffset, dataLength } = record.userRecords[first + n];
    return [row.cells[4], data.subarray(dataOffset, dataOffset + dataLength)];
  }));
  const pages = [];
  const turn = (text, to) => {
    const button = element('button', text, { type: 'button' });
    button.addEventListener('click', () => users(record, to));
    pages.push(button);
  };
  if (first > 0) turn('before', first - PAGE);
  if (first + PAGE < record.userRecords.length) turn('after', first + PAGE);
  if (pages.length > 0) pages.push(`${first} to ${Math.min(first + PAGE, record.userRecords.length)} of ${record.userRecords.length}`);
  $('pages').replaceChildren(...pages);
}

/** The hash keys as a ring: 0 at the top, clockwise; shards outside, user records inside. */
function ring(record) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '-110 -110 220 220');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'Where the user records belong among all hash keys');
  const point = (hashKey, radius) => {
    const turn = Number((BigInt(hashKey) << 20n) >> 128n) / (1 << 20);
    const angle = turn * 2 * Math.PI - Math.PI / 2;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  };
  const add = (name, attributes, title) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (title) {
      const text = document.createElementNS(SVG, 'title');
      text.textContent = title;
      made.append(text);
    }
    svg.append(made);
  };
  add('circle', { r: 90, fill: 'none', stroke: 'var(--line)', 'stroke-width': 10 });
  for (const { id, start } of state.shards) {
    const [x, y] = point(start, 1);
    add('line', { x1: 80 * x, y1: 80 * y, x2: 104 * x, y2: 104 * y, stroke: 'var(--accent)', 'stroke-width': 2 }, `${id} starts here`);
  }
  for (const { hashKey, fault, subSequenceNumber } of record.userRecords.slice(0, 2000)) {
    if (hashKey === null) continue;
    const [cx, cy] = point(hashKey, 90);
    add('circle', { cx, cy, r: 3, fill: fault ? 'var(--bad)' : 'var(--a)' }, `user record ${subSequenceNumber}: ${hashKey}`);
  }
  $('ring').replaceChildren(svg);
}

const typed = () => inspect(new TextEncoder().encode($('input').value));
const read = async (file) => file && inspect(new Uint8Array(await file.arrayBuffer()));

$('inspect').addEventListener('click', typed);
$('input').addEventListener('paste', () => setTimeout(typed));
$('input').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) typed();
});
$('file').addEventListener('change', () => read($('file').files[0]));
for (const name of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $('input').classList.toggle('over', name === 'dragover');
    if (name === 'drop') {
      const [file] = event.dataTransfer.files;
      if (file) read(file);
      else {
        $('input').value = event.dataTransfer.getData('text');
        typed();
      }
    }
  });
}
$('filter').addEventListener('input', list);
$('only-bad').addEventListener('change', list);
$('copy').addEventListener('click', async () => {
  const text = `[\n${filtered().map((place) => state.texts[place]).join(',\n')}\n]\n`;
  try {
    await navigator.clipboard.writeText(text);
    say('copied');
  } catch {
    say('the browser does not let this page copy', true);
  }
});

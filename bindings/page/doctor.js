// Draws what `kagg doctor --json` prints.

/** The diagnosis that these bytes are; undefined if they are something else. */
function diagnosisIn(input) {
  // Records are longer, and begin otherwise.
  if (input.length > 4 << 20 || !/^\s*\{/.test(String.fromCharCode(...input.subarray(0, 64)))) return undefined;
  try {
    const value = JSON.parse(new TextDecoder().decode(input));
    return Array.isArray(value.findings) && value.sampled ? value : undefined;
  } catch {
    return undefined;
  }
}

const SEVERITIES = { loss: 'User records are lost', warning: 'Warning', note: 'Worth knowing' };
const many = (count, what) => `${Number(count).toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

function finding({ severity, name, title, evidence, advice }) {
  const card = element('article', undefined, { className: `finding ${severity}` });
  const heading = element('h3', `${SEVERITIES[severity] ?? severity}: `);
  heading.append(title);
  card.append(heading, element('p', evidence));
  const todo = element('p', undefined, { className: 'advice' });
  todo.append(element('strong', 'What to do: '), advice);
  card.append(todo, element('code', name));
  return card;
}

/** A table with a bar in its last column; each row is name, text, and how much of the bar. */
function bars(caption, rows) {
  const table = element('table');
  table.append(element('caption', caption));
  const most = Math.max(...rows.map(([, , share]) => share), 1e-9);
  for (const [name, text, share] of rows) {
    const row = element('tr');
    const bar = element('td', undefined, { className: 'bar' });
    const filled = element('span');
    filled.style.width = `${(100 * share) / most}%`;
    bar.append(filled);
    row.append(element('th', name, { scope: 'row' }), element('td', text), bar);
    table.append(row);
  }
  return table;
}

function packing({ now, withoutAggregation, aggregated }) {
  const row = (name, cost) => {
    const shards = cost.shards === null ? '' : `, ${many(cost.shards, 'shard')}`;
    return [name, `${many(cost.records, 'record')}, ${many(cost.payloadUnits, 'payload unit')}${shards}`, cost.payloadUnits];
  };
  return bars('Packing', [
    row('as it is', now), row('without aggregation', withoutAggregation), row('well aggregated (estimate)', aggregated),
  ]);
}

/** What the service said of the stream: a list of names is as long as it is. */
function streamFacts(stream) {
  const facts = element('dl');
  for (const [key, value] of Object.entries(stream)) {
    if (value === null || (Array.isArray(value) && value.length === 0)) continue;
    const name = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const text = (it) => (typeof it === 'object' ? JSON.stringify(it) : `${it}`);
    facts.append(element('dt', name), element('dd', Array.isArray(value) ? value.map(text).join(', ') : text(value)));
  }
  return facts;
}

function drawDiagnosis({ findings, sampled, writers = [], hottestPartitionKeys = [], packing: packed, stream }) {
  const parts = [element('h2', findings.length === 0 ? 'Nothing is wrong' : many(findings.length, 'finding'))];
  parts.push(element('p', `In ${many(sampled.records, 'Kinesis record')}: ${many(sampled.aggregates, 'aggregate')} of `
    + `${many(sampled.userRecords, 'user record')}, ${sampled.plain} plain, ${sampled.broken} broken.`));
  parts.push(...findings.map(finding));
  if (packed) parts.push(packing(packed));
  if (hottestPartitionKeys.length > 0) {
    const rows = hottestPartitionKeys.map(({ partitionKey, userRecords, percent }) =>
      [partitionKey, `${many(userRecords, 'user record')}, ${percent} %`, userRecords]);
    parts.push(bars('Hottest partition keys', rows));
  }
  if (writers.length > 0) {
    parts.push(bars('Who writes the aggregates', writers.map(({ signature, aggregates }) =>
      [signature, many(aggregates, 'aggregate'), aggregates])));
  }
  if (stream) parts.push(element('h2', 'Stream'), streamFacts(stream));
  $('diagnosis').replaceChildren(...parts);
}

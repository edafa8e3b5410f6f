// What `try-page` checks: paste, drop, a broken record, ten megabytes, the keyboard, a phone, dark mode; and that
// nothing is asked of any server.
'use strict';

const assert = require('node:assert/strict');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { deflateSync, gzipSync } = require('node:zlib');
const { chromium } = require('playwright-core');
const { root, aggregated } = require('../node/test-support.js');

const page = pathToFileURL(join(root, 'target/packages/kinesis-inspector.html')).href;
const folder = process.argv[2];
const good = aggregated(['key one', 'ü'], ['7'], [[0, undefined, '{"order":1}'], [1, 0, 'two'], [0, undefined, 'three']]);
const bad = aggregated(['key'], [], [[0, undefined, 'good'], [9, undefined, 'lost'], [0, undefined, 'after']]);
const flipped = Buffer.from(good);
flipped[10] ^= 1;
const entry = (data, n) => ({ Data: data.toString('base64'), PartitionKey: 'a', SequenceNumber: `${n}` });
const shards = { Shards: [['0', '99'], ['100', `${(1n << 128n) - 1n}`]].map(([start, end], n) => ({
  ShardId: `shardId-${n}`, HashKeyRange: { StartingHashKey: start, EndingHashKey: end }, SequenceNumberRange: {},
})) };

/** As `kagg doctor --json` prints it. */
const cost = (records) => ({ records, bytes: 900, payloadUnits: records, shards: null });
const diagnosis = {
  findings: [
    { severity: 'loss', name: 'digest-wrong', title: 'aggregates were changed', evidence: '1 of 4 Kinesis records', advice: 'look for what changes them' },
    { severity: 'warning', name: 'hot-partition-key', title: 'a key has half of all', evidence: '12 of 24 user records', advice: 'choose another' },
    { severity: 'note', name: 'short-retention', title: 'the stream keeps records for a day', evidence: '24 hours', advice: 'raise it' },
  ],
  sampled: { records: 4, bytes: 900, plain: 1, aggregates: 2, broken: 1, userRecords: 24 },
  writers: [{ signature: 'under the key `a`: the KPL, or one that writes as it does', aggregates: 2 }],
  hottestPartitionKeys: [
    { partitionKey: 'order-17', userRecords: 12, atLeast: 12, percent: 50 },
    { partitionKey: '<b>order</b>', userRecords: 3, atLeast: 3, percent: 12 },
  ],
  packing: { userRecordsPerAggregate: 12, bytesPerAggregate: 300, now: cost(4), withoutAggregation: cost(25), aggregated: cost(1) },
  stream: { stream: 'orders', serviceManaged: false, retentionHours: 24, openShards: ['shardId-0', 'shardId-1'], channels: null, notAsked: [] },
};

async function open(browser, options) {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  const asked = [];
  const errors = [];
  tab.on('request', (request) => request.url().startsWith('http') && asked.push(request.url()));
  tab.on('pageerror', (error) => errors.push(error.message));
  tab.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await tab.goto(page);
  return { tab, end: async () => { assert.deepEqual([asked, errors], [[], []]); await context.close(); } };
}

const status = (tab, text) => tab.waitForFunction((wanted) => document.getElementById('status').textContent.includes(wanted), text, { timeout: 60_000 });

async function give(tab, text) {
  await tab.fill('#input', text);
  await tab.click('#inspect');
}

/** Drops a file on the page. */
async function drop(tab, bytes) {
  const base64 = bytes.toString('base64');
  await tab.evaluate((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], 'dropped'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, base64);
}

const checks = {
  async 'a page of records: what the KCL delivers, the bytes, the user records'(tab) {
    await give(tab, JSON.stringify({ Records: [entry(good, 1), entry(bad, 2), entry(flipped, 3), entry(Buffer.from('plain'), 4)] }));
    await status(tab, '4 Kinesis records');
    assert.equal(await tab.locator('#users tr').count(), 3);
    assert.match(await tab.textContent('#verdict'), /The KCL delivers (all )?3 user records|the 3 user records/);
    assert.equal(await tab.locator('#bytes .magic').textContent(), 'f3 89 9a c2');
    await tab.click('#users tr >> nth=1');
    assert.equal(await tab.locator('#bytes .lit').getAttribute('data-user'), '1');
    await tab.click('#list button >> nth=1');
    assert.equal(await tab.locator('#verdict p.bad').count(), 1);
    assert.match(await tab.textContent('#users'), /beyond/);
    await tab.click('#list button >> nth=2');
    assert.match(await tab.textContent('#verdict'), /wrong/);
    await tab.check('#only-bad');
    assert.equal(await tab.locator('#list button').count(), 2);
    assert.match(await tab.textContent('#list'), /not delivered whole/);
    await tab.uncheck('#only-bad');
    await tab.fill('#filter', 'after');
    assert.equal(await tab.locator('#list button').count(), 1);
    await tab.fill('#filter', '');
    await tab.click('#list button >> nth=1');
    await tab.screenshot({ path: join(folder, 'page.png'), fullPage: true });
  },
  async 'hexadecimal, with shards, by keyboard alone'(tab) {
    await tab.click('summary');
    await tab.fill('#shards', JSON.stringify(shards));
    await tab.focus('#input');
    await tab.keyboard.insertText(good.toString('hex'));
    await tab.keyboard.press('Control+Enter');
    await status(tab, '1 Kinesis record');
    assert.match(await tab.textContent('#users'), /shardId-0/);
    assert.equal(await tab.locator('#ring line').count(), 2);
    assert.equal(await tab.locator('#ring circle').count(), 4);
  },
  async 'pasting is enough'(tab) {
    await tab.evaluate((text) => navigator.clipboard.writeText(text).catch(() => {}), good.toString('base64'));
    await tab.focus('#input');
    await tab.keyboard.insertText(good.toString('base64'));
    await tab.dispatchEvent('#input', 'paste');
    await status(tab, '1 Kinesis record');
  },
  async 'a dropped file of bytes'(tab) {
    await drop(tab, good);
    await status(tab, '1 Kinesis record');
    assert.equal(await tab.locator('#users tr').count(), 3);
  },
  async 'compressed data is shown as what it is'(tab) {
    const compressed = [gzipSync('{"zipped":1}'), deflateSync('{"deflated":2}'), 'plain', gzipSync('cut').subarray(0, 12)];
    const record = aggregated(['key'], [], compressed.map((data) => [0, undefined, data]));
    await give(tab, JSON.stringify({ Records: [entry(record, 1), entry(gzipSync('a plain record'), 2)] }));
    await tab.waitForSelector('#users em');
    const cells = await tab.locator('#users td:nth-child(5)').allTextContents();
    assert.deepEqual(cells.slice(0, 2), ['decompressed: {"zipped":1}', 'decompressed: {"deflated":2}']);
    assert.ok(cells.slice(2).every((cell) => !cell.includes('decompressed')), cells.join());
    await tab.click('#list button >> nth=1');
    await tab.waitForSelector('#verdict em');
    assert.match(await tab.textContent('#verdict'), /decompressed: a plain record/);
  },
  async 'what kagg doctor prints, and records after it'(tab) {
    await give(tab, JSON.stringify(diagnosis));
    await status(tab, 'a diagnosis');
    assert.deepEqual(await tab.locator('.finding h3').allTextContents(), diagnosis.findings.map(({ severity, title }) =>
      `${{ loss: 'User records are lost', warning: 'Warning', note: 'Worth knowing' }[severity]}: ${title}`));
    assert.equal(await tab.locator('.finding.loss').count(), 1);
    assert.match(await tab.textContent('#diagnosis'), /What to do: raise it/);
    assert.match(await tab.textContent('#diagnosis'), /12 user records, 50 %/);
    assert.match(await tab.textContent('#diagnosis'), /retention hours24/);
    assert.equal(await tab.locator('#result').isVisible(), false);
    await tab.screenshot({ path: join(folder, 'doctor.png'), fullPage: true });
    await drop(tab, good);
    await status(tab, '1 Kinesis record');
    assert.equal(await tab.locator('#diagnosis').isVisible(), false);
  },
  async 'nonsense is said to be nonsense, and the next input works'(tab) {
    await give(tab, '');
    await tab.waitForSelector('#status.bad');
    await tab.click('summary');
    await tab.fill('#shards', '{');
    await drop(tab, good);
    await status(tab, 'list-shards');
    await tab.fill('#shards', '');
    await drop(tab, good);
    await status(tab, '1 Kinesis record');
  },
  async 'ten megabytes do not freeze it'(tab) {
    const large = aggregated(['key'], [], Array.from({ length: 220 }, (_, n) => [0, undefined, `${n}`.padStart(200, 'x')]));
    await tab.evaluate(() => {
      window.longest = 0;
      let last = performance.now();
      const tick = () => {
        const now = performance.now();
        window.longest = Math.max(window.longest, now - last);
        last = now;
        setTimeout(tick, 10);
      };
      tick();
    });
    const file = join(folder, 'ten-megabytes.json');
    writeFileSync(file, JSON.stringify({ Records: Array.from({ length: 160 }, (_, n) => entry(large, n)) }));
    await tab.setInputFiles('#file', file);
    await status(tab, '160 Kinesis records');
    const longest = await tab.evaluate(() => window.longest);
    console.log(`  the page stood still for ${Math.round(longest)} ms at most`);
    assert.ok(longest < 1500);
  },
};

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  try {
    for (const [name, check] of Object.entries(checks)) {
      const { tab, end } = await open(browser, { viewport: { width: 1200, height: 900 } });
      await check(tab);
      await end();
      console.log(`ok  ${name}`);
    }
    const { tab, end } = await open(browser, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    await give(tab, JSON.stringify({ Records: [entry(good, 1), entry(bad, 2)] }));
    await status(tab, '2 Kinesis records');
    const wider = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, `${wider} pixels wider than a phone`);
    await tab.screenshot({ path: join(folder, 'phone.png'), fullPage: true });
    await give(tab, JSON.stringify(diagnosis));
    await status(tab, 'a diagnosis');
    assert.ok((await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0);
    await tab.screenshot({ path: join(folder, 'phone-doctor.png'), fullPage: true });
    await end();
    console.log('ok  a phone in the dark');
  } finally {
    await browser.close();
  }
})();

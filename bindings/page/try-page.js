// What `try-page` checks: paste, drop, a broken record, ten megabytes, the keyboard, a phone, dark mode; and that
// nothing is asked of any server.
'use strict';

const assert = require('node:assert/strict');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
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
    await end();
    console.log('ok  a phone in the dark');
  } finally {
    await browser.close();
  }
})();

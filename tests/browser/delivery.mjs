// Each delivery in a real Chromium, over HTTPS, where cookies of other sites are blocked and where
// they are allowed: what of the stand-in Pandium's page works, and who gets to see the token.
//
//     node tests/browser/delivery.mjs target/debug/pandium-sidecar
//
// The app is `gantry.test`, Pandium an address of its own: two sites. What is measured has to be what
// the table in deploy/delivery.md says. Screenshots go to .ci/cache/screenshots.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHROMIUM, GRACE, ZOE, chromium, claims, connect, eventually, screenshots, signIn, start, understood } from './kit.mjs';

const program = process.argv[2] ?? 'target/debug/pandium-sidecar';
const folder = mkdtempSync(join(tmpdir(), 'delivery-'));
process.once('exit', () => {
  // A browser that still ends may write there; nothing else must stay behind for that.
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    console.log(`left behind: ${folder}: ${error.code}`);
  }
});

/** How long something may take on a machine that has much else to do. */
const PATIENCE = 60_000;

/** Every token begins so; it is nowhere else. */
const TOKEN = /eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9/;

/** The browser's own setting, by its number. */
const COOKIES = { allowed: 0, blocked: 1 };

const DELIVERIES = {
  redirect: { flags: '', proxied: false },
  host: { flags: '--deliver proxy --mount host', proxied: true },
  path: { flags: '--deliver proxy --mount path', proxied: true },
};

/** The columns of the table: where the cookies make no difference, one is enough. */
const COLUMNS = {
  'redirect, allowed': ['redirect, allowed'],
  'redirect, blocked': ['redirect, blocked'],
  host: ['host, allowed', 'host, blocked'],
  path: ['path, allowed', 'path, blocked'],
};

/** Its rows. */
const ROWS = {
  session: 'Pandium\'s session cookie comes back, and the page shows',
  lax: 'a cookie with `SameSite=Lax` comes back',
  partitioned: 'a `Partitioned` cookie comes back',
  relative: 'script and style by relative addresses',
  rooted: 'a script by a root-relative address (`/assets/…`)',
  api: 'API by a relative address, with cookies',
  'api-full': 'API by its full address, with cookies',
  socket: 'WebSocket',
  form: 'a form is posted and saved',
  height: 'messages reach the app\'s page: the height',
  cancel: '`pandium-install-cancel`',
  save: '`pandium-save-sync`',
  connected: 'signing in elsewhere, in a pop-up, connects',
  popup: 'the pop-up\'s message reaches the page that opened it',
  tab: 'the page works in a tab of its own',
  token: 'the browser gets to see the token',
  history: 'and keeps it in its history',
};

/** A certificate for all names, that signs itself, with its key. */
function certificate() {
  const [key, cert, both] = ['key.pem', 'cert.pem', 'both.pem'].map((name) => join(folder, name));
  const names = 'subjectAltName=DNS:gantry.test,DNS:*.gantry.test,IP:127.0.0.1';
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=gantry.test', '-addext', names, '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  writeFileSync(both, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
  return both;
}

/** A browser with a profile of its own, whose setting for cookies is that. */
async function open(profile, cookies) {
  mkdirSync(join(profile, 'Default'), { recursive: true });
  const preferences = { profile: { cookie_controls_mode: COOKIES[cookies] } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(profile, {
    ...CHROMIUM,
    args: [...CHROMIUM.args, '--host-resolver-rules=MAP *.test 127.0.0.1'],
    ignoreHTTPSErrors: true,
    // A frame of another site is painted no further than the window.
    viewport: { width: 1100, height: 2300 },
  });
  context.setDefaultTimeout(PATIENCE);
  return context;
}

/** All that goes between the browser and anybody: addresses, heads and bodies. */
function listen(context) {
  const heard = [];
  context.on('request', async (request) => {
    heard.push(request.url());
    heard.push(JSON.stringify(await request.allHeaders().catch(() => ({}))));
  });
  context.on('response', async (response) => {
    heard.push(JSON.stringify(await response.headersArray().catch(() => [])));
    heard.push(await response.text().catch(() => ''));
  });
  return heard;
}

/** All that a page and its frames know of where they are, and came from. */
async function known(page) {
  const own = () => [document.cookie, location.href, document.referrer, document.documentElement.outerHTML,
    JSON.stringify(performance.getEntries()), JSON.stringify(history.state)];
  const frames = await Promise.all(page.frames().map((frame) => frame.evaluate(own)));
  const session = await page.context().newCDPSession(page);
  const { entries } = await session.send('Page.getNavigationHistory');
  return [...frames.flat(), ...entries.map((entry) => entry.url)];
}

/** What a profile keeps on disk, once its browser has ended. */
function kept(profile) {
  const files = readdirSync(profile, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'));
}

/** The requests that reached the stand-in Pandium. */
async function seenBy(pandium) {
  return new Promise((resolve, reject) => {
    get(`${pandium}/seen`, { rejectUnauthorized: false }, (answer) => {
      let body = '';
      answer.on('data', (data) => (body += data));
      answer.on('end', () => resolve(JSON.parse(body)));
    }).on('error', reject);
  });
}

/** The lines of "What the browser lets this page do", once they are settled. */
async function needs(view) {
  await view.locator('[data-need="socket"]:not(.wait)').waitFor();
  await view.locator('[data-need="api-full"]:not(.wait)').waitFor();
  const lines = await view.locator('[data-need]').evaluateAll((items) =>
    items.map((item) => [item.dataset.need, item.className === 'good']));
  return Object.fromEntries(lines.filter(([name]) => name !== 'popup'));
}

/** Signs in at the partner in the pop-up, and sees the page notice. Who comes next is not connected. */
async function signInElsewhere(page, view) {
  const button = view.getByRole('button', { name: 'Connect HubSpot' });
  const [popup] = await Promise.all([page.waitForEvent('popup'), button.click()]);
  await popup.getByRole('button', { name: 'Allow' }).click();
  await view.getByText('Connected', { exact: true }).waitFor();
  const told = (await view.locator('[data-need="popup"]').getAttribute('class')) === 'good';
  await view.getByRole('button', { name: 'Disconnect' }).click();
  await view.getByText('Not connected yet').waitFor();
  return told;
}

/** What the page around the frame was told, after that button. */
async function told(page, view, button, words) {
  await view.getByRole('button', { name: button, exact: true }).click();
  await page.locator('#said').getByText(words).waitFor();
  return true;
}

/** The whole of it in a frame: what works, by name. */
async function inFrame(page, email) {
  const view = page.frameLocator('#install');
  const shown = view.getByRole('heading', { name: /^Pandium (understood this|’s cookie did not)|did not come back/ }).first();
  await shown.waitFor();
  if ((await shown.textContent()).includes('did not come back')) return { session: false };
  await understood(view, claims(ZOE, email, 'gwt2hs'));
  const found = await needs(view);
  const frame = page.locator('#install');
  found.height = await eventually(async () => (await frame.evaluate((one) => one.style.height)) !== '', 'a height');
  found.cancel = await told(page, view, 'Cancel', 'does not want to go on');
  await view.getByLabel('Synchronise').selectOption('weekly');
  found.save = await told(page, view, 'Save', 'the settings are saved');
  found.form = (await view.getByLabel('Synchronise').inputValue()) === 'weekly';
  await needs(view);
  found.popup = await signInElsewhere(page, view);
  found.connected = true;
  return found;
}

/** Another person on the same browser: the page of before is nobody's, and then no other's. */
async function nextPerson(page, tab, address) {
  const shown = async () => ({ status: (await tab.reload()).status(), text: await tab.locator('body').innerText() });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  const left = await shown();
  assert.equal(left.status, 401, left.text);
  // Signed in, and not yet let in at Pandium: its cookies are still those of before.
  await page.route('**/pandium/install/**', (route) => route.abort());
  const email = await signIn(page, address, GRACE);
  const between = await shown();
  assert.equal(between.status, 403, between.text);
  await page.unroute('**/pandium/install/**');
  await page.reload();
  await understood(page.frameLocator('#install'), claims(GRACE, email, 'gwt2hs'));
  await tab.reload();
  await understood(tab, claims(GRACE, email, 'gwt2hs'));
  for (const { text } of [left, between]) assert.doesNotMatch(text, /Zoë|northwind/i);
}

async function play({ name, proxied }, cookies, address) {
  const profile = join(folder, `${name}-${cookies}`);
  const context = await open(profile, cookies);
  const heard = listen(context);
  const complaints = [];
  context.on('weberror', (error) => complaints.push(String(error.error())));
  const waiting = new Set();
  context.on('request', (request) => waiting.add(request));
  for (const end of ['requestfinished', 'requestfailed']) context.on(end, (request) => waiting.delete(request));
  const page = context.pages()[0] ?? (await context.newPage());
  try {
    const email = await signIn(page, address, ZOE);
    const found = await inFrame(page, email);
    await page.screenshot({ path: `${screenshots}${name}-${cookies}.png`, fullPage: true });
    const tab = await connect(page, 'HubSpot');
    await understood(tab, claims(ZOE, email, 'gwt2hs'));
    const { session, api, socket } = await needs(tab);
    found.tab = session && api && socket;
    await tab.screenshot({ path: `${screenshots}${name}-${cookies}-tab.png`, fullPage: true });
    if (proxied) await nextPerson(page, tab, address);
    const pandium = await tab.locator('main').getAttribute('data-own');
    const seen = await seenBy(pandium);
    const everything = [...heard, ...(await known(page)), ...(await known(tab))];
    await context.close();
    found.token = everything.some((text) => TOKEN.test(text));
    found.history = kept(profile).some((text) => TOKEN.test(text));
    check(seen, proxied);
    assert.deepEqual(complaints, [], 'scripts failed');
    return found;
  } catch (error) {
    console.log('not answered in full:', [...waiting].map((request) => new URL(request.url()).pathname));
    await page.screenshot({ path: `${screenshots}${name}-${cookies}-failed.png`, fullPage: true }).catch(() => {});
    await context.close();
    throw error;
  }
}

/** What Pandium is never shown. */
function check(seen, proxied) {
  assert.ok(seen.some(({ path, referer }) => path.startsWith('/assets/') && referer), 'no Referer at all was seen');
  for (const { path, referer, cookies, headers } of seen) {
    assert.doesNotMatch(referer ?? '', /tenant=/, `${path} brought a token in its Referer`);
    assert.deepEqual(cookies.filter((cookie) => !cookie.startsWith('pandium_')), [], `${path} brought the app's cookies`);
    const own = headers.filter((header) => /^x-(account|user|installed|forwarded)|^authorization$/.test(header));
    assert.deepEqual(own, [], `${path}, ${proxied ? 'proxied' : 'by the browser'}, brought the visitor's headers`);
  }
}

/** The lines of the table, as they have to stand in the document. */
function table(results) {
  const words = { true: 'yes', false: 'no', undefined: '–' };
  const columns = Object.values(COLUMNS).map((runs) => {
    const [first, ...rest] = runs.map((run) => results[run]);
    rest.forEach((other) => assert.deepEqual(other, first, `${runs} differ`));
    return first;
  });
  return Object.entries(ROWS).map(([name, text]) =>
    `| ${[text, ...columns.map((found) => words[found[name]])].join(' | ')} |`);
}

const pem = certificate();
const results = {};
for (const [name, { flags, proxied }] of Object.entries(DELIVERIES)) {
  const { address, stop } = await start(`${program} demo --listen 127.0.0.1:0 --name gantry.test --tls ${pem} ${flags}`);
  console.log(`${name}: ${address}`);
  for (const cookies of Object.keys(COOKIES)) {
    results[`${name}, ${cookies}`] = await play({ name, proxied }, cookies, address);
    console.log(`${name}, third-party cookies ${cookies}:`, results[`${name}, ${cookies}`]);
  }
  assert.equal(await stop(), 0);
}

const measured = table(results).join('\n');
const written = readFileSync(new URL('../../deploy/delivery.md', import.meta.url), 'utf8');
assert.ok(written.includes(`\n${measured}\n\n`), `deploy/delivery.md should have this table:\n${measured}`);
console.log('ok: the table in deploy/delivery.md is what was measured');

// The README's first try, as a person would do it, in a real Chromium.
//
//     node tests/browser/demo.mjs 'cargo run -- demo'
//
// Starts the command, opens the address that it prints, and looks at what is there.
// Screenshots go to .ci/cache/screenshots.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const cache = new URL('../../.ci/cache/', import.meta.url);
const { chromium } = createRequire(new URL('npm/package.json', cache))('playwright-core');
const screenshots = fileURLToPath(new URL('screenshots/', cache));

const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

/** What the token should say of a person; `iat` and `jti` apart. */
function claims({ account, company, user, installed }, email, integration) {
  const xti = { connector_name: 'gwt', integration_name: integration };
  return { sub: account, ti: { udn: company, ufn: user, uem: email, ili: installed, aid: '', adn: '', xti } };
}

const ZOE = { account: '42', company: 'Northwind GmbH', user: 'Zoë Müller', installed: [] };
const GRACE = { account: '77', company: 'Bright Harbor Ltd', user: 'Grace Okafor', installed: ['crm-export', 'mailer'] };

/** Starts the command; gives the address that it prints, and a way to end it. */
async function start(command) {
  const child = spawn('bash', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  process.once('exit', () => child.kill('SIGKILL'));
  let printed = '';
  const address = await Promise.race([
    new Promise((resolve) => {
      child.stdout.on('data', (data) => {
        printed += data;
        const found = printed.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (found) resolve(found[0]);
      });
    }),
    ended.then((code) => assert.fail(`\`${command}\` ended with ${code}, and had printed: ${printed}`)),
  ]);
  const stop = async () => {
    child.kill('SIGINT');
    return ended;
  };
  return { address, stop };
}

/** Signs in by the button of that person; gives the e-mail address on it. */
async function signIn(page, address, { user }) {
  await page.goto(address);
  const button = page.getByRole('button', { name: user });
  const email = await button.locator('span').textContent();
  await button.click();
  await page.getByRole('heading', { name: 'Integrations' }).waitFor();
  return email;
}

/** Stand-in Pandium's page, in a frame or a tab: it understood the token, and these were its claims. */
async function understood(view, expected) {
  await view.getByRole('heading', { name: 'Pandium understood this' }).waitFor();
  const { iat, jti, ...seen } = JSON.parse(await view.locator('pre').textContent());
  assert.deepEqual(seen, expected);
  assert.ok(Math.abs(Date.now() / 1000 - iat) < 60, `iat ${iat}`);
  assert.match(jti, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
}

/** Clicks "Connect" of one integration; gives the tab that it opens. */
async function connect(page, title) {
  const opened = page.waitForEvent('popup');
  const tile = page.locator('.tiles section').filter({ has: page.getByRole('heading', { name: title }) });
  await tile.getByRole('link', { name: 'Connect' }).click();
  return opened;
}

async function refused(view, code) {
  await view.getByText(code).first().waitFor();
  assert.doesNotMatch(await view.locator('body').innerHTML(), /eyJ/);
}

const cases = {
  async 'an anonymous visitor is refused, with forged session headers too'({ browser, address }) {
    for (const headers of [{}, { 'X-Account-Id': '42', 'X-Account-Name': 'Northwind GmbH', 'X-User-Email': 'a@b.example' }]) {
      const context = await browser.newContext({ extraHTTPHeaders: headers });
      const page = await context.newPage();
      const answer = await page.goto(`${address}/pandium/install/gwt2hs`);
      assert.equal(answer.status(), 401);
      await refused(page, 'signed-out');
      await page.screenshot({ path: `${screenshots}refused.png` });
      await context.close();
    }
  },

  async 'the frame and the new tab show who signed in'({ page, address }) {
    await page.goto(address);
    await page.screenshot({ path: `${screenshots}login.png`, fullPage: true });
    const email = await signIn(page, address, ZOE);
    await understood(page.frameLocator('#install'), claims(ZOE, email, 'gwt2hs'));
    await page.screenshot({ path: `${screenshots}frame.png`, fullPage: true });

    const tab = await connect(page, 'HubSpot');
    await understood(tab, claims(ZOE, email, 'gwt2hs'));
    await tab.screenshot({ path: `${screenshots}tab.png`, fullPage: true });
    await understood(await connect(page, 'Slack'), claims(ZOE, email, 'gwt2slack'));
  },

  async 'the next person on the same browser is not the last one'({ page, address }) {
    await signIn(page, address, ZOE);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const email = await signIn(page, address, GRACE);
    await understood(page.frameLocator('#install'), claims(GRACE, email, 'gwt2hs'));
  },

  async 'a frame on another site is refused'({ page, address }) {
    // `localhost` and `127.0.0.1` are two sites.
    const html = `<!doctype html><iframe src="${address}/pandium/install/gwt2hs"></iframe>`;
    const site = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end(html));
    await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
    try {
      await signIn(page, address, ZOE);
      await page.goto(`http://localhost:${site.address().port}/`);
      await refused(page.frameLocator('iframe'), 'cross-site');
    } finally {
      site.closeAllConnections();
      site.close();
    }
  },
};

async function run(name, check, browser, address) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
  context.setDefaultTimeout(15_000);
  const complaints = [];
  // Refusals are on purpose here; a script's error or a policy that is broken never is.
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  const page = await context.newPage();
  try {
    await check({ browser, page, address });
    assert.deepEqual(complaints, [], 'the browser complained');
    console.log(`ok: ${name}`);
    return true;
  } catch (error) {
    await page.screenshot({ path: `${screenshots}failed.png` }).catch(() => {});
    console.log(`FAILED: ${name}: ${error.stack}`, complaints);
    return false;
  } finally {
    await context.close();
  }
}

mkdirSync(screenshots, { recursive: true });
const command = process.argv[2] ?? 'cargo run -- demo';
const { address, stop } = await start(command);
console.log(`opening ${address}`);
const browser = await chromium.launch(CHROMIUM);
const results = [];
for (const [name, check] of Object.entries(cases)) results.push(await run(name, check, browser, address));
await browser.close();
const code = await stop();
results.push(code === 0);
console.log(`${code === 0 ? 'ok' : 'FAILED'}: Ctrl-C ends it with ${code}`);
const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exit(passed === results.length ? 0 : 1);

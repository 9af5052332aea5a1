// The README's first try, as a person would do it, in a real Chromium.
//
//     node tests/browser/demo.mjs 'cargo run -- demo'
//     node tests/browser/demo.mjs 'cargo run -- demo --deliver proxy --mount host'
//
// Starts the command, opens the address that it prints, and looks at what is there.
// Screenshots go to .ci/cache/screenshots.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { CHROMIUM, GRACE, ZOE, chromium, claims, connect, screenshots, signIn, start, understood } from './kit.mjs';

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

const command = process.argv[2] ?? 'cargo run -- demo';

/** What the browser says of the stand-in's page where it is proxied: deploy/delivery.md has the reasons. */
const costs = command.includes('--deliver proxy') ? [/\/assets\/rooted\.js' because/, /\/api\/installs\/.* CORS policy/] : [];

async function run(name, check, browser, address) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
  context.setDefaultTimeout(15_000);
  const complaints = [];
  // Refusals are on purpose here; a script's error or a policy that is broken never is.
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    const text = message.text();
    const known = text.startsWith('Failed to load resource') || costs.some((cost) => cost.test(text));
    if (message.type() === 'error' && !known) complaints.push(text);
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

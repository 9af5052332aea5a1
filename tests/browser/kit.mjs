// What the tests in a real Chromium share: the browser, the demo, and the people who sign in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const cache = new URL('../../.ci/cache/', import.meta.url);
export const { chromium } = createRequire(new URL('npm/package.json', cache))('playwright-core');

/** Where screenshots go. */
export const screenshots = fileURLToPath(new URL('screenshots/', cache));
mkdirSync(screenshots, { recursive: true });

export const CHROMIUM = {
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
export function claims({ account, company, user, installed }, email, integration) {
  const xti = { connector_name: 'gwt', integration_name: integration };
  return { sub: account, ti: { udn: company, ufn: user, uem: email, ili: installed, aid: '', adn: '', xti } };
}

export const ZOE = { account: '42', company: 'Northwind GmbH', user: 'Zoë Müller', installed: [] };
export const GRACE = { account: '77', company: 'Bright Harbor Ltd', user: 'Grace Okafor', installed: ['crm-export', 'mailer'] };

/** Starts the command; gives the address that it prints, and a way to end it. */
export async function start(command) {
  const child = spawn('bash', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  process.once('exit', () => child.kill('SIGKILL'));
  let printed = '';
  const address = await Promise.race([
    new Promise((resolve) => {
      child.stdout.on('data', (data) => {
        printed += data;
        const found = printed.match(/^Open (https?:\/\/\S+)\/$/m);
        if (found) resolve(found[1]);
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
export async function signIn(page, address, { user }) {
  await page.goto(address);
  const button = page.getByRole('button', { name: user });
  const email = await button.locator('span').textContent();
  await button.click();
  await page.getByRole('heading', { name: 'Integrations' }).waitFor();
  return email;
}

/** Stand-in Pandium's page, in a frame or a tab: it understood the token, and these were its claims. */
export async function understood(view, expected) {
  await view.getByRole('heading', { name: 'Pandium understood this' }).waitFor();
  const { iat, jti, ...seen } = JSON.parse(await view.locator('pre').textContent());
  assert.deepEqual(seen, expected);
  assert.ok(Math.abs(Date.now() / 1000 - iat) < 60, `iat ${iat}`);
  assert.match(jti, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
}

/** Clicks "Connect" of one integration; gives the tab that it opens. */
export async function connect(page, title) {
  const tile = page.locator('.tiles section').filter({ has: page.getByRole('heading', { name: title }) });
  const [tab] = await Promise.all([page.waitForEvent('popup'), tile.getByRole('link', { name: 'Connect' }).click()]);
  return tab;
}

/** Asks until the answer is something, for at most so long. */
export async function eventually(ask, what, patience = 15_000) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail(`never: ${what}`);
}

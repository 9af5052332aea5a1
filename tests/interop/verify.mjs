// npm's jsonwebtoken on the tokens that verify.py collected: `node verify.mjs FILE`.
// Prints what failed, and a last line of two numbers: passed and failed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';

const require = createRequire(new URL('../../.ci/cache/npm/package.json', import.meta.url));
const jsonwebtoken = require('jsonwebtoken');

const { key, minted } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let passed = 0;
let failed = 0;

function check(holds, what) {
  if (holds) passed += 1;
  else if ((failed += 1) <= 10) console.log(`FAILED: jsonwebtoken: ${what}`);
}

for (const { token, claims } of minted) {
  try {
    const { header, payload } = jsonwebtoken.verify(token, key, { algorithms: ['HS256'], complete: true });
    const { iat, jti } = payload;
    const whole = { iat, jti, ...claims };
    check(isDeepStrictEqual(header, { alg: 'HS256', typ: 'JWT' }), `the header ${JSON.stringify(header)}`);
    // As text too: that way the order of the keys counts.
    const same = isDeepStrictEqual(payload, whole) && JSON.stringify(payload) === JSON.stringify(whole);
    check(same, `sees ${JSON.stringify(payload)}, not ${JSON.stringify(whole)}`);
  } catch (error) {
    check(false, `${error.message}: ${token}`);
  }
}
console.log(`${passed} ${failed}`);

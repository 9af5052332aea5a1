// The token of benches/mint.yaml, as somebody would write it who has nginx and nothing else.
import crypto from 'crypto';

const KEY = '0123456789abcdef0123456789abcdef';
const ADDRESS = 'https://imp.pandium.com/acme/tenants/create/1121?tenant=';
const HEADER = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.';

// A UUID v4 of nginx's own random bytes.
function uuid(hex) {
  const variant = '89ab'[parseInt(hex[16], 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function claims(r) {
  const h = r.headersIn;
  return {
    iat: Math.floor(Date.now() / 1000) - 5,
    jti: uuid(r.variables.request_id),
    sub: h['X-Account-Id'],
    ti: {
      udn: h['X-Account-Name'],
      ufn: h['X-User-Name'],
      uem: h['X-User-Email'],
      ili: h['X-Installed'].split(','),
      aid: h['X-Account-Id'],
      adn: h['X-Account-Name'],
      xti: {
        connector_name: 'gwt',
        integration_name: 'gwt2hs',
        user_tier: h['X-Plan'].toLowerCase(),
      },
    },
  };
}

function redirect(r) {
  const signed = HEADER + Buffer.from(JSON.stringify(claims(r))).toString('base64url');
  const signature = crypto.createHmac('sha256', KEY).update(signed).digest('base64url');
  r.return(302, `${ADDRESS}${signed}.${signature}`);
}

export default { redirect };

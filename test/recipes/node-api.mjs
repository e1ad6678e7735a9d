// api.mjs: npm install jose@6.2.17, then GATEWAY=… AUDIENCE=… PORT=3000 node api.mjs
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const issuer = process.env.GATEWAY // https://gateway.example: PUBLIC_URL of the gateway, to the letter
const audience = process.env.AUDIENCE // https://api.example: one of API_AUDIENCES
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
const isBadToken = ({ code }) => /^ERR_(JWS|JWT|JOSE_ALG|JOSE_NOT|JWKS_NO)_/.test(code)

createServer(async ({ headers }, response) => {
  try {
    const [, token = ''] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? []
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: ['RS256', 'ES256'],
    })
    response.end(JSON.stringify({ userId: payload.sub, scope: payload.scope }))
  } catch (error) {
    // 503: the keys could not be fetched. Log nobody out for that.
    if (isBadToken(error)) response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    else response.writeHead(503, { 'retry-after': '5' }).end()
  }
}).listen(process.env.PORT)

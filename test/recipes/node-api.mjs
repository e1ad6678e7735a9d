import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const issuer = process.env.GATEWAY // https://gateway.example: PUBLIC_URL of the gateway
const audience = process.env.AUDIENCE // https://api.example: one of API_AUDIENCES
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))

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
  } catch {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  }
}).listen(process.env.PORT)

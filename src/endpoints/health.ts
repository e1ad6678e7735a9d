import { plainText, type Reply } from '../http/send.ts'

/** `GET /health`: 200 while the process runs. It calls nothing. */
export function health(): Reply {
  return plainText(200, 'ok\n')
}

/** `GET /ready`: 200 while the gateway can serve, 503 while it drains. It does not depend on LINE. */
export function ready(isDraining: boolean): Reply {
  return isDraining ? plainText(503, 'draining\n') : plainText(200, 'ready\n')
}

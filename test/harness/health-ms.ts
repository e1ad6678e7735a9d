import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true })

/** The time of one answer of `/health`, on a connection that is open already. */
export function healthMs(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    request(`${url}/health`, { agent }, (response) => {
      response.resume().on('end', () => resolve(performance.now() - start))
    })
      .on('error', reject)
      .end()
  })
}

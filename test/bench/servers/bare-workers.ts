import cluster from 'node:cluster'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The baseline in `WORKERS` processes on one port, with node:cluster and nothing else. They get this process's flags. */
cluster.setupPrimary({ exec: join(import.meta.dirname, 'baseline.ts'), silent: true })
const urls = await Promise.all(Array.from({ length: Number(process.env.WORKERS) }, startWorker))
process.stdout.write(`${JSON.stringify({ url: urls[0] })}\n`)

function startWorker(): Promise<string> {
  return new Promise((resolve, reject) => {
    const { process: child } = cluster.fork()
    child.once('exit', () => reject(new Error('a worker exited')))
    child.stderr?.pipe(process.stderr)
    if (child.stdout === null) return
    createInterface(child.stdout).on('line', (line) => {
      const url = /"url":"(http:[^"]+)"/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}

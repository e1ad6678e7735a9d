import cluster from 'node:cluster'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startFlags } from '../subjects.ts'

/** Runs `WORKERS` gateway processes on one port with node:cluster. `src/main.ts` has no code for this. */
cluster.setupPrimary({
  exec: join(import.meta.dirname, '../../../src/main.ts'),
  execArgv: [...startFlags],
  silent: true,
})
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

import { mkdtempSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { numberIn } from './harness/document-facts.ts'
import { openPipe } from './harness/full-pipe.ts'
import { project, usePrograms } from './harness/programs.ts'

const programs = usePrograms()

/** Writes many lines into a pipe that is full. */
const manyLines = `
  import { surviveReaders } from ${JSON.stringify(join(project, 'src/signals.ts'))}
  surviveReaders()
  const line = process.argv[1].repeat(249) + '\\n'
  for (let n = 0; n < 2_000; n += 1) process.stdout.write(line)
  process.stderr.write('all lines wait')`

it('two processes write to one slow reader, as workers do: no line has a part of another one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  const pipe = openPipe(folder)
  pipe.fill()
  const script = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', manyLines]
  const both = ['a', 'b'].map((word) => programs.start(process.execPath, [...script, word], {}, folder, pipe.input))
  for (const { err } of both) await expect.poll(err, { timeout: 60_000 }).toBe('all lines wait')
  let text = ''
  const bytes = Buffer.alloc(5_000)
  const read = () => {
    // EAGAIN: the pipe is empty.
    const size = attempt(() => readSync(pipe.output, bytes)) ?? 0
    text += bytes.toString('latin1', 0, size).replace(/^\.+/, '')
    return text.length
  }
  await expect.poll(read, { timeout: 60_000, interval: 1 }).toBe(2 * 2_000 * 250)
  expect(text.split('\n').filter((line) => !/^(a{249}|b{249})?$/.test(line))).toEqual([])
  pipe.close()
  rmSync(folder, { recursive: true })
})

it('the end has the time that the last bytes, Redis and the spans can need together, and less than the 3 s of the README', () => {
  const limits = [
    numberIn('src/drain.ts', 'lastBytesMs'),
    numberIn('src/endpoints/metrics.ts', 'lastReadMs'),
    numberIn('src/tokens/shared-outbox.ts', 'flushMs'),
    numberIn('src/redis/connection.ts', 'closeMs'),
    numberIn('src/telemetry/tracing.ts', 'flushMs'),
  ]
  expect(Math.min(...limits)).toBeGreaterThan(0)
  const spareMs = numberIn('src/signals.ts', 'spareMs')
  expect(spareMs).toBeGreaterThan(limits.reduce((sum, ms) => sum + ms))
  expect(spareMs).toBeLessThan(3_000)
})

function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

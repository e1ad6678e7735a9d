import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createLogWriter } from '../../src/telemetry/log-writer.ts'

/** A log whose reader reads only when the test says so, and that breaks when the test says so. */
function useOutput() {
  const waiting: (() => void)[] = []
  const lines: string[] = []
  const reports: number[] = []
  let broken = false
  let dropped = 0
  const output = new Writable({
    decodeStrings: false,
    autoDestroy: false,
    write(line: string, _encoding, done) {
      if (broken) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      waiting.push(() => {
        lines.push(line)
        done()
      })
    },
  })
  const writer = createLogWriter(output, {
    dropped: () => {
      dropped += 1
    },
    recovered: (count) => {
      reports.push(count)
      writer.write('report\n')
    },
  })
  /** Returns the number of lines read so far. */
  const read = () => {
    while (waiting.length > 0) waiting.shift()?.()
    return lines.length
  }
  const breakOff = () => {
    broken = true
  }
  return { output, write: writer.write, read, breakOff, lines, reports, dropped: () => dropped }
}

const kilobyte = `${'x'.repeat(999)}\n`

describe('a log writer', () => {
  it('a reader that reads: all lines in order, nothing is reported', async () => {
    const { write, read, lines, reports, dropped } = useOutput()
    for (let n = 0; n < 100; n += 1) write(`${n}\n`)
    await expect.poll(read).toBe(100)
    expect(lines).toEqual(Array.from({ length: 100 }, (_, n) => `${n}\n`))
    expect([reports, dropped()]).toEqual([[], 0])
  })

  it('a reader that stalls: one megabyte waits, further lines are dropped and counted (A5)', () => {
    const { write, output, dropped } = useOutput()
    for (let n = 0; n < 3_000; n += 1) write(kilobyte)
    expect(output.writableLength).toBe(1_000_000)
    expect(dropped()).toBe(2_000)
  })

  it('a reader that reads again: the waiting lines, then one report of the number (A5)', async () => {
    const { write, read, lines, reports } = useOutput()
    for (let n = 0; n < 1_200; n += 1) write(kilobyte)
    await expect.poll(read).toBe(1_001)
    expect(reports).toEqual([200])
    expect(lines.at(-1)).toBe('report\n')
  })

  it('a reader that is gone: no error, lines are dropped and counted, and few are tried (A5)', async () => {
    const { write, output, breakOff, dropped, reports } = useOutput()
    breakOff()
    let tries = 0
    output.on('error', () => {
      tries += 1
    })
    for (let n = 0; n < 100; n += 1) {
      write(kilobyte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(dropped()).toBe(100)
    expect(tries).toBeLessThan(100)
    expect(output.writableLength).toBe(0)
    expect(reports).toEqual([])
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.ts'
import { web } from '../harness/channels.ts'
import { healthMs } from '../harness/health-ms.ts'
import { longestTurnOf, turnWatch } from '../harness/longest-turn-of.ts'
import { print } from '../harness/print.ts'
import { productionFlags } from '../harness/production-flags.ts'
import { project, usePrograms } from '../harness/programs.ts'

const programs = usePrograms()
/** Without a limit, one turn takes all lists that wait: up to 200 of the 1,500. */
const largestShare = 0.1

/** Linux tells the size of a process in /proc. */
describe.skipIf(process.platform !== 'linux')('LINE hangs, one address sends 1,500 lists of junk tokens (A3)', () => {
  it.each([
    // With the flags of `npm start`, young garbage alone may take 192 MB. How soon V8 removes it depends on the machine.
    ['100, all different', 256, {}],
    ['100, the same in each list', 256, { same: '1' }],
    // Their text alone takes 140 MB. Without a limit, it was 600 MB.
    ['12 ID tokens of 8 KB with invented kids', 384, { idTokens: '1' }],
  ] as const)('%s: at most %i MB more memory, and no long turn of the event loop', async (which, mostMb, tokens) => {
    const emulator = await startEmulator({ channels: [web] })
    emulator.faults.set('*', { hang: true })
    const gateway = programs.start(
      process.execPath,
      [...productionFlags(), ...turnWatch, join(project, 'src/main.ts')],
      {
        LINE_CHANNEL_ID: web.id,
        LINE_CHANNEL_SECRET: web.secret,
        LINE_API_URL: emulator.url,
        LINE_ACCESS_URL: emulator.url,
        HOST: '127.0.0.1',
        PORT: '0',
      },
    )
    const url = await gateway.printed(/"url":"(http:[^"]+)".*"listening"/)
    for (let n = 0; n < 50; n += 1) await healthMs(url)
    await longestTurnOf(gateway)
    const before = rssMb(gateway.process.pid)
    const flood = programs.start(process.execPath, [join(project, 'test/long/junk-lists.ts')], {
      URL: url,
      ...tokens,
    })
    const waits: number[] = []
    let peak = before
    while (flood.process.exitCode === null) {
      waits.push(await healthMs(url))
      peak = Math.max(peak, rssMb(gateway.process.pid))
      await sleep(5)
    }
    const answered = Number(await flood.printed(/answered (\d+)/))
    const turn = await longestTurnOf(gateway)
    await emulator.close()
    waits.sort((a, b) => a - b)
    const at = (part: number) => waits[Math.floor((waits.length - 1) * part)] ?? 0
    print(
      `LINE hangs, 1,500 lists of junk tokens, ${which}: RSS +${peak - before} MB, ${answered} lists answered, ` +
        `${waits.length} x /health p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)}, max ${at(1).toFixed(1)} ms; ` +
        turn.text,
    )
    expect(answered).toBe(1_500)
    expect(peak - before).toBeLessThanOrEqual(mostMb)
    expect(turn.share).toBeLessThanOrEqual(largestShare)
  })
})

function rssMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024)
}

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { liff, ourChannels, web } from '../harness/channels.ts'
import { faceSettings } from '../harness/faces.ts'
import { healthMs } from '../harness/health-ms.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { longestTurnOf, turnWatch } from '../harness/longest-turn-of.ts'
import { print } from '../harness/print.ts'
import { project, usePrograms } from '../harness/programs.ts'

const programs = usePrograms()
const keyFile = writeKeyFile()
/** One turn may take 10 ms of requests, and what is around them. Without turns, it takes a thousand of the 5,000 requests. */
const largestShare = 0.125
let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator({ channels: [web, liff] })
})
afterAll(async () => {
  await emulator.close()
  keyFile.remove()
})

describe('1,000 connections, five requests on each, without a credential', () => {
  it.each(['forms of 16 KB', 'forms of many members', 'wrong client secrets', 'junk ID tokens'])(
    '%s: all are answered, and no turn of the event loop is long',
    async (kind) => {
      const gateway = programs.start(process.execPath, [...turnWatch, join(project, 'src/main.ts')], {
        ...ourChannels,
        ...faceSettings,
        LINE_API_URL: emulator.url,
        LINE_ACCESS_URL: emulator.url,
        PUBLIC_URL: 'https://id.example',
        SIGNING_KEYS_FILE: keyFile.path,
        HOST: '127.0.0.1',
        PORT: '0',
      })
      const url = await gateway.printed(/"url":"(http:[^"]+)".*"listening"/)
      // Those that wait for LINE's keys, up to 1,000, are all checked in the turn in which the keys come: not while it is watched.
      await fetchKeys(url)
      for (let n = 0; n < 50; n += 1) await healthMs(url)
      await longestTurnOf(gateway)
      const flood = programs.start(process.execPath, [join(project, 'test/long/face-floods.ts')], {
        URL: url,
        KIND: kind,
        CHANNEL: liff.id,
        KID: await keyId(),
      })
      const waits: number[] = []
      while (flood.process.exitCode === null) {
        waits.push(await healthMs(url))
        await sleep(5)
      }
      const turn = await longestTurnOf(gateway)
      waits.sort((a, b) => a - b)
      const at = (part: number) => waits[Math.floor((waits.length - 1) * part)] ?? 0
      print(
        `5,000 x ${kind}: ${waits.length} x /health p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)}, ` +
          `max ${at(1).toFixed(1)} ms; ${turn.text}`,
      )
      expect(Number(await flood.printed(/answered (\d+)/))).toBe(5_000)
      expect(turn.share).toBeLessThanOrEqual(largestShare)
    },
  )
})

/** The gateway has LINE's keys after this. */
async function fetchKeys(url: string): Promise<void> {
  const { idToken } = emulator.issueTokens({ channelId: liff.id, es256: true })
  const answer = await fetch(`${url}/auth`, { headers: { authorization: `Bearer ${idToken}` } })
  expect(answer.status).toBe(200)
}

/** The ID of a key of LINE: with it, a signature is compared. */
async function keyId(): Promise<string> {
  const response = await fetch(`${emulator.url}/oauth2/v2.1/certs`)
  const { keys } = (await response.json()) as { readonly keys: readonly { readonly kid: string }[] }
  return keys[0]?.kid ?? ''
}

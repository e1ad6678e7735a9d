import { describe, expect, it } from 'vitest'
import { LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import { limitSources } from '../../src/tokens/limit-sources.ts'
import { createRecord } from '../../src/tokens/record.ts'
import { type Answer, type Resolver, SourceLimited } from '../../src/tokens/token-resolver.ts'
import { here, junk } from '../harness/token-layer.ts'

describe('the tier that limits sources', () => {
  const question = { token: junk(1), subject: 'profile', ...here, alongside: 'profile' } as const
  const record = createRecord({ channelId: '1', scopes: [], verifiedAt: 0, expiresAt: 1 })

  it('warm tokens: never limited', async () => {
    const gate = { admit: () => Promise.reject(new SourceLimited(1)) }
    const answer: Answer = { verdict: 'invalid', reason: 'REVOKED' }
    const resolve = limitSources(async () => answer, gate)
    expect(await resolve([{ ...question, known: record }])[0]).toBe(answer)
    expect(await resolve([question])[0]).toMatchObject({ verdict: 'unknown', outage: { code: 'RATE_LIMITED' } })
  })

  it('a refusal by the gate is an answer; a bug rejects', async () => {
    const busy = { admit: () => Promise.reject(new LineUnavailable('busy')) }
    const broken = { admit: () => Promise.reject(new TypeError('a bug')) }
    const never: Resolver = () => Promise.reject(new Error('the next tier must not be called'))
    expect(await limitSources(never, busy)([question])[0]).toMatchObject({ outage: { code: 'LINE_UNAVAILABLE' } })
    await expect(limitSources(never, broken)([question])[0]).rejects.toThrow('a bug')
    const wrong: Resolver = () => Promise.reject(new Misconfigured())
    const open = { admit: async () => ({ calls: 1 as const, settle: () => {} }) }
    expect(await limitSources(wrong, open)([question])[0]).toMatchObject({ outage: { code: 'MISCONFIGURED' } })
  })

  it.each<[string, string, Answer | Error]>([
    ['a valid token', 'good', { verdict: 'valid', record }],
    ['an invalid token', 'refused', { verdict: 'invalid', reason: 'INVALID' }],
    [
      'an answer of LINE without use (B9)',
      'useless',
      { verdict: 'unknown', outage: new LineUnavailable('403', { unusable: true }) },
    ],
    ['our settings are wrong (D3)', 'open', { verdict: 'unknown', outage: new Misconfigured() }],
    ['our settings are wrong, as a rejection (D3)', 'open', new Misconfigured()],
    ['an outage', 'open', { verdict: 'unknown', outage: new LineUnavailable('down') }],
    ['a bug', 'open', new TypeError('a bug')],
  ])('%s: the admission is settled as %s', async (_, outcome, result) => {
    const settled: string[] = []
    const admission = { calls: 2 as const, settle: (how: string) => void settled.push(how) }
    const resolve = limitSources(
      async () => {
        if (result instanceof Error) throw result
        return result
      },
      { admit: async () => admission },
    )
    await resolve([question])[0]?.catch(() => {})
    expect(settled).toEqual([outcome])
  })

  it('a bug before the first promise: the admission is settled too, so its places come back', async () => {
    const settled: string[] = []
    const admission = { calls: 2 as const, settle: (how: string) => void settled.push(how) }
    const broken: Resolver = () => {
      throw new TypeError('a bug')
    }
    await expect(limitSources(broken, { admit: async () => admission })([question])[0]).rejects.toThrow('a bug')
    expect(settled).toEqual(['open'])
  })

  it('admitted for one call: no reading alongside', async () => {
    const asked: unknown[] = []
    const resolve = limitSources(
      async ({ alongside }) => {
        asked.push(alongside)
        return { verdict: 'valid', record }
      },
      { admit: async (_, { calls }) => ({ calls: calls === 2 && asked.length === 0 ? 2 : 1, settle: () => {} }) },
    )
    await resolve([question])[0]
    await resolve([question])[0]
    expect(asked).toEqual(['profile', undefined])
  })
})

import { expect, test } from 'vitest'
import { hasLoopbackHost, isLoopbackName } from '../../src/http/loopback.ts'
import { foreignHosts, loopbackHosts } from '../harness/host-names.ts'
import { incoming } from '../harness/incoming.ts'

const asking = (headers: Record<string, string>, url = '/') => Object.assign(incoming(headers), { url })

test.each(loopbackHosts)('Host: %s is a loopback host', (host) => {
  expect(hasLoopbackHost(asking({ host }))).toBe(true)
})

test.each(foreignHosts)('Host: %s is a foreign host', (host) => {
  expect(hasLoopbackHost(asking({ host }))).toBe(false)
})

test('no Host: a foreign host', () => {
  expect(hasLoopbackHost(asking({}))).toBe(false)
})

test.each(['http://evil.example/graphql', 'https://evil.example:4000/', 'http://localhost@evil.example/', '*', ''])(
  'the target %s: a foreign host in spite of Host: localhost',
  (target) => {
    expect(hasLoopbackHost(asking({ host: 'localhost' }, target))).toBe(false)
  },
)

test('a target with a loopback name: a loopback host only if Host is one too', () => {
  expect(hasLoopbackHost(asking({ host: 'localhost' }, 'http://127.0.0.1:4000/graphql'))).toBe(true)
  expect(hasLoopbackHost(asking({ host: 'evil.example' }, 'http://127.0.0.1:4000/graphql'))).toBe(false)
})

test.each([
  ['[::1]', true],
  ['127.1.2.3', true],
  ['line.localhost', true],
  ['api.line.me', false],
  ['::1', false],
  ['', false],
])('the name %j: %j', (name, expected) => {
  expect(isLoopbackName(name)).toBe(expected)
})

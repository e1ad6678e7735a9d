import { expect, it } from 'vitest'
import { parseTarget } from '../../src/redis/target.ts'

it.each([
  ['redis://localhost', { host: 'localhost', port: 6379, db: 0 }],
  ['redis://10.0.0.1:7000/3', { host: '10.0.0.1', port: 7000, db: 3 }],
  ['redis://[::1]:7000/', { host: '::1', port: 7000, db: 0 }],
  ['redis://:p%40ss%2Fw%25rd@h', { host: 'h', port: 6379, db: 0, password: 'p@ss/w%rd' }],
  ['redis://us%3Aer:50%@h', { host: 'h', port: 6379, db: 0, username: 'us:er', password: '50%' }],
  [
    'rediss://cache.example.com',
    { host: 'cache.example.com', port: 6379, db: 0, tls: { servername: 'cache.example.com' } },
  ],
  ['rediss://10.0.0.1', { host: '10.0.0.1', port: 6379, db: 0, tls: {} }],
  ['rediss://[::1]', { host: '::1', port: 6379, db: 0, tls: {} }],
])('%s: understood', (url, target) => {
  expect(parseTarget(url)).toEqual(target)
})

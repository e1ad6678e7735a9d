import { expect, it } from 'vitest'
import { pathOf, queryOf } from '../../src/http/request-target.ts'

it.each([
  ['/graphql', '/graphql', ''],
  ['/graphql?query={a}', '/graphql', 'query={a}'],
  ['/graphql?a=1?b=2?', '/graphql', 'a=1?b=2?'],
  ['/graphql??', '/graphql', '?'],
  ['/graphql?x=http://a/b', '/graphql', 'x=http://a/b'],
  ['http://host/graphql', '/graphql', ''],
  ['http://host:4000/graphql?a=/b?c', '/graphql', 'a=/b?c'],
  ['HTTPS://user@[::1]:1/graphql/?a', '/graphql/', 'a'],
  ['hTTp://host//graphql', '//graphql', ''],
  ['http://host', '', ''],
  ['http://host?a=/graphql', '', 'a=/graphql'],
  ['http:///graphql', '', ''],
  ['http:graphql', '', ''],
  ['http:/graphql', '', ''],
  ['ftp://host/graphql', '', ''],
  ['//graphql', '//graphql', ''],
  ['*', '', ''],
  ['host:443', '', ''],
  ['?query={a}', '', 'query={a}'],
  ['', '', ''],
])('%s: the path %j, the query %j (D6)', (target, path, query) => {
  expect([pathOf(target), queryOf(target)]).toEqual([path, query])
})

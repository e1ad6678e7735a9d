import { expect, it } from 'vitest'
import { acceptedMediaType } from '../../src/graphql/media-type.ts'

const older = 'application/json'
const newer = 'application/graphql-response+json'

it.each([
  [undefined, older],
  ['', older],
  ['*/*', older],
  ['application/*', older],
  ['application/json', older],
  ['APPLICATION/JSON', older],
  ['application/json; charset=utf-8', older],
  ['application/json; charset="UTF-8"', older],
  ['application/graphql-response+json', newer],
  ['application/graphql-response+json; charset=utf-8', newer],
  ['application/graphql-response+json, application/json;q=0.9', newer],
  ['application/json, application/graphql-response+json', older],
  ['application/graphql-response+json;q=0, application/json', older],
  ['application/graphql-response+json; q=0.000, */*', older],
  ['application/json;q=0.0, application/graphql-response+json;q=0.1', newer],
  ['application/json;q=0.5, application/graphql-response+json', newer],
  ['application/graphql-response+json;q=0.8, */*;q=0.9', older],
  ['text/html, application/graphql-response+json;q=0.25, application/json;q=0.2', newer],
  ['application/graphql-response+json;q=nonsense, application/json;q=0.9', newer],
  ['application/graphql-response+json; charset=utf-16, application/json', older],
  ['text/html, application/xhtml+xml, */*;q=0.8', older],
  ['text/html', undefined],
  ['text/html, image/*', undefined],
  ['application/jsonp', undefined],
  ['application/json; charset=latin1', undefined],
  ['application/json;q=0', undefined],
  [',,;;', undefined],
])('Accept %j: the answer is %s', (accept, mediaType) => {
  expect(acceptedMediaType(accept)).toBe(mediaType)
})

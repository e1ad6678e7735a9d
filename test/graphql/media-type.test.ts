import { expect, it } from 'vitest'
import { acceptedMediaType, prefersHtml } from '../../src/graphql/media-type.ts'

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
  ['application/graphql-response+json;q=nonsense, application/json;q=0.9', older],
  ['application/json;q=0, */*', newer],
  ['application/*;q=0.5, application/graphql-response+json;q=0.1', older],
  ['application/graphql-response+json; charset="utf-8"; q=0.5, application/json;charset=UTF-8;q=0.4', newer],
  ['text/html, application/json, */*;q=0.1', older],
  [
    'multipart/mixed;boundary="-,";deferSpec=20220824, application/graphql-response+json, application/json;q=0.9',
    newer,
  ],
  [`application/graphql-response+json, ${'a/b,'.repeat(300)}`, older],
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

it.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', true],
  ['text/html', true],
  ['TEXT/HTML; charset="utf-8"', true],
  ['text/html, */*', true],
  ['text/html, application/json', true],
  ['text/html;q=0.5, */*;q=0.1', true],
  ['text/*', true],
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['*/*;q=0.1', false],
  ['application/json, text/html', false],
  ['application/json, text/plain, */*', false],
  ['application/json, text/html;q=0.9', false],
  ['text/html;q=0.8, application/json;q=0.9', false],
  ['text/html;q=0.5, application/graphql-response+json;q=0.6', false],
  ['text/html;q=0.1, */*;q=0.2', false],
  ['text/html;q=0, */*', false],
  ['text/html;q=0', false],
  ['text/html; charset=latin1', false],
  ['application/x-text/html', false],
  ['text/htmlx', false],
  [`text/html, ${'a/b,'.repeat(300)}`, false],
])('Accept %j: prefers HTML: %s (D9)', (accept, expected) => {
  expect(prefersHtml(accept)).toBe(expected)
})

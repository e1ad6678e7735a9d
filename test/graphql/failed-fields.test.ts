import { expect, it } from 'vitest'
import { publicError } from '../../src/graphql/errors.ts'
import { failedFields } from '../../src/graphql/failed-fields.ts'

const prepared = {
  fields: ['__typename', 'viewer'],
  fieldOf: new Map([
    ['__typename', '__typename'],
    ['a', 'viewer'],
    ['b', 'viewer'],
  ]),
}
const error = (code: string, path?: readonly (string | number)[]) => publicError('words', { code }, { path })

it.each([
  ['one under an alias', [error('FORBIDDEN', ['a', 'email'])], { viewer: 'FORBIDDEN' }],
  [
    'two of one field: the first',
    [error('FORBIDDEN', ['b']), error('LINE_UNAVAILABLE', ['a'])],
    { viewer: 'FORBIDDEN' },
  ],
  [
    'one without a place: all fields',
    [error('OPERATION_TOO_COMPLEX')],
    { viewer: 'OPERATION_TOO_COMPLEX', __typename: 'OPERATION_TOO_COMPLEX' },
  ],
  [
    'both',
    [error('FORBIDDEN', ['a']), error('INTERNAL_SERVER_ERROR')],
    { viewer: 'FORBIDDEN', __typename: 'INTERNAL_SERVER_ERROR' },
  ],
])('errors of an operation: %s', (_, errors, failed) => {
  expect(Object.fromEntries(failedFields(prepared, errors))).toEqual(failed)
})

import SchemaBuilder from '@pothos/core'
import type { Context } from './context.ts'

export const builder = new SchemaBuilder<{
  Context: Context
  DefaultFieldNullability: false
  Scalars: {
    /** Epoch ms inside, RFC 3339 outside. */
    DateTime: { Input: never; Output: number }
    ID: { Input: string; Output: string }
  }
}>({ defaultFieldNullability: false })

builder.scalarType('DateTime', {
  description: 'A point in time in RFC 3339 format, always in UTC. Example: `2026-11-22T09:30:00.000Z`.',
  serialize: (epochMs) => new Date(epochMs).toISOString(),
})

builder.queryType({ description: 'All read operations. A query changes nothing at LINE.' })
builder.mutationType({
  description: 'Operations that log users in, refresh tokens, revoke tokens and withdraw permissions.',
})

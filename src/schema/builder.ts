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
  description: 'A point in time as RFC 3339 writes it, always in UTC: `2026-11-22T09:30:00.000Z`.',
  serialize: (epochMs) => new Date(epochMs).toISOString(),
})

builder.queryType({ description: 'What can be asked. Asking changes nothing, here or at LINE.' })
builder.mutationType({ description: 'Logging in, refreshing, and ending what a login began.' })

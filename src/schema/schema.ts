import { builder } from './builder.ts'
import './viewer.ts'
import './api-token.ts'
import './start-login.ts'
import './exchange-login.ts'
import './refresh-token.ts'
import './verify-access-token.ts'
import './id-token.ts'
import './revocation.ts'

/** The whole schema. Creating it needs no settings, network or clock: the resolvers get everything from the context. */
export const schema = builder.toSchema()

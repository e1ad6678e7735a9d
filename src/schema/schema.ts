import { builder } from './builder.ts'
import './viewer.ts'
import './start-login.ts'
import './exchange-login.ts'
import './refresh-token.ts'
import './verify-access-token.ts'
import './id-token.ts'
import './revocation.ts'

/** The whole schema. Needs no settings, network or clock: everything it answers with comes in the context. */
export const schema = builder.toSchema()

import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** NODE_COMPILE_CACHE of the programs that tests start: half of the start is saved when their code is compiled already. */
export const compileCache = join(tmpdir(), 'line-graphql-gateway-compiled')

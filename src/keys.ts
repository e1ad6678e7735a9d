import { runKeys } from './keys/command.ts'
import { surviveReaders } from './signals.ts'

/** `npm run keys`. npm runs it in the folder of the project; INIT_CWD is that of the user. Other scripts may change the folder. */
surviveReaders()
const { npm_lifecycle_event: script, INIT_CWD: folderOfUser = '' } = process.env
const folder = script === 'keys' ? folderOfUser : ''
process.exitCode = await runKeys(process.argv.slice(2), { command: 'npm run keys', dashes: '-- ', folder })

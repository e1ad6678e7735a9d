import { runChecks } from './run-checks.ts'

/**
 * Runs the checks against LINE itself, with a few calls a minute:
 *
 *   LINE_CHANNEL_ID=… LINE_ACCESS_TOKEN=… node test/line/check-line.ts [--only verify.] [--revoke]
 *
 * Each further credential makes more checks run. A check that harms a login runs only with `--revoke`.
 */
process.exitCode = await runChecks(process.argv.slice(2), process.env)

import { writeSync } from 'node:fs'

/**
 * For `--import` of a gateway. On SIGUSR2 it prints the most processor time that one turn of the event loop took since the
 * last SIGUSR2, and what all turns took. What other processes take does not count. `/health` and timers wait for the end of a
 * turn.
 */
let longestMs = 0
let last = process.threadCpuUsage()
let allSince = last
setInterval(() => {
  const { user, system } = process.threadCpuUsage(last)
  longestMs = Math.max(longestMs, (user + system) / 1_000)
  last = process.threadCpuUsage()
}, 1).unref()
process.on('SIGUSR2', () => {
  const { user, system } = process.threadCpuUsage(allSince)
  writeSync(1, `longest turn: ${Math.round(longestMs)} of ${Math.round((user + system) / 1_000)} ms\n`)
  longestMs = 0
  allSince = process.threadCpuUsage()
})

import { describe, expect, it } from 'vitest'
import { createPause, pauseMs } from '../../src/redis/pause.ts'

function start() {
  const clock = { now: 0 }
  return { clock, pause: createPause(() => clock.now) }
}

describe('the pause after a failure', () => {
  it('one failure: nothing is sent, then one command probes', () => {
    const { clock, pause } = start()
    expect(pause.enter()).toBe('pass')
    pause.failed('pass')
    expect([pause.enter(), pause.isOpen()]).toEqual(['refuse', true])
    clock.now = pauseMs
    expect([pause.enter(), pause.enter(), pause.enter()]).toEqual(['probe', 'refuse', 'refuse'])
  })

  it('nobody asks: after the pause it refuses nobody', () => {
    const { clock, pause } = start()
    pause.failed('pass')
    expect(pause.isRefusing()).toBe(true)
    clock.now = pauseMs
    expect([pause.isRefusing(), pause.isOpen()]).toEqual([false, true])
  })

  it('the probe is answered: all pass. It fails: another pause', () => {
    const { clock, pause } = start()
    pause.failed('pass')
    clock.now = pauseMs
    pause.failed(pause.enter() as 'probe')
    expect(pause.enter()).toBe('refuse')
    clock.now = 2 * pauseMs
    pause.answered(pause.enter() as 'probe')
    expect([pause.enter(), pause.enter(), pause.isOpen()]).toEqual(['pass', 'pass', false])
  })

  it('commands sent before the pause: they neither end it nor make it longer', () => {
    const { clock, pause } = start()
    pause.failed('pass')
    pause.answered('pass')
    clock.now = pauseMs - 1
    pause.failed('pass')
    expect(pause.enter()).toBe('refuse')
    clock.now = pauseMs
    expect(pause.enter()).toBe('probe')
  })
})

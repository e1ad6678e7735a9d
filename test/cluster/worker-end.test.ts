import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { endWord, onEnd } from '../../src/cluster/worker-end.ts'
import { workerEnds } from '../../src/telemetry/metric-labels.ts'

function begin({ pid }: { readonly pid?: number } = { pid: 1 }) {
  const state = { isConnected: true }
  const worker = Object.assign(new EventEmitter(), { isConnected: () => state.isConnected, process: { pid } })
  const ends: string[] = []
  onEnd(worker, (how) => ends.push(how))
  return { worker, state, ends }
}

it('the process ends before its channel: it has ended with the channel, because its last numbers may be in it', () => {
  const { worker, state, ends } = begin()
  worker.emit('exit', null, 'SIGKILL')
  expect(ends).toEqual([])
  state.isConnected = false
  worker.emit('disconnect')
  expect(ends).toEqual(['SIGKILL'])
})

it('the channel ends before its process: it has ended with the process', () => {
  const { worker, state, ends } = begin()
  state.isConnected = false
  worker.emit('disconnect')
  expect(ends).toEqual([])
  worker.emit('exit', 7, null)
  expect(ends).toEqual(['exit 7'])
})

it('an error of a process that runs is no end; of one that was not made, it is', () => {
  const { worker, ends } = begin()
  worker.emit('error')
  expect(ends).toEqual([])
  const other = begin({})
  other.worker.emit('error')
  expect(other.ends).toEqual(['not started'])
})

it('an end without a word of its own: other', () => {
  for (const word of workerEnds) expect(endWord(word)).toBe(word)
  for (const how of ['exit 7', 'SIGHUP', 'not started']) expect(endWord(how)).toBe('other')
})

/** The browser's storage. It can be blocked or full, and people edit it by hand. `area`: `sessionStorage` or `localStorage`. */

import { Failure } from './ask.js'

/** The object of a key. `undefined` for anything else. */
export function readObject(area, key) {
  try {
    const value = JSON.parse(globalThis[area].getItem(key))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Throws a `Failure` with the code `NO_STORAGE` if the storage is blocked or full. */
export function writeObject(area, key, value) {
  try {
    globalThis[area].setItem(key, JSON.stringify(value))
  } catch {
    throw new Failure({ message: 'nothing can be stored', extensions: { code: 'NO_STORAGE' } })
  }
}

export function removeKey(area, key) {
  try {
    globalThis[area].removeItem(key)
  } catch {
    // A blocked storage has nothing to remove.
  }
}

export function keysOf(area) {
  try {
    return Object.keys(globalThis[area])
  } catch {
    return []
  }
}

/** Throws like `writeObject` if a session of usual size cannot be stored. */
export function checkStorage() {
  for (const area of ['sessionStorage', 'localStorage']) {
    writeObject(area, 'line-room', { text: 'x'.repeat(8_000) })
    removeKey(area, 'line-room')
  }
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textOf(value) {
  return typeof value === 'string' ? value : undefined
}

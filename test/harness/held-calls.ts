import { Agent } from 'undici'

/** A dispatcher that holds the gateway's calls to LINE until `release`. */
export function holdCalls() {
  const held: { readonly path: string; readonly send: () => void }[] = []
  let released = false
  const dispatcher = new Agent().compose((dispatch) => (options, handler) => {
    if (released) return dispatch(options, handler)
    held.push({ path: options.path, send: () => dispatch(options, handler) })
    return true
  })
  return { dispatcher, heldCalls, release }

  function heldCalls(path: string): number {
    return held.filter((call) => call.path.startsWith(path)).length
  }

  function release(): void {
    released = true
    for (const { send } of held.splice(0)) send()
  }
}

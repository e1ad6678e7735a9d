import { Dispatcher } from 'undici'
import { profileOf, verification } from '../line-answers.ts'

/** A fake LINE without a network. With it, a gateway verifies a million tokens with its own code in a short time. */
export class FakeLine extends Dispatcher {
  override dispatch({ path, headers }: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const authorization = (headers as Record<string, string> | undefined)?.authorization ?? ''
    const body = Buffer.from(path.startsWith('/oauth2/') ? verification : profileOf(authorization))
    setImmediate(() => {
      handler.onRequestStart?.(controller, {})
      handler.onResponseStart?.(controller, 200, { 'content-type': 'application/json' }, 'OK')
      handler.onResponseData?.(controller, body)
      handler.onResponseEnd?.(controller, {})
    })
    return true
  }
}

const controller: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: null,
  rawTrailers: null,
  abort() {},
  pause() {},
  resume() {},
}

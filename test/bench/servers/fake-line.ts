import { Dispatcher } from 'undici'
import { profileOf, verification } from '../line-answers.ts'

/** LINE without a network: for filling a gateway with a million tokens by the road they always take, in reasonable time. */
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

import { openToLoopback } from '../http/cors.ts'
import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { isForeignForm } from '../http/loopback-host.ts'
import { answerFile } from '../http/own-files.ts'
import { foreignFormPage, logIn } from '../login/login.ts'
import { LOGIN_PATH } from '../login/login-pages.ts'
import { answerPicture } from '../login/pictures.ts'
import { createControl, type EmulatorParts } from './control.ts'
import { homePage } from './home-page.ts'

/** The endpoints that LINE does not have: the home page, pictures, the target of the login forms and the control endpoint. */
export function createOwnEndpoints(parts: EmulatorParts): (request: LineRequest) => LineResponse | undefined {
  const control = openToLoopback(createControl(parts))

  return (sent) => {
    // Node leaves out the body of the answer.
    const request = sent.method === 'HEAD' ? { ...sent, method: 'GET' } : sent
    if (request.method === 'GET' && request.path === '/') return homePage(parts, request)
    if (request.method === 'POST' && request.path === LOGIN_PATH)
      return isForeignForm(request.headers) ? foreignFormPage : logIn(request, parts.platform)
    const resource =
      request.method === 'GET' ? (answerFile(request.path) ?? answerPicture(request, parts.platform)) : undefined
    if (resource !== undefined) return resource
    return request.path.startsWith('/emulator/') ? control(request) : undefined
  }
}

import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { logIn } from '../login/login.ts'
import { LOGIN_PATH } from '../login/login-pages.ts'
import { createControl, type Stage } from './control.ts'
import { homePage } from './home-page.ts'

/** What LINE doesn't have: the page for people, the login form's target and the control endpoint. */
export function createBackstage(stage: Stage): (request: LineRequest) => LineResponse | undefined {
  const control = createControl(stage)

  return (request) => {
    if (request.method === 'GET' && request.path === '/') return homePage(stage, request)
    if (request.method === 'POST' && request.path === LOGIN_PATH) return logIn(request, stage.platform)
    return request.path.startsWith('/emulator/') ? control(request) : undefined
  }
}

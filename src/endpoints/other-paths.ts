import type { IncomingMessage, ServerResponse } from 'node:http'
import { hasLoopbackHost, loopbackOnly } from '../http/loopback.ts'
import { plainText, type Reply } from '../http/send.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { health, ready } from './health.ts'
import type { PlainAnswers } from './plain-answers.ts'

/** A page of `npm run dev`, or a file that a page loads. */
export type DevPage = {
  /** The answer to GET. */
  readonly get: () => Reply | Promise<Reply>
  /** The answer to other methods. Default: 405 without words. */
  readonly other?: Reply
}

export type OtherPathsOptions = {
  readonly plain: PlainAnswers
  readonly telemetry: Pick<Telemetry, 'unexpected'>
  readonly isDraining: () => boolean
  readonly pageOf: (path: string) => DevPage | undefined
}

/** Answers the paths that are neither GraphQL nor a face: the probes, the pages of `npm run dev`, and those that do not exist. */
export function createOtherPaths({ plain, telemetry, isDraining, pageOf }: OtherPathsOptions) {
  return function handle(path: string, request: IncomingMessage, response: ServerResponse): void {
    const page = pageOf(path)
    const isProbe = path === '/health' || path === '/ready'
    const route = isProbe ? path : noRoute
    if (!isProbe && page === undefined) plain.send(response, plainText(404, 'not found\n'), route)
    else if (request.method !== 'GET' && request.method !== 'HEAD') plain.send(response, page?.other ?? onlyGet, route)
    else if (page === undefined) plain.send(response, path === '/health' ? health() : ready(isDraining()), route)
    else if (hasLoopbackHost(request)) void sendPage(page, response)
    else plain.send(response, plainText(421, `${loopbackOnly}\n`), route)
  }

  async function sendPage(page: DevPage, response: ServerResponse): Promise<void> {
    try {
      plain.send(response, await page.get(), noRoute)
    } catch (error) {
      telemetry.unexpected(error, 'dev page')
      plain.send(response, plainText(500, 'the page failed\n'), noRoute)
    }
  }
}

/** In metrics. */
export const noRoute = ''
const onlyGet: Reply = { status: 405, headers: ['allow', 'GET'], body: '' }

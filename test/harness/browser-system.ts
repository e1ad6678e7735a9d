import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readConfig } from '../../src/config.ts'
import { createLiveNumbers } from '../../src/dev/live-numbers.ts'
import { callbackPath, createDevPages } from '../../src/dev/pages.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/emulator.ts'
import { sampleTabs } from '../../src/endpoints/graphiql-tabs.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'

export type System = Awaited<ReturnType<typeof startSystem>>

/** A request to the app's callback. The parameters are from the query, or from the form of a POST. */
export type CallbackRequest = { readonly method: string; readonly search: string; readonly parameters: URLSearchParams }

type Answer<T> = { readonly data: T; readonly errors?: readonly { readonly extensions: { readonly code: string } }[] }

/** Starts the emulator and the gateway as `npm run dev` does, and an app that uses the gateway. */
export async function startSystem(options: EmulatorOptions = {}) {
  const emulator = await startEmulator(options)
  const gateway = await startGateway(emulator)
  const callbackRequests: CallbackRequest[] = []
  const { app, url } = await startApp(callbackRequests)

  return {
    emulator,
    gateway,
    callbackRequests,
    /** The app's callback URL. */
    redirectUri: `${url}/callback`,
    /** The callback URL of the demo login. */
    devCallback: `${gateway.url}${callbackPath}`,
    ask,
    close,
  }

  async function ask<T>(query: string, variables: object = {}, accessToken?: string): Promise<Answer<T>> {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(accessToken && { authorization: `Bearer ${accessToken}` }) },
      body: JSON.stringify({ query, variables }),
    })
    return (await response.json()) as Answer<T>
  }

  async function close(): Promise<void> {
    app.closeAllConnections()
    app.close()
    await gateway.close()
    await emulator.close()
  }
}

function startGateway(emulator: Emulator): Promise<Gateway> {
  const config = readConfig({
    NODE_ENV: 'development',
    PORT: '0',
    LINE_CHANNELS: JSON.stringify(emulator.channels.map(({ id, secret, type }) => ({ id, secret, type }))),
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
    SHUTDOWN_GRACE_SECONDS: '0',
    LINE_TIMEOUT_MS: '60000',
  })
  const { accessToken, refreshToken = '' } = emulator.issueTokens()
  const { telemetry, read: numbers } = createLiveNumbers(createSilentTelemetry())
  return createGateway(config, {
    telemetry,
    dev: (origin) => ({
      tabs: sampleTabs({ accessToken, refreshToken, redirectUri: `${origin}${callbackPath}` }),
      pages: createDevPages({ emulatorUrl: emulator.url, numbers }),
    }),
  })
}

/** A proxy that serves a gateway below a path prefix, such as `/api/line`. `url` has the prefix. */
export async function startPrefixProxy(gatewayUrl: string, prefix: string) {
  const proxy = createServer((from, to) => {
    const path = from.url?.replace(prefix, '') ?? ''
    const onward = request(gatewayUrl + path, { method: from.method, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(to)
    })
    onward.on('error', () => to.destroy())
    from.pipe(onward)
  })
  const close = () => {
    proxy.closeAllConnections()
    proxy.close()
  }
  return { url: `${await listenLocally(proxy)}${prefix}`, close }
}

async function startApp(callbackRequests: CallbackRequest[]): Promise<{ app: Server; url: string }> {
  const app = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { pathname, search } = new URL(request.url ?? '/', 'http://app')
    if (pathname === '/callback') {
      const { method = '' } = request
      callbackRequests.push({ method, search, parameters: new URLSearchParams(method === 'POST' ? body : search) })
    }
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>The app</title><h1>Welcome back</h1>')
  })
  return { app, url: await listenLocally(app) }
}

async function listenLocally(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

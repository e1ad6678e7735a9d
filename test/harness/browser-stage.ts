import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readConfig } from '../../src/config.ts'
import { callbackPage, callbackPath } from '../../src/dev/callback-page.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/emulator.ts'
import { sampleTabs } from '../../src/endpoints/graphiql-tabs.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'

/** What `npm run dev` starts, and the app of somebody who uses it. */
export type Stage = Awaited<ReturnType<typeof startStage>>

/** A browser at the app's callback: `method` and parameters, wherever they were. */
export type Arrival = { readonly method: string; readonly search: string; readonly came: URLSearchParams }

type Answer<T> = { readonly data: T; readonly errors?: readonly { readonly extensions: { readonly code: string } }[] }

export async function startStage(options: EmulatorOptions = {}) {
  const emulator = await startEmulator(options)
  const gateway = await startGateway(emulator)
  const arrivals: Arrival[] = []
  const { app, url } = await startApp(arrivals)

  return {
    emulator,
    gateway,
    arrivals,
    /** Where the app has its users sent back to. */
    redirectUri: `${url}/callback`,
    /** Where a demo login comes back to. */
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
  const [channel] = emulator.channels
  const config = readConfig({
    NODE_ENV: 'development',
    PORT: '0',
    LINE_CHANNEL_ID: channel?.id,
    LINE_CHANNEL_SECRET: channel?.secret,
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
    SHUTDOWN_GRACE_SECONDS: '0',
  })
  const { accessToken, refreshToken = '' } = emulator.issueTokens()
  return createGateway(config, {
    telemetry: createSilentTelemetry(),
    dev: (origin) => ({
      tabs: sampleTabs({ accessToken, refreshToken, redirectUri: `${origin}${callbackPath}` }),
      pages: new Map([[callbackPath, callbackPage]]),
    }),
  })
}

async function startApp(arrivals: Arrival[]): Promise<{ app: Server; url: string }> {
  const app = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { pathname, search } = new URL(request.url ?? '/', 'http://app')
    if (pathname === '/callback') {
      const { method = '' } = request
      arrivals.push({ method, search, came: new URLSearchParams(method === 'POST' ? body : search) })
    }
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>The app</title><h1>Welcome back</h1>')
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  return { app, url: `http://127.0.0.1:${(app.address() as AddressInfo).port}` }
}

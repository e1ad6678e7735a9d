import { type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici'
import type { Config } from '../config.ts'
import { isLoopbackName } from '../http/loopback.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'

type Settings = Pick<Config, 'lineApiUrl' | 'lineTimeoutMs' | 'lineMaxConcurrency' | 'proxies'>

/** The connections to LINE: at most LINE_MAX_CONCURRENCY, with HTTP/1.1, through a proxy if the settings have one for LINE. */
export function createLineDispatcher(settings: Settings, log: Telemetry['log']): Dispatcher {
  const limits = { connections: settings.lineMaxConcurrency, allowH2: false }
  const setting = proxySetting(settings)
  if (setting === undefined) return new Pool(settings.lineApiUrl, limits)
  log('proxyInUse', { setting })
  return createProxyAgent(settings, limits)
}

/** The setting of the proxy for LINE. As in undici, HTTP_PROXY is for https too if there is no HTTPS_PROXY. */
function proxySetting({ lineApiUrl, proxies }: Settings): 'HTTPS_PROXY' | 'HTTP_PROXY' | undefined {
  const { protocol, hostname } = new URL(lineApiUrl)
  if (isLoopbackName(hostname)) return undefined
  if (protocol === 'https:' && proxies.https !== undefined) return 'HTTPS_PROXY'
  return proxies.http === undefined ? undefined : 'HTTP_PROXY'
}

function createProxyAgent({ proxies, lineTimeoutMs }: Settings, limits: Pool.Options): Dispatcher {
  // A proxy can accept a connection and never answer. undici would wait for it for five minutes, with the place taken.
  const toProxy = { ...limits, headersTimeout: lineTimeoutMs }
  return new EnvHttpProxyAgent({
    ...limits,
    // undici would read the environment for an undefined value.
    httpsProxy: proxies.https ?? '',
    httpProxy: proxies.http ?? '',
    noProxy: proxies.none ?? '',
    proxyTls: { allowH2: false },
    clientFactory: (proxy, options) => new Pool(proxy, { ...options, ...toProxy }),
  })
}

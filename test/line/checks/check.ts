import type { Switches } from '../../../src/emulator/emulator.ts'
import type { LineEndpoint as Endpoint } from '../../../src/telemetry/metric-labels.ts'
import type { Driver, Need } from '../../harness/check-driver.ts'

/** The endpoints of LINE with checks: those that we call, and those that only browsers and libraries call. */
export type LineEndpoint = Endpoint | 'authorize' | 'verifyIdToken' | 'discovery'

/** JSON values by name. A check observes only its own subject, because LINE may add members at any time. */
export type Observations = Readonly<Record<string, unknown>>

/**
 * A fact that LINE's documents leave open, or about which they contradict each other. It has one variant for each
 * setting of the emulator's switch.
 */
export type Contested<Name extends keyof Switches = keyof Switches> = {
  readonly contested: Name
  readonly variants: readonly { readonly setting: Switches[Name]; readonly expected: Observations }[]
}

/** One fact about LINE that can be checked against the emulator and against LINE itself. */
export type Check = {
  /** `endpoint.subject`. Stable: never used again for another check. */
  readonly id: string
  readonly endpoint: LineEndpoint
  /** The fact in one sentence. */
  readonly says: string
  readonly source: Source
  /** D: documented by LINE. S: from LINE's SDKs. O: observed by third parties. I: inferred. */
  readonly tag: 'D' | 'S' | 'O' | 'I'
  /** The credentials that the check needs. The driver gives it no others. */
  readonly needs: readonly Need[]
  /** The harm to a real login. By hand, such a check runs only with `--revoke`. */
  readonly harms?: string
  /** The credentials that cannot be used again after the check. */
  readonly spends?: readonly Need[]
  readonly expected: Observations | Contested
  run(line: Driver): Promise<Observations>
}

/** Where the fact comes from: the name of a document and its URL. */
export type Source = { readonly key: string; readonly url: string }

const login = 'https://developers.line.biz/en/docs/line-login'
const documents = {
  REF: 'https://developers.line.biz/en/reference/line-login/',
  INT: `${login}/integrate-line-login/`,
  PKCE: `${login}/integrate-pkce/`,
  IDT: `${login}/verify-id-token/`,
  CHK: `${login}/security-checklist/`,
  TOK: `${login}/managing-access-tokens/`,
  APPS: `${login}/managing-authorized-apps/`,
  BOT: `${login}/link-a-bot/`,
  AUTO: `${login}/how-to-handle-auto-login-failure/`,
  USERID: 'https://developers.line.biz/en/docs/messaging-api/getting-user-ids/',
  CHANNELTOKEN: 'https://developers.line.biz/en/docs/basics/channel-access-token/',
  MESSAGING: 'https://developers.line.biz/en/reference/messaging-api/',
  LIFFREF: 'https://developers.line.biz/en/reference/liff/',
  MINI: 'https://developers.line.biz/en/reference/line-mini-app/',
  IOS: 'https://github.com/line/line-sdk-ios-swift',
  AND: 'https://github.com/line/line-sdk-android',
  LIFFJS: 'https://www.npmjs.com/package/@line/liff',
  OAPI: 'https://github.com/line/line-openapi/blob/main/channel-access-token.yml',
  DIAG: 'https://developers.line.biz/en/reference/line-login/',
  DISC: 'https://access.line.me/.well-known/openid-configuration',
  JAVA54: 'https://github.com/line/line-bot-sdk-java/issues/54',
  OMNIAUTH26: 'https://github.com/kazasiki/omniauth-line/pull/26',
  OAUTH236: 'https://github.com/golang/oauth2/issues/236',
} as const

/** For example `at('REF', '#verify-access-token')`. DIAG: a third party recorded it, about the page of that URL. */
export function at(key: keyof typeof documents, anchor = ''): Source {
  return { key, url: documents[key] + anchor }
}

export function contested<Name extends keyof Switches>(
  name: Name,
  ...variants: readonly (readonly [setting: Switches[Name], expected: Observations])[]
): Contested {
  return { contested: name, variants: variants.map(([setting, expected]) => ({ setting, expected })) }
}

export function isContested(expected: Check['expected']): expected is Contested {
  return 'contested' in expected && 'variants' in expected
}

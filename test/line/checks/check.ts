import type { Switches } from '../../../src/emulator/emulator.ts'
import type { Endpoint } from '../../../src/line/client.ts'
import type { Driver, Need } from '../../harness/check-driver.ts'

/** The endpoints of LINE that the checks look at: those we call, and those only browsers and libraries see. */
export type LineEndpoint = Endpoint | 'authorize' | 'verifyIdToken' | 'discovery'

/** JSON values by name. A check looks at what it is about and at nothing else: LINE may add members at any time. */
export type Observations = Readonly<Record<string, unknown>>

/** A fact LINE's documents leave open or contradict each other about: each reading by the emulator's switch for it. */
export type Contested<Name extends keyof Switches = keyof Switches> = {
  readonly contested: Name
  readonly readings: readonly { readonly setting: Switches[Name]; readonly expected: Observations }[]
}

/** One sentence about LINE that can be put to the emulator and to LINE itself. */
export type Check = {
  /** Stable: `endpoint.what`, never used for another check. */
  readonly id: string
  readonly endpoint: LineEndpoint
  readonly says: string
  readonly source: Source
  /** D: documented by LINE; S: seen in LINE's SDKs; O: observed by third parties; I: inferred. */
  readonly tag: 'D' | 'S' | 'O' | 'I'
  /** The credentials its runner must have. The driver hands out nothing else. */
  readonly needs: readonly Need[]
  /** What it does to a real login; such a check runs by hand only where that was allowed. */
  readonly harms?: string
  /** What cannot be used again afterwards. */
  readonly spends?: readonly Need[]
  readonly expected: Observations | Contested
  run(line: Driver): Promise<Observations>
}

/** Where a sentence comes from: the name of a document and its address. */
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

/** `at('REF', '#verify-access-token')`. DIAG stands for what a third party recorded of the page it names. */
export function at(key: keyof typeof documents, anchor = ''): Source {
  return { key, url: documents[key] + anchor }
}

export function contested<Name extends keyof Switches>(
  name: Name,
  ...readings: readonly (readonly [setting: Switches[Name], expected: Observations])[]
): Contested {
  return { contested: name, readings: readings.map(([setting, expected]) => ({ setting, expected })) }
}

export function isContested(expected: Check['expected']): expected is Contested {
  return 'contested' in expected && 'readings' in expected
}

import { emulatorPort, pathSettings, settingNames } from './setting-names.ts'

/** One warning for each variable that is no setting, but has almost the name of one. A warning quotes no value. */
export function warnOfUnknownSettings(env: NodeJS.ProcessEnv): string[] {
  return Object.keys(env).flatMap((name) => {
    if (known.has(name) || !env[name]?.trim() || isOfThePlatform(name, env[name])) return []
    const meant = nearestName(name)
    return meant === undefined ? [] : [`${name}: is not a setting and is ignored: did you mean ${meant}?`]
  })
}

const names = [...settingNames, emulatorPort].flatMap((name) =>
  pathSettings.includes(name) ? [name] : [name, `${name}_FILE`],
)
const known = new Set(names)
/** From TRUSTED_PROXIES to TRUSTED_PROXY are three edits, but a reader sees one: so the singular counts as a name too. */
const spellings = names.flatMap((name) =>
  [...new Set([name, name.replace('IES', 'Y')])].map((one) => [one, name] as const),
)

/** Variables of other programs that have almost the name of a setting. */
const others = new Set(['FTP_PROXY', 'GOPROXY', 'WS_PROXY'])

/** Kubernetes sets seven variables for each service: METRIC_SERVICE_HOST, METRIC_PORT=tcp://10.0.0.1:80 and others. */
function isOfThePlatform(name: string, value = ''): boolean {
  if (others.has(name) || (name.endsWith('_PORT') && value.includes('://'))) return true
  return /_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))/.test(name)
}

/** The setting that differs least. Two letters are half of HOST: HOME and HISTFILE are something else. */
function nearestName(name: string): string | undefined {
  const path = pathSettings.find((setting) => name === `${setting}_FILE`)
  if (path !== undefined) return path
  let nearest: string | undefined
  let least = Infinity
  for (const [spelling, candidate] of spellings) {
    const most = spelling.replace(/_FILE$/, '').length < 6 ? 1 : 2
    const edits = editsBetween(name, spelling, most)
    if (edits <= most && edits < least) [nearest, least] = [candidate, edits]
  }
  return nearest
}

/**
 * The number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment). Above `most`,
 * it is only known to be above.
 */
export function editsBetween(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1
  let before: number[] = []
  let above = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const line = [row]
    for (let column = 1; column <= other.length; column++) {
      const replaced = at(above, column - 1) + (one[row - 1] === other[column - 1] ? 0 : 1)
      const isSwap = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      const swapped = isSwap ? at(before, column - 2) + 1 : Infinity
      line.push(Math.min(replaced, swapped, at(above, column) + 1, at(line, column - 1) + 1))
    }
    if (Math.min(...above, ...line) > most) return most + 1
    before = above
    above = line
  }
  return at(above, other.length)
}

const at = (list: readonly number[], index: number) => list[index] ?? Infinity

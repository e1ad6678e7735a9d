import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../../src/emulator/emulator.ts'
import {
  type Cell,
  type Fate,
  fateOf,
  isTold,
  mustBeTold,
  type Name,
  nameOf,
  namesIn,
  wasVerified,
} from './forgetting-cells.ts'
import {
  exchange,
  isEndedAtLine,
  open,
  perform,
  type Reaction,
  redirectUri,
  refresh,
  refreshUse,
  uses,
  verify,
} from './forgetting-session.ts'
import { type Database, type Stage, setStage } from './forgetting-stage.ts'
import type { RedisServer } from './redis.ts'
import type { Reply, RunningGateway } from './running-gateway.ts'

/** What a cell of the matrix did against its model. */
export type Outcome = {
  readonly cell: Cell
  /** Dead for the contract, but served. */
  readonly alive: Finding[]
  /** Refused, or unavailable where LINE's state is no reason for it, though it has nothing to do with the act. */
  readonly wronglyDead: Finding[]
  /** LINE was not told within 20 s of its recovery, or the caller heard of a success that LINE never heard of. */
  readonly untold: string[]
  /** Served as stale while LINE is down, because nobody knows its user (D16). */
  readonly stale: Finding[]
  /** What happens where the contract does not say. */
  readonly open: Finding[]
}

/** One use of a credential. `the act` stands for the answer to the act itself. */
export type Finding = {
  readonly name: Name | 'the act'
  readonly moment: Moment
  readonly use: string
  readonly reaction: Reaction
}

type Run = Outcome & {
  readonly stage: Stage
  readonly tokens: Map<Name, string>
  /** The credentials that were not served after the act. From then on they must not be. */
  readonly gone: Set<Name>
  /** By then another replica knows of the act (`performance.now()`). */
  knownBy: number
}

/** An answer in flight. It is in an object, so that nobody waits for it too early. */
type Landing = { readonly reply: Promise<Reply> }

export const moments = ['at once', 'after landing', 'after recovery', 'in the end'] as const
export type Moment = (typeof moments)[number]

const toldWithinMs = 20_000
/** Another replica knows of an act within milliseconds. A busy machine takes longer: this only ends the wait. */
const knownWithinMs = 20_000
/** Without a call to LINE for so long, an act waits for the answer that is held. */
const stuckAfterMs = 300
/** When LINE hangs, calls are always under way. */
const longestWaitMs = { hanging: 1_000, other: 20_000 }
const hourMs = 3_600_000

/**
 * Runs all cells, some of them at the same time. Each has gateways, an emulator and a clock of its own. `redis`: a server with
 * a database for each cell, for cells with two replicas.
 */
export async function runCells(
  cells: readonly Cell[],
  atOnce: number,
  redis?: RedisServer,
): Promise<readonly Outcome[]> {
  const left = [...cells]
  const outcomes: Outcome[] = []
  const work = async () => {
    for (let cell = left.pop(); cell !== undefined; cell = left.pop())
      outcomes.push(await runCell(cell, redis && { server: redis, number: left.length }))
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return outcomes
}

async function runCell(cell: Cell, database?: Database): Promise<Outcome> {
  const stage = await setStage(cell, database)
  const outcome: Outcome = { cell, alive: [], wronglyDead: [], untold: [], stale: [], open: [] }
  try {
    await play({ ...outcome, stage, tokens: new Map(), gone: new Set(), knownBy: Number.POSITIVE_INFINITY })
    return outcome
  } catch (error) {
    throw new Error(`cell: ${nameOf(cell)}`, { cause: error })
  } finally {
    await stage.close()
  }
}

async function play(run: Run): Promise<void> {
  const { cell, stage } = run
  const { emulator } = stage.acting
  await openSessions(run)
  const landing = await bringToItsPlace(run)
  failAsLine(cell, emulator)
  const acting = act(run)
  const inTime = await endsBefore(landing, acting, run)
  if (cell.replica === 'starts later') await startLater(run)
  const asked = inTime ? askAll(run, 'at once') : undefined
  if (asked !== undefined) await endsBefore(landing, asked, run)
  await stage.answers.release()
  judgeAnswer(run, await acting)
  await asked
  await landing?.reply
  if (landing !== undefined || !inTime) await askAll(run, 'after landing')
  emulator.faults.clear()
  if (!isTold(cell)) await askAll(run, 'after recovery')
  const end = performance.now() + toldWithinMs
  await expectTold(run, end)
  await askAll(run, 'in the end', end)
}

async function act(run: Run): Promise<Reply> {
  const { cell, stage, tokens } = run
  const reply = await perform(stage.acting, cell, tokens)
  run.knownBy = performance.now() + (cell.replica === 'same' ? 0 : knownWithinMs)
  return reply
}

async function startLater(run: Run): Promise<void> {
  await run.stage.startLater()
  run.knownBy = performance.now() + knownWithinMs
}

/** The phone's session comes last, so that nothing is younger than it but what is in flight. */
async function openSessions({ cell, stage: { opening, asked }, tokens }: Run): Promise<void> {
  const [user, bystander] = opening.emulator.users
  const sessions = [
    ['bystander ', await open(opening, bystander?.userId ?? '', 'login')],
    ['laptop ', await open(opening, user?.userId ?? '', cell.origin)],
    ['', await open(opening, user?.userId ?? '', cell.origin)],
  ] as const
  for (const [whose, { accessToken, refreshToken }] of sessions) {
    tokens.set(`${whose}access`, accessToken)
    tokens.set(`${whose}refresh`, refreshToken)
  }
  const laptop = tokens.get('laptop access') ?? ''
  await uses['viewer { displayName }'](opening, laptop)
  if (cell.replica !== 'knows') return
  await uses['viewer { displayName }'](asked, laptop)
  await verify(asked, tokens.get('bystander access') ?? '')
}

/** Brings the phone's session to its place. Returns the answer in flight. */
async function bringToItsPlace(run: Run): Promise<Landing | undefined> {
  const { cell, stage, tokens } = run
  const { asked } = stage
  const access = tokens.get('access') ?? ''
  const isCold = cell.origin === 'seen' && cell.place === 'verification in flight'
  const knowing = knowingIn(run)
  for (const gateway of isCold ? [] : knowing) await verify(gateway, access)
  switch (cell.place) {
    case 'at rest with its profile':
      for (const gateway of knowing) await uses['viewer { displayName }'](gateway, access)
      return undefined
    case 'at rest, verified only':
      return undefined
    case 'verification in flight':
      // A record that we know is stale after an hour, and is verified again.
      if (!isCold) await stage.advance(hourMs + 1)
      return launch(run, () => verify(asked, access))
    case 'profile in flight':
      return launch(run, () => asked.ask('{ viewer { displayName } }', { token: access }))
    case 'refresh in flight':
      // The refresh that opened the session is answered from memory for 30 s.
      await stage.advance(60_000)
      return launch(run, () => refresh(asked, tokens.get('refresh') ?? ''))
    case 'exchange in flight':
      return launch(run, () => exchange(asked, codeFor(run)))
    case 'evicted and back':
      for (const gateway of knowing) await evict(gateway, access)
      return undefined
  }
}

/** The replicas that know the phone's access token before the act. */
function knowingIn({ cell, stage: { opening, asked } }: Run): readonly RunningGateway[] {
  return cell.replica === 'knows' ? [opening, asked] : [opening]
}

function codeFor({ cell, stage: { asked } }: Run): string {
  const scope = cell.origin === 'login without openid' ? 'profile' : 'profile openid'
  return asked.emulator.issueCode({ userId: asked.emulator.users[0]?.userId ?? '', scope, redirectUri })
}

/** Asks, and holds LINE's answer back when it arrives. Remembers the tokens in it. */
async function launch({ stage: { answers }, tokens }: Run, ask: () => Promise<Reply>): Promise<Landing> {
  answers.hold()
  const reply = ask()
  await until(async () => answers.waiting() > 0, performance.now() + 20_000, 5)
  answers.pass()
  const { access_token, refresh_token } = JSON.parse(answers.bodies()[0] ?? '{}')
  if (access_token !== undefined) tokens.set('new access', access_token)
  if (refresh_token !== undefined) tokens.set('new refresh', refresh_token)
  return { reply }
}

async function evict(gateway: RunningGateway, access: string): Promise<void> {
  await uses['viewer { displayName }'](gateway, access)
  const userId = gateway.emulator.users[2]?.userId ?? ''
  const others = Array.from({ length: 20 }, () => gateway.issue({ userId }).accessToken)
  await gateway.ask('query ($others: [String!]!) { verifyAccessTokens(accessTokens: $others) { active } }', {
    variables: { others },
  })
  await verify(gateway, access)
}

function failAsLine({ line }: Cell, { faults }: RunningGateway['emulator']): void {
  const failing: Fault = { status: 503 }
  if (line === 'slow') faults.set('*', { latencyMs: 300 })
  if (line === 'down') faults.set('*', failing)
  if (line === 'hanging') faults.set('*', { hang: true })
  if (line !== 'mute') return
  faults.set('revoke', failing)
  faults.set('deauthorize', failing)
}

/** No success may be reported that LINE has not heard of. */
function judgeAnswer({ cell, untold, wronglyDead }: Run, { data, errors }: Reply): void {
  const isDone = data != null && Object.values(data).every((payload) => payload !== null)
  if (isDone && !isTold(cell)) untold.push('reported as done')
  if (isDone || !isTold(cell)) return
  const code = errors[0]?.extensions.code
  wronglyDead.push({ name: 'the act', moment: 'at once', use: `${code}`, reaction: 'unavailable' })
}

async function expectTold({ cell, stage, tokens, untold }: Run, end: number): Promise<void> {
  for (const name of mustBeTold(cell)) {
    const isEnded = () => isEndedAtLine(stage.acting, name, tokens.get(name) ?? '')
    if (!(await until(isEnded, isTold(cell) ? 0 : end))) untold.push(`${name}: LINE still accepts it`)
  }
}

async function askAll(run: Run, moment: Moment, end = 0): Promise<void> {
  // Before the answer in flight has landed, nobody has its tokens.
  const isThere = (name: Name) => run.tokens.has(name) && (moment !== 'at once' || !name.startsWith('new'))
  const names = namesIn(run.cell).filter(isThere)
  await Promise.all(names.map((name) => askAbout(run, name, moment, end)))
}

async function askAbout(run: Run, name: Name, moment: Moment, end: number): Promise<void> {
  const fate = fateOf(run.cell, name)
  const isRefresh = name.endsWith('refresh')
  // A refresh of a session that goes on makes new tokens, so it comes last.
  if (isRefresh && moment !== 'in the end' && fate === 'alive') return
  for (const [use, ask] of Object.entries(isRefresh ? refreshUse : uses)) {
    const reaction = await reactionTo(run, name, ask, fate, end)
    judge(run, fate, { name, moment, use, reaction })
  }
}

/**
 * In the end LINE works, but a pause of the circuit breaker or of a re-check may still run. Another replica may not know of
 * the act yet.
 */
async function reactionTo(
  { stage, tokens, gone, knownBy }: Run,
  name: Name,
  ask: (gateway: RunningGateway, token: string) => Promise<Reaction>,
  fate: Fate,
  end: number,
): Promise<Reaction> {
  let reaction = 'unavailable' as Reaction
  const isFinal = async () => {
    reaction = await ask(stage.asked, tokens.get(name) ?? '')
    if (fate === 'dead') return reaction !== 'served'
    return fate === 'alive' ? reaction !== 'unavailable' : fate === 'open' || reaction === 'refused'
  }
  const isNews = fate === 'dead' && !gone.has(name)
  await until(isFinal, isNews ? knownBy : fate === 'dead' ? 0 : end, isNews ? 20 : 100)
  if (fate === 'dead' && reaction !== 'served') gone.add(name)
  return reaction
}

function judge({ cell, alive, wronglyDead, stale, open }: Run, fate: Fate, finding: Finding): void {
  const { moment, reaction } = finding
  if (fate === 'open') open.push(finding)
  if (fate === 'dead' && reaction === 'served') alive.push(finding)
  if (fate === 'dead later' && reaction === 'served') (moment === 'in the end' ? alive : stale).push(finding)
  if (fate === 'alive' && reaction !== 'served' && !mayFail(cell, finding)) wronglyDead.push(finding)
}

/** What has nothing to do with the act is never refused. It is unavailable only for what LINE must be asked while it is down. */
function mayFail(cell: Cell, { name, moment, use, reaction }: Finding): boolean {
  if (reaction === 'refused' || moment === 'in the end' || isTold(cell)) return false
  return use !== 'verifyAccessToken' || name === 'the act' || !wasVerified(cell, name)
}

/** Whether a task ends while an answer is held. Otherwise it waits for that answer. */
async function endsBefore(
  landing: Landing | undefined,
  task: Promise<unknown>,
  { cell, stage: { answers } }: Run,
): Promise<boolean> {
  let isOver = landing === undefined
  const over = () => {
    isOver = true
  }
  task.then(over, over)
  const end = performance.now() + longestWaitMs[cell.line === 'hanging' ? 'hanging' : 'other']
  let quietSince = performance.now()
  while (!isOver && performance.now() < Math.min(end, quietSince + stuckAfterMs)) {
    await sleep(10)
    if (!answers.isQuiet()) quietSince = performance.now()
  }
  if (landing === undefined) await task
  return isOver
}

/** Looks at once, then again and again until `end` (`performance.now()`). */
async function until(condition: () => Promise<boolean>, end: number, everyMs = 100): Promise<boolean> {
  while (!(await condition())) {
    if (performance.now() >= end) return false
    await sleep(everyMs)
  }
  return true
}

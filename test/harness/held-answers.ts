import type { Dispatcher } from 'undici'

/** LINE's answers on their way to the gateway. A test can hold them back. */
export type Answers = {
  /** From now on answers are held back when they arrive. LINE has processed the call by then. */
  hold(): void
  /** From now on answers are delivered again, except those that are held already. */
  pass(): void
  /** Delivers all held answers and stops holding. With a place, delivers only the held answer at that place. */
  release(place?: number): Promise<void>
  /** The number of held answers. */
  waiting(): number
  /** The bodies of the held answers, oldest first. */
  bodies(): readonly string[]
  /** Whether no call to LINE is under way, except for those whose answers are held. */
  isQuiet(): boolean
  /** Resolves when the answer to each call to LINE has been delivered or is held. */
  settled(): Promise<void>
}

type Held = { readonly body: string; readonly deliver: () => void }

/** A dispatcher that sends the gateway's calls through `inner` and can hold back the end of each answer. */
export function holdAnswers(inner: Dispatcher): { readonly dispatcher: Dispatcher; readonly answers: Answers } {
  const waiting: Held[] = []
  let underway = 0
  let holding = false

  const dispatcher = inner.compose((dispatch) => (options, handler) => dispatch(options, holdable(handler)))
  return { dispatcher, answers: { hold, pass, release, waiting: () => waiting.length, bodies, isQuiet, settled } }

  function holdable(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
    const pieces: Buffer[] = []
    underway += 1
    return {
      onRequestStart: (...given) => handler.onRequestStart?.(...given),
      onResponseStart: (...given) => handler.onResponseStart?.(...given),
      onResponseData: (controller, piece) => {
        pieces.push(piece)
        handler.onResponseData?.(controller, piece)
      },
      onResponseEnd: (...given) => arrive(pieces, () => handler.onResponseEnd?.(...given)),
      onResponseError: (...given) => arrive(pieces, () => handler.onResponseError?.(...given)),
    }
  }

  function arrive(pieces: readonly Buffer[], pass: () => void): void {
    const deliver = () => {
      underway -= 1
      pass()
    }
    if (holding) waiting.push({ body: Buffer.concat(pieces).toString(), deliver })
    else deliver()
  }

  function hold(): void {
    holding = true
  }

  function pass(): void {
    holding = false
  }

  async function release(place?: number): Promise<void> {
    if (place === undefined) holding = false
    for (const { deliver } of place === undefined ? waiting.splice(0) : waiting.splice(place, 1)) deliver()
    await settled()
  }

  function bodies(): readonly string[] {
    return waiting.map(({ body }) => body)
  }

  function isQuiet(): boolean {
    return underway === waiting.length
  }

  async function settled(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet = isQuiet() ? quiet + 1 : 0) await nextTurn()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

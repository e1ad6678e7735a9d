import { context, type Link, type SpanContext, trace } from '@opentelemetry/api'
import type { AttributesOf } from '../telemetry/span-table.ts'
import type { OpenSpan, Tracing } from '../telemetry/tracing.ts'
import { type Answer, type BatchResolver, type Question, type Resolver, SourceLimited } from './token-resolver.ts'

export type LookUpSpans = {
  /** Asks in a span of its own. `id`: of the flight. `joined`: another question has launched it. */
  follow(question: Question, flight: Flight, ask: (question: Question) => Promise<Answer>): Promise<Answer>
}

type Flight = { readonly id: string; readonly joined: boolean }

/** The spans of the questions that the memory tier cannot answer at once. */
export function createLookUpSpans({ openBelow }: Tracing): LookUpSpans {
  const launched = new Map<string, SpanContext>()

  return { follow }

  function follow(question: Question, flight: Flight, ask: (question: Question) => Promise<Answer>): Promise<Answer> {
    const own = openLookUp(question, flight)
    if (own === undefined) return ask({ ...question, trace: context.active() })
    const { id, joined } = flight
    const spanContext = own.span.spanContext()
    if (!joined) launched.set(id, spanContext)
    const landed = () => {
      if (launched.get(id) === spanContext) launched.delete(id)
    }
    return own.follow(() => ask({ ...question, trace: own.context }).finally(landed), factsOf) as Promise<Answer>
  }

  function openLookUp({ subject }: Question, { id, joined }: Flight): OpenSpan<'lookUp'> | undefined {
    const attributes = { 'gateway.lookup.subject': subject, 'gateway.lookup.joined': joined }
    const asking = joined ? launched.get(id) : undefined
    const links = asking && { links: [{ context: asking }] }
    return openBelow('lookUp', { name: 'look-up', attributes, ...links })
  }
}

function factsOf(answer: Answer): AttributesOf<'lookUp'> {
  return { 'gateway.lookup.tier': tierOf(answer), 'gateway.lookup.verdict': answer.verdict }
}

function tierOf(answer: Answer): 'flight' | 'memory' | 'redis' | 'line' | 'gate' {
  if (answer.verdict === 'unknown' && answer.outage instanceof SourceLimited) return 'gate'
  switch (answer.from) {
    case undefined:
      return 'line'
    case 'flight':
    case 'memory':
    case 'redis':
      return answer.from
    default:
      return answer.verdict === 'valid' && answer.isFromStore ? 'redis' : 'memory'
  }
}

/** A batch is asked in the context of its first question. From here on, each question has its own again. */
export function inOwnTraces(behind: BatchResolver, tracing: Tracing | undefined): BatchResolver {
  if (tracing === undefined) return behind
  return (questions) =>
    questions.flatMap((question) =>
      question.trace === undefined ? behind([question]) : context.with(question.trace, () => behind([question])),
    )
}

export function traceLineTier(behind: Resolver, tracing: Tracing | undefined): Resolver {
  if (tracing === undefined) return behind
  return (question) => {
    const { subject, alongside } = question
    const attributes = { 'gateway.lookup.subject': subject, 'gateway.lookup.alongside': alongside }
    const own = tracing.openBelow('lineTier', { name: 'LINE tier', attributes })
    if (own === undefined) return behind(question)
    return own.follow(
      () => behind(question),
      ({ verdict }) => ({ 'gateway.lookup.verdict': verdict }),
    )
  }
}

/** Nobody waits for it, so it is a trace of its own, with a link to the one of the request that found the old record. */
export function traceRecheck<Result>(
  { open, apart }: Tracing,
  { subject }: Question,
  check: () => Promise<Result>,
): Promise<Result> {
  const cause = trace.getSpanContext(context.active())
  const links: Link[] = cause === undefined ? [] : [{ context: cause }]
  return apart(() => {
    const own = open('recheck', { name: 're-check', attributes: { 'gateway.lookup.subject': subject }, links })
    return own.follow(check, () => ({})) as Promise<Result>
  })
}

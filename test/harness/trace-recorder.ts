import { randomBytes } from 'node:crypto'
import { context, propagation, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { afterAll, afterEach, beforeAll } from 'vitest'

export type TraceRecorder = {
  /** The spans that have ended. */
  spans(): readonly ReadableSpan[]
  /** Those of one trace. */
  of(traceId: string): readonly ReadableSpan[]
  /** The names of the spans of a trace, each below its parent: two spaces a level, siblings in alphabetical order. */
  tree(traceId: string): readonly string[]
  named(name: string): readonly ReadableSpan[]
  /** The names of the spans that have begun and not ended. */
  open(): readonly string[]
  /** Those of all tests of the file so far, as text. */
  everything(): string
}

/**
 * Registers the SDK, as an operator does before the gateway starts, with an exporter that keeps the spans of each test. It is
 * registered for the whole process, so it is taken out again after the tests of the file.
 */
export function useTraceRecorder(...more: readonly SpanProcessor[]): TraceRecorder {
  const exporter = new InMemorySpanExporter()
  const begun = new Map<string, string>()
  const counter: SpanProcessor = {
    onStart: (span) => void begun.set(span.spanContext().spanId, span.name),
    onEnd: (span) => void begun.delete(span.spanContext().spanId),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), counter, ...more] })
  beforeAll(() => provider.register())
  let earlier = ''
  afterEach(() => {
    earlier = everything()
    exporter.reset()
  })
  afterAll(async () => {
    for (const api of [trace, context, propagation]) api.disable()
    await provider.shutdown()
  })
  const spans = () => exporter.getFinishedSpans()

  return { spans, of, tree, named, open: () => [...begun.values()], everything }

  function named(name: string): readonly ReadableSpan[] {
    return spans().filter((span) => span.name === name)
  }

  function everything(): string {
    return earlier + spans().map(textOf).join('')
  }

  function of(traceId: string): readonly ReadableSpan[] {
    return spans().filter((span) => span.spanContext().traceId === traceId)
  }

  function tree(traceId: string): readonly string[] {
    const all = of(traceId).toSorted((a, b) => a.name.localeCompare(b.name))
    const ids = new Set(all.map((span) => span.spanContext().spanId))
    const below = (parent: string | undefined, depth: number): string[] =>
      all
        .filter(({ parentSpanContext: of }) => (of && ids.has(of.spanId) ? of.spanId : undefined) === parent)
        .flatMap((span) => ['  '.repeat(depth) + span.name, ...below(span.spanContext().spanId, depth + 1)])
    return below(undefined, 0)
  }
}

/** All that an exporter can send, but for times and IDs. What all spans have in common is told once. */
function textOf(span: ReadableSpan, n: number): string {
  const { name, status, attributes, events, links, resource, instrumentationScope: scope } = span
  const contexts = [span.parentSpanContext, span.spanContext(), ...links.map(({ context }) => context)]
  const states = contexts.flatMap((one) => one?.traceState?.serialize() ?? [])
  const about = links.map((link) => link.attributes)
  const common = n === 0 ? [resource.attributes, scope] : []
  return `${JSON.stringify([name, status, attributes, ...events, ...about, ...states, ...common])}\n`
}

/** The trace of a caller, and the headers that tell it. */
export function newTrace(): { readonly id: string; readonly headers: Record<string, string> } {
  const id = randomBytes(16).toString('hex')
  return { id, headers: { traceparent: `00-${id}-00f067aa0ba902b7-01` } }
}

import { context, propagation, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { afterAll, afterEach, beforeAll } from 'vitest'

export type TraceRecorder = {
  /** The spans that have ended. */
  spans(): readonly ReadableSpan[]
  /** Those of one trace. */
  of(traceId: string): readonly ReadableSpan[]
  /** The names of the spans of a trace, each below its parent: two spaces a level, in the order of their start. */
  tree(traceId: string): readonly string[]
  named(name: string): readonly ReadableSpan[]
  clear(): void
}

/**
 * Registers the SDK, as an operator does before the gateway starts, with an exporter that keeps the spans of each test. It is
 * registered for the whole process, so it is taken out again after the tests of the file.
 */
export function useTraceRecorder(): TraceRecorder {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  beforeAll(() => provider.register())
  afterEach(() => exporter.reset())
  afterAll(async () => {
    for (const api of [trace, context, propagation]) api.disable()
    await provider.shutdown()
  })
  const spans = () => exporter.getFinishedSpans()

  return { spans, of, tree, named: (name) => spans().filter((span) => span.name === name), clear: () => exporter.reset() }

  function of(traceId: string): readonly ReadableSpan[] {
    return spans().filter((span) => span.spanContext().traceId === traceId)
  }

  function tree(traceId: string): readonly string[] {
    const all = of(traceId).toSorted((a, b) => startOf(a) - startOf(b))
    const ids = new Set(all.map((span) => span.spanContext().spanId))
    const below = (parent: string | undefined, depth: number): string[] =>
      all
        .filter(({ parentSpanContext: of }) => (of && ids.has(of.spanId) ? of.spanId : undefined) === parent)
        .flatMap((span) => ['  '.repeat(depth) + span.name, ...below(span.spanContext().spanId, depth + 1)])
    return below(undefined, 0)
  }
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1e3 + nanoseconds / 1e6
}

/** Headers of a request whose caller has begun a trace. */
export function traceHeaders(traceId: string): Record<string, string> {
  return { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
}

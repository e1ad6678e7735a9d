import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  diag,
  INVALID_SPAN_CONTEXT,
  type Link,
  type ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { version } from '../version.ts'
import { ExpectedError } from './expected-error.ts'
import { type AttributesOf, type SpanName, spanTable } from './span-table.ts'

/** A span that has begun. */
export type OpenSpan<Name extends SpanName> = {
  readonly span: Span
  /** In which the span is the active one. */
  readonly context: Context
  /** Runs with the span as the active one, also what the returned promise waits for. */
  within<Result>(run: () => Result): Result
  /** The same, and ends the span with the result. `describe` may set attributes, and return the error type of a failure. */
  follow<Result>(
    run: () => Result | Promise<Result>,
    describe: (result: Result) => AttributesOf<Name>,
  ): Result | Promise<Result>
  set(attributes: AttributesOf<Name>): void
  /** A later call changes nothing. With `error.type` among the attributes, the span has failed. */
  end(attributes?: AttributesOf<Name>): void
}

export type Start<Name extends SpanName> = {
  readonly name: string
  readonly attributes?: AttributesOf<Name>
  /** Default: the active context. */
  readonly parent?: Context
  readonly links?: Link[]
}

export type Tracing = {
  open<Name extends SpanName>(kind: Name, start: Start<Name>): OpenSpan<Name>
  /** Opens a span below the active one. `undefined`: nobody records that one, or it has ended. */
  openBelow<Name extends SpanName>(kind: Name, start: Start<Name>): OpenSpan<Name> | undefined
  /** Runs what nobody may record, and whose requests must not carry `traceparent`: the SDK sees nothing of it. */
  unseen<Result>(run: () => Result): Result
  /** Runs what belongs to no request, so that its spans do not become those of the request that happened to start it. */
  apart<Result>(run: () => Result): Result
  /** Waits until the SDK has sent the spans that have ended, a second at most. For the end of the process. */
  flush(): Promise<void>
}

const flushMs = 1_000
const sdkFailed = 'line-graphql-gateway: the SDK failed'

/** The tracers and propagators of the SDK obey this key of `@opentelemetry/core`. Keys with the same text are the same. */
const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
const schemaUrl = 'https://opentelemetry.io/schemas/1.44.0'

/**
 * `undefined` if no SDK is registered at this moment: then nothing is measured, and every place that could open a span costs
 * one comparison. So the SDK must be registered before the gateway starts.
 */
export function createTracing(): Tracing | undefined {
  const tracer = registeredTracer()
  return tracer && { open, openBelow, unseen, apart, flush }

  function open<Name extends SpanName>(kind: Name, { name, attributes, parent, links }: Start<Name>): OpenSpan<Name> {
    const { kind: spanKind } = spanTable[kind]
    const around = parent ?? context.active()
    const options = { kind: spanKind, attributes: attributes as Attributes, ...(links && { links }) }
    const start = () => (tracer as Tracer).startSpan(name, options, around)
    return openSpan(
      orElse(start, () => trace.wrapSpanContext(INVALID_SPAN_CONTEXT)),
      around,
    )
  }

  function openBelow<Name extends SpanName>(kind: Name, start: Start<Name>): OpenSpan<Name> | undefined {
    return trace.getActiveSpan()?.isRecording() ? open(kind, start) : undefined
  }
}

/** The API has a provider of its own, which gives tracers only while one of an SDK stands behind it. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  const from = 'getDelegateTracer' in provider ? 'getDelegateTracer' : 'getTracer'
  const give = (provider as unknown as Record<typeof from, (...of: readonly unknown[]) => Tracer | undefined>)[from]
  return give.call(provider, 'line-graphql-gateway', version, { schemaUrl })
}

function openSpan<Name extends SpanName>(span: Span, parent: Context): OpenSpan<Name> {
  const own = trace.setSpan(parent, span)
  return { span, context: own, within, follow, set, end }

  function within<Result>(run: () => Result): Result {
    return context.with(own, run)
  }

  function follow<Result>(
    run: () => Result | Promise<Result>,
    describe: (result: Result) => AttributesOf<Name>,
  ): Result | Promise<Result> {
    try {
      const result = within(run)
      if (result instanceof Promise) return result.then(ended, failed)
      return ended(result)
    } catch (error) {
      return failed(error)
    }

    function ended(result: Result): Result {
      end(describe(result))
      return result
    }
  }

  /** The message of an error is not recorded: it can be a text of a library. */
  function failed(error: unknown): never {
    end({ 'error.type': error instanceof ExpectedError ? error.name : '_OTHER' } as AttributesOf<Name>)
    throw error
  }

  function set(attributes: AttributesOf<Name>): void {
    orElse(
      () => void span.setAttributes(attributes as Attributes),
      () => {},
    )
  }

  function end(attributes?: AttributesOf<Name>): void {
    if (!span.isRecording()) return
    if (attributes !== undefined) set(attributes)
    orElse(
      () => {
        if ((attributes as Attributes | undefined)?.['error.type'] !== undefined)
          span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      },
      () => {},
    )
  }
}

/** The samplers, processors and propagators of the operator run in here. A mistake of theirs must not change an answer. */
export function orElse<Result>(run: () => Result, otherwise: () => Result): Result {
  try {
    return run()
  } catch (error) {
    diag.error(sdkFailed, error)
    return otherwise()
  }
}

/**
 * A copy, for an attribute that is a part of a text with a secret. In V8, a part keeps the whole text in memory: with the URL of
 * verify, the token would stay as long as the SDK has the span.
 */
export function detached(part: string): string {
  return Buffer.from(part).toString()
}

/** The API does not know `forceFlush`, but the providers of SDKs have it. */
async function flush(): Promise<void> {
  const provider = trace.getTracerProvider()
  const ofSdk = 'getDelegate' in provider ? (provider as ProxyTracerProvider).getDelegate() : provider
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, flushMs)
  const sent = async () => (ofSdk as { forceFlush?: () => Promise<void> }).forceFlush?.()
  await Promise.race([late, sent().catch((error) => diag.error(sdkFailed, error))])
  clearTimeout(timer)
}

function unseen<Result>(run: () => Result): Result {
  return context.with(context.active().setValue(suppressed, true), run)
}

function apart<Result>(run: () => Result): Result {
  return context.with(ROOT_CONTEXT, run)
}

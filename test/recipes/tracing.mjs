// Traces: starts OpenTelemetry before the gateway.
//
//   npm install @opentelemetry/api@1.9 @opentelemetry/sdk-trace-node@2 @opentelemetry/exporter-trace-otlp-http@0.223
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 NODE_OPTIONS='--import /tracing/tracing.mjs' npm start
//
// It can stand in a folder of its own, with its own node_modules: the gateway finds what is registered here.
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  NodeTracerProvider,
  ParentBasedSampler,
  SamplingDecision,
} from '@opentelemetry/sdk-trace-node'

/** Only needed where a collector is. */
const otlp = '@opentelemetry/exporter-trace-otlp-http'
/** The part of the requests that is recorded. */
const ratio = Number(process.env.TRACES_RATIO ?? 0.01)
/**
 * Strangers call the gateway. Neither the `sampled` flag in their `traceparent` nor their trace ID must decide how much we
 * record, so chance does. `TraceIdRatioBasedSampler` decides by the ID: a stranger can choose one that it always records.
 */
const chance = {
  shouldSample: () => ({
    decision: Math.random() < ratio ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => `chance ${ratio}`,
}

export const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'line-graphql-gateway' }),
  sampler: new ParentBasedSampler({ root: chance, remoteParentSampled: chance }),
  spanProcessors: [new BatchSpanProcessor(await createExporter(), { scheduledDelayMillis: 1_000 })],
})
// Reads `traceparent`, and keeps the active span through promises and timers.
provider.register()

async function createExporter() {
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return new ConsoleSpanExporter()
  const { OTLPTraceExporter } = await import(otlp)
  return new OTLPTraceExporter()
}

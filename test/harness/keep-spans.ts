import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'

/** For `node --import`: registers the SDK, which keeps each span of the process to its end. */
const spanProcessors = [new SimpleSpanProcessor(new InMemorySpanExporter())]
new NodeTracerProvider({ spanProcessors }).register()

import DataLoader from 'dataloader'
import type { Answer, BatchResolver, Question, Resolver } from './token-resolver.ts'

/**
 * All questions of one turn of the event loop, across fields, aliases and requests, go down as one batch. The loader lives as
 * long as the process and has no cache of its own: the memory tier is the cache.
 */
export function inBatches(behind: BatchResolver): Resolver {
  // A loader resolves a whole batch at once. With promises as its values, each answer resolves on its own.
  const loader = new DataLoader<Question, Promise<Answer>>(async (questions) => behind(questions), {
    cache: false,
    // By default the questions of each request would be a batch of their own.
    batchScheduleFn: (send) => setImmediate(send),
  })
  return async (question) => await loader.load(question)
}

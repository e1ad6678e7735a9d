import DataLoader from 'dataloader'
import type { Answer, BatchResolver, Question, Resolver } from './token-resolver.ts'

/**
 * All questions of one tick, across fields, aliases and requests, go down as one batch. The loader lives as long as the
 * process and remembers nothing: remembering is the memory tier's business.
 */
export function inBatches(behind: BatchResolver): Resolver {
  // A loader hands out a batch as a whole. Given promises for values, it lets every answer come home on its own.
  const loader = new DataLoader<Question, Promise<Answer>>(async (questions) => behind(questions), { cache: false })
  return async (question) => await loader.load(question)
}

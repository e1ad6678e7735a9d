/** How long a run measures. */
export type Effort = {
  readonly rounds: number
  /** The rounds of two servers that may differ by a few percent only. */
  readonly fineRounds: number
  readonly sliceSeconds: number
  readonly warmUpSeconds: number
  /** The number of different tokens in the measures with many tokens. */
  readonly manyTokens: number
}

export const fullEffort: Effort = {
  rounds: 9,
  fineRounds: 31,
  sliceSeconds: 1,
  warmUpSeconds: 3,
  manyTokens: 1_000_000,
}

/** All measures within a minute: enough to see a large change, not enough to publish. */
export const quickEffort: Effort = {
  rounds: 2,
  fineRounds: 3,
  sliceSeconds: 0.3,
  warmUpSeconds: 0.4,
  manyTokens: 20_000,
}

/** The whole minute for one measure. */
export const quickEffortAlone: Effort = {
  rounds: 5,
  fineRounds: 15,
  sliceSeconds: 0.5,
  warmUpSeconds: 1,
  manyTokens: 100_000,
}

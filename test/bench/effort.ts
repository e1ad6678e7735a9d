/** How much is spent on the answer. */
export type Effort = {
  readonly rounds: number
  readonly sliceSeconds: number
  readonly warmUpSeconds: number
  /** Distinct tokens where there are to be many. */
  readonly manyTokens: number
}

export const fullEffort: Effort = { rounds: 9, sliceSeconds: 1, warmUpSeconds: 3, manyTokens: 1_000_000 }

/** Everything within a minute: enough to see a step, not enough to publish. */
export const quickEffort: Effort = { rounds: 2, sliceSeconds: 0.3, warmUpSeconds: 0.4, manyTokens: 20_000 }

/** The minute spent on one measure alone. */
export const quickEffortAlone: Effort = { rounds: 5, sliceSeconds: 0.5, warmUpSeconds: 1, manyTokens: 100_000 }

/** Placeholder until the two clocks are merged. */
export type Clock = {
  now(): number
  wall(): number
  toWall(time: number): number
  driftedAt(): number
  steady(): number
}

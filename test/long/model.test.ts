/** The model test of the token layer, with ten times as many runs. */
process.env.MODEL_RUNS = '1500'
await import('../tokens/model.test.ts')

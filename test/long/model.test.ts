/** The model test of the token layer, with twenty times as many runs. */
process.env.MODEL_RUNS = '1500'
await import('../tokens/model.test.ts')

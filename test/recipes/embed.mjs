import { createGateway } from 'line-graphql-gateway'

const gateway = await createGateway({ ...process.env, HOST: '127.0.0.1', PORT: 0 })
process.stdout.write(`${gateway.url}/graphql\n`)
process.once('SIGTERM', () => gateway.close()) // After that, nothing keeps the process running.

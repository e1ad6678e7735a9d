import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { createGraphiqlPage } from '../../src/endpoints/graphiql.ts'
import type { Tab } from '../../src/endpoints/graphiql-tabs.ts'

it('the page could not be made once: the next request gets it', async () => {
  let isBroken = true
  const tab: Tab = {
    get query() {
      if (isBroken) throw new TypeError('a bug')
      return '{ __typename }'
    },
  }
  const page = createGraphiqlPage({ tabs: () => [tab] })
  const server = createServer((request, response) => {
    page.send(request, response, []).catch((error) => response.writeHead(500).end(error.message))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const ask = () => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await (await ask()).text()).toBe('a bug')
  isBroken = false
  expect((await ask()).status).toBe(200)
  server.closeAllConnections()
  server.close()
})

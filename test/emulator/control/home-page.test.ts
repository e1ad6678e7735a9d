import { expect, test } from 'vitest'
import { controls } from '../../../src/emulator/control/control-guide.ts'
import { faultGuide } from '../../../src/emulator/control/fault-guide.ts'
import { defaultSwitches } from '../../../src/emulator/platform/switches.ts'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, getWithToken, send } = useEmulator()

test('the home page shows users, channels and calls, but no secret', async () => {
  await getWithToken('junk', '/v2/profile')
  const { status, text } = await get('/')
  expect(status).toBe(200)
  for (const { displayName, userId } of emulator().users) {
    expect(text).toContain(displayName)
    expect(text).toContain(userId)
  }
  for (const { id, secret } of emulator().channels) {
    expect(text).toContain(id)
    expect(text).not.toContain(secret)
  }
  expect(text).toContain('<td>profile</td><td>1</td>')
})

test('the login link on the home page: 200', async () => {
  const { text } = await get('/')
  const link = /href="(\/oauth2\/v2\.1\/authorize[^"]+)"/.exec(text)?.[1] ?? ''
  expect(await get(link.replaceAll('&amp;', '&'))).toMatchObject({ status: 200 })
})

test('the faults and the changed switches are on the page as it is loaded', async () => {
  expect((await get('/')).text).toContain('LINE is well.')
  emulator().faults.set('profile', { status: 500 })
  emulator().switches.refreshToken = 'rotate'
  const { text } = await get('/')
  expect(text).toContain('Fault at profile: {&quot;status&quot;:500}')
  expect(text).toContain('Switch refreshToken: &quot;rotate&quot;')
  expect(text).not.toContain('LINE is well.')
})

test('the result of a login: what to do with the code; without one, to start again', async () => {
  expect((await get('/?code=x&state=demo')).text).toContain(`with the redirect URI <code>${emulator().url}/</code>`)
  expect((await get('/?error=ACCESS_DENIED&state=demo')).text).toContain('start the login again')
})

test('a user without a picture: the initials', async () => {
  expect((await get('/')).text).toMatch(/<span class="picture small initials" aria-hidden="true">T<\/span>/)
})

test('HEAD: as GET, without a body', async () => {
  const picture = String(emulator().users[0]?.pictureUrl).slice(emulator().url.length)
  for (const path of ['/', '/emulator/style.css', picture, '/emulator/calls', '/emulator/faults']) {
    const { status, headers, text } = await send(path, { method: 'HEAD' })
    expect([path, status, text]).toEqual([path, 200, ''])
    expect(headers['content-type']).toBe((await get(path)).headers['content-type'])
  }
})

test('each control, each member of a fault and each switch: explained, with a command', async () => {
  const { text } = await get('/')
  const commands = commandsIn(text)
  for (const name of Object.keys(controls)) {
    expect(text).toContain(`<code>${name.replace(' ', ' /emulator/')}</code>`)
    const target = new RegExp(`^${name.replace(' ', ' /emulator/').replace('*', '[^/]+')}$`)
    expect(
      commands.some(({ method, path }) => target.test(`${method} ${path}`)),
      name,
    ).toBe(true)
  }
  const bodies = (start: string) =>
    commands
      .filter(({ path }) => path.startsWith(start))
      .map(({ body }) => body)
      .join()
  for (const name of Object.keys(faultGuide)) expect(bodies('/emulator/faults')).toContain(`"${name}":`)
  for (const name of Object.keys(defaultSwitches)) expect(bodies('/emulator/switches')).toContain(`"${name}":`)
})

test('each command of the page: done', async () => {
  for (const { method, path, body } of commandsIn((await get('/')).text)) {
    const { status, text } = await send(path, { method, ...(body && { body }) })
    expect(status, `${method} ${path} ${body}: ${text}`).toBeLessThan(300)
  }
})

test('the pictures, the stylesheet and the scripts of the page come from the emulator', async () => {
  const { text, headers } = await get('/')
  const links = [...text.matchAll(/(?:src|href)="(?!data:|#)([^"]+)"/g)].map(([, link = '']) =>
    link.replaceAll('&amp;', '&'),
  )
  expect(links.length).toBeGreaterThan(5)
  for (const link of links) expect([link, (await get(link)).status]).toEqual([expect.stringMatching(/^\/[^/]/), 200])
  expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:/)
})

type Command = { readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'; readonly path: string; readonly body: string }

/** Reads the `curl` commands of the page, as a shell would. */
function commandsIn(page: string): Command[] {
  const texts = [...page.matchAll(/<code>(curl [^<]+)<\/code>/g)].map(([, text = '']) =>
    text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&'),
  )
  expect(texts.length).toBeGreaterThan(40)
  return texts.map((text) => {
    const [, method = 'GET', url = '', body = ''] =
      /^curl -s (?:-X (\w+) )?'(http[^ ']+)'(?: -d '([^']+)')?$/.exec(text) ?? []
    expect(url, text).toContain(`${emulator().url}/`)
    return { method: method as Command['method'], path: new URL(url).pathname, body }
  })
}

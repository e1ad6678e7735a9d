/** The tabs of GraphiQL: the token in their headers, and the texts that the user does not lose on the way to LINE. */

import { addressAt } from './graphiql-answers.js'
import { dropDraft, storageOf, takeDraft, writeDraft } from './graphiql-draft.js'
import { withToken } from './graphiql-headers.js'
import { callbackUrl } from './session.js'

/** What the headers have in place of a token. */
export const placeholder = 'YOUR_ACCESS_TOKEN'

/** `given`: the options of the page. `accessToken`: of the session, if somebody is logged in. */
export function createTabs(given, accessToken) {
  const demoToken = /Bearer ([^"]+)/.exec(given.headers)?.[1] ?? placeholder
  const samples = given.defaultTabs.map((tab) => ({ ...withOwnAddress(tab), headers: ofSession(tab.headers) }))
  const draft = takeDraft()
  const hasLoggedIn = accessToken !== undefined && accessToken !== draft?.token
  if (draft && hasLoggedIn) putToken(draft)
  let token = accessToken ?? draft?.token ?? demoToken
  let tabs = draft ?? { tabs: [], activeTabIndex: 0 }
  /** The tabs that GraphiQL keeps with this token. `undefined`: all of them. */
  let settled

  return {
    /** For GraphiQL. */
    options: {
      ...given,
      headers: ofSession(given.headers),
      defaultTabs: samples,
      storage: draft ? storageOf(draft) : null,
      onTabChange,
    },
    isDemo: () => token === demoToken,
    use,
    keepDraft,
    dropDraft,
    runSample,
  }

  function ofSession(headers) {
    return accessToken ? withToken(headers, accessToken) : headers
  }

  /** The user has logged in meanwhile. After a login by hand the next step is to see who it is. */
  function putToken(kept) {
    kept.tabs = kept.tabs.map((tab) => ({ ...tab, headers: withToken(tab.headers ?? '', accessToken, true) }))
    if (kept.opensSample) openSample(kept)
  }

  function openSample(kept) {
    kept.activeTabIndex = kept.tabs.findIndex(({ query }) => /\bquery WhoAmI\b/.test(query))
    if (kept.activeTabIndex >= 0) return
    kept.tabs.unshift({ id: crypto.randomUUID(), title: 'WhoAmI', operationName: 'WhoAmI', ...samples[0] })
    kept.activeTabIndex = 0
  }

  /** From now on this is the token in the headers of all tabs. `undefined`: none. */
  function use(next = placeholder) {
    token = next
    settled = new Set()
    const model = modelOf('request-headers')
    model?.setValue(withOurs(model.getValue()))
  }

  /**
   * Puts the token into a tab that comes to the screen, because GraphiQL fills the editor from its own memory. It does so
   * once, so that the user can type another.
   */
  function writeToken() {
    const model = modelOf('request-headers')
    const text = withOurs(model.getValue())
    if (!settled.has(idOf(tabs)) && model.getValue() !== text) model.setValue(text)
  }

  function withOurs(headers) {
    return withToken(headers, token, token !== placeholder)
  }

  function onTabChange(next) {
    const isOther = next.activeTabIndex !== tabs.activeTabIndex
    tabs = next
    const { headers, variables } = next.tabs[next.activeTabIndex]
    if (settled && withOurs(headers ?? '') === (headers ?? '')) settled.add(idOf(next))
    else if (settled) queueMicrotask(writeToken)
    if (isOther && variables) showVariables()
  }

  /** Until the page is back: the tabs as they are now, without their answers. `opensSample`: after a login, at WhoAmI. */
  function keepDraft({ opensSample = false } = {}) {
    if (tabs.tabs.length === 0) return
    const texts = ['operation', 'variables', 'request-headers'].map((name) => modelOf(name)?.getValue())
    const [query, variables, headers] = texts
    const kept = tabs.tabs.map((tab, index) => ({
      ...tab,
      ...(index === tabs.activeTabIndex && { query, variables, headers }),
      response: null,
    }))
    writeDraft({ tabs: kept, activeTabIndex: tabs.activeTabIndex, token, opensSample })
  }

  /** Runs the first sample if it is on the screen as it was given, or after a login by hand. */
  async function runSample() {
    const button = await appearing('.graphiql-execute-button')
    if (draft?.opensSample || modelOf('operation')?.getValue() === given.defaultTabs[0].query) button.click()
  }
}

function idOf({ tabs, activeTabIndex }) {
  return tabs[activeTabIndex].id
}

/** The sample with the callback of the address that the user opened: `localhost` or 127.0.0.1, perhaps below a prefix. */
function withOwnAddress(tab) {
  const variables = JSON.parse(tab.variables ?? '{}')
  if (variables.input?.redirectUri === undefined) return tab
  variables.input.redirectUri = callbackUrl
  return { ...tab, variables: JSON.stringify(variables, null, 2) }
}

function showVariables() {
  if (document.querySelector('button.active[data-name="headers"]'))
    document.querySelector('button[data-name="variables"]').click()
}

/**
 * A click on an address in an answer follows it in a new tab. It stays in this tab where `leaving` gives what to do first.
 */
export function followLinks(leaving) {
  globalThis.monaco.editor.onDidCreateEditor((editor) => {
    editor.onMouseUp?.(({ event, target }) => {
      const model = editor.getModel()
      if (!target.position || !isModel(model, 'response') || !isPlain(event) || !editor.getSelection().isEmpty()) return
      const { lineNumber, column } = target.position
      const address = addressAt(model.getLineContent(lineNumber), column)
      if (address === undefined) return
      const leave = leaving(address)
      if (leave && !leave()) return
      open(address, leave ? '_self' : '_blank', leave ? '' : 'noopener')
    })
  })
}

/** With Ctrl or Cmd, Monaco follows it. */
function isPlain({ leftButton, ctrlKey, metaKey, altKey, shiftKey }) {
  return leftButton && !ctrlKey && !metaKey && !altKey && !shiftKey
}

function isModel(model, name) {
  return model.uri.path.includes(`${name}.`)
}

function modelOf(name) {
  return globalThis.monaco.editor.getModels().find((model) => isModel(model, name))
}

async function appearing(selector) {
  while (!document.querySelector(selector) || !modelOf('request-headers'))
    await new Promise((resolve) => setTimeout(resolve, 50))
  return document.querySelector(selector)
}

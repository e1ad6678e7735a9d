/** The tabs of GraphiQL: the token in their headers, and the texts that the user does not lose on the way to LINE. */

import { addressAt } from './graphiql-answers.js'
import { callbackUrl } from './session.js'

const draftKey = 'graphiql-draft'
const placeholder = 'YOUR_ACCESS_TOKEN'

/** `given`: the options of the page. `accessToken`: of the session, if somebody is logged in. */
export function createTabs(given, accessToken) {
  const demoToken = /Bearer ([^"]+)/.exec(given.headers)?.[1] ?? placeholder
  const draft = takeDraft()
  let token = accessToken ?? draft?.token ?? demoToken
  const tokens = new Set([demoToken, draft?.token ?? token, token])
  let tabs = { tabs: draft?.tabs ?? [], activeTabIndex: draft?.activeTabIndex ?? 0 }
  globalThis.monaco.editor.onDidCreateModel((model) => {
    if (isModel(model, 'request-headers')) model.onDidChangeContent(() => queueMicrotask(writeToken))
  })

  return {
    /** For GraphiQL. */
    options: {
      ...given,
      headers: withToken(given.headers),
      defaultTabs: given.defaultTabs.map((tab) => ({ ...withOwnAddress(tab), headers: withToken(tab.headers) })),
      storage: draft ? storageOf(draft, withToken) : null,
      onTabChange,
    },
    token: () => token,
    isDemo: () => token === demoToken,
    use,
    keepDraft,
    dropDraft,
    runSample,
  }

  /** From now on this is the token in the headers of all tabs. `undefined`: none. */
  function use(next = placeholder) {
    token = next
    tokens.add(next)
    writeToken()
  }

  /** GraphiQL fills the editor from its own memory when the tab changes, so an earlier token can come back. */
  function writeToken() {
    const model = modelOf('request-headers')
    const text = withToken(model?.getValue() ?? '')
    if (model && model.getValue() !== text) model.setValue(text)
  }

  function withToken(headers) {
    return [...tokens].reduce((text, earlier) => text.replaceAll(earlier, token), headers)
  }

  function onTabChange(next) {
    const isOther = next.activeTabIndex !== tabs.activeTabIndex
    tabs = next
    if (isOther && next.tabs[next.activeTabIndex].variables) showVariables()
  }

  /** Until the page is back: the tabs as they are now, without their answers. */
  function keepDraft() {
    if (tabs.tabs.length === 0) return
    const texts = ['operation', 'variables', 'request-headers'].map((name) => modelOf(name)?.getValue())
    const [query, variables, headers] = texts
    const kept = tabs.tabs.map((tab, index) => ({
      ...tab,
      ...(index === tabs.activeTabIndex && { query, variables }),
      headers: withToken((index === tabs.activeTabIndex ? headers : tab.headers) ?? ''),
      response: null,
    }))
    sessionStorage.setItem(draftKey, JSON.stringify({ tabs: kept, activeTabIndex: tabs.activeTabIndex, token }))
  }

  /** Runs the first sample if it is on the screen as it was given. */
  async function runSample() {
    const button = await appearing('.graphiql-execute-button')
    if (modelOf('operation')?.getValue() === given.defaultTabs[0].query) button.click()
  }
}

function dropDraft() {
  sessionStorage.removeItem(draftKey)
}

function takeDraft() {
  try {
    const draft = JSON.parse(sessionStorage.getItem(draftKey))
    return Array.isArray(draft?.tabs) ? draft : undefined
  } catch {
    return undefined
  } finally {
    dropDraft()
  }
}

/** GraphiQL reads its tabs from a storage. This one is in the memory of the page. */
function storageOf({ tabs, activeTabIndex }, withToken) {
  const filled = tabs.map((tab) => ({ ...tab, headers: withToken(tab.headers ?? '') }))
  const { query, variables, headers } = filled[activeTabIndex]
  const items = new Map(Object.entries({ 'graphiql:query': query, 'graphiql:variables': variables }))
  items.set('graphiql:headers', headers)
  items.set('graphiql:tabState', JSON.stringify({ tabs: filled, activeTabIndex }))
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => items.set(name, value),
    removeItem: (name) => items.delete(name),
    clear: () => items.clear(),
    length: 0,
  }
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
      leave?.()
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

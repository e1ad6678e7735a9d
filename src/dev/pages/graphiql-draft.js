/** What the user has typed into GraphiQL, while the user is at LINE. */

import { isObject, readObject, removeKey, textOf, writeObject } from './storage.js'

const draftKey = 'graphiql-draft'

/** `{ tabs, activeTabIndex, token, opensSample }`. Throws a `Failure` with the code `NO_STORAGE` if the browser keeps nothing. */
export function writeDraft(draft) {
  writeObject('sessionStorage', draftKey, draft)
}

export function dropDraft() {
  removeKey('sessionStorage', draftKey)
}

/** The draft, once. `undefined` if there is none, or if it was edited by hand and is none any more. */
export function takeDraft() {
  const { tabs, activeTabIndex, token, opensSample } = readObject('sessionStorage', draftKey) ?? {}
  dropDraft()
  if (!Array.isArray(tabs) || !tabs.every(isTab) || !isObject(tabs[activeTabIndex])) return undefined
  return { tabs, activeTabIndex, token: textOf(token), opensSample: opensSample === true }
}

function isTab(tab) {
  return (
    isObject(tab) &&
    [tab.id, tab.title].every(textOf) &&
    [tab.query, tab.variables, tab.headers, tab.operationName].every((text) => textOf(text ?? '') !== undefined)
  )
}

/** GraphiQL reads its tabs from a storage. This one is in the memory of the page. */
export function storageOf({ tabs, activeTabIndex }) {
  const { query, variables, headers } = tabs[activeTabIndex]
  const items = new Map(Object.entries({ 'graphiql:query': query, 'graphiql:variables': variables }))
  items.set('graphiql:headers', headers)
  items.set('graphiql:tabState', JSON.stringify({ tabs, activeTabIndex }))
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => items.set(name, value),
    removeItem: (name) => items.delete(name),
    clear: () => items.clear(),
    length: 0,
  }
}

import { expect, test } from 'vitest'
import { html } from '../../../src/emulator/http/html.ts'

test('texts are escaped, HTML and lists of HTML are not', () => {
  const items = ['<a>', '&'].map((text) => html`<li>${text}</li>`)
  const { markup } = html`<ul title="${'"\''}">${items}</ul>${3}`
  expect(markup).toBe('<ul title="&quot;&#39;"><li>&lt;a&gt;</li><li>&amp;</li></ul>3')
})

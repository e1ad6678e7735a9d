import { type Html, html } from '../http/html.ts'
import type { Platform } from '../platform/platform.ts'
import { defaultSwitches, type Switches } from '../platform/switches.ts'
import { controls, type Example, type Guide } from './control-guide.ts'
import { faultGuide } from './fault-guide.ts'
import { switchGuide } from './switch-guide.ts'

/** The part of the home page that explains the control endpoints, with a `curl` for each. `origin`: of the page. */
export function controlSection(origin: string, platform: Platform): Html {
  const write = writerOf(origin, platform)
  return html`<section class="card" aria-labelledby="control-title">
<h2 id="control-title">Control it</h2>
<p>A test or a terminal changes the emulator by JSON over HTTP. Pages of this machine may call it too (CORS). The status is 200 with JSON, or 204 without. A wrong member gets status 400 and a message that names it.</p>
${Object.entries(controls).map(([name, guide]) => controlOf(name, guide, write))}
<details class="kinds"><summary>Each kind of fault</summary>
<p class="note">hang, reset, close, garbage, empty, status and body replace LINE: the call has no effect. Only one kind at a time; latencyMs and times go with each.</p>
${Object.entries(faultGuide).map(([name, [says, body]]) => html`<h4><code>${name}</code></h4><p>${says}</p>${write('PUT faults/*', { says: name, name: 'profile', body })}`)}
</details>
<details class="kinds"><summary>Each switch</summary>
${switchGuide().map(({ name, says, allowed, example: body }) => html`<h4><code>${name}</code></h4><p>${says}</p><p class="note">Values: ${allowed}. Default: ${textOf(defaultSwitches[name])}.</p>${write('PUT switches', { says: name, body })}`)}
</details>
</section>`
}

type Write = (control: string, example: Example) => Html

function controlOf(control: string, { does, body, examples }: Guide, write: Write): Html {
  const [method = '', path = ''] = control.split(' ')
  return html`<section class="control">
<h3><code>${method} /emulator/${path}</code></h3>
<p>${does}</p>
${body === undefined ? html`` : html`<p class="note">Body: ${body}</p>`}
${examples.map((example) => html`<p class="says">${example.says}:</p>${write(control, example)}`)}
</section>
`
}

/** Writes commands. The script of the page adds the buttons. */
function writerOf(origin: string, { users, channels }: Platform): Write {
  const all = [...channels.values()]
  const real: Readonly<Record<string, string | undefined>> = {
    USER_ID: [...users.keys()][0],
    LIFF_CHANNEL_ID: (all.find(({ type }) => type === 'liff') ?? all[0])?.id,
    CHANNEL_ID: all[0]?.id,
  }
  const fill = (text: string) => text.replace(/USER_ID|(LIFF_)?CHANNEL_ID/g, (name) => real[name] ?? name)
  return (control, { says, name = '', body = '' }) => {
    const [method = '', path = ''] = control.split(' ')
    const target = `/emulator/${path.replace('*', fill(name))}`
    const filled = fill(body)
    return html`<div class="command" data-says="${control}: ${says}" data-method="${method}" data-path="${target}" data-body="${filled}"><pre><code>${curlOf(method, origin + target, filled)}</code></pre></div>`
  }
}

/** The shell must not read the address, which has the caller's name of this host. */
function curlOf(method: string, url: string, body: string): string {
  return ['curl -s', method === 'GET' ? '' : `-X ${method}`, `'${url}'`, body === '' ? '' : `-d '${body}'`]
    .filter((part) => part !== '')
    .join(' ')
}

function textOf(value: Switches[keyof Switches]): string {
  return String(value)
}

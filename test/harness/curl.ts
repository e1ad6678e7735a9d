import { execFileSync } from 'node:child_process'

/** The values of `$NAME` in a shell block. */
export type Environment = Readonly<Record<string, string>>

/** A request, or a name that gets what `sed` makes of the answer to a request. */
export type Curl = { readonly request: (environment: Environment) => Request; readonly pipe?: Pipe }

export type Pipe = { readonly name: string; readonly read: (answer: string) => string }

/** The commands of a shell block. They know the options that our documents use. Throws at a line of another kind. */
export function curlsIn(block: string): Curl[] {
  const lines = block.replaceAll('\\\n', ' ').split('\n')
  return lines.filter((line) => line !== '').map(curlIn)
}

function curlIn(line: string): Curl {
  const [, name, command, script] = /^(\w+)=\$\((curl [^|]+) \| sed '([^']+)'\)$/.exec(line) ?? []
  if (name !== undefined && command !== undefined && script !== undefined) {
    const read = (answer: string) => execFileSync('sed', [script], { input: answer, encoding: 'utf8' }).trim()
    return { request: () => requestOf(wordsOf(command, {})), pipe: { name, read } }
  }
  if (!/^curl [^|;&]+$/.test(line.replace(/'[^']*'|"[^"]*"/g, ''))) throw new Error(`not a curl command: ${line}`)
  return { request: (environment) => requestOf(wordsOf(line, environment)) }
}

/** The words of a command. `$NAME` outside single quotes becomes the value. Throws at a name without a value. */
function wordsOf(line: string, environment: Environment): string[] {
  const expand = (text: string) =>
    text.replace(/\$(\w+)/g, (_, name: string) => {
      const value = environment[name]
      if (value === undefined) throw new Error(`curl: $${name} has no value`)
      return value
    })
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"|([^'"]+)/g, (_, raw?: string, quoted?: string, bare?: string) =>
      raw === undefined ? expand(quoted ?? bare ?? '') : raw,
    ),
  )
}

function requestOf([, ...words]: readonly string[]): Request {
  const headers = new Headers()
  const data: string[] = []
  let [url, method] = ['', '']
  const options: Record<string, (value: string) => void> = {
    '-X': (value) => (method = value),
    '-H': (value) => headers.append(value.split(': ')[0] ?? '', value.slice(value.indexOf(': ') + 2)),
    '-d': (value) => data.push(value),
    '--data-urlencode': (value) => data.push(encodeData(value)),
  }
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const option = options[word]
    if (option !== undefined) option(words[++at] ?? '')
    else if (/^https?:/.test(word)) url = word
    else if (word !== '-s') throw new Error(`curl: the option ${word} is not known here`)
  }
  const hasBody = data.length > 0
  if (hasBody && !headers.has('content-type')) headers.set('content-type', 'application/x-www-form-urlencoded')
  return new Request(url, {
    method: method || (hasBody ? 'POST' : 'GET'),
    headers,
    ...(hasBody && { body: data.join('&') }),
  })
}

/** `name=value`: only the value is encoded. */
function encodeData(data: string): string {
  const mark = data.indexOf('=')
  return `${data.slice(0, mark + 1)}${encodeURIComponent(data.slice(mark + 1))}`
}

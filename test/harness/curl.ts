/** The `curl` commands in a shell block, as requests. They know the options that our documents use. */
export function curlsIn(block: string, environment: Readonly<Record<string, string>>): Request[] {
  const lines = block.replaceAll('\\\n', ' ').split('\n')
  return lines.filter((line) => line.startsWith('curl ')).map((line) => requestOf(wordsOf(line, environment)))
}

/** The words of a command. `$NAME` outside single quotes becomes the value. */
function wordsOf(line: string, environment: Readonly<Record<string, string>>): string[] {
  const expand = (text: string) => text.replace(/\$(\w+)/g, (_, name: string) => environment[name] ?? '')
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

import { type Html, html } from '../http/html.ts'
import type { LineRequest } from '../http/line-request.ts'
import { type LineResponse, refusal } from '../http/line-response.ts'
import type { User } from '../platform/accounts.ts'
import type { Platform } from '../platform/platform.ts'

/** The start of the paths of pictures. A user ID follows, then a size. */
const PICTURES = '/emulator/pictures/'

/** The picture of a user on the emulator's own pages. They show no other: nothing is loaded from elsewhere. */
export function smallPicture({ userId, displayName, pictureUrl }: User): Html {
  if (pictureUrl === undefined)
    return html`<span class="picture small initials" aria-hidden="true">${initialsOf(displayName)}</span>`
  return html`<img class="picture small" alt="" src="${PICTURES}${encodeURIComponent(userId)}/small">`
}

/** `GET /emulator/pictures/USERID`, also with LINE's suffixes `/large` and `/small`. Undefined for another path. */
export function answerPicture({ path }: LineRequest, { users }: Platform): LineResponse | undefined {
  if (!path.startsWith(PICTURES)) return undefined
  const [name = '', size, ...rest] = path.slice(PICTURES.length).split('/')
  const user = users.get(decoded(name))
  const pixels = sizes.get(size)
  if (user?.pictureUrl === undefined || pixels === undefined || rest.length > 0) return noPicture
  return { status: 200, headers: pictureHeaders, body: drawPicture(user, pixels) }
}

const noPicture = refusal(404, 'There is no such picture: the home page of the emulator lists the users')

/** In pixels, as LINE documents the two suffixes. */
const sizes: ReadonlyMap<string | undefined, number> = new Map([
  [undefined, 640],
  ['large', 200],
  ['small', 51],
])

const pictureHeaders = {
  'content-type': 'image/svg+xml;charset=UTF-8',
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
}

/** The initials on a colour that the user ID decides. White text on it has a contrast of 4.5 or more. */
function drawPicture({ userId, displayName }: User, pixels: number): string {
  const hue = [...userId].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 360, 0)
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${pixels}" height="${pixels}" viewBox="0 0 100 100">
<rect width="100" height="100" fill="hsl(${hue} 55% 28%)"/>
<text x="50" y="50" dy=".35em" text-anchor="middle" font-family="system-ui, sans-serif" font-size="44" fill="#fff">${initialsOf(displayName)}</text>
</svg>
`.markup
}

/** Two letters where the script has initials, else the first character: an emoji can have many code points. */
function initialsOf(name: string): string {
  const firsts = name.split(/\s+/).map((word) => [...characters.segment(word)][0]?.segment ?? '')
  const [first = '', last = ''] = [firsts[0], firsts.length > 1 ? firsts.at(-1) : '']
  return [first, last].filter((text, at) => at === 0 || isLetter(text, first)).join('')
}

function isLetter(...texts: readonly string[]): boolean {
  return texts.every((text) => /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}]/u.test(text))
}

const characters = new Intl.Segmenter()

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

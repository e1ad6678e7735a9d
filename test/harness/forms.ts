import type { Reply, RunningGateway } from './running-gateway.ts'

export const formType = 'application/x-www-form-urlencoded'

/** `Authorization: Basic …` of these two texts as they are. */
export function basic(id: string, secret: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
}

/** Posts a form. Members that are `undefined` are left out. */
export function postForm(
  { send }: Pick<RunningGateway, 'send'>,
  path: string,
  members: Readonly<Record<string, string | undefined>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const given = Object.entries(members).filter((member): member is [string, string] => member[1] !== undefined)
  const body = new URLSearchParams(given).toString()
  return send(path, { method: 'POST', headers: { 'content-type': formType, ...headers }, body })
}

/** The members of an answer that is a JSON object. */
export function jsonOf({ text }: Pick<Reply, 'text'>): Record<string, unknown> {
  return JSON.parse(text)
}

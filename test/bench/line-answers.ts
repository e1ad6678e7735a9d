/** The answers of the benchmark's fake LINE: every token is valid, is of our channel and has its own user. */

export const channelId = '1234567890'

export const verification = JSON.stringify({
  scope: 'profile openid',
  client_id: channelId,
  expires_in: 2_592_000,
})

/** The strings are as long as those of LINE. The picture URL has 100 characters. */
export function profileOf(token: string): string {
  const number = token.slice(-12)
  return `{"userId":"U${'5f0c2a9e41b7d83640ac'}${number}","displayName":"Brown ${number}","pictureUrl":"https://profile.line-scdn.net/${'0hX4nTqLw2Jk9rPz7dVbYc1mGsHaEuRfOtWxCi3vBn8yKlMj6DgU5ZpQe'.slice(0, 57)}${number}","statusMessage":"Hello from ${number}"}`
}

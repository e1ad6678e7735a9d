/** What the benchmark's LINE says: every token is ours and good, and every token has a user of its own. */

export const channelId = '1234567890'

export const verification = JSON.stringify({
  scope: 'profile openid',
  client_id: channelId,
  expires_in: 2_592_000,
})

/** The strings are as long as they are in real life; the picture's address has 100 characters. */
export function profileOf(token: string): string {
  const number = token.slice(-12)
  return `{"userId":"U${'5f0c2a9e41b7d83640ac'}${number}","displayName":"Brown ${number}","pictureUrl":"https://profile.line-scdn.net/${'0hX4nTqLw2Jk9rPz7dVbYc1mGsHaEuRfOtWxCi3vBn8yKlMj6DgU5ZpQe'.slice(0, 57)}${number}","statusMessage":"Hello from ${number}"}`
}

import { readFile } from 'node:fs/promises'
import { parseSigningKeys, type SigningAlgorithm, type SigningKey } from '../login/signing-key-set.ts'
import { hasEndedAt, signerAt, waitsUntil } from '../login/signing-key-states.ts'
import { changeFile, KeyFileError } from './key-file-writer.ts'
import { type FileKey, isoSecond, makeKey, signsAtOnce } from './key-maker.ts'

/**
 * Some verifiers fetch the keys every two hours only. Ten minutes more are for the making of the key, for gateways that have not
 * seen the file yet, for answers that are cached for 5 minutes, and for clocks that differ (ms).
 */
const publishedBeforeMs = 2 * 3_600_000 + 600_000

/**
 * Adds a key that signs in a little more than two hours, and retires all others at that moment. Keys whose last token has ended are
 * dropped. `now`: epoch ms. Returns what was done. Rejects with `KeyFileError` while another key waits, and with `SigningKeysError`.
 */
export async function rotateKeyFile(path: string, alg: SigningAlgorithm | undefined, now: number): Promise<string> {
  // Making a key can take seconds, so it is made before others are kept out of the file.
  const added = await makeKey(alg ?? (await usualAlgorithm(path, now)))
  return changeFile(path, (text) => {
    const keys = parseSigningKeys(text)
    assertNoneWaits(keys, now)
    const signer = signerAt(keys, now)
    // Without a signer there is nothing to wait for: no token can be signed until then.
    const times = signer === undefined ? signsAtOnce(now) : signsLater(now)
    const { keys: entries, ...others } = parseFile(text)
    const kept = entries
      .map((entry, index) => retire(entry, keys[index] as SigningKey, signer, times.signing_at))
      .filter((_, index) => !hasEndedAt(keys[index] as SigningKey, now))
    return {
      content: { ...others, keys: [...kept, { ...added, ...times }] },
      result: `${path}: ${begins(signer, times.signing_at)} ${dropped(entries.length - kept.length)}`,
    }
  })
}

/** That of the key that signs. */
async function usualAlgorithm(path: string, now: number): Promise<SigningAlgorithm> {
  return signerAt(parseSigningKeys(await readFile(path, 'utf8')), now)?.alg ?? 'RS256'
}

function signsLater(now: number) {
  // The file has whole seconds: a part of one counts as one, so that the key never signs sooner.
  return { published_at: isoSecond(now), signing_at: isoSecond(now + publishedBeforeMs + 999) }
}

/** A key that was replaced without an end would sign again when the new one is retired. The signer signs until then. */
function retire(entry: FileKey, key: SigningKey, signer: SigningKey | undefined, retiredAt: string): FileKey {
  const end = Date.parse(retiredAt)
  const comesBack = signer !== undefined && key.publishedAt < end && key.signingAt < end && end < key.retiredAt
  return key === signer || comesBack ? { ...entry, retired_at: retiredAt } : entry
}

function assertNoneWaits(keys: readonly SigningKey[], now: number): void {
  const waits = keys.map((key) => waitsUntil(key, now)).filter((time) => time !== undefined)
  if (waits.length > 0)
    throw new KeyFileError(`a key is still waiting to sign, until ${isoSecond(Math.max(...waits))}: rotate after that`)
}

/** The file as it is, with the members that we do not know. */
function parseFile(text: string): { readonly keys: readonly FileKey[] } {
  return JSON.parse(text.replace(/^\uFEFF/, ''))
}

function begins(signer: SigningKey | undefined, time: string): string {
  if (signer !== undefined) return `a new key signs from ${time} on.`
  return 'no key signed, so the new one signs at once. Verifiers that have cached the keys may refuse its tokens for up to two hours.'
}

function dropped(count: number): string {
  return count === 0 ? 'No old key was dropped.' : `Old keys dropped: ${count}.`
}

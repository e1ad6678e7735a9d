/** The bytes of one body, which arrive in pieces. */
export type ByteBuffer = {
  /** Adds a piece. False: the body is larger than the limit, and none of it is kept. */
  add(piece: Buffer): boolean
  /** How many bytes it holds. */
  bytes(): number
  /** All bytes as UTF-8, once: they are not kept any longer. */
  takeText(): string
}

/**
 * Gathers pieces in one buffer, so that a sender of many small pieces costs no more memory than their bytes. A list of
 * pieces would have one object for each of them. Most bodies come in one piece, which is not copied.
 */
export function createByteBuffer(limitBytes: number): ByteBuffer {
  let bytes: Buffer = noBytes
  let size = 0

  return { add, bytes: () => bytes.length, takeText }

  function add(piece: Buffer): boolean {
    const end = size + piece.length
    if (end > limitBytes) bytes = noBytes
    else if (size === 0) bytes = piece
    else {
      // The buffer doubles, so each byte is copied about twice however small the pieces are.
      if (end > bytes.length) bytes = Buffer.concat([bytes], Math.min(Math.max(2 * end, leastBytes), limitBytes))
      piece.copy(bytes, size)
    }
    size = end
    return end <= limitBytes
  }

  function takeText(): string {
    // Without arguments it is faster, and most bodies fill their buffer.
    const text = size === bytes.length ? bytes.toString() : bytes.toString('utf8', 0, size)
    bytes = noBytes
    return text
  }
}

const noBytes = Buffer.alloc(0)
const leastBytes = 1024

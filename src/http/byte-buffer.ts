/** The bytes of one body, which arrive in pieces. */
export type ByteBuffer = {
  /** Adds a piece. False: the body is larger than the limit, and none of it is kept. */
  add(piece: Buffer): boolean
  /** All bytes so far, as UTF-8. */
  text(): string
}

/**
 * Gathers pieces in one buffer, so that a sender of many small pieces costs no more memory than their bytes. A list of
 * pieces would have one object for each of them. Most bodies come in one piece, which is not copied.
 */
export function createByteBuffer(limitBytes: number): ByteBuffer {
  let bytes: Buffer = noBytes
  let size = 0

  return { add, text }

  function add(piece: Buffer): boolean {
    const end = size + piece.length
    if (end > limitBytes) bytes = noBytes
    else if (size === 0) bytes = piece
    else {
      if (end > bytes.length) bytes = grown(end)
      piece.copy(bytes, size)
    }
    size = end
    return end <= limitBytes
  }

  /** The buffer doubles, so each byte is copied twice on average however small the pieces are. */
  function grown(least: number): Buffer {
    const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * bytes.length, least, leastBytes), limitBytes))
    bytes.copy(larger, 0, 0, size)
    return larger
  }

  function text(): string {
    return bytes.toString('utf8', 0, size)
  }
}

const noBytes = Buffer.alloc(0)
const leastBytes = 1024

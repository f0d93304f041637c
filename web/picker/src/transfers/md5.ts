/**
 * MD5 (RFC 1321), which browsers do not have and the protocol asks of every part. Written out
 * because libraries weigh twice as much as what a page may spend on it.
 */

/** How far each step of a round turns, four to a round. */
const TURNS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
/** The RFC's table of sines. */
const SINES = Int32Array.from({ length: 64 }, (_, step) => Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32) | 0);
const BLOCK = 64;

export class Md5 {
  readonly #state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  /** Bytes that make no whole block yet. */
  readonly #rest = new Uint8Array(BLOCK);
  readonly #words = new Int32Array(16);
  #length = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    const kept = this.#length % BLOCK;
    this.#length += bytes.length;
    if (kept > 0) {
      at = Math.min(BLOCK - kept, bytes.length);
      this.#rest.set(bytes.subarray(0, at), kept);
      if (kept + at < BLOCK) return;
      this.#take(this.#rest, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#take(bytes, at);
    this.#rest.set(bytes.subarray(at));
  }

  /** The digest, 16 bytes. Nothing may follow. */
  end(): Uint8Array {
    const bits = this.#length * 8;
    const zeros = (BLOCK + 55 - (this.#length % BLOCK)) % BLOCK;
    const tail = new Uint8Array(1 + zeros + 8);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(1 + zeros, bits % 2 ** 32, true);
    view.setUint32(5 + zeros, Math.floor(bits / 2 ** 32), true);
    this.update(tail);
    const digest = new DataView(new ArrayBuffer(16));
    this.#state.forEach((word, place) => digest.setInt32(place * 4, word, true));
    return new Uint8Array(digest.buffer);
  }

  #take(bytes: Uint8Array, at: number): void {
    const words = this.#words;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK);
    for (let place = 0; place < 16; place += 1) words[place] = view.getInt32(place * 4, true);
    const state = this.#state;
    let a = state[0] as number;
    let b = state[1] as number;
    let c = state[2] as number;
    let d = state[3] as number;
    for (let step = 0; step < 64; step += 1) {
      const round = step >> 4;
      let mixed: number;
      let place: number;
      if (round === 0) {
        mixed = (b & c) | (~b & d);
        place = step;
      } else if (round === 1) {
        mixed = (d & b) | (~d & c);
        place = 5 * step + 1;
      } else if (round === 2) {
        mixed = b ^ c ^ d;
        place = 3 * step + 5;
      } else {
        mixed = c ^ (b | ~d);
        place = 7 * step;
      }
      const sum = (a + mixed + (SINES[step] as number) + (words[place & 15] as number)) | 0;
      const turn = TURNS[(round << 2) | (step & 3)] as number;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    state[0] = ((state[0] as number) + a) | 0;
    state[1] = ((state[1] as number) + b) | 0;
    state[2] = ((state[2] as number) + c) | 0;
    state[3] = ((state[3] as number) + d) | 0;
  }
}

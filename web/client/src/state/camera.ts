/** The browser's own reader of codes; some browsers have none. */
interface Detector {
  detect(picture: HTMLVideoElement): Promise<{ rawValue: string }[]>
}
type Detectors = new (reads: { formats: string[] }) => Detector
const detectors = () => (globalThis as { BarcodeDetector?: Detectors }).BarcodeDetector

export const canScan = () => detectors() !== undefined && navigator.mediaDevices?.getUserMedia !== undefined

export interface Eye {
  picture: HTMLVideoElement
  close(): void
}

const LOOK_MS = 200

/** Opens the camera and tells what it reads, once. */
export async function openEye(found: (text: string) => void): Promise<Eye> {
  const detector = new (detectors()!)({ formats: ['qr_code'] })
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  const picture = document.createElement('video')
  picture.muted = true
  picture.playsInline = true
  picture.autoplay = true
  picture.srcObject = stream
  let timer: ReturnType<typeof setTimeout>
  let closed = false

  async function look() {
    // A picture that is not there yet cannot be read.
    const [code] = await detector.detect(picture).catch(() => [])
    if (closed) return
    if (code) found(code.rawValue)
    else timer = setTimeout(look, LOOK_MS)
  }
  void look()

  return {
    picture,
    close() {
      closed = true
      clearTimeout(timer)
      for (const track of stream.getTracks()) track.stop()
    },
  }
}

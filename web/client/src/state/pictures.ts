import { computed, ref, shallowRef } from 'vue'
import { attempt as send } from '@/api'
import type { Attempt } from '@/logic/attempts'
import { MOST_PICTURES, type Picture, shrunk } from '@/logic/complaints'
import type { Trouble } from '@/logic/trouble'
import { noteTrouble } from './loading'
import { attempts } from './session'

const QUALITY = 0.8

/**
 * Pictures that a person chooses, on their way to the server, one after the other. One that does not get there waits until the person
 * asks for it again, and then goes under the same key.
 */
export function usePictures(arrived: (picture: Picture) => void) {
  const waiting = shallowRef<Attempt[]>([])
  const sending = ref(false)
  const trouble = shallowRef<Trouble>()
  const count = computed(() => waiting.value.length)

  /** As many as there is room for. */
  function choose(room: number): void {
    uni.chooseImage({
      count: Math.min(room, MOST_PICTURES),
      sizeType: ['compressed'],
      success: async ({ tempFilePaths }) => {
        for (const path of tempFilePaths as string[]) {
          const content = await bytesOf(path).catch(() => undefined)
          if (content) waiting.value = [...waiting.value, attempts().begin('picture', { method: 'POST', path: '/api/v1/complaints/pictures', body: { content } })]
        }
        await go()
      },
    })
  }

  async function go(): Promise<void> {
    if (sending.value) return
    sending.value = true
    trouble.value = undefined
    try {
      while (waiting.value[0]) {
        arrived(await send<Picture>(waiting.value[0]))
        waiting.value = waiting.value.slice(1)
      }
    } catch (error) {
      trouble.value = noteTrouble(error)
    } finally {
      sending.value = false
    }
  }

  /** The person gives up what did not get there. */
  function letGo(): void {
    waiting.value = []
    trouble.value = undefined
  }

  return { count, sending, trouble, choose, retry: () => void go(), letGo }
}

/** In a mini program: as WeChat makes it small. */
function compressed(path: string): Promise<string> {
  return new Promise((done, fail) =>
    uni.getImageInfo({
      src: path,
      fail,
      success: ({ width, height }) => {
        const small = shrunk(width, height)
        const read = (filePath: string) => uni.getFileSystemManager().readFile({ filePath, encoding: 'base64', fail, success: ({ data }) => done(data as string) })
        uni.compressImage({ src: path, quality: QUALITY * 100, compressedWidth: small.width, compressedHeight: small.height, fail, success: ({ tempFilePath }) => read(tempFilePath) })
      },
    }),
  )
}

/** On the web: as the browser draws it. */
async function drawn(path: string): Promise<string> {
  const image = new Image()
  image.src = path
  await image.decode()
  const canvas = document.createElement('canvas')
  Object.assign(canvas, shrunk(image.naturalWidth, image.naturalHeight))
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/jpeg', QUALITY).split(',')[1]!
}

/** A picture's bytes in Base64, small enough to be sent. */
let bytesOf = compressed
// #ifdef H5
bytesOf = drawn
// #endif

import { computed, ref, type Ref } from 'vue'
import { onUnload } from '@dcloudio/uni-app'
import { nextLook, payFace, stillGood, wayOf, type Payable, type PayableTopup, type PayClient, type Way } from '@/logic/topups'
import { useLoad } from './loading'
import { own } from './session'
import { keep, kept, storage } from './storage'

/** What this device knows of a payment that waits: how it can be made, and whether the person has been to WeChat for it. */
interface Begun {
  way?: Way
  /** Goes to WeChat as soon as it is shown: the person has just said so. */
  go?: boolean
  wasThere?: boolean
}

const name = (orderNo: string) => own(`paying:${orderNo}`)
export const keepBegun = (orderNo: string, what: Begun) => keep(name(orderNo), what)

/** How one pays at WeChat from here: in WeChat itself, from another browser of the same phone, and everywhere else by a code to scan. */
export function clientHere(): PayClient {
  let client: PayClient = 'native'
  // #ifdef MP-WEIXIN
  client = 'jsapi'
  // #endif
  // #ifdef H5
  if (matchMedia('(pointer: coarse)').matches && !/MicroMessenger/i.test(navigator.userAgent)) client = 'h5'
  // #endif
  return client
}

/**
 * Going to WeChat to pay, and waiting for what comes of it. Left and opened again, it goes on where it was. `ask` tells what the
 * server knows, or lets it ask WeChat first; `over` is called when the server has said that nothing is waited for.
 */
export function usePaying<T extends Payable>(orderNo: Ref<string>, ask: (asksWechat: boolean) => Promise<T>, over: (found: T, wasWaiting: boolean) => void) {
  const now = ref(Date.now())
  const way = ref<Way>()
  /** The person has been to WeChat, or says so. */
  const wasThere = ref(false)
  const looks = ref(0)
  /** WeChat said that the person turned back. */
  const turnedBack = ref(false)
  /** What WeChat said where it could not be opened. */
  const unopened = ref('')

  let asksWechat = false
  const load = useLoad(() => ask(asksWechat))
  const found = load.value
  const face = computed(() => found.value && payFace(found.value, now.value, wasThere.value, looks.value))

  let shown = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let ticking: ReturnType<typeof setInterval> | undefined

  async function look(asks: boolean) {
    clearTimeout(timer)
    asksWechat = asks
    const wasWaiting = found.value?.status === 'pending'
    await load.again()
    now.value = Date.now()
    if (!found.value || found.value.status === 'pending' || load.trouble.value) return
    way.value = undefined
    storage.drop(name(orderNo.value))
    over(found.value, wasWaiting)
  }

  /** Waits and looks again, as long as the page is shown; after a failure the person decides. */
  function goOn() {
    clearTimeout(timer)
    if (!shown || !face.value || load.trouble.value) return
    const next = nextLook(face.value, looks.value)
    if (!next) return
    timer = setTimeout(async () => {
      await look(next.asks)
      looks.value++
      goOn()
    }, next.after)
  }

  async function lookNow(asks: boolean) {
    await look(asks)
    goOn()
  }
  const again = () => lookNow(wasThere.value || face.value === 'ending')

  function cameBack() {
    wasThere.value = true
    looks.value = 0
    keepBegun(orderNo.value, { way: way.value, wasThere: true })
    goOn()
  }

  /** The server has made it payable, or found that it is not any more. */
  function begin(answer: PayableTopup | null | undefined) {
    way.value = answer ? wayOf(answer, Date.now()) : undefined
    keepBegun(orderNo.value, { way: way.value })
    if (way.value) toWechat()
    else void lookNow(false)
  }

  /** How it can be paid, as long as WeChat keeps that. */
  function usable(): Way | undefined {
    way.value = stillGood(way.value, Date.now())
    return way.value
  }

  let leaving = false
  function toWechat() {
    turnedBack.value = false
    unopened.value = ''
    wasThere.value = false
    looks.value = 0
    keepBegun(orderNo.value, { way: way.value })
    const params = way.value?.pay_params
    const url = way.value?.h5_url
    if (!params && !url) return goOn()
    clearTimeout(timer)
    // #ifdef MP-WEIXIN
    if (!params) return
    uni.requestPayment({
      provider: 'wxpay',
      orderInfo: '',
      timeStamp: params.timeStamp,
      nonceStr: params.nonceStr,
      package: params.package,
      signType: params.signType as 'RSA',
      paySign: params.paySign,
      success: cameBack,
      fail: ({ errMsg }) => {
        if (/cancel/.test(errMsg)) turnedBack.value = true
        else unopened.value = errMsg.replace(/^requestPayment:fail\s*/, '')
        // Whatever it says there: what counts is what WeChat's books say.
        void lookNow(true)
      },
    })
    // #endif
    // #ifdef H5
    if (!url) return
    leaving = true
    keepBegun(orderNo.value, { way: way.value, wasThere: true })
    location.href = `${url}${url.includes('?') ? '&' : '?'}redirect_url=${encodeURIComponent(location.href)}`
    // #endif
  }

  /** `start` where the person has just said that they want to pay. */
  async function show(start: () => void) {
    shown = true
    clearInterval(ticking)
    ticking = setInterval(() => (now.value = Date.now()), 1000)
    const known = kept<Begun>(name(orderNo.value)) ?? {}
    way.value = stillGood(known.way, Date.now())
    wasThere.value = known.wasThere === true
    if (known.go) keepBegun(orderNo.value, { way: known.way })
    await look(wasThere.value)
    if (known.go && face.value === 'to_pay') start()
    else goOn()
  }
  function hide() {
    shown = false
    clearTimeout(timer)
    clearInterval(ticking)
  }

  // #ifdef H5
  // A page that was only hidden, or is taken out of the browser's memory as it was, goes on.
  const seen = () => {
    if (document.visibilityState !== 'visible' || !orderNo.value) return
    if (leaving) cameBack()
    else if (found.value?.status === 'pending') void lookNow(wasThere.value)
    leaving = false
  }
  document.addEventListener('visibilitychange', seen)
  window.addEventListener('pageshow', seen)
  onUnload(() => {
    document.removeEventListener('visibilitychange', seen)
    window.removeEventListener('pageshow', seen)
  })
  // #endif

  return { load, found, face, now, way, usable, turnedBack, unopened, begin, toWechat, cameBack, lookNow, again, show, hide }
}
